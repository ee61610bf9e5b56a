"""Folders whose model is an ONNX file: opened for whoever wants to ask them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.conversion import Weights
from bertwright.checkpoints.model_folder import Head, ModelFolder, open_model
from bertwright.errors import ModelError
from bertwright.export.contents import Contents
from bertwright.export.heads import BLANKS, ENDS, FOLLOWS, HIDDEN, LOGITS, PARTS, POOLED, STARTS
from bertwright.export.network import OnnxEncoder, OnnxPretraining, OnnxTaskNetwork
from bertwright.export.session import Session

FACTS = "onnx"
"""Where the manifest says what the file is."""


_PARAMETERS = (".weight", ".bias", ".decoder")
"""How the names of constants end that are parameters of the network."""

_SMALL_MODEL = "small."
"""How the names begin of what was trained on frozen vectors, which is no part of the network."""


def open_for_use(path: str | Path, *, lower_case: bool | None = None) -> ModelFolder:
    """A model that is to answer: any that :func:`open_model` opens, or one that was exported to ONNX.

    Args:
        path: the folder.
        lower_case: overrides the stored casing.

    Raises:
        InputError: as :func:`open_model`, and as :func:`open_onnx`.
    """
    path = Path(path)
    if (path / members.ONNX).exists() and not (path / members.WEIGHTS).exists():
        return open_onnx(path, lower_case=lower_case)
    return open_model(path, lower_case=lower_case)


def open_onnx(path: str | Path, *, lower_case: bool | None = None) -> OnnxFolder:
    """A folder that bertwright exported, read and checked; every digest is compared first.

    Raises:
        ModelError: it is not one of ours, the file is damaged, reads other files, has operators of others, or
            does not give what the manifest says.
        DigestError: a file differs from the manifest.
        VocabularyError: its tokenizer files are malformed.
        UsageError: the extra ``onnx`` is not installed.
    """
    path = Path(path)
    read = open_model(path, lower_case=lower_case, weight_files=[])
    facts = read.manifest.get(FACTS)
    if not isinstance(facts, Mapping):
        got = "none" if "digest" not in read.manifest else "one of another kind"
        hint = "only what bertwright exported is opened: bertwright convert MODEL OUT --to onnx"
        raise ModelError.at(path, f"a manifest {members.MANIFEST_NAME} of an ONNX model", got, hint=hint)
    contents = Contents(members.member(path, members.ONNX))
    parts = _parts(facts, contents)
    return OnnxFolder(**{**vars(read), "weights": Weights({}, parts, ())}, contents=contents)


@dataclass(frozen=True)
class OnnxFolder(ModelFolder):
    """A model folder that has a graph in place of weights: it answers, and cannot be trained."""

    contents: Contents = field(kw_only=True, repr=False)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the manifest says of the graph: ``precision``, ``opset``, ``parts``."""
        found: Mapping[str, Any] = self.manifest[FACTS]
        return found

    @property
    def inputs(self) -> tuple[str, ...]:
        """Of the graph."""
        return self.contents.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Of the graph."""
        return self.contents.outputs

    @property
    def sizes(self) -> dict[str, int]:
        """Parameter of the network, by our names -> how many numbers it has, however they are stored."""
        sizes = self.contents.sizes().items()
        return {
            name: size
            for name, size in sizes
            if name.endswith(_PARAMETERS) and not name.startswith(_SMALL_MODEL)
        }

    def encoder(self) -> Any:
        """An :class:`OnnxEncoder`."""
        return OnnxEncoder(*self._session(HIDDEN, POOLED), self.config)

    def pretraining_model(
        self, require: Collection[Head] = ("masked_language", "next_sentence"), *, seed: int = 0
    ) -> Any:
        """An :class:`OnnxPretraining`, with its encoder; nothing is drawn from ``seed``.

        Raises:
            ModelError: a required head is absent.
        """
        for head in require:
            self._require(head)
        return OnnxPretraining(*self._session(BLANKS, FOLLOWS), self.config, self.encoder())

    def task_model(self, cls: type[Any]) -> Any:
        """An :class:`OnnxTaskNetwork`.

        Raises:
            ModelError: the model has no head of this class.
        """
        self._require(cls.head_name)
        return self.answering_model()

    def answering_model(self) -> OnnxTaskNetwork:
        """What gives the logits, of a head or of a model on frozen vectors.

        Raises:
            ModelError: the model was not adapted to a task.
        """
        session, outputs = self._session(LOGITS, STARTS, ENDS)
        if not outputs:
            raise ModelError.at(self.path, "a graph that gives logits", ", ".join(self.contents.outputs))
        return OnnxTaskNetwork(session, outputs, self.config, int(self.facts["classes"]))

    def new_task_model(self, cls: type[Any], num_labels: int, *, seed: int = 0) -> Any:
        """Nothing new can be learned here.

        Raises:
            ModelError: always.
        """
        raise ModelError.at(
            self.path, "a model with weights", "one exported to ONNX, which cannot be trained"
        )

    def _session(self, *wanted: str) -> tuple[Session, list[str]]:
        """A session for the outputs that there are of those wanted."""
        outputs = [name for name in wanted if name in self.contents.outputs]
        return Session(lambda: self.contents.keeping(outputs), str(self.contents.path)), outputs


def _parts(facts: Mapping[str, Any], contents: Contents) -> frozenset[str]:
    parts = facts.get("parts")
    if not isinstance(parts, list) or not set(parts) <= set(PARTS):
        raise ModelError.at(
            contents.path.parent, f"parts among {', '.join(PARTS)}", parts, field="onnx.parts"
        )
    missing = [name for part in parts for name in PARTS[part] if name not in contents.outputs]
    if missing:
        expected = f"a graph with the outputs {', '.join(missing)}"
        raise ModelError.at(contents.path, expected, ", ".join(contents.outputs))
    count = facts.get("classes", 0)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 1 << 31:
        raise ModelError.at(contents.path.parent, "a number of outputs", count, field="onnx.classes")
    return frozenset(parts)
