"""The checkpoints of a run: ``step-N`` directories, written whole, verified before use, the last few kept."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from bertwright import strict_json
from bertwright.checkpoints.tensor_file import read_tensors, write_tensors
from bertwright.durable import Manifest, NewDirectory, make_directory, read_manifest, reported, verify
from bertwright.errors import DigestError, DiskError, InputError, ResumeError, shown_path
from bertwright.training.sharding import as_held, whole

KIND = "checkpoint"
WEIGHTS = "weights.safetensors"
MOMENTS = "optimizer.safetensors"
STATE = "state.json"

ResumeMode = Literal["latest", "latest-valid"]

_UNUSABLE = (InputError, DiskError)
"""What a damaged checkpoint is told by, and one on a bad place of the disk."""

_ANEW = "--overwrite begins anew"

_NAME = re.compile(r"step-(\d{1,12})")
_ASIDE = re.compile(r"\.damaged-step-\d{1,12}(-\d+)?")
_DEBRIS = re.compile(r"\.(purge|tmp|old)-step-\d{1,12}(-\d+)?")


def is_of_checkpoints(name: str) -> bool:
    """Whether a store gives such a name to what it has in its folder."""
    return any(pattern.fullmatch(name) for pattern in (_NAME, _ASIDE, _DEBRIS))


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    step: int
    """Updates done."""
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    state: dict[str, Any]
    """Everything else, as JSON."""


class CheckpointStore:
    """The folder ``RUN/checkpoints``.

    Args:
        folder: made when the first checkpoint is saved.
        keep: how many of the newest stay, at least 2 (with 1, a damaged newest would leave nothing).
        facts: what a checkpoint is only good with (name -> value, e.g. the store's digest): stored, and
            compared when it is loaded.
    """

    def __init__(self, folder: Path, keep: int = 2, facts: Mapping[str, Any] | None = None) -> None:
        if keep < 2:
            raise ValueError(f"keep: expected at least 2, got {keep}")
        self.folder = folder
        self._keep = keep
        self._facts = dict(facts or {})

    # -- writing ---------------------------------------------------------------

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write ``step-N`` and purge older ones; an existing ``step-N`` of an earlier attempt is replaced.

        Raises:
            DiskError: nothing that existed before is lost.
        """
        make_directory(self.folder)
        self.finish_purges()
        tensors = {**checkpoint.weights, **checkpoint.moments}
        needed = sum(t.numel() * t.element_size() for t in tensors.values())
        target = self.path(checkpoint.step)
        with NewDirectory(target, kind=KIND, overwrite=True, needed_bytes=needed) as new:
            write_tensors(new, WEIGHTS, checkpoint.weights, {})
            write_tensors(new, MOMENTS, checkpoint.moments, {})
            new.write(STATE, strict_json.dump_for(target / STATE, checkpoint.state))
            new.manifest = {"step": checkpoint.step, "facts": self._facts}
        self._purge(checkpoint.step)
        return target

    def _purge(self, newest: int) -> None:
        """Remove the oldest finished checkpoints, as long as ``keep`` newer ones have a sound manifest.

        Later steps than ``newest``, the one just saved, are another attempt's and count for nothing.
        """
        sound = []
        for step in sorted(self.steps(), reverse=True):
            if step > newest:
                continue
            with suppress(*_UNUSABLE):
                sound.append(read_manifest(self.path(step), KIND))
        for manifest in reversed(sound[self._keep :]):
            doomed = self.folder / f".purge-{manifest.path.name}"
            with suppress(OSError):  # one that cannot be removed now is removed at the next save
                manifest.path.rename(doomed)
                _remove_listed(doomed, manifest)

    def finish_purges(self) -> None:
        """Complete removals that a killed run had begun, and drop directories it had not finished writing."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.iterdir()):
            if _DEBRIS.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                with suppress(InputError, OSError):
                    for name in (WEIGHTS, MOMENTS, STATE, "manifest.json"):
                        (path / name).unlink(missing_ok=True)
                    path.rmdir()

    def set_aside_after(self, step: int) -> None:
        """Rename the checkpoints of later steps to ``.damaged-step-M``: the run goes on from ``step``.

        Raises:
            DiskError: the file system refused.
        """
        for later in (other for other in self.steps() if other > step):
            path = self.path(later)
            aside = self.folder / f".damaged-step-{later}"
            for number in itertools.count(2):
                if not os.path.lexists(aside):
                    break
                aside = self.folder / f".damaged-step-{later}-{number}"
            try:
                path.rename(aside)
            except OSError as problem:
                raise DiskError.of(path, problem, doing="rename") from problem

    def path(self, step: int) -> Path:
        """Where the checkpoint of ``step`` lies."""
        return self.folder / f"step-{step}"

    # -- reading ---------------------------------------------------------------

    def steps(self) -> list[int]:
        """Steps of all directories named like a checkpoint, ascending."""
        if not self.folder.is_dir():
            return []
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and path.is_dir() and not path.is_symlink() and path.name == f"step-{int(match[1])}":
                found.append(int(match[1]))
        return sorted(found)

    def load(
        self, mode: ResumeMode = "latest", say: Callable[[str], None] = lambda message: None
    ) -> Checkpoint | None:
        """The newest checkpoint, its digests verified; None if there is none.

        With ``latest-valid`` damaged ones are passed over, each with a remark to ``say``.

        Raises:
            DigestError, DiskError, ResumeError: the newest is damaged, unreadable or unfinished; names the
                newest sound one.
            ResumeError: it was made with other facts (data, vocabulary): each is listed old -> new.
        """
        steps = sorted(self.steps(), reverse=True)
        for step in steps:
            try:
                checkpoint, facts = self._read(step)
            except _UNUSABLE as problem:
                if mode == "latest-valid":
                    say(f"step {step} is damaged and passed over: {problem.message}")
                    continue
                raise type(problem)(f"{problem.message}; {self._fallback(step)}") from problem
            self._require_same(step, facts)  # sound, but perhaps another run's: that is not passed over
            return checkpoint
        if steps:
            where = shown_path(self.folder)
            raise ResumeError(f"{where}: none of {len(steps)} checkpoints is sound ({_ANEW})")
        return None

    def _read(self, step: int) -> tuple[Checkpoint, dict[str, Any]]:
        """A checkpoint, found to be sound, and the facts it was made with."""
        folder = self.path(step)
        manifest = _verified(folder)
        if manifest.fields.get("step") != step:
            raise ResumeError.at(
                folder, f"the checkpoint of step {step}", f"that of step {manifest.fields.get('step')}"
            )
        missing = {WEIGHTS, MOMENTS, STATE} - set(manifest.files)
        if missing:
            raise DigestError.at(folder, f"the file {min(missing)} in the manifest", "nothing")
        with reported(folder, "read"):
            state = strict_json.load(folder / STATE, error=ResumeError, max_bytes=strict_json.OWN_BYTES)
            weights, moments = read_tensors(folder / WEIGHTS), read_tensors(folder / MOMENTS)
        return Checkpoint(step, weights, moments, state), dict(manifest.fields.get("facts", {}))

    def _fallback(self, damaged: int) -> str:
        for step in sorted(self.steps(), reverse=True):
            if step < damaged:
                with suppress(*_UNUSABLE):
                    _verified(self.path(step))
                    return f"step {step} is sound: give --resume latest-valid to go on from there"
        return f"no older checkpoint is sound ({_ANEW})"

    def _require_same(self, step: int, stored: Mapping[str, Any]) -> None:
        wanted = self._facts
        changed = [
            f"{n}: {stored.get(n)} -> {wanted[n]}" for n in sorted(wanted) if stored.get(n) != wanted[n]
        ]
        if changed:
            where = shown_path(self.path(step))
            raise ResumeError(f"{where}: was made with something else: {'; '.join(changed)}")


def _verified(folder: Path) -> Manifest:
    """The manifest of a checkpoint whose files are those that it lists."""
    with reported(folder, "read"):
        manifest = read_manifest(folder, KIND, error=ResumeError)
        verify(manifest)
    return manifest


def _remove_listed(folder: Path, manifest: Manifest) -> None:
    """Remove what the manifest lists; anything else that was put there keeps its directory."""
    for name in (*manifest.files, "manifest.json"):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def to_cpu(tensors: Mapping[str, Tensor], *, keep: bool = True) -> dict[str, Tensor]:
    """Contiguous copies in host memory where needed, whole: of sharded tensors every rank has to ask.

    Args:
        keep: false on ranks that ask for the others' sake: nothing is returned, and no more than one tensor
            is whole at a time.
    """
    found = {}
    for name, tensor in tensors.items():
        gathered = whole(tensor)
        if keep:
            found[name] = gathered.to("cpu").contiguous()
    return found


def load_weights(model: torch.nn.Module, weights: Mapping[str, Tensor], source: Path) -> None:
    """Put a checkpoint's weights into ``model``.

    Raises:
        ResumeError: names or shapes differ.
    """
    own = model.state_dict()
    wrong = sorted(set(own) ^ set(weights))[:5]
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape][:5]
    if wrong:
        raise ResumeError.at(source, "the weights of this model", f"differences in {', '.join(wrong)}")
    model.load_state_dict({name: as_held(value, own[name]) for name, value in weights.items()})
