"""The demo's task learned in each way, by what users call, too."""

from __future__ import annotations

from pathlib import Path

from small_models import save_pretrained

from bertwright.checkpoints.model_folder import open_model
from bertwright.demo.adaptation import FEATURES, FINE_TUNED, MAJORITY, SCRATCH, adapt
from bertwright.demo.labelled_task import LabelledTask, Row
from bertwright.progress import Silent
from bertwright.tasks.evaluation import evaluate


def rows(start: int, count: int) -> tuple[Row, ...]:
    words = {"sea": "the dark sea", "film": "a great film"}
    return tuple(
        Row(f"{text} {number} was there", label)
        for number in range(start, start + count)
        for label, text in words.items()
    )


def test_every_way_on_every_seed(tmp_path: Path) -> None:
    model = save_pretrained(tmp_path / "pretrained")
    task = LabelledTask("Which is it?", rows(0, 80), rows(100, 20), test=rows(200, 30))
    found = adapt(model, task, tmp_path, (1, 2), Silent())
    by_way = {row.method: row.scores for row in found.rows}
    assert list(by_way) == [MAJORITY, SCRATCH, FEATURES, FINE_TUNED]
    assert by_way[MAJORITY] == (0.5,)
    assert all(len(by_way[way]) == 2 for way in (SCRATCH, FEATURES, FINE_TUNED))
    assert min(by_way[FEATURES]) > 0.65 and min(by_way[FINE_TUNED]) > 0.9  # a word decides
    before = open_model(model).encoder().state_dict()
    for name, weights in open_model(tmp_path / "features-2").encoder().state_dict().items():
        assert bool((weights == before[name]).all()), name
    again = evaluate(tmp_path / "features-2", tmp_path / "test.jsonl", resamples=10)
    assert again.rows == 60
    assert again.metrics["accuracy"] == by_way[FEATURES][1]


def test_the_rows_that_choose_the_epoch_are_not_those_that_judge(tmp_path: Path) -> None:
    """Labels of the test rows are the wrong way round: what is right on dev is wrong there."""
    model = save_pretrained(tmp_path / "pretrained")
    other = {"sea": "film", "film": "sea"}
    turned = tuple(Row(row.text, other[row.label]) for row in rows(200, 30))
    task = LabelledTask("Which is it?", rows(0, 80), rows(100, 20), test=turned)
    found = adapt(model, task, tmp_path, (1,), Silent())
    (fine_tuned,) = [row.scores for row in found.rows if row.method == FINE_TUNED]
    assert fine_tuned[0] < 0.1
    assert "120 rows to learn from, 40 to choose the best epoch by, 60 to judge by" in found.task
