"""What a finished directory says of itself, and whether that is true."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.durable.files import digest_of_file
from bertwright.durable.members import check_member, member
from bertwright.durable.questions import look_at
from bertwright.errors import DigestError, InputError
from bertwright.progress import Progress, Silent

MANIFEST = "manifest.json"
UNSEALED = "unsealed"
"""Field of a manifest: files that were written with it, for people to edit."""

_CARD, _REPORT = "README.md", "report.html"


@dataclass(frozen=True)
class Manifest:
    """What a finished directory says of itself."""

    path: Path
    """The directory."""
    kind: str
    """``"store"``, ``"model"``, ``"checkpoint"``, ``"vocabulary"`` …"""
    files: dict[str, dict[str, Any]]
    """File name, also ``FOLDER/NAME``, -> ``{"bytes": n, "sha256": hex}``."""
    fields: dict[str, Any]
    """Everything else that the writer put there."""
    digest: str
    """SHA-256 of the manifest itself: it names the whole contents."""


def read_manifest(
    directory: str | Path,
    kind: str | None = None,
    *,
    manifest_name: str = MANIFEST,
    error: type[InputError] = InputError,
    maker: str | None = None,
) -> Manifest:
    """The manifest of a finished directory, its own digest and the files' sizes checked.

    Args:
        maker: what makes such a directory, told where there is none.

    Raises:
        error: there is none, it is malformed, of another kind, or at a place that cannot be looked at.
        DigestError: the manifest's own digest differs, or a file is missing, has another size, is no regular
            file, or is a link that leads out of the directory (see :func:`~bertwright.durable.member`).
    """
    folder = Path(directory)
    path = folder / manifest_name
    look_at(folder, error)
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        raise error.at(folder, f"a {kind or 'finished'} directory", got, hint=maker)
    if not path.exists():
        raise error.at(
            folder, f"a {kind or 'finished'} directory", f"no {manifest_name}", hint="unfinished or not ours"
        )
    source = member(folder, manifest_name, error)
    record = strict_json.load(source, error=error, max_bytes=strict_json.OWN_BYTES)
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict) or "format" not in record:
        raise error.at(path, "a manifest with format and files")
    found = _kind_of(record["format"], path, error)
    if kind is not None and found != kind:
        raise error.at(folder, f"a {kind}", f"a {found}")
    claimed = record.pop("digest", None)
    actual = digest_of(record)
    if claimed != actual:
        raise DigestError.at(
            path,
            f"a manifest with digest {str(claimed)[:12]}…",
            f"{actual[:12]}…",
            hint="changed or damaged",
        )
    files = record.pop("files")
    record.pop("format")
    record.pop(UNSEALED, None)
    manifest = Manifest(folder, found, files, record, claimed)
    for name, entry in files.items():
        check_member(name, path, error)
        _check_size(manifest, name, entry)
    return manifest


@dataclass(frozen=True)
class Claim:
    """What a directory, sound or damaged, says that it is made of."""

    kind: str
    files: frozenset[str]

    def covers(self, name: str) -> bool:
        """Whether ``name``, also ``FOLDER/NAME``, is part of it, or a page that ``report`` wrote there.

        Pages stand in it and in those of its folders that have parts of it: models of a comparison.
        """
        folder, _, last = name.rpartition("/")
        return name in self.files or (last == _REPORT and (not folder or self._has(folder)))

    def _has(self, folder: str) -> bool:
        return any(name.startswith(f"{folder}/") for name in self.files)


def read_claim(directory: Path, manifest_name: str = MANIFEST) -> Claim | None:
    """What the manifest of ``directory`` claims; None where there is none, or another program's."""
    try:
        record = strict_json.load(member(directory, manifest_name), max_bytes=strict_json.OWN_BYTES)
        kind = _kind_of(record["format"], directory, InputError)
    except (InputError, TypeError, KeyError):
        return None
    files = record.get("files")
    # Manifests of models did not name their card at first.
    unsealed = record.get(UNSEALED, [_CARD] if kind == "model" else [])
    if not isinstance(files, dict) or not isinstance(unsealed, list):
        return None
    return Claim(kind, frozenset([manifest_name, *files, *map(str, unsealed)]))


def verify(
    manifest: Manifest, names: Iterable[str] | None = None, *, progress: Progress | None = None
) -> None:
    """Compare files with their SHA-256.

    Args:
        names: only these; all when None.

    Raises:
        DigestError: naming the first file that differs and both digests, or that is not really inside.
    """
    watch = progress or Silent()
    for name in manifest.files if names is None else names:
        path = member(manifest.path, name, DigestError)
        found = digest_of_file(path)
        expected = manifest.files[name]["sha256"]
        if found != expected:
            raise DigestError.at(
                path, f"SHA-256 {expected[:16]}…", f"{found[:16]}…", hint="the file is damaged or was changed"
            )
        watch.advance(manifest.files[name]["bytes"])


def digest_of(record: Any) -> str:
    """SHA-256 of ``record`` as canonical JSON."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _kind_of(value: Any, path: Path, error: type[InputError]) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 3 or parts[0] != "bertwright":
        raise error.at(path, "a manifest of bertwright", value, field="format")
    if parts[2] != "1":
        raise error.at(
            path,
            "format version 1",
            parts[2],
            field="format",
            hint="written by a newer bertwright: update it",
        )
    return str(parts[1])


def _check_size(manifest: Manifest, name: str, entry: Any) -> None:
    path = manifest.path / name
    if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
        raise DigestError.at(manifest.path, "size and SHA-256 of every file", field=name)
    expected = f"{entry.get('bytes')} bytes"
    if not os.path.lexists(path):
        raise DigestError.at(path, expected, "nothing there", hint="the file is missing")
    size = member(manifest.path, name, DigestError).stat().st_size
    if size != entry.get("bytes"):
        raise DigestError.at(path, expected, f"{size} bytes", hint="cut short or changed")
