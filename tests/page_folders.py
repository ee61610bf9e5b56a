"""The folders that the examples of ``docs/exchange.md`` speak of, made anew for each test."""

from __future__ import annotations

import os
from pathlib import Path

import safetensors.torch
import small_models
import torch
from folder_edits import edit_config


def old_bert(path: Path) -> None:
    """As folders were years ago: half precision, a pickle, no pooler, a strange head, ``vocab.txt`` alone."""
    small_models.save_pretrained(path)
    tensors = {
        name: tensor.half()
        for name, tensor in safetensors.torch.load_file(path / "model.safetensors").items()
        if "pooler" not in name and "seq_relationship" not in name
    }
    tensors["lm_head.weight"] = torch.zeros(2, 48)
    torch.save(tensors, path / "pytorch_model.bin")
    for name in ("bertwright.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (path / name).unlink()


class _Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("exit 0",)


def hostile(path: Path) -> None:
    """A folder whose weights would run a command."""
    old_bert(path)
    torch.save({"bert.embeddings.LayerNorm.weight": _Payload()}, path / "pytorch_model.bin")


def roberta(path: Path) -> None:
    """Another network."""
    old_bert(path)
    edit_config(path, model_type="roberta", architectures=["RobertaModel"])


FOLDERS = {"old-bert": old_bert, "hostile": hostile, "roberta": roberta}
