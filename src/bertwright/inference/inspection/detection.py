"""Which kind of thing a path is, decided by the files that only that kind has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bertwright import durable
from bertwright.checkpoints import members
from bertwright.checkpoints.sentence_modules import MODULES
from bertwright.comparison.members import KIND as COMPARISON
from bertwright.errors import InputError
from bertwright.inference.inspection.findings import Findings
from bertwright.inference.inspection.models import inspect_model, inspect_tensors
from bertwright.inference.inspection.runs import (
    inspect_checkpoint,
    inspect_comparison,
    inspect_run,
    inspect_unfinished,
)
from bertwright.inference.inspection.text import inspect_store, inspect_vocabulary
from bertwright.progress import Progress

Inspector = Callable[[Path, Progress | None], Findings]

# The first whose files are all there decides.
_FOLDERS: tuple[tuple[tuple[str, ...], Inspector], ...] = (
    ((MODULES,), inspect_model),
    ((members.CONFIG,), inspect_model),
    ((members.TENSORFLOW_CONFIG,), inspect_model),
    ((members.MANIFEST_NAME,), inspect_model),
    (("settings.json", "metrics.jsonl"), inspect_run),
    (("settings.json", "checkpoints"), inspect_run),
    (("request.json",), inspect_unfinished),
)
_OURS: dict[str, Inspector] = {
    "store": inspect_store,
    "vocabulary": inspect_vocabulary,
    "checkpoint": inspect_checkpoint,
    "model": inspect_model,
    COMPARISON: inspect_comparison,
}
_EXPECTED = "a vocabulary, store, run, checkpoint, model or comparison"
_STEP = re.compile(r"step-\d+")
_SHOWN = 5


def inspect_path(path: Path, *, progress: Progress | None = None) -> Findings:
    """What ``path`` holds, with every digest verified.

    Raises:
        InputError: nothing there, none of the known kinds, malformed, or not what its manifest says.
    """
    durable.look_at(path)
    if not path.is_dir():
        return _file(path, progress)
    for names, inspector in _FOLDERS:
        if all((path / name).exists() for name in names):
            return inspector(path, progress)
    if (path / durable.MANIFEST).exists():
        kind = durable.read_manifest(path).kind
        if kind in _OURS:
            return _OURS[kind](path, progress)
        raise InputError.at(path, f"one of: {', '.join(_OURS)}", kind, field="format")
    if any(path.glob("*.arrow")):
        return inspect_store(path, progress)  # says that its manifest is missing
    if any((path / name).exists() for name in ("vocab.txt", "tokenizer.json")):
        return inspect_vocabulary(path, progress)
    if _STEP.fullmatch(path.name):
        return inspect_checkpoint(path, progress)  # says that it is unfinished
    if path.name == "checkpoints" and any(path.glob("step-*")):
        return inspect_run(path.parent, progress)
    members.refuse_pickles(path)  # the better reason, where there are some
    raise InputError.at(path, _EXPECTED, hint=f"in the folder there is {_names(path)}")


def _file(path: Path, progress: Progress | None) -> Findings:
    if members.is_checkpoint_prefix(path):
        return inspect_model(path, progress)
    if not path.exists():
        raise InputError.at(path, _EXPECTED, "nothing there")
    members.refuse_file(path)
    if path.suffix == ".safetensors":
        return inspect_tensors(path, progress)
    if path.suffix == ".index":
        return inspect_model(path.with_suffix(""), progress)
    if path.suffix == ".txt":
        return inspect_vocabulary(path, progress)
    raise InputError.at(path, "a folder, a vocab.txt or a .safetensors file", path.name)


def _names(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    if not names:
        return "nothing"
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
