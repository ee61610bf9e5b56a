"""The benchmarks' own machinery: smaller training files are real parts of the whole ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from shared import shared_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.labelled_data import TASKS, smaller


def test_every_task_has_its_files() -> None:
    assert len(TASKS) == 29
    for task in TASKS.values():
        shared_path(f"data/{task.train}")
        if task.dev is not None:
            shared_path(f"data/{task.dev}")


def test_a_tenth_serves_where_development_answers_are_withheld(tmp_path: Path) -> None:
    train, dev = TASKS["TyDiQA-en"].files(50, None, tmp_path)
    whole = json.loads(shared_path("data/tydiqa/train-en.json").read_text(encoding="utf-8"))["data"]
    held_out = json.loads(dev.read_text(encoding="utf-8"))["data"]
    assert held_out == whole[::10]
    identities = {q["id"] for a in held_out for p in a["paragraphs"] for q in p["qas"]}
    drawn = json.loads(train.read_text(encoding="utf-8"))["data"][0]["paragraphs"]
    chosen = {q["id"] for p in drawn for q in p["qas"]}
    assert len(chosen) >= 50 and not chosen & identities


@pytest.mark.parametrize("name", ["MRPC", "CoLA", "ARC-easy"])
def test_lines_are_drawn_in_order_and_headers_stay(name: str, tmp_path: Path) -> None:
    source = shared_path(f"data/{TASKS[name].train}")
    whole = source.read_text(encoding="utf-8").split("\n")
    part = smaller(source, 50, tmp_path).read_text(encoding="utf-8").split("\n")
    header = 1 if TASKS[name].columns.has_header and name == "MRPC" else 0
    assert part[-1] == "" and len(part) == 50 + header + 1
    assert part[:header] == whole[:header]
    places = [whole.index(line) for line in part[header:-1]]
    assert places == sorted(places)


def test_sentences_of_a_file_with_a_token_a_line(tmp_path: Path) -> None:
    source = shared_path("data/conll2003/train.txt")
    whole = set(source.read_text(encoding="utf-8").strip("\n").split("\n\n"))
    part = smaller(source, 30, tmp_path).read_text(encoding="utf-8").strip("\n").split("\n\n")
    assert len(part) == 30
    assert set(part) <= whole


def test_whole_passages_of_questions(tmp_path: Path) -> None:
    source = shared_path("data/squad/train-v1.1.json")
    document = json.loads(smaller(source, 100, tmp_path).read_text(encoding="utf-8"))
    counts = [len(paragraph["qas"]) for paragraph in document["data"][0]["paragraphs"]]
    assert sum(counts) >= 100 > sum(counts[:-1])
    passages = json.loads(smaller(shared_path("data/zh/c3/train.json"), 20, tmp_path).read_text("utf-8"))
    assert sum(len(passage[1]) for passage in passages) >= 20
    lines = smaller(shared_path("data/zh/cluener/train.json"), 20, tmp_path).read_text("utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 20
