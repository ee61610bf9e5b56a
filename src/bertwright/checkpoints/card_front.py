"""The front matter of a model card: YAML that model hubs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bertwright.checkpoints.card_text import finite, scalar
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig

PIPELINES = {
    "BertForPreTraining": "fill-mask",
    "BertForMaskedLM": "fill-mask",
    "BertLMHeadModel": "text-generation",
    "BertForSequenceClassification": "text-classification",
    "BertForTokenClassification": "token-classification",
    "BertForQuestionAnswering": "question-answering",
    "BertForMultipleChoice": "multiple-choice",
}


_POOLING = ("BertForSequenceClassification", "BertForMultipleChoice")


def answers_otherwise(config: BertConfig, architecture: str) -> bool:
    """Whether the classes of ``transformers`` open the folder, but read another token than they should."""
    return config.pooled_token == "last" and architecture in _POOLING


def front_matter(
    config: BertConfig,
    architecture: str,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    *,
    sentences: bool,
) -> list[str]:
    """The lines from ``---`` to ``---``; figures of fine-tuning as a ``model-index``.

    Args:
        sentences: whether the folder says how texts become vectors.
    """
    if isinstance(config, BilmConfig):
        return ["---", "library_name: bertwright", "tags:", "- bertwright", "---"]
    library = "sentence-transformers" if sentences else "transformers"
    lines = ["---", f"library_name: {library}", "tags:", "- bert", "- bertwright"]
    if sentences:
        lines += ["- sentence-transformers", "- feature-extraction", "pipeline_tag: sentence-similarity"]
    elif architecture in PIPELINES and not answers_otherwise(config, architecture):
        lines.append(f"pipeline_tag: {PIPELINES[architecture]}")
    return [*lines, *_model_index(architecture, task or {}, provenance), "---"]


def _model_index(architecture: str, task: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[str]:
    metrics = {name: value for name, value in finite(task.get("metrics")).items() if name != "loss"}
    dev = provenance.get("dev")
    if not metrics or not isinstance(dev, Mapping) or architecture not in PIPELINES:
        return []
    file = scalar(dev.get("file", "development data"))
    lines = [
        "model-index:",
        f"- name: {scalar(architecture)}",
        "  results:",
        "  - task:",
        f"      type: {PIPELINES[architecture]}",
        "    dataset:",
        f"      name: {file}",
        f"      type: {file}",
        "    metrics:",
    ]
    for name, value in metrics.items():
        lines += [f"    - type: {scalar(name)}", f"      value: {value!r}"]
    return lines
