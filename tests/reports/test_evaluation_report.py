"""The pages about a fine-tuned model: what they show, and that no text in them can do anything."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from page_checker import Checker

from bertwright.checkpoints.model_folder import save_model
from bertwright.errors import InputError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.reports.confusion_table import MOST_LABELS, confusion_table
from bertwright.reports.evaluation_report import MISTAKES_SHOWN, render_evaluation
from bertwright.reports.finetuned_report import is_model, write_model_report
from bertwright.statistics.classes import Confusion
from bertwright.tasks.evaluation import Evaluation, evaluate
from bertwright.tokenization import Tokenizer, Vocabulary

EVIL = '<script>alert("1")</script>&$x_1$'
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
LABELS = ["no", EVIL]


def seed(number: int, accuracy: float) -> dict[str, object]:
    epochs = [{"accuracy": accuracy - 0.1, "loss": 0.7}, {"accuracy": accuracy, "loss": 0.5}]
    return {"seed": number, "epoch": 2, "attempts": 2, "stuck": None, "metrics": epochs[1], "epochs": epochs}


PROVENANCE = {
    "train": {"file": "train.tsv", "rows": 1234, "truncated": 17},
    "dev": {"file": EVIL, "rows": 321, "truncated": 5},
    "settings": {"batch_size": 32, "optimizer": "adamw"},
    "baseline": {"accuracy": 0.5125},
    "best_seed": 4,
    "search": [
        {"epochs": 2, "learning_rate": 3e-5, "metrics": {"accuracy": 0.7625}},
        {"epochs": 2, "learning_rate": 1.0, "metrics": None},
    ],
    "seeds": [seed(3, 0.8125), seed(4, 0.8375)],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = BertConfig(
        vocab_size=len(TOKENS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    task = {
        "kind": "classify",
        "labels": LABELS,
        "columns": {"text": "text", "text_pair": None, "label": "label", "names": None},
        "max_length": 25,
        "metric": "accuracy",
        "metrics": {"loss": 0.5, "f1": 0.8, "accuracy": 0.8375},
    }
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    path = tmp_path / "classifier"
    save_model(path, SequenceClassifier(config, 2, seed=1), tokenizer, task=task, provenance=PROVENANCE)
    return path


@pytest.fixture
def evaluation(model: Path) -> Evaluation:
    file = model.with_name("test.tsv")
    rows = [f"good {EVIL} {number} {'film ' * (number % 5)}\t{LABELS[number % 2]}" for number in range(60)]
    file.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return evaluate(model, file, resamples=50)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == [] and checker.outside == []
    assert "script" not in checker.tags
    assert not [name for name, count in checker.ids.items() if count > 1]
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    return checker


def test_everything_is_on_the_page(evaluation: Evaluation, model: Path) -> None:
    page = checked(render_evaluation(evaluation, model, Path("test.tsv")))
    assert evaluation.analysis.calibration is not None
    accuracy, bounds = evaluation.metrics["accuracy"], evaluation.intervals["accuracy"]
    for shown in (
        f"{accuracy:.3f}",
        f"(95 %: {bounds.low:.3f} to {bounds.high:.3f})",
        f"{evaluation.truncated}of 60 rows were cut",
        f"{evaluation.analysis.calibration.expected_error:.3f}",
        f"{evaluation.analysis.wrong} of 60 answers are wrong; the worst by loss first",
        f"{evaluation.analysis.wrong - MISTAKES_SHOWN} more",
        evaluation.analysis.mistakes[0].text,
        "trained on train.tsv (1,234 rows, 17 of them cut)".capitalize(),
        "0.5125",
        "attempt 2",
        "3e-05",
        "0.7625",
        "diverged",
    ):
        assert shown in page.text, shown
    assert page.tags["svg"] == 5  # reliability, by length, by truncation, two curves


def test_a_share_is_there_to_be_read_too() -> None:
    counts = np.array([[3, 1], [0, 2]])
    page = checked(confusion_table(Confusion(("a", "b"), counts)))
    assert "3 (75.0%)" in page.text and "1 (25.0%)" in page.text and "·" in page.text


def test_commands_can_be_typed(model: Path) -> None:
    folder = model.rename(model.with_name("my model"))
    page = write_model_report(folder).read_text(encoding="utf-8")
    (line,) = re.findall(r"<pre[^>]*>(.*?)</pre>", page)
    assert shlex.split(unescape(line))[2] == str(folder)


def test_same_evaluation_same_bytes(evaluation: Evaluation, model: Path) -> None:
    pages = {render_evaluation(evaluation, model, Path("test.tsv")) for _ in range(2)}
    assert len(pages) == 1


def test_a_model_without_history(evaluation: Evaluation, model: Path) -> None:
    analysis = replace(evaluation.analysis, confusion=None, calibration=None, labels=(), mistakes=())
    bare = replace(
        evaluation, analysis=analysis, breakdowns=(), intervals={}, provenance={}, warnings=(EVIL,)
    )
    page = checked(render_evaluation(bare, model, Path("test.tsv")))
    assert page.text.count(EVIL) == 1 and page.tags["svg"] == 0


def test_numbers_are_drawn_against_each_other(evaluation: Evaluation, model: Path) -> None:
    both = np.random.default_rng(1).normal(size=(60, 2))
    analysis = replace(evaluation.analysis, truth_and_answer=both, confusion=None, calibration=None)
    page = checked(render_evaluation(replace(evaluation, analysis=analysis), model, Path("x")))
    assert "Predicted against true" in page.text and page.tags["svg"] == 5


def test_report_of_a_folder(model: Path) -> None:
    assert is_model(model) and not is_model(model.parent)
    written = write_model_report(model)
    page = checked(written.read_text(encoding="utf-8"))
    assert written == model / "report.html"
    for shown in ("0.8375", "321 rows", EVIL, "batch_size"):
        assert shown in page.text, shown
    assert evaluate(model, _rows(model), resamples=5).rows == 1  # the folder's digests still hold
    with pytest.raises(InputError, match="no record of its fine-tuning"):
        write_model_report(_untrained(model))


def test_a_run_is_told_by_its_own_folder(model: Path) -> None:
    plain = _untrained(model)
    with pytest.raises(InputError, match="expected a fine-tuned model, or a run's own folder") as problem:
        write_model_report(plain)
    assert "(give" not in problem.value.message
    (plain.parent / "metrics.jsonl").write_text("")
    with pytest.raises(InputError) as problem:
        write_model_report(plain)
    assert problem.value.message.endswith(f"(give {plain.parent})")


def test_labels_are_true_and_not_right(evaluation: Evaluation, model: Path) -> None:
    """Of several labels a text the confidences are those of the labels, most of which are not given."""
    page = checked(render_evaluation(evaluation, model, Path("x")))
    assert "% of answers are right" in page.text
    found = evaluation.analysis.calibration
    assert found is not None
    analysis = replace(evaluation.analysis, calibration=replace(found, of="labels", counted="true"))
    page = checked(render_evaluation(replace(evaluation, analysis=analysis), model, Path("x")))
    assert f"mean confidence; {found.accuracy:.1%} of labels are true" in page.text
    assert "On the dashed line labels are true as often as the model says." in page.text
    assert "% of answers are right" not in page.text


def _rows(model: Path) -> Path:
    path = model.with_name("one.tsv")
    path.write_text("text\tlabel\ngood\tno\n", encoding="utf-8")
    return path


def _untrained(model: Path) -> Path:
    path = model.with_name("plain")
    module = SequenceClassifier(BertConfig.model_validate(_config(model)), 2, seed=1)
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    save_model(path, module, tokenizer, task=None, provenance={})
    return path


def _config(model: Path) -> dict[str, object]:
    from bertwright.checkpoints.model_folder import open_model

    return open_model(model).config.to_dict()


def test_heat_map() -> None:
    truth, given = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    html = confusion_table(Confusion.of(["a", EVIL], truth, given))
    assert "var(--good) 40%" in html and "var(--bad) 20%" in html and "var(--good) 60%" in html
    assert "<script" not in html
    many = [f"label {number}" for number in range(40)]
    answers = np.arange(40)
    answers[33] = 37
    html = confusion_table(Confusion.of(many, np.arange(40), answers))
    assert html.count("<tr>") == MOST_LABELS + 1
    assert "label 33" in html and "label 37" in html
