"""The formats that a model can leave in: one table.

A target is added by one entry in :data:`TARGETS`, with two functions in a module of its own:

* ``write(folder, path, request)`` makes the new folder ``path`` from an opened model, complete, through
  :mod:`bertwright.durable` with ``bertwright.json`` as manifest (so that ``--overwrite`` knows it again).
  What the format cannot hold is refused with a :class:`~bertwright.errors.ModelError` before anything is
  written. It knows nothing of staging, proof or reports.
* ``reopen(path)`` reads that folder again as a user of the format would, and gives a :class:`Result`: what it
  says to the questions of :mod:`~bertwright.exchange.probe`, and the tokenizer it came with. A format that
  :func:`~bertwright.checkpoints.model_folder.open_model` reads takes :func:`opened_folder`.

Everything else (opening the source, asking both, comparing with the bound, the report, publishing or leaving
nothing) is the same for all and lies in :mod:`~bertwright.exchange.conversion`. Options of one format alone
(``--int8``) go into ``Request.options`` by their names. Heavy or optional imports stay inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.checkpoints.places import Place
from bertwright.checkpoints.tensorflow.saving import not_taken_over
from bertwright.exchange.answers import Answers, answers_of
from bertwright.exchange.hugging_face import write_hugging_face
from bertwright.exchange.onnx_export import write_onnx
from bertwright.exchange.probe import Inputs
from bertwright.exchange.request import Request
from bertwright.exchange.sentence_transformers import write_sentence_transformers
from bertwright.exchange.tensorflow import write_tensorflow
from bertwright.export.folder import open_onnx
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Result:
    """A written folder, opened again."""

    tokenizer: Tokenizer
    answers: Callable[[Inputs], Answers]
    """What it says, under the names of :data:`~bertwright.exchange.answers.Answers`."""
    places: Mapping[str, tuple[Place, ...]] | None = None
    """Our names -> the tensors as they are stored; None where the format has no such names."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """More for the report, as JSON values."""
    notes: tuple[str, ...] = ()
    """What the format does not hold, and what its users should know."""


@dataclass(frozen=True)
class Target:
    """One format."""

    title: str
    """For people."""
    write: Callable[[ModelFolder, Path, Request], None]
    reopen: Callable[[Path], Result]
    bound: float = 2e-5
    """The largest difference that is let pass unless another is asked for."""
    rounding: tuple[str, ...] = ()
    """Options under which answers are expected to differ: there is no bound then, unless one is asked for."""
    left_to_right: bool = True
    """Whether the format can say that attention sees the past alone."""
    bilstm: bool = True
    """Whether it can hold the BiLSTM of a model that was fine-tuned with one on top."""

    def bound_with(self, options: Mapping[str, Any]) -> float | None:
        """The bound where none is asked for; None where there is none."""
        return None if any(options.get(name) for name in self.rounding) else self.bound


def opened_folder(path: Path) -> Result:
    """The result in a format that we open ourselves."""
    folder = open_model(path)
    return _answered(folder, notes=not_taken_over(folder) if members.is_tensorflow(path) else ())


def opened_sentences(path: Path) -> Result:
    """As :func:`opened_folder`, and how its texts become vectors."""
    folder = open_model(path)
    return _answered(folder, {} if folder.sentences is None else {"recipe": folder.sentences.facts()})


def opened_onnx(path: Path) -> Result:
    """As :func:`opened_folder`, answered by onnxruntime."""
    folder = open_onnx(path)
    facts = {"onnx": dict(folder.facts), "bytes": (path / members.ONNX).stat().st_size}
    return Result(folder.tokenizer, lambda asked: answers_of(folder, asked), None, facts)


def _answered(
    folder: ModelFolder, facts: Mapping[str, Any] | None = None, notes: tuple[str, ...] = ()
) -> Result:
    return Result(
        folder.tokenizer, lambda asked: answers_of(folder, asked), folder.weights.places, facts or {}, notes
    )


TARGETS: Mapping[str, Target] = {
    "hf": Target("a Hugging Face folder", write_hugging_face, opened_folder),
    "sentence-transformers": Target(
        "a sentence-transformers folder", write_sentence_transformers, opened_sentences
    ),
    "onnx": Target(
        "a folder for onnxruntime",
        write_onnx,
        opened_onnx,
        bound=1e-4,
        rounding=("int8",),
        left_to_right=False,
        bilstm=False,
    ),
    "tf1": Target(
        "the folder of a TensorFlow 1 checkpoint",
        write_tensorflow,
        opened_folder,
        left_to_right=False,
        bilstm=False,
    ),
}
