"""The labelled tasks of the shared data: where each stands, how it is read, and smaller files of it."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.data import shared_path
from bertwright.randomness import generator
from bertwright.tables.columns import Columns

GUESSED = Columns()


@dataclass(frozen=True)
class LabelledData:
    """One task: its files, its kind, what is measured, and how much of it a quick table trains on."""

    train: str
    dev: str | None
    """None where the development file keeps its answers to itself: a tenth of the training file serves."""
    kind: str = "classify"
    columns: Columns = GUESSED
    metric: str = "accuracy"
    rows: int = 2000
    """At most so many training rows (sentences, questions), drawn with a fixed seed."""
    epochs: int = 4
    max_length: int = 128
    settings: Mapping[str, Any] = field(default_factory=dict)

    def files(self, rows: int, dev_rows: int | None, folder: Path) -> tuple[Path, Path]:
        """Training and development file with at most so many rows; parts of files are made in ``folder``."""
        source = shared_path(f"data/{self.train}")
        if self.dev is None:
            source, dev = parted(source, folder)
        else:
            dev = shared_path(f"data/{self.dev}")
        return smaller(source, rows, folder), smaller(dev, dev_rows, folder) if dev_rows else dev


def _glue(name: str, columns: Columns = GUESSED, **changes: Any) -> LabelledData:
    return LabelledData(f"glue/{name}/train.tsv", f"glue/{name}/dev.tsv", columns=columns, **changes)


ENGLISH = {
    "CoLA": _glue("CoLA", Columns("4", None, "2"), metric="matthews_correlation", rows=4000, max_length=48),
    "SST-2": _glue("SST-2", rows=6000, max_length=64),
    "MRPC": _glue("MRPC", metric="accuracy_and_f1", rows=3668),
    "STS-B": _glue(
        "STS-B",
        Columns("sentence1", "sentence2", "score"),
        kind="regress",
        metric="pearson_and_spearman",
        rows=4000,
    ),
    "QQP": _glue("QQP", metric="accuracy_and_f1", rows=4000),
    "QNLI": _glue("QNLI", rows=3569),
    "RTE": _glue("RTE", rows=2490),
    "WNLI": _glue("WNLI", rows=635),
    "agnews": LabelledData("agnews/train.tsv", "agnews/dev.tsv", columns=Columns("1", None, "2")),
    "SICK-E": LabelledData(
        "sick/train.tsv",
        "sick/dev.tsv",
        columns=Columns("sentence_A", "sentence_B", "entailment_label"),
        rows=4439,
    ),
    "SICK-R": LabelledData(
        "sick/train.tsv",
        "sick/dev.tsv",
        kind="regress",
        columns=Columns("sentence_A", "sentence_B", "relatedness_score"),
        metric="pearson_and_spearman",
        rows=4439,
    ),
    "XNLI-en": LabelledData("xnli/train-en.tsv", "xnli/dev-en.tsv"),
    "PAWS-X-en": LabelledData("pawsx/train-en.tsv", "pawsx/dev-en.tsv"),
    "CoNLL-2003": LabelledData(
        "conll2003/train.txt", "conll2003/valid.txt", kind="tag", metric="f1", rows=4000
    ),
    "UD-POS-en": LabelledData("udpos/train-en.tsv", "udpos/dev-en.tsv", kind="tag"),
    "SQuAD-1.1": LabelledData(
        "squad/train-v1.1.json",
        "squad/dev-v1.1.json",
        kind="answer",
        metric="f1",
        rows=6566,
        epochs=3,
        max_length=256,
    ),
    "SQuAD-2.0": LabelledData(
        "squad/train-v2.0.json",
        "squad/dev-v2.0.json",
        kind="answer",
        metric="f1",
        rows=4000,
        epochs=3,
        max_length=256,
    ),
    "TyDiQA-en": LabelledData(
        "tydiqa/train-en.json",
        None,
        kind="answer",
        metric="f1",
        rows=3696,
        epochs=3,
        max_length=256,
    ),
    "ARC-easy": LabelledData(
        "arc/arc_easy_train.csv", "arc/arc_easy_validation.csv", kind="choose", rows=2147
    ),
    "ARC-challenge": LabelledData(
        "arc/arc_challenge_train.csv", "arc/arc_challenge_validation.csv", kind="choose"
    ),
}
CHINESE = {
    "ChnSentiCorp": LabelledData("zh/chnsenticorp/train.tsv", "zh/chnsenticorp/dev.tsv", rows=4000),
    "LCQMC": LabelledData(
        "zh/lcqmc/train.tsv", "zh/lcqmc/dev.tsv", columns=Columns("1", "2", "3"), rows=4401, max_length=64
    ),
    "XNLI-zh": LabelledData("xnli/train-zh.tsv", "xnli/dev-zh.tsv"),
    "PAWS-X-zh": LabelledData("pawsx/train-zh.tsv", "pawsx/dev-zh.tsv"),
    "PeopleDaily-NER": LabelledData(
        "zh/peopledaily_ner/train.txt.xz", "zh/peopledaily_ner/dev.txt", kind="tag", metric="f1", rows=4000
    ),
    "CLUENER": LabelledData(
        "zh/cluener/train.json", "zh/cluener/dev.json", kind="tag", metric="f1", rows=4000
    ),
    "UD-POS-zh": LabelledData("udpos/train-zh.tsv", "udpos/dev-zh.tsv", kind="tag"),
    "CMRC-2018": LabelledData(
        "zh/cmrc2018/train.json",
        "zh/cmrc2018/dev.json",
        kind="answer",
        metric="f1",
        rows=2416,
        epochs=3,
        max_length=384,
        settings={"answer": {"drop_misaligned": True}},
    ),
    "C3": LabelledData("zh/c3/train.json", "zh/c3/dev.json", kind="choose", rows=2726, max_length=256),
}
TASKS = ENGLISH | CHINESE


def smaller(source: Path, count: int, target: Path) -> Path:
    """Write a random part of ``source`` to the folder ``target`` (a fixed seed, the order kept).

    ``count`` is of rows; of sentences in files with a token a line; of questions in JSON documents, where
    whole passages are taken until there are enough.
    """
    text = _read(source)
    name = source.name.removesuffix(".xz")
    path = target / f"{count}-{name}"
    path.write_text(_part(name, text, count), encoding="utf-8", newline="\n")
    return path


def parted(source: Path, folder: Path) -> tuple[Path, Path]:
    """A SQuAD file as two in ``folder``: every tenth article of it is held out."""
    document = json.loads(_read(source))
    parts: dict[str, list[Any]] = {"train": [], "held-out": []}
    for number, article in enumerate(document["data"]):
        parts["train" if number % 10 else "held-out"].append(article)
    paths = []
    for part, articles in parts.items():
        paths.append(folder / f"{part}-{source.name}")
        text = json.dumps({"version": document.get("version", ""), "data": articles}, ensure_ascii=False)
        paths[-1].write_text(text, encoding="utf-8")
    return paths[0], paths[1]


def _part(name: str, text: str, count: int) -> str:
    if name.endswith(".json") and text.lstrip().startswith(('{"data"', '{"version"', "[", "{\n")):
        return _part_of_json(json.loads(text), count)
    if name.endswith(".csv") or "\n\n" not in text.strip():
        lines = text.splitlines(keepends=True)
        head = [lines.pop(0)] if _has_header(lines[0]) else []
        return "".join(head + _drawn(lines, count))
    return "\n\n".join(_drawn(text.strip("\n").split("\n\n"), count)) + "\n"


def _part_of_json(document: Any, count: int) -> str:
    """C3 is a list of passages; SQuAD has articles of paragraphs."""
    if isinstance(document, list):
        return json.dumps(_until(document, count, lambda passage: len(passage[1])), ensure_ascii=False)
    paragraphs = [paragraph for article in document["data"] for paragraph in article["paragraphs"]]
    kept = _until(paragraphs, count, lambda paragraph: len(paragraph["qas"]))
    data = [{"title": "", "paragraphs": kept}]
    return json.dumps({"version": document.get("version", ""), "data": data}, ensure_ascii=False)


def _until(items: list[Any], count: int, size: Callable[[Any], int]) -> list[Any]:
    """Items in random order until their sizes sum to ``count``."""
    kept: list[Any] = []
    total = 0
    for index in generator(0, "part of a training file").permutation(len(items)).tolist():
        if total >= count:
            break
        kept.append(items[index])
        total += size(items[index])
    return kept


def _drawn(items: list[str], count: int) -> list[str]:
    if len(items) <= count:
        return items
    chosen = generator(0, "part of a training file").permutation(len(items))[:count]
    return [items[index] for index in sorted(chosen.tolist())]


def _has_header(line: str) -> bool:
    names = {"label", "sentence", "quality", "premise", "score", "is_duplicate", "pair_id", "text_a"}
    return bool(names & {cell.strip().lower() for cell in line.split("\t")})


def _read(source: Path) -> str:
    if source.suffix == ".xz":
        with lzma.open(source, "rt", encoding="utf-8") as file:
            return file.read()
    with source.open(encoding="utf-8", newline="") as plain:
        return plain.read()
