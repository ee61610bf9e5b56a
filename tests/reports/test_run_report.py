"""The report: what it shows, that it needs nothing else, and that no text in it can do anything."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from page_checker import Checker

from bertwright.errors import InputError
from bertwright.reports.curves import Line, draw, smoothed
from bertwright.reports.run_records import Adaptation, AdaptationRow, read_run
from bertwright.reports.run_report import render, write_report

EVIL = '<script>alert(1)</script>"&'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    records = [
        {
            "step": step,
            "kind": "train",
            "phase": int(step > 80),
            "mlm_loss": 8.0 - step / 50,
            "learning_rate": step / 1e5,
            "tokens_per_second": 1000.0 + step,
            "tokens": step * 100,
            "seconds": step / 10,
        }
        for step in range(1, 101)
    ]
    records += [
        {
            "step": step,
            "kind": "evaluation",
            "mlm_loss": 7.0,
            "mlm_accuracy": 0.4321,
            "mlm_perplexity": 1096.6,
            "nsp_accuracy": 0.875,
        }
        for step in (50, 100)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "settings.json").write_text(json.dumps({"seed": 1, "model": {"size": EVIL}}))
    baselines = {"most_frequent": {"accuracy": 0.06, "loss": 6.1}, "bigram": {"accuracy": 0.24, "loss": 5.0}}
    (folder / "summary.json").write_text(json.dumps({"baselines": baselines}))
    guesses = [{"token": "hat", "probability": 0.5}, {"token": EVIL + "x" * 40, "probability": 0.25}]
    blank = {"before": "the cat in the", "truth": "hat", "after": EVIL, "guesses": guesses}
    (folder / "blanks.json").write_text(json.dumps([blank]))
    vocabulary = {"size": 4096, "pieces_per_word": 1.25, "unk_rate": 0.0, "coverage": 0.9, "longest": [EVIL]}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    return folder


ADAPTATION = Adaptation(
    "Which package?",
    "accuracy",
    (AdaptationRow("majority", (0.125,)), AdaptationRow("fine-tuned", (0.8, 0.9, 0.7))),
)


def test_page_is_whole_and_harmless(run: Path) -> None:
    page = write_report(run, vocabulary=run / "vocabulary.json", adaptation=ADAPTATION).read_text(
        encoding="utf-8"
    )
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.outside == []
    assert "script" not in checker.tags
    assert checker.tags["svg"] == 5
    assert ".guess code { overflow-wrap: anywhere; min-width: 0; }" in page  # none runs over its bar
    assert not [name for name, count in checker.ids.items() if count > 1]
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    for shown in ("43.2%", "87.5%", "1,096.6", "80.0%", "± 10.0%", "4,096", "hat", "50.0%", EVIL):
        assert shown in checker.text, shown


def test_same_run_same_bytes(run: Path) -> None:
    assert render(read_run(run), ADAPTATION) == render(read_run(run), ADAPTATION)


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "kind": "train", "mlm_loss": 8.5}\n{"step": 2')
    checker = Checker()
    checker.feed(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "1 steps" in checker.text
    assert checker.tags["svg"] == 1


def test_what_is_not_finished_is_said_to_be_so(run: Path) -> None:
    """No commands on a model that is not there."""
    assert "What next" in render(read_run(run)) and "not finished" not in render(read_run(run))
    (run / "summary.json").unlink()
    page = render(read_run(run))
    assert "--resume" in page and "The run is not finished" in page
    assert "What next" not in page and "fill-mask" not in page


def test_the_versions_are_those_of_the_run(run: Path) -> None:
    (run / "run.json").write_text('{"version": "0.0.7"}')
    assert "bertwright 0.0.7" in render(read_run(run))


def test_pairs_are_named_by_what_was_asked(run: Path) -> None:
    """And beside them stands what always saying the same reaches, where that was measured."""
    page = render(read_run(run))
    assert "of next-sentence questions answered right" in page and "Does B follow A" in page
    assert "always" not in page
    (run / "settings.json").write_text('{"objective": "mlm+sop"}')
    records = (run / "metrics.jsonl").read_text().replace('"nsp_acc', '"nsp_majority": 0.625, "nsp_acc')
    (run / "metrics.jsonl").write_text(records)
    page = render(read_run(run))
    assert "of sentence-order questions answered right (62.5% by always saying the same)" in page
    assert "were they swapped?" in page and "next-sentence" not in page.lower()


@pytest.mark.parametrize(
    ("objective", "shown", "uses"),
    [
        ("mlm", "of the masked words of", ["fill-mask", "--task classify --train"]),
        ("clm", "of the next tokens of", ["generate", "--task classify --train"]),
        ("bilm", "of the next and previous tokens of", ["score", "--task classify --method features"]),
    ],
)
def test_what_was_predicted_and_what_it_is_good_for(
    run: Path, objective: str, shown: str, uses: list[str]
) -> None:
    (run / "settings.json").write_text(json.dumps({"objective": objective}))
    records = (run / "metrics.jsonl").read_text().replace('"mlm_', f'"{objective}_')
    (run / "metrics.jsonl").write_text(records)
    page = render(read_run(run))
    assert shown in page and "43.2%" in page
    for use in uses:
        assert use in page
    others = {"fill-mask", "generate", "score"} - set(uses)
    assert not [other for other in others if f"bertwright {other} " in page]


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no metrics\.jsonl"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="nothing there"):
        write_report(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocabulary.json", "{}", r"json: size: expected a number, got .none"),
        ("vocabulary.json", "[1]", "expected an object"),
        ("metrics.jsonl", '{"step": 1, "kind": "train"}\n[]\n', r"metrics\.jsonl:2: expected an object"),
        ("metrics.jsonl", '{"kind": "train"}\n', r"metrics\.jsonl:1: step: expected a number"),
        ("metrics.jsonl", '{"step": 1, "kind": 2}\n', r"metrics\.jsonl:1: kind: expected text, got 2"),
        ("settings.json", "[1]", r"settings\.json: expected an object"),
        ("summary.json", '"x"', r"summary\.json: expected an object"),
        ("blanks.json", "{}", r"blanks\.json: expected a list of blanks"),
        ("blanks.json", "[{}]", r"blanks\.json: before: expected text"),
        ("blanks.json", "[[]]", r"blanks\.json: expected an object"),
        (
            "blanks.json",
            '[{"before": "", "truth": "", "after": "", "guesses": [{"token": "a"}]}]',
            r"blanks\.json: guesses\.probability: expected a number",
        ),
    ],
)
def test_a_malformed_file_is_named(name: str, content: str, message: str, run: Path) -> None:
    (run / name).write_text(content)
    with pytest.raises(InputError, match=message):
        write_report(run, vocabulary=run / "vocabulary.json")
    assert not (run / "report.html").exists()


def test_an_evaluation_that_measured_something_else(run: Path) -> None:
    (run / "metrics.jsonl").write_text('{"step": 1, "kind": "evaluation", "nsp_accuracy": 0.875}\n')
    assert "87.5%" in render(read_run(run))


def test_commands_can_be_typed(run: Path) -> None:
    folder = run.rename(run.with_name("my run"))
    page = render(read_run(folder))
    (lines,) = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    commands = [shlex.split(line) for line in unescape(lines).splitlines()]
    assert [words[2] for words in commands] == [f"{folder}/model"] * 2


def test_smoothing_by_hand() -> None:
    assert smoothed([4.0, 2.0], weight=0.5) == pytest.approx([4.0, (0.5 * 4 + 2) / 1.5])
    assert smoothed([3.0] * 50) == pytest.approx([3.0] * 50)


def test_drawings_whose_titles_differ_in_signs_alone_stand_on_one_page() -> None:
    checker = Checker()
    for title in ("a.b: x", "a-b: x", "a+b: x"):
        checker.feed(draw(title, [Line("x", [1, 2], [0.1, 0.2])]))
    assert checker.ids and set(checker.ids.values()) == {1}


def test_drawing_is_one_svg_without_fixed_size() -> None:
    svg = draw("A title", [Line("x", [1, 2], [0.1, 0.2])], percent=True)
    assert svg.startswith('<svg role="img" aria-label="A title"')
    assert svg.count("<svg") == 1
    assert 'width="' not in svg.split(">")[0]
    assert "20.0%" in svg or "20%" in svg
