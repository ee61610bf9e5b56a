"""What an inspection found, in the shape that people and scripts both read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright import durable
from bertwright.progress import Progress, Silent


@dataclass(frozen=True)
class Findings:
    """What one path holds."""

    kind: str
    """``model``, ``vocabulary``, ``store``, ``run``, ``checkpoint``, ``comparison``, ``tensors`` or
    ``unfinished work``."""
    path: Path
    facts: dict[str, Any]
    """Plain JSON values; a group of them is one level deeper."""
    verified: int | None = None
    """Files compared with the SHA-256 of a manifest; None where there is no manifest."""
    notes: tuple[str, ...] = field(default=())
    """What a careful user wants to know."""
    damaged: bool = False
    """Whether a part of it is not what its manifest says; the rest was found all the same."""

    @property
    def title(self) -> str:
        """The kind with its article."""
        return {"tensors": "tensors", "unfinished work": "unfinished work"}.get(self.kind, f"a {self.kind}")

    def to_dict(self) -> dict[str, Any]:
        """As ``bertwright inspect --json`` prints it."""
        return {
            "kind": self.kind,
            "path": str(self.path),
            "verified": self.verified,
            "damaged": self.damaged,
            **self.facts,
            "notes": list(self.notes),
        }


def verify_all(manifest: durable.Manifest, progress: Progress | None) -> int:
    """Compare every file with its digest, and give their number.

    Raises:
        DigestError: naming the first file that differs.
    """
    watch = progress or Silent()
    watch.start("verifying", sum(entry["bytes"] for entry in manifest.files.values()), "bytes")
    durable.verify(manifest, progress=watch)
    watch.finish()
    return len(manifest.files)


def bytes_of(manifest: durable.Manifest) -> int:
    """Size of all files that a manifest lists."""
    return sum(int(entry["bytes"]) for entry in manifest.files.values())


def selected(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those of ``names`` that ``values`` has, in the order of ``names``."""
    return {name: values[name] for name in names if name in values}
