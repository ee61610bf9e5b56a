"""The folder of a run: what is in it, who may write it, and whether a resumed run fits what it holds.

::

    RUN/run.json          what the run was started with besides its settings: data, code, resolved precision;
                          versions of the libraries
    RUN/settings.json     the settings
    RUN/metrics.jsonl     one record a line
    RUN/checkpoints/      step-N, the last few
    RUN/tensorboard/      when TensorBoard is installed
    RUN/model/            the final model folder
    RUN/milestones/       model folders of the way, named by the share of the run that was done
    RUN/summary.json      the figures at the end
    RUN/blanks.json       held-out sentences with a blank, and the model's guesses
    RUN/report.html       all of it to look at (written by the command line)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.checkpoints.members import KIND, MANIFEST_NAME, check_output
from bertwright.config.settings import differences, flatten, from_json
from bertwright.durable import (
    check_place,
    lock,
    make_directory,
    read_manifest,
    reported,
    verify,
    write_file,
)
from bertwright.errors import InputError, OutputExistsError, ResumeError, shown_path
from bertwright.pretraining.config import FREE_TO_CHANGE, PretrainingSettings
from bertwright.training.checkpoint_store import is_of_checkpoints

FORMAT = "bertwright/run/1"
LIBRARIES = "libraries"
"""Of the facts: versions that may change while a run is stopped, and that it tells of."""

_OF_A_START = (LIBRARIES, "id")
"""Facts that another start of the same run may have otherwise."""

_SUMMARY = "summary.json"
_RESULTS = (_SUMMARY, "metrics.jsonl", "report.html", "blanks.json")
_HALF = re.compile(r"\.tmp-(run|settings)\.json-\d+")
_OUR_FOLDERS = ("checkpoints", "tensorboard", "model", "milestones")


class RunFolder:
    """Names and rules of one run's folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def milestone(self, share: float) -> Path:
        """The model folder of the moment when so much of the run was done; all of it is the final one."""
        return self.model if share >= 1 else self.path / "milestones" / f"{share:g}"

    @property
    def key(self) -> str:
        """A name of this folder for the ranks to exchange."""
        return hashlib.sha256(os.path.abspath(self.path).encode("utf-8", "backslashreplace")).hexdigest()

    def require_new(self, overwrite: bool) -> None:
        """Refuse a folder that holds something, unless it is a run and may be replaced.

        Raises:
            OutputExistsError, UsageError: nothing was changed.
        """
        check_place(self.path)
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise OutputExistsError(self.path, "it is not a directory: choose another output")
        begun = self._begun()
        if begun and not overwrite:
            raise OutputExistsError(
                self.path,
                "give --resume to go on with this run, --overwrite to start over, or another output",
            )
        if begun is not None:
            self._refuse_strangers()
        elif any(not _HALF.fullmatch(path.name) for path in self.path.iterdir()):
            raise OutputExistsError(
                self.path, "it is not a run, so it is not replaced: choose another output"
            )

    def _refuse_strangers(self) -> None:
        """Nothing that others put into the folders of a run goes with it."""
        for folder in (self.path / name for name in _OUR_FOLDERS):
            if folder.is_symlink():
                raise OutputExistsError(folder, "it is a link, so it is not replaced: remove it first")
        strangers = _others(self.checkpoints, is_of_checkpoints)
        strangers += _others(self.tensorboard, _is_of_tensorboard)
        if strangers:
            raise OutputExistsError(strangers[0], "it is not the run's, so it is not removed: move it first")
        for path in (self.model, *_others(self.path / "milestones", _is_hidden)):
            check_output(path, overwrite=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            OutputBusyError: a live process writes it.
        """
        with lock(self.path):
            yield

    def begin(self, settings: PretrainingSettings, facts: Mapping[str, Any]) -> None:
        """Make the folder of a new run; one that is replaced loses what belonged to the old run.

        A run is there as soon as it has settings: they go first and come last, so that a folder that was
        left in between can be begun again.

        Raises:
            DiskError: the file system refused.
        """
        run = _json({"format": FORMAT, "id": uuid.uuid4().hex[:16], **facts}).encode()
        chosen = _json(settings.model_dump(mode="json")).encode()  # before anything of the old run is gone
        make_directory(self.path)
        with reported(self.path, "clear"):
            (self.path / "settings.json").unlink(missing_ok=True)
        write_file(self.path / "run.json", run, overwrite=True)
        self._clear()
        write_file(self.path / "settings.json", chosen)

    def _clear(self) -> None:
        """Remove what belongs to an old run, and what a killed one had half written."""
        with reported(self.path, "clear"):
            for path in self.path.iterdir():
                if path.name in _RESULTS or _HALF.fullmatch(path.name):
                    path.unlink()
            for name in _OUR_FOLDERS:
                if (self.path / name).is_dir() and not (self.path / name).is_symlink():
                    shutil.rmtree(self.path / name)

    def stored_settings(self) -> PretrainingSettings:
        """What the run was started with.

        Raises:
            ResumeError: this is no run folder.
        """
        self._facts()
        source = self.path / "settings.json"
        if not source.exists():
            raise ResumeError(f"{shown_path(self.path)}: this run was not begun (start it without --resume)")
        values = strict_json.load(source, error=ResumeError)
        if not isinstance(values, dict):
            raise ResumeError.at(source, "the settings of a run")
        if values.get("init") is not None:  # where older versions wrote a size that said nothing
            values = {name: value for name, value in values.items() if name != "size"}
        return from_json(PretrainingSettings, values, source)

    def require_settings(self, settings: PretrainingSettings) -> None:
        """Refuse to resume with other settings, before any data is read.

        Raises:
            ResumeError: naming each difference as ``name: old -> new``; or this is no run folder.
        """
        self._refuse(self._changed(settings))

    def require_same(self, settings: PretrainingSettings, facts: Mapping[str, Any]) -> None:
        """Refuse to resume with other settings or other data; remember those that may change.

        Raises:
            ResumeError: naming each difference as ``name: old -> new``.
        """
        known = {name: value for name, value in self._facts().items() if name not in _OF_A_START}
        self._refuse(self._changed(settings) + differences(known, {name: facts.get(name) for name in known}))
        if self.stored_settings() != settings:
            data = _json(settings.model_dump(mode="json"))
            write_file(self.path / "settings.json", data, overwrite=True)

    def upgrades(self, libraries: Mapping[str, str]) -> list[str]:
        """Each library that is of another version than when the run was begun, as ``name: old -> new``."""
        return differences(self._facts().get(LIBRARIES) or libraries, libraries)

    def _changed(self, settings: PretrainingSettings) -> list[str]:
        before, after = flatten(self.stored_settings()), flatten(settings)
        for name in FREE_TO_CHANGE:
            before.pop(name, None)
            after.pop(name, None)
        return differences(before, after)

    def _refuse(self, changed: Sequence[str]) -> None:
        if changed:
            raise ResumeError(
                f"{shown_path(self.path)}: this run was started otherwise: {'; '.join(changed)} "
                "(resume with what it had, or start a new run)"
            )

    def occupied(self, *, anew: bool) -> int:
        """Bytes that need no room of their own: of the checkpoints, among which new ones take their places,
        or with ``anew`` of all that is removed first.

        Raises:
            DiskError: the file system refused.
        """
        with reported(self.path, "read"):
            folders = (
                [self.path / name for name in _OUR_FOLDERS] if anew else list(self.checkpoints.glob("step-*"))
            )
            ours = [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]
            return sum(
                path.lstat().st_size for folder in ours for path in folder.rglob("*") if path.is_file()
            )

    def has_model(self) -> bool:
        """Whether the final model folder is there and sound."""
        with contextlib.suppress(InputError):
            verify(read_manifest(self.model, KIND, manifest_name=MANIFEST_NAME))
            return True
        return False

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """The figures at the end."""
        write_file(self.path / _SUMMARY, _json(dict(summary)), overwrite=True)

    def write_blanks(self, blanks: Sequence[Mapping[str, Any]]) -> None:
        """Held-out sentences with the model's guesses."""
        write_file(self.path / "blanks.json", _json(list(blanks)), overwrite=True)

    def is_run(self) -> bool:
        """Whether this is the folder of a run."""
        return self._begun() is True

    def is_finished(self) -> bool:
        """Whether the run has come to its end, of which the summary is written last."""
        return (self.path / _SUMMARY).exists()

    def reopen(self) -> None:
        """Take the end of the run back: it goes on, and the model that lies there is of another end.

        Raises:
            DiskError: the file system refused.
        """
        with reported(self.path, "clear"):
            (self.path / _SUMMARY).unlink(missing_ok=True)

    def run_id(self) -> str | None:
        """What tells this run from all others; None for a run of an older version.

        Raises:
            ResumeError: this is no run folder.
        """
        value = self._facts().get("id")
        return None if value is None else str(value)

    def _begun(self) -> bool | None:
        """False where a run was killed while it made this folder; None where the folder is not a run's."""
        try:
            self._facts()
        except ResumeError:
            return None
        return (self.path / "settings.json").exists()

    def _facts(self) -> dict[str, Any]:
        source = self.path / "run.json"
        if not source.exists():
            got = "something else" if self.path.exists() else "nothing there"
            raise ResumeError.at(self.path, "the folder of a run to resume", got)
        values = strict_json.load(source, error=ResumeError)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ResumeError.at(source, f"the format {FORMAT}")
        return values


def _others(folder: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """What is in ``folder`` under other names, in the order of these."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not is_ours(path.name))


def _is_of_tensorboard(name: str) -> bool:
    return name.startswith("events.out.tfevents.")


def _is_hidden(name: str) -> bool:
    """As what a killed process had half written."""
    return name.startswith(".")


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"
