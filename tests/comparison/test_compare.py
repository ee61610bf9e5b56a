"""Whole comparisons: equal budgets, what stopping leaves, what is done again, what is written."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparison import small_comparison
from comparison.small_comparison import StopAfter, settings, tags, told, weights, write_files
from heard import Heard

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.comparison import cells
from bertwright.comparison.answers import Answers
from bertwright.comparison.cells import Cell
from bertwright.comparison.plan import Arm, Column
from bertwright.comparison.result import Comparison
from bertwright.comparison.run import _of_cells
from bertwright.comparison.seed_run import SeedRun, run_apart
from bertwright.comparison.settings import TaskSettings
from bertwright.durable import read_manifest, verify
from bertwright.errors import (
    Interrupted,
    ModelError,
    OutputExistsError,
    ResumeError,
    TableError,
    UsageError,
    WorkerError,
)
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.tokenization import Tokenizer, Vocabulary

STEPS = 2 * 6 + 2 * 2 * 2 * 4  # two rows of six steps; rows, seeds, epochs, batches
CHANGES = {"only": ["bert", "no-nsp"]}


class Stopped(BaseException):
    """Stands for a death: nothing handles it."""


@dataclass(frozen=True)
class Unbroken:
    """A finished comparison."""

    output: Path
    result: Comparison


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "files"
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    output = tmp_path_factory.mktemp("unbroken") / "comparison"
    return Unbroken(output, small_comparison.run("pretraining", files, output, changes=CHANGES))


def test_the_record(unbroken: Unbroken) -> None:
    record = json.loads((unbroken.output / "comparison.json").read_text())
    assert record == json.loads(json.dumps(unbroken.result.to_dict()))
    verify(read_manifest(unbroken.output, "comparison"))
    assert [row["name"] for row in record["rows"]] == ["bert", "no-nsp"]
    first, second = (row["scores"]["reviews"] for row in record["rows"])
    for score in (first, second):
        seen = [run["metrics"]["accuracy"] for run in score["seeds"]]
        assert score["metric"] == "accuracy"
        assert score["mean"] == pytest.approx(np.mean(seen))
        assert score["deviation"] == pytest.approx(np.std(seen, ddof=1))
        assert (score["rows"], score["train_rows"]) == (24, 64)
        assert len(score["seeds"]) == 2
    assert first["against"] is None and "p_value" not in first
    assert second["against"] == "bert"
    assert second["difference"] == pytest.approx(second["mean"] - first["mean"])
    assert 0 < second["p_value"] <= 1
    assert (record["tests"], record["significant_by_chance"]) == (1, 0.05)


def test_rows_differ_in_what_they_are_told_and_in_nothing_else(unbroken: Unbroken) -> None:
    stored = [
        open_model(unbroken.output / f"model-{name}").manifest["provenance"]["settings"]
        for name in ("bert", "no-nsp")
    ]
    differing = {name for name in stored[0] if stored[0][name] != stored[1][name]}
    assert differing == {"objective"}


def test_encoders_can_be_used(unbroken: Unbroken) -> None:
    opened = open_model(unbroken.output / "model-bert")
    assert opened.config.hidden_size == 16
    assert "masked_language" in opened.heads


@pytest.mark.parametrize("steps", [1, 6, 7, 12, 13, 20, 21, 35, STEPS - 1])
def test_stopped_and_gone_on_with(steps: int, files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    output = tmp_path / "comparison"
    with pytest.raises(Interrupted) as problem:
        small_comparison.run("pretraining", files, output, changes=CHANGES, progress=StopAfter(steps))
    assert problem.value.exit_code == 143
    assert not output.exists()
    with pytest.raises(OutputExistsError, match="unfinished work: go on with --resume"):
        small_comparison.run("pretraining", files, output, changes=CHANGES)
    (tmp_path / "comparison.partial" / "seconds.json").write_text('{"seconds": 1000.0}')
    result = small_comparison.run("pretraining", files, output, changes=CHANGES, resume=True)
    assert result.seconds > 1000.0, "of both processes"
    assert told(result.to_dict()) == told(unbroken.result.to_dict())
    assert weights(output) == weights(unbroken.output)
    assert [path.name for path in tmp_path.iterdir()] == ["comparison"]


def test_stopped_again_and_again(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    output, stops = tmp_path / "comparison", 0
    for resume in (False, *[True] * STEPS):
        try:
            result = small_comparison.run(
                "pretraining", files, output, changes=CHANGES, resume=resume, progress=StopAfter(9)
            )
            break
        except Interrupted:
            stops += 1
    assert stops > 2
    assert told(result.to_dict()) == told(unbroken.result.to_dict())


@pytest.mark.parametrize("moment", ["of", "save"])
def test_killed_between_a_fine_tuning_and_its_record(
    moment: str, files: Path, tmp_path: Path, unbroken: Unbroken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is there and its answers are not, or they are and nothing says so."""
    output = tmp_path / "comparison"
    whole = getattr(Answers, moment)

    def dying(*arguments: Any) -> Any:
        if moment == "save":
            whole(*arguments)
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Answers, moment, dying)
        with pytest.raises(Stopped):
            small_comparison.run("pretraining", files, output, changes=CHANGES)
    result = small_comparison.run("pretraining", files, output, changes=CHANGES, resume=True)
    assert told(result.to_dict()) == told(unbroken.result.to_dict())


@pytest.mark.slow
def test_several_at_once(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    output = tmp_path / "comparison"
    result = small_comparison.run("pretraining", files, output, changes=CHANGES, workers=3)
    assert told(result.to_dict()) == told(unbroken.result.to_dict())
    assert weights(output) == weights(unbroken.output)


@pytest.mark.slow
def test_a_failure_among_several_keeps_what_is_done(
    files: Path, tmp_path: Path, unbroken: Unbroken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of four fine-tunings is recorded when another one's worker is found dead."""
    output = tmp_path / "comparison"
    with monkeypatch.context() as patch:
        patch.setattr(cells, "run_apart", run_one_alone)
        with pytest.raises(WorkerError, match=r"SIGKILL while working on .* on reviews, seed"):
            small_comparison.run("pretraining", files, output, changes=CHANGES, workers=2)
    log = (tmp_path / "comparison.partial" / "parts.jsonl").read_text()
    parts = [json.loads(line) for line in log.splitlines()]
    assert [part["seed"] for part in parts if part["part"] == "cell"] == [0]
    result = small_comparison.run("pretraining", files, output, changes=CHANGES, workers=2, resume=True)
    assert told(result.to_dict()) == told(unbroken.result.to_dict())


def run_one_alone(threads: int, seed_run: SeedRun) -> Any:
    """The process of any but the first seed of the first row is killed, when that one is recorded."""
    if seed_run.seed or not seed_run.key.startswith("bert-"):
        log = seed_run.folder.parents[1] / "parts.jsonl"
        while "cell" not in log.read_text():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    return run_apart(threads, seed_run)


def test_under_torchrun(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="without torchrun"):
        small_comparison.run("pretraining", files, tmp_path / "comparison", changes=CHANGES)


def test_what_is_new_is_done_and_what_is_not_is_kept(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    """Going on with another task and another seed: nothing is pre-trained again."""
    output = tmp_path / "comparison"
    with pytest.raises(Interrupted):
        small_comparison.run("pretraining", files, output, changes=CHANGES, progress=StopAfter(STEPS - 1))
    watch = StopAfter(10_000)
    changes = {**CHANGES, **tags(files), "seeds": [1, 5]}
    result = small_comparison.run("pretraining", files, output, changes=changes, resume=True, progress=watch)
    assert not [line for line in watch.said if "pre-training" in line]
    assert len([line for line in watch.said if line.startswith("fine-tuning")]) == 7
    known = unbroken.result.scores["bert", "reviews"].cell.records[1]
    again = result.scores["bert", "reviews"].cell.records[0]
    assert (known["seed"], known["metrics"]) == (again["seed"], again["metrics"])


def test_another_text_is_another_comparison(files: Path, tmp_path: Path) -> None:
    output = tmp_path / "comparison"
    with pytest.raises(Interrupted):
        small_comparison.run("pretraining", files, output, changes=CHANGES, progress=StopAfter(7))
    changes = {**CHANGES, "vocabulary_size": 310}
    with pytest.raises(ResumeError, match="begun with another request: text"):
        small_comparison.run("pretraining", files, output, changes=changes, resume=True)


def test_equal_tokens(files: Path, tmp_path: Path) -> None:
    """Rows with other instances read as many tokens: to within one update."""
    rows = ["bert", "no-nsp", "left-to-right", "left-to-right-bilstm", "elmo"]
    changes = {"only": rows, "pretraining.steps": None, "tokens": 900, "seeds": [0]}
    result = small_comparison.run("pretraining", files, tmp_path / "comparison", changes=changes)
    for name in rows:
        figures = result.figures[name]
        assert 900 <= figures["tokens"] < 900 + 4 * 16
        assert figures["steps"] > 6


def test_equal_steps_are_equal_positions(unbroken: Unbroken) -> None:
    figures = unbroken.result.figures
    assert [figures[name]["steps"] for name in ("bert", "no-nsp")] == [6, 6]
    sizes = [unbroken.result.plan.encoder_of(arm).settings for arm in unbroken.result.plan.arms]
    assert {(one.instances_per_update, one.sequence_length) for one in sizes if one} == {(4, 16)}


def test_features_of_a_given_encoder(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    """No text is needed; all rows are of one encoder, whose weights stay as they are."""
    changes = {
        **tags(files),
        "corpus": None,
        "pretraining.steps": None,
        "model": str(unbroken.output / "model-bert"),
        "only": ["fine-tuned", "embeddings", "concat-last-four"],
        "seeds": [0],
        "tasks.reviews.kind": None,
        "tasks.reviews.train": None,
        "tasks.reviews.dev": None,
    }
    result = small_comparison.run("features", files, tmp_path / "layers", changes=changes)
    record = result.to_dict()
    scores = [row["scores"]["CoNLL-2003"] for row in record["rows"]]
    assert [score["paper"] for score in scores] == [96.4, 91.0, 96.1]
    assert [score["metric"] for score in scores] == ["f1"] * 3
    assert sorted(path.name for path in (tmp_path / "layers").iterdir()) == [
        "comparison.json",
        "manifest.json",
    ]


def test_moments_of_one_run(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    """The last moment is the model that a run without moments ends with."""
    changes = {"points": [0.5, 1.0], "only": ["bert-50", "bert-100"], "seeds": [0]}
    result = small_comparison.run("steps", files, tmp_path / "steps", changes=changes)
    assert [result.figures[name]["steps"] for name in ("bert-50", "bert-100")] == [3, 6]
    assert [arm.against for arm in result.plan.arms] == ["bert-100", None]
    assert weights(tmp_path / "steps")["model-bert"] == weights(unbroken.output)["model-bert"]
    known = unbroken.result.scores["bert", "reviews"].cell.records[0]
    again = result.scores["bert-100", "reviews"].cell.records[0]
    assert known["metrics"] == again["metrics"]


def test_a_row_of_ones_own(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    """A given encoder beside those that are pre-trained, and another pre-training."""
    changes = {
        "only": ["whole-word", "other"],
        "arms.whole-word.title": "whole words",
        "arms.whole-word.pretraining.whole_word": True,
        "arms.other.model": str(unbroken.output / "model-no-nsp"),
        "seeds": [0],
    }
    result = small_comparison.run("pretraining", files, tmp_path / "comparison", changes=changes)
    assert [path.name for path in (tmp_path / "comparison").glob("model-*")] == ["model-whole-word"]
    known = unbroken.result.scores["no-nsp", "reviews"].cell.records[0]
    assert result.scores["other", "reviews"].cell.records[0]["metrics"] == known["metrics"]
    assert result.to_dict()["rows"][0]["title"] == "whole words"


def test_what_is_odd_for_one_row_is_a_warning_of_that_row(
    files: Path, tmp_path: Path, unbroken: Unbroken
) -> None:
    """A given encoder that knows none of the words: its figures are bad, and the reason is told."""
    config = BertConfig(
        vocab_size=6,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    tokenizer = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "x"]))
    save_model(tmp_path / "foreign", BertEncoder(config), tokenizer, task=None, provenance={})
    changes = {
        "only": ["known", "foreign"],
        "arms.known.model": str(unbroken.output / "model-bert"),
        "arms.foreign.model": str(tmp_path / "foreign"),
        "corpus": None,
        "pretraining.steps": None,
        "seeds": [0],
    }
    heard, output = Heard(), tmp_path / "comparison"
    result = small_comparison.run("pretraining", files, output, changes=changes, progress=heard)
    assert heard.warnings == list(result.warnings), "each once, as it is in the record"
    (warning,) = (warning for warning in result.warnings if "foreign" in warning)
    assert warning.startswith("foreign, reviews: train.tsv: ") and "pieces are unknown" in warning


def test_what_is_odd_for_all_rows_is_told_once() -> None:
    column = Column("reviews", "reviews", TaskSettings(train="t", dev="d"), "classify")

    def cell(title: str, *warnings: str) -> Cell:
        arm = Arm(title, title, title, 1.0, {}, None)
        return Cell(arm, column, ({"warnings": warnings}, {"warnings": warnings[:1]}), ())

    found = [cell("one", "a", "known"), cell("other", "a", "b"), cell("third", "a", "b")]
    assert _of_cells(found, ["reviews: known"]) == ["all rows, reviews: a", "other; third, reviews: b"]


def test_words_against_characters(files: Path, tmp_path: Path) -> None:
    """One store with words serves both rows: that of characters is the one without them."""
    corpus = tmp_path / "zh.txt"
    documents = [
        f"我爱研究{n}号的模型。\n中华人民共和国的研究人员发布了{n}个模型。\n由模型研究。" for n in range(40)
    ]
    corpus.write_text("\n\n".join(documents))
    changes = {
        "corpus": [str(corpus)],
        "only": ["bert", "words"],
        "arms.words.pretraining.whole_word": True,
        "seeds": [0],
    }
    result = small_comparison.run(
        "pretraining", files, tmp_path / "words", changes={**changes, "words": "rjieba"}
    )
    assert set(result.figures) == {"bert", "words"}
    small_comparison.run("pretraining", files, tmp_path / "plain", changes=changes)
    words, plain = weights(tmp_path / "words"), weights(tmp_path / "plain")
    assert words["model-bert"] == plain["model-bert"]
    assert plain["model-words"] == plain["model-bert"]  # without words every character is one
    assert words["model-words"] != words["model-bert"]


def test_a_wrong_task_file_is_told_before_anything_is_pre_trained(files: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "dev.tsv"
    wrong.write_text("text\tlabel\na film\tgood\na book\tso-so\n")
    watch = StopAfter(10_000)
    with pytest.raises(TableError, match=r"dev\.tsv:3: .*so-so"):
        small_comparison.run(
            "pretraining",
            files,
            tmp_path / "comparison",
            changes={**CHANGES, "tasks.reviews.dev": str(wrong)},
            progress=watch,
        )
    assert not [line for line in watch.said if "pre-training" in line]


def going_on(unbroken: Unbroken) -> dict[str, Any]:
    """Settings of rows that go on from a model, whose network is theirs."""
    network = ("size", "num_hidden_layers", "hidden_size", "num_attention_heads", "max_position_embeddings")
    return {
        **{f"pretraining.{name}": None for name in network},
        "pretraining.init": str(unbroken.output / "model-bert"),
        "vocabulary": str(unbroken.output / "model-bert"),
        "seeds": [0],
    }


def test_rows_that_go_on_from_a_model(files: Path, tmp_path: Path, unbroken: Unbroken) -> None:
    """Tokens are counted in updates of the size that its network has."""
    length = {"pretraining.steps": None, "pretraining.batch_size": None, "tokens": 1200}
    changes = {**going_on(unbroken), **length, "only": ["bert", "no-nsp"]}
    result = small_comparison.run("pretraining", files, tmp_path / "comparison", changes=changes)
    assert open_model(tmp_path / "comparison" / "model-bert").config.hidden_size == 16
    for figures in result.figures.values():
        assert 1200 <= figures["tokens"] < 1200 + 32 * 16  # less than an update of tiny more


@pytest.mark.parametrize("wrong", ["missing", "other direction"])
def test_a_wrong_model_is_told_before_anything_is_pre_trained(
    wrong: str, files: Path, tmp_path: Path, unbroken: Unbroken
) -> None:
    changes: dict[str, Any] = {"arms.given.model": str(tmp_path / "none")}
    if wrong == "other direction":
        changes = going_on(unbroken)
    watch = StopAfter(10_000)
    with pytest.raises((ModelError, UsageError), match=r"none|objective: expected mlm"):
        small_comparison.run("pretraining", files, tmp_path / "comparison", changes=changes, progress=watch)
    assert not [line for line in watch.said if "pre-training" in line]


def test_nothing_is_overwritten_unasked(unbroken: Unbroken, files: Path) -> None:
    before = (unbroken.output / "comparison.json").read_bytes()
    with pytest.raises(OutputExistsError):
        small_comparison.run("pretraining", files, unbroken.output, changes=CHANGES)
    assert (unbroken.output / "comparison.json").read_bytes() == before


def test_settings_of_the_small_comparison(files: Path) -> None:
    """A None takes a value away, as the tests above rely on."""
    assert settings(files, corpus=None).corpus == []
