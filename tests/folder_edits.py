"""Changes to model folders for tests, and what a model says about two pairs of texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers

from bertwright.model.pretraining_model import BertForPreTraining

TEXTS = ["The old man and the sea.", "is this a good book? walking, talked"]
PAIRS = ["A short story", "never; in Paris (2023)"]


def edit_config(folder: Path, **changes: Any) -> None:
    """Set fields of ``config.json``."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Let ``change`` edit the tensors of ``model.safetensors``."""
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path)


def inputs(folder: Path) -> Any:
    """The two pairs, padded, as transformers encodes them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return tokenizer(TEXTS, PAIRS, padding=True, return_tensors="pt")


def logits_of(model: BertForPreTraining, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Both heads\' logits, the masked-language head at every position."""
    with torch.no_grad():
        positions = torch.arange(batch["input_ids"].numel())
        return model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"], positions)
