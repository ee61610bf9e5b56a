"""The folder of a run: what is in it, who may write it, and whether a resumed run fits what it holds.

::

    RUN/run.json          what the run was started with besides its settings: data, code, resolved precision
    RUN/settings.json     the settings
    RUN/metrics.jsonl     one record a line
    RUN/checkpoints/      step-N, the last few
    RUN/tensorboard/      when TensorBoard is installed
    RUN/model/            the final model folder
    RUN/summary.json      the figures at the end
    RUN/blanks.json       held-out sentences with a blank, and the model's guesses
    RUN/report.html       all of it to look at (written by the command line)
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.config.settings import differences, flatten, from_json
from bertwright.durable import lock, write_file
from bertwright.errors import DiskError, OutputExistsError, ResumeError, UsageError, shown_path
from bertwright.pretraining.config import FREE_TO_CHANGE, PretrainingSettings

FORMAT = "bertwright/run/1"

_OURS = (
    "run.json",
    "settings.json",
    "summary.json",
    "metrics.jsonl",
    "report.html",
    "blanks.json",
)
_OUR_FOLDERS = ("checkpoints", "tensorboard", "model")


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

    def require_new(self, overwrite: bool) -> None:
        """Refuse a folder that holds something, unless it is a run and may be replaced.

        Raises:
            OutputExistsError, UsageError: nothing was changed.
        """
        if "\0" in str(self.path):
            raise UsageError(f"{shown_path(self.path)}: a path cannot contain a NUL character")
        if not os.path.lexists(self.path):
            if not self.path.absolute().parent.is_dir():
                raise UsageError(
                    f"{shown_path(self.path)}: its parent directory does not exist (create it first)"
                )
            return
        if not self.path.is_dir():
            raise OutputExistsError(self.path, "it is not a directory: choose another output")
        if not any(self.path.iterdir()):
            return
        if self.is_run() and not overwrite:
            raise OutputExistsError(
                self.path,
                "give --resume to go on with this run, --overwrite to start over, or another output",
            )
        if not self.is_run():
            raise OutputExistsError(
                self.path, "it is not a run, so it is not replaced: choose another output"
            )

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

        Raises:
            DiskError: the file system refused.
        """
        try:
            self.path.mkdir(exist_ok=True)
            for name in _OURS:
                (self.path / name).unlink(missing_ok=True)
            for name in _OUR_FOLDERS:
                if (self.path / name).is_dir() and not (self.path / name).is_symlink():
                    shutil.rmtree(self.path / name)
        except OSError as problem:
            raise DiskError.of(self.path, problem, doing="create") from problem
        write_file(self.path / "settings.json", _json(settings.model_dump(mode="json")))
        write_file(self.path / "run.json", _json({"format": FORMAT, **facts}))

    def stored_settings(self) -> PretrainingSettings:
        """What the run was started with.

        Raises:
            ResumeError: this is no run folder.
        """
        self._facts()
        source = self.path / "settings.json"
        values = strict_json.load(source, error=ResumeError)
        if not isinstance(values, dict):
            raise ResumeError.at(source, "the settings of a run")
        return from_json(PretrainingSettings, values, source)

    def require_same(self, settings: PretrainingSettings, facts: Mapping[str, Any]) -> None:
        """Refuse to resume with other settings or other data; remember those that may change.

        Raises:
            ResumeError: naming each difference as ``name: old -> new``.
        """
        stored = self.stored_settings()
        before, after = flatten(stored), flatten(settings)
        for name in FREE_TO_CHANGE:
            before.pop(name, None)
            after.pop(name, None)
        known = {name: value for name, value in self._facts().items() if name in facts}
        changed = differences(before, after) + differences(known, {n: facts[n] for n in known})
        if changed:
            raise ResumeError(
                f"{shown_path(self.path)}: this run was started otherwise: {'; '.join(changed)} "
                "(resume with what it had, or start a new run)"
            )
        if stored != settings:
            data = _json(settings.model_dump(mode="json"))
            write_file(self.path / "settings.json", data, overwrite=True)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """The figures at the end."""
        write_file(self.path / "summary.json", _json(dict(summary)), overwrite=True)

    def write_blanks(self, blanks: Sequence[Mapping[str, Any]]) -> None:
        """Held-out sentences with the model's guesses."""
        write_file(self.path / "blanks.json", _json(list(blanks)), overwrite=True)

    def is_run(self) -> bool:
        """Whether this is the folder of a run."""
        with contextlib.suppress(ResumeError):
            self._facts()
            return True
        return False

    def _facts(self) -> dict[str, Any]:
        source = self.path / "run.json"
        if not source.exists():
            got = "something else" if self.path.exists() else "nothing there"
            raise ResumeError.at(self.path, "the folder of a run to resume", got)
        values = strict_json.load(source, error=ResumeError)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ResumeError.at(source, f"the format {FORMAT}")
        return values


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"
