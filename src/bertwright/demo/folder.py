"""The demo's folder: it appears when the request has shown to be sound, in place of an earlier demo's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bertwright import durable

MARKER = ".bertwright-demo"


@contextmanager
def staged_folder(output: Path, corpus: Sequence[Path], overwrite: bool) -> Iterator[durable.StagedDirectory]:
    """A folder to fill at the value's ``path``, which its ``publish`` lets appear at ``output``.

    Until then ``output`` is as it was, and when the block ends without it nothing remains.

    Raises:
        OutputExistsError: it exists, and ``overwrite`` is false or no demo made it.
        UsageError: its parent does not exist, or text of ``corpus`` stands in it.
        DiskError: the file system refused.
    """
    for path in corpus:
        durable.require_elsewhere(output, path)
    with durable.StagedDirectory(output, kind=None, overwrite=overwrite, manifest_name=MARKER) as staged:
        with durable.reported(output, "create"):
            staged.path.mkdir()
        durable.write_file(staged.path / MARKER, "")
        yield staged
