"""The README.md of a model folder: what this is, how to use it, what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bertwright.model.config import BertConfig

_PIPELINES = {
    "BertForPreTraining": "fill-mask",
    "BertForMaskedLM": "fill-mask",
    "BertForSequenceClassification": "text-classification",
    "BertForTokenClassification": "token-classification",
    "BertForQuestionAnswering": "question-answering",
    "BertForMultipleChoice": "multiple-choice",
}

_USES = {
    "BertForPreTraining": 'bertwright fill-mask FOLDER "The capital of France is [MASK]."',
    "BertForMaskedLM": 'bertwright fill-mask FOLDER "The capital of France is [MASK]."',
    "BertForNextSentencePrediction": 'bertwright next-sentence FOLDER "It rained." "The street was wet."',
    "BertForSequenceClassification": "bertwright predict FOLDER rows.tsv -o predictions.jsonl",
    "BertForTokenClassification": "bertwright predict FOLDER sentences.jsonl -o predictions.jsonl",
    "BertForQuestionAnswering": "bertwright predict FOLDER questions.json -o predictions.jsonl",
    "BertForMultipleChoice": "bertwright predict FOLDER questions.jsonl -o predictions.jsonl",
    "BertModel": "bertwright embed FOLDER texts.txt -o vectors.npy",
}

_LIMITS = (
    "## Limits",
    "",
    "It knows what stood in its training text, with the gaps and the biases of that text. Probabilities are",
    "the network's own and are not calibrated. Text beyond the length above is cut.",
)


def model_card(
    config: BertConfig,
    architecture: str,
    parameters: int,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
) -> str:
    """Markdown with the front matter that model hubs read.

    Args:
        architecture: the class name in ``config.json``.
        parameters: how many numbers the weights are.
        task: what it was adapted to, if anything.
        provenance: JSON values that say what it was made from; shown as they are.
    """
    header = ["---", "library_name: transformers", "tags:", "- bert", "- bertwright"]
    if architecture in _PIPELINES:
        header.append(f"pipeline_tag: {_PIPELINES[architecture]}")
    return "\n".join([*header, "---", "", *_body(config, architecture, parameters, task, provenance)]) + "\n"


def _body(
    config: BertConfig,
    architecture: str,
    parameters: int,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
) -> list[str]:
    lines = [
        f"# {architecture}, {config.num_hidden_layers} layers, hidden size {config.hidden_size}",
        "",
        f"A BERT with {parameters:,} parameters: {config.num_hidden_layers} layers of "
        f"{config.num_attention_heads} heads, hidden size {config.hidden_size}, {config.vocab_size:,} word "
        f"pieces, at most {config.max_position_embeddings} tokens a text. Trained with bertwright.",
        "",
        "## Use",
        "",
        "```sh",
        _USES[architecture],
        "```",
        "",
        "```python",
        f"from transformers import AutoTokenizer, {architecture}",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        f'model = {architecture}.from_pretrained("FOLDER")',
        "```",
        "",
    ]
    if task:
        lines += ["## Task", "", *_fenced(task)]
    if provenance:
        lines += ["## Made from", "", *_fenced(provenance)]
    return [*lines, *_LIMITS]


def _fenced(values: Mapping[str, Any]) -> list[str]:
    return ["```json", json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True), "```", ""]
