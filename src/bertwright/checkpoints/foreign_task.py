"""What a model of another library was adapted to, as far as its ``config.json`` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.checkpoints.conversion import Weights
from bertwright.checkpoints.saving import ARCHITECTURES
from bertwright.errors import ModelError
from bertwright.model.foreign_config import stated_architecture

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


def foreign_task(
    values: Mapping[str, Any], labels: tuple[str, ...] | None, weights: Weights, source: Path
) -> dict[str, Any] | None:
    """The task of a folder of ``transformers``: ``kind``, ``labels``, ``problem_type``; None without a head.

    Args:
        values: ``config.json``.
        labels: of its ``id2label``.
        weights: what is stored.
        source: named in errors.

    Raises:
        ModelError: another number of labels than outputs, an unknown ``problem_type``, or ``architectures``
            that are no names.
    """
    if "span_head" in weights.parts:
        return {"kind": "answer"}
    if "head" not in weights.parts:
        return None
    architecture = stated_architecture(values, source)
    if architecture == ARCHITECTURES["choice"]:
        return {"kind": "choose"}
    count = weights.tensors["head.output.bias"].shape[0]
    names = labels or tuple(f"LABEL_{index}" for index in range(count))
    if len(names) != count:
        raise ModelError.at(
            source, f"{count} names, one a class of the classifier", len(names), field="id2label"
        )
    if architecture == ARCHITECTURES["token"]:
        return {"kind": "tag", "labels": list(names)}
    problem = values.get("problem_type") or ("regression" if count == 1 else PROBLEM_TYPES[0])
    if problem not in PROBLEM_TYPES:
        expected = f"one of {', '.join(PROBLEM_TYPES)}"
        raise ModelError.at(source, expected, problem, field="problem_type")
    if problem == "regression":
        return {"kind": "regress", "problem_type": problem} if count == 1 else None
    return {"kind": "classify", "labels": list(names), "problem_type": problem}
