"""The README.md of an exported model: what the graph takes and gives, and how to ask it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bertwright.checkpoints.card_text import fenced
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.export.heads import PARTS

_COMMANDS = {
    "classify": "bertwright predict FOLDER rows.tsv -o predictions.jsonl",
    "regress": "bertwright predict FOLDER rows.tsv -o predictions.jsonl",
    "tag": "bertwright predict FOLDER sentences.jsonl -o predictions.jsonl",
    "answer": "bertwright predict FOLDER questions.json -o predictions.jsonl",
    "choose": "bertwright predict FOLDER questions.jsonl -o predictions.jsonl",
}
_PRECISIONS = {
    "float32": "float32, in standard operators",
    "int8": "int8 weights, each output of a layer with a scale of its own; activations are rounded on the "
    "way, with one scale a product, so an answer can change a little with the texts that share its batch",
}


def onnx_card(
    folder: ModelFolder, architecture: str, facts: Mapping[str, Any], provenance: Mapping[str, Any]
) -> str:
    """Markdown with the front matter that model hubs read.

    Args:
        folder: the model that was exported.
        architecture: what ``transformers`` calls it.
        facts: what the manifest says of the graph.
        provenance: what it was made from; shown as it is.
    """
    config, task = folder.config, folder.task or {}
    outputs = [name for part in facts["parts"] for name in PARTS[part]]
    if task.get("method") == "features":
        outputs.append("logits")
    more = " and `masked_positions` (P,), flat: row * S + position" if "prediction_logits" in outputs else ""
    pretrained = "bertwright embed FOLDER texts.txt -o v.npy"
    if "masked_language" in folder.heads:
        pretrained = 'bertwright fill-mask FOLDER "The capital of France is [MASK]."'
    command = _COMMANDS.get(str(task.get("kind")), pretrained)
    lines = [
        *("---", "library_name: onnx", "tags:", "- bert", "- bertwright", "- onnx", "---", ""),
        f"# {architecture} in ONNX, {config.num_hidden_layers} layers, hidden size {config.hidden_size}",
        "",
        f"`model.onnx`, opset {facts['opset']}: {_PRECISIONS[facts['precision']]}.",
        "",
        f"It takes `input_ids`, `attention_mask` (1 for tokens, 0 for padding) and `token_type_ids`, int64 "
        f"(B, S){more}, and gives {', '.join(f'`{name}`' for name in outputs)}: any number of rows B of any "
        f"length S up to {config.max_position_embeddings}.",
        "",
        *("## Use", "", "```sh", command, "```", "", "```python"),
        *("import onnxruntime", "", 'session = onnxruntime.InferenceSession("FOLDER/model.onnx")'),
        *(
            'session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})',
            "```",
            "",
        ),
    ]
    for title, values in (("Graph", facts), ("Task", task), ("Made from", provenance)):
        if values:
            lines += [f"## {title}", "", *fenced(values)]
    return "\n".join(lines)
