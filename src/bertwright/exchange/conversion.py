"""A model from one format to another: written aside, asked the same questions, and only then published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.members import KIND, MANIFEST_NAME
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.durable import StagedDirectory, require_elsewhere
from bertwright.errors import ModelError, UsageError
from bertwright.exchange.answers import answers_of, difference
from bertwright.exchange.probe import inputs
from bertwright.exchange.request import Request
from bertwright.exchange.source import Source, open_source
from bertwright.exchange.targets import TARGETS, Result, Target
from bertwright.exchange.tensors import TensorReport, compare_tensors
from bertwright.progress import Progress, Silent
from bertwright.tasks.networks import TOP


@dataclass(frozen=True)
class Conversion:
    """What was done, and how well the result agrees with the source."""

    source: Path
    source_format: str
    output: Path
    to: str
    heads: tuple[str, ...]
    parameters: int
    tensors: TensorReport
    differences: Mapping[str, float]
    """Output -> the largest absolute difference."""
    bound: float | None
    """Of the differences; None where answers are rounded and no bound was asked for."""
    notes: tuple[str, ...]
    """Remarks on the source and on the result."""
    facts: Mapping[str, Any]
    """What the target adds."""

    @property
    def largest(self) -> float:
        """The largest difference of all outputs."""
        return max(self.differences.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "source": str(self.source),
            "format": self.source_format,
            "to": self.to,
            "heads": list(self.heads),
            "parameters": self.parameters,
            **self.tensors.to_dict(),
            "differences": dict(self.differences),
            "largest_difference": self.largest,
            "bound": self.bound,
            "notes": list(self.notes),
            **self.facts,
            "output": str(self.output),
        }


def convert(
    source: str | Path,
    output: str | Path,
    *,
    to: str = "hf",
    bound: float | None = None,
    lower_case: bool | None = None,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Convert the model ``source`` into the new folder ``output``.

    Args:
        source: any model we can open, or a folder whose weights are in ``pytorch_model.bin``.
        to: a name in :data:`~bertwright.exchange.targets.TARGETS`.
        bound: the largest difference of an answer that is let pass; the target's own when None.
        lower_case: overrides the casing that the source stores.
        options: of the target.
        overwrite: replace an output of ours that is there.

    Raises:
        UsageError: no such target, a bound below 0, or the output is the source or holds it.
        OutputExistsError: ``output`` exists.
        InputError: the source cannot be opened, or the format cannot hold it.
        ModelError: source and result do not agree; nothing remains of the output.
        DiskError: the file system refused.
    """
    source, output, watch = Path(source), Path(output), progress or Silent()
    if to not in TARGETS:
        raise UsageError(f"to: expected one of {', '.join(TARGETS)}, got {to!r}")
    target = TARGETS[to]
    limit = target.bound_with(options or {}) if bound is None else bound
    if limit is not None and not 0 <= limit < math.inf:
        raise UsageError(f"bound: expected a finite number of at least 0, got {limit}")
    require_elsewhere(output, source)
    with StagedDirectory(output, kind=KIND, overwrite=overwrite, manifest_name=MANIFEST_NAME) as staged:
        watch.start("reading")
        opened = open_source(source, staged.scratch, lower_case=lower_case)
        _require_holding(opened.folder, target, to)
        watch.start("writing")
        target.write(opened.folder, staged.path, Request(opened.origin, options or {}))
        watch.start("comparing")
        result = target.reopen(staged.path)
        differences = _compared(opened, result, output)
        if limit is not None:
            _require_within(differences, limit, output)
        watch.finish()
        staged.publish()
    folder = opened.folder
    return Conversion(
        source,
        opened.format,
        output,
        to,
        tuple(sorted(folder.heads)),
        sum(tensor.numel() for tensor in folder.weights.tensors.values()),
        compare_tensors(folder, result.places),
        differences,
        limit,
        folder.notes + result.notes,
        result.facts,
    )


def _require_holding(folder: ModelFolder, target: Target, to: str) -> None:
    """Refuse what the format has no place for.

    Raises:
        ModelError: saying what would be lost.
    """
    if isinstance(folder, BilmFolder):
        hint = "no other library opens it"
        raise ModelError.at(folder.path, f"a BERT for --to {to}", "an LSTM language model", hint=hint)
    if folder.config.is_decoder and not target.left_to_right:
        raise ModelError.at(folder.path, f"a bidirectional model for --to {to}", "a left-to-right one")
    if TOP in (folder.task or {}) and not target.bilstm:
        expected = f"a model without layers of its own on the encoder for --to {to}"
        hint = "--to hf keeps its BiLSTM in a file that bertwright reads"
        raise ModelError.at(folder.path, expected, "one with a BiLSTM on top", hint=hint)


def _compared(source: Source, result: Result, output: Path) -> dict[str, float]:
    """The same questions to both, as each one's own tokenizer reads them."""
    config = source.folder.config
    asked, asked_again = inputs(source.folder.tokenizer, config), inputs(result.tokenizer, config)
    for ours, theirs in zip(vars(asked).values(), vars(asked_again).values(), strict=True):
        if not torch.equal(ours, theirs):
            raise ModelError.at(output, "a tokenizer that reads text as the source's does", "other ids")
    return difference(answers_of(source.folder, asked), result.answers(asked), str(output))


def _require_within(differences: Mapping[str, float], bound: float, output: Path) -> None:
    for name, value in differences.items():
        if not value <= bound:  # also when it is not a number
            expected = f"answers within {bound:g} of the source's"
            hint = "nothing was kept; --bound allows more"
            raise ModelError.at(output, expected, f"{value:.3g} apart", field=name, hint=hint)
