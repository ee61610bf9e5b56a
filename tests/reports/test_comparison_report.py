"""The page of a comparison: what it shows, that it needs nothing else, that no text in it can do anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from page_checker import Checker

from bertwright.comparison.members import FORMAT, KIND, RECORD
from bertwright.durable import NewDirectory
from bertwright.errors import DigestError, InputError
from bertwright.reports.comparison_report import is_comparison, render, write_comparison
from bertwright.reports.comparison_table import headings, lines

EVIL = '<script>alert(1)</script>"&'


def score(mean: float, paper: float | None = None, **compared: Any) -> dict[str, Any]:
    runs = [{"seed": seed, "metrics": {"f1": mean + seed / 100}, "stuck": None} for seed in (0, 1)]
    return {
        "metric": "f1",
        "mean": mean,
        "deviation": 0.0123,
        "lowest": mean,
        "highest": mean,
        "seeds": runs,
        "train_rows": 5000,
        "rows": 872,
        "baseline": 0.509,
        "seconds": 3.0,
        "against": None,
        **compared,
        "paper": paper,
    }


def row(name: str, title: str, share: float, found: dict[str, Any], **pretraining: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "encoder": name.split("@")[0],
        "share": share,
        "model": None,
        "pretraining": {"parameters": 1234567, "steps": 1000, "tokens": 4_000_000, **pretraining},
        "paper_perplexity": 3.99,
        "scores": {"CoNLL-2003": found},
    }


@pytest.fixture
def record() -> dict[str, Any]:
    against = {
        "against": "bert",
        "difference": -0.02,
        "interval": [-0.031, -0.009],
        "p_value": 0.0005,
        "significant": True,
    }
    return {
        "format": FORMAT,
        "version": "0.1.0",
        "comparison": "pretraining",
        "title": "What pre-training is worth",
        "columns": [{"name": "CoNLL-2003", "title": EVIL, "task": "CoNLL-2003", "method": "finetune"}],
        "rows": [
            row("bert", "BERT", 1.0, score(0.8, 96.4), mlm_perplexity=42.5, nsp_accuracy=0.75),
            row("other", EVIL, 1.0, score(0.78, 95.0, **against), mlm_perplexity=41.0, seconds=60.0),
        ],
        "paper": {"source": "table 5", "says": "both directions matter"},
        "seeds": [0, 1],
        "confidence": 0.95,
        "tests": 1,
        "significant_by_chance": 0.05,
        "settings": {"corpus": [EVIL]},
        "warnings": [EVIL],
        "seconds": 100.0,
    }


def read(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.outside == []
    assert "script" not in checker.tags
    assert not [name for name, count in checker.ids.items() if count > 1]
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    return checker


def test_page_is_whole_and_harmless(record: dict[str, Any]) -> None:
    checker = read(render(record))
    assert checker.tags["svg"] == 1
    shown = ("80.0 ± 1.2 (96.4)", "78.0 ± 1.2 * (95.0)", "42.50 (3.99)", "-2.0", "-3.1 to -0.9", "0.0005 *")
    figures = ("-1.4", "1,234,567", "4,000,000", "75.0%", "872 rows", "5,000", "50.9", "table 5", EVIL)
    for text in (*shown, *figures, "both directions matter", "2 seeds in every cell"):
        assert text in checker.text, text


def test_runs_that_learned_nothing_are_told(record: dict[str, Any]) -> None:
    assert "learned nothing" not in read(render(record)).text
    record["rows"][0]["scores"]["CoNLL-2003"]["seeds"][1]["stuck"] = "every row was given the label 'O'"
    assert f"{EVIL}: 1 of 2 runs of BERT learned nothing" in read(render(record)).text
    record["rows"][1]["scores"]["CoNLL-2003"]["seeds"][0]["stuck"] = "every row was given the label 'O'"
    assert f"{EVIL}: 1 of 2 runs in all rows learned nothing" in read(render(record)).text


def test_an_encoder_of_several_rows_is_told_once(record: dict[str, Any]) -> None:
    assert render(record).count("1,234,567") == 2
    record["rows"][1]["encoder"] = "bert"
    assert render(record).count("1,234,567") == 1


def test_tests_name_the_row_that_is_compared_with(record: dict[str, Any]) -> None:
    """Which need not be the first."""
    assert "less BERT" in read(render(record)).text
    record["rows"].reverse()
    assert "less BERT" in read(render(record)).text
    third = {**record["rows"][0]["scores"]["CoNLL-2003"], "against": "other"}
    record["rows"].append(row("third", "a third", 1.0, third))
    assert "less BERT" not in read(render(record)).text


def test_steps_are_drawn_over_steps(record: dict[str, Any]) -> None:
    record["comparison"] = "steps"
    half = row("bert@50", "BERT, half", 0.5, record["rows"][0]["scores"]["CoNLL-2003"])
    record["rows"].insert(0, half)
    checker = read(render(record))
    assert checker.tags["svg"] == 2
    assert "masked" in checker.text  # what the curves are called, not what their encoders are


def test_a_single_row_has_no_tests(record: dict[str, Any]) -> None:
    record["rows"], record["tests"] = record["rows"][:1], 0
    checker = read(render(record))
    assert checker.tags["svg"] == 0
    assert "More than chance?" not in checker.text


def test_the_table_has_perplexities_where_they_differ(record: dict[str, Any]) -> None:
    assert headings(record) == ["", "perplexity", EVIL]
    assert lines(record)[0] == ["BERT", "42.50 (3.99)", "80.0 ± 1.2 (96.4)"]
    record["rows"][1]["pretraining"] = {"clm_perplexity": 30.0}
    assert lines(record)[1][1] == "30.00 next (3.99)"
    record["rows"][1]["pretraining"] = {"mlm_perplexity": 42.5}
    assert headings(record) == ["", EVIL]


def test_many_tasks_have_the_papers_figures_below(record: dict[str, Any]) -> None:
    assert lines(record)[0][-1] == "80.0 ± 1.2 (96.4)"
    record["columns"] *= 5
    assert lines(record)[0][-1] == "80.0 ± 1.2\n(96.4)"


def test_same_record_same_bytes(record: dict[str, Any]) -> None:
    assert render(record) == render(json.loads(json.dumps(record)))


def saved(record: dict[str, Any], path: Path) -> Path:
    """The folder of a comparison that gave ``record``."""
    with NewDirectory(path, kind=KIND) as new:
        new.write(RECORD, json.dumps(record))
    return path


def test_written_again(record: dict[str, Any], tmp_path: Path) -> None:
    path = saved(record, tmp_path / "comparison")
    assert is_comparison(path)
    assert write_comparison(path).read_text(encoding="utf-8") == render(record)
    assert write_comparison(path, tmp_path / "other.html").name == "other.html"
    assert write_comparison(path).read_text(encoding="utf-8") == render(record), "beside its own page"
    with pytest.raises(InputError, match="expected the format"):
        write_comparison(saved({"format": "other"}, tmp_path / "foreign"))


def test_what_was_changed_is_not_shown(record: dict[str, Any], tmp_path: Path) -> None:
    path = saved(record, tmp_path / "comparison")
    text = (path / RECORD).read_text()
    (path / RECORD).write_text(text.replace("0.0005", "0.0006"))
    with pytest.raises(DigestError, match=r"comparison\.json: expected SHA-256"):
        write_comparison(path)
    assert not (path / "report.html").exists()
    (path / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"expected a comparison directory, got .no manifest\.json"):
        write_comparison(path)
