"""The parts of a store while it is prepared: made by workers, kept beside the output until all are there.

A part is a finished directory with one shard and its counts, so it is there whole or not at all. A
preparation that was stopped finds its finished parts again when the same is asked once more.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bertwright import durable
from bertwright.corpus import Chunk, read_chunk
from bertwright.data.counts import Counts
from bertwright.data.prepare_settings import PrepareSettings
from bertwright.data.segment_builder import SegmentBuilder
from bertwright.data.segmenter import Segmenter
from bertwright.data.shards import ShardWriter
from bertwright.data.versions import Versions
from bertwright.data.word_table import WordTable
from bertwright.errors import DigestError, RunError, StoreError, shown_path
from bertwright.progress import Progress
from bertwright.tokenization.tokenizer import Tokenizer

_KIND = "part"
_SHARD = "shard.arrow"


@dataclass(frozen=True)
class PartTask:
    """What a worker needs to make one part: picklable."""

    number: int
    chunk: Chunk
    folder: Path
    vocabulary: Path
    tokenizer_digest: str
    settings: PrepareSettings
    versions: Versions
    request: str
    """Digest of the request that the part answers."""

    def __str__(self) -> str:
        return str(self.chunk)


@dataclass(frozen=True)
class Part:
    """A finished part."""

    number: int
    counts: Counts
    stored_bytes: int
    """Bytes of the corpus files that it covers."""


def make_part(task: PartTask) -> Part:
    """Make one part and put it into ``task.folder``, unless it is there: made by a worker that was then lost.

    Raises:
        CorpusError: what is wrong with the text.
        RunError: a corpus file or the tokenizer changed meanwhile, or what finds sentences, words or
            characters here is of another version than where the preparation began.
        DiskError: it could not be written.
    """
    target = task.folder / _name(task.number)
    if (found := _read(target, task.request)) is not None:
        return found
    task.versions.require(task.settings)
    tokenizer, table = _tools(task.vocabulary, task.tokenizer_digest)
    settings = task.settings
    segmenter = None
    if settings.words is not None:
        version = task.versions.segmenter
        segmenter = _segmenter(settings.words, version, task.vocabulary, task.tokenizer_digest)
    builder = SegmentBuilder(table, tokenizer, settings.language, segmenter)
    with durable.NewDirectory(target, kind=_KIND, overwrite=True) as new:
        writer = ShardWriter(new.open(_SHARD), len(tokenizer.vocabulary), words=segmenter is not None)
        for segment in builder.segments(read_chunk(task.chunk)):
            writer.write(segment)
        writer.close()
        new.manifest["counts"] = asdict(builder.counts)
        new.manifest["stored_bytes"] = task.chunk.stored_bytes
        new.manifest["request"] = task.request
    return Part(task.number, builder.counts, task.chunk.stored_bytes)


@lru_cache(maxsize=1)
def _tools(vocabulary: Path, digest: str) -> tuple[Tokenizer, WordTable]:
    """A process makes one tokenizer and one table of words, and keeps them for all its parts."""
    tokenizer = Tokenizer.load(vocabulary)
    if tokenizer.digest != digest:
        raise RunError(f"{shown_path(vocabulary)}: changed while it was used (start again)")
    return tokenizer, WordTable(tokenizer)


@lru_cache(maxsize=1)
def _segmenter(name: str, version: str | None, vocabulary: Path, digest: str) -> Segmenter:
    """Likewise; the parts of a store have one version of it, on whatever machines they are made."""
    segmenter = Segmenter(name, _tools(vocabulary, digest)[0].basic)
    if segmenter.version != version:
        raise RunError(f"words: expected {name} {version} on every machine, got {segmenter.version}")
    return segmenter


class PartsFolder:
    """The parts of ``output`` that are finished, in ``OUTPUT.partial``.

    Args:
        output: the store.
        request: everything that decides what the parts hold.

    Attributes:
        path: the folder.
        request: digest of the request; each part says which one it answers.
    """

    def __init__(self, output: Path, request: Mapping[str, Any]) -> None:
        self._work = durable.UnfinishedWork(output.absolute(), request)
        self._useless = False
        self.path = self._work.directory
        self.request = durable.digest_of(dict(request))

    @contextmanager
    def held(self, overwrite: bool) -> Iterator[None]:
        """Hold the output for this process; the parts go when the block ends well.

        They stay when it ends otherwise, and the same request goes on with them.

        Args:
            overwrite: replace the output, and parts of another request.

        Raises:
            OutputExistsError, OutputBusyError, ResumeError, DiskError: see
                :meth:`~bertwright.durable.UnfinishedWork.held`.
        """
        with self._work.held(resume=None, overwrite=overwrite, worth_keeping=self._are_worth_keeping):
            yield

    def find(self, watch: Progress) -> dict[int, Part]:
        """The finished parts; each is compared with its SHA-256, and then told to ``watch``.

        What is unfinished, was damaged since or answers another request is removed.
        """
        found = {}
        for entry in sorted(self.path.iterdir()):
            if not entry.is_dir():
                continue
            part = _read(entry, self.request)
            if part is None:
                shutil.rmtree(entry, ignore_errors=True)
            else:
                found[part.number] = part
                watch.advance(part.stored_bytes)
        return found

    def discard(self) -> None:
        """Let the parts go however the work ends: nobody will ask for them again."""
        self._useless = True

    def tie_to(self, name: str) -> None:
        """Let a request with another ``name`` replace the parts unasked."""
        self._work.tie(name)

    def link(self, part: Part, target: Path) -> None:
        """Let ``target`` be the shard of ``part``, or a copy of it where the file system has no links."""
        source = self.path / _name(part.number) / _SHARD
        if not durable.link(source, target):
            shutil.copyfile(source, target)

    def check(self, part: Part, digest: str) -> None:
        """Refuse a shard whose SHA-256 is not the one with which ``part`` was made.

        Raises:
            DigestError: it was damaged since; the next preparation makes this part again.
            RunError: a worker of another preparation, which nobody waits for any more, put its own in place.
        """
        folder = self.path / _name(part.number)
        manifest = durable.read_manifest(folder, _KIND, error=StoreError)
        if manifest.fields.get("request") != self.request:
            raise RunError(
                f"{shown_path(folder)}: expected a part of this preparation, got one of another "
                "(start again, and only this part is made anew)"
            )
        expected = manifest.files[_SHARD]["sha256"]
        if digest != expected:
            raise DigestError.at(
                folder / _SHARD,
                f"SHA-256 {expected[:16]}…",
                f"{digest[:16]}…",
                hint="damaged since it was made: start again, and only this part is made anew",
            )

    def count(self) -> int:
        """How many parts are finished, whoever knows of them: workers put them in place at once."""
        return count_parts(self.path)

    def _are_worth_keeping(self) -> bool:
        return not self._useless and self.count() > 0


def count_parts(folder: Path) -> int:
    """How many finished parts ``folder`` holds."""
    return len(list(folder.glob(f"{_KIND}-*")))


def _read(folder: Path, request: str) -> Part | None:
    """The finished part in ``folder``; None where it is none, is damaged, or answers another request."""
    prefix, _, number = folder.name.partition("-")
    try:
        manifest = durable.read_manifest(folder, _KIND, error=StoreError)
        durable.verify(manifest)
    except (StoreError, DigestError):
        return None
    if manifest.fields.get("request") != request:
        return None
    if prefix != _KIND or not number.isdigit() or _name(int(number)) != folder.name:
        return None
    return Part(int(number), Counts(**manifest.fields["counts"]), manifest.fields["stored_bytes"])


def _name(number: int) -> str:
    return f"{_KIND}-{number:06d}"
