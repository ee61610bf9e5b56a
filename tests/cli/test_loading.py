"""What is odd about a model folder is said by every command that answers with the model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import save_left_to_right

REQUESTS = {
    "predict": ("{table}", "-o", "{folder}/out.jsonl"),
    "fill-mask": ("the [MASK]",),
    "next-sentence": ("the sea", "the night"),
    "score": ("{texts}", "-o", "{folder}/out.jsonl"),
    "generate": ("the sea", "--max-tokens", "1"),
    "embed": ("{texts}", "-o", "{folder}/out.npy"),
    "features": ("{texts}", "-o", "{folder}/out.npy"),
    "look": ("the sea", "-o", "{folder}/out.html"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_notes_on_a_folder(
    name: str,
    command: Callable[..., Any],
    pretrained_folder: Path,
    classifier_folder: Path,
    tmp_path: Path,
) -> None:
    model = tmp_path / "model"
    if name == "generate":
        save_left_to_right(model)
    else:
        shutil.copytree(classifier_folder if name == "predict" else pretrained_folder, model)
    (model / "config.json").chmod(0o666)
    texts, table = tmp_path / "texts.txt", tmp_path / "rows.tsv"
    texts.write_text("the sea\n")
    table.write_text("text\nthe sea\n")
    request = [word.format(folder=tmp_path, texts=texts, table=table) for word in REQUESTS[name]]
    note = "config.json: every user of this machine may change it"
    for flag in ("--quiet", "--json"):
        answer = command(name, model, *request, flag)
        assert answer.code == 0, answer.err
        assert (note in answer.err) == (flag == "--json")
        for output in tmp_path.glob("out.*"):
            output.unlink()
