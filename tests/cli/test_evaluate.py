"""``bertwright evaluate`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bertwright.checkpoints.model_folder import save_model
from bertwright.cli.app import run
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.tables.columns import Columns
from bertwright.tasks import precision as tasks_precision
from bertwright.tokenization import Tokenizer, Vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = BertConfig(
        vocab_size=len(TOKENS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
    )
    path = tmp_path_factory.mktemp("model") / "classifier"
    task = {
        "kind": "classify",
        "labels": ["no", "yes"],
        "columns": Columns("text", None, "label").to_dict(),
        "max_length": 6,
    }
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    save_model(path, SequenceClassifier(config, 2), tokenizer, task=task, provenance={})
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "test.tsv"
    path.write_text("id\ttext\tlabel\n1\tgood film\tyes\n2\tbad film\tno\n3\tgood good good good film\tyes\n")
    return path


def test_json(model: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = file.with_name("answers.jsonl")
    assert run(["evaluate", str(model), str(file), "--json", "-o", str(answers)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == 3 and result["truncated"] == 1 and result["output"] == str(answers)
    assert {"accuracy", "f1", "f1_macro", "matthews_correlation", "loss"} <= result["metrics"].keys()
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [(line["row"], line["line"], line["target"], line["truncated"]) for line in lines] == [
        (0, 2, "yes", False),
        (1, 3, "no", False),
        (2, 4, "yes", True),
    ]
    assert all(set(line["probabilities"]) == {"no", "yes"} for line in lines)
    right = sum(line["label"] == line["target"] for line in lines)
    assert result["metrics"]["accuracy"] == pytest.approx(right / 3)


def test_table(model: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(model), str(file), "--quiet"]) == 0
    shown = capsys.readouterr()
    assert "accuracy" in shown.out and "1 of 3 rows" in shown.out
    assert shown.err == ""


def test_a_mistake_is_shown_in_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"good\r\nfilm\n\tbad",yes\n"good\nfilm bad",no\n')
    assert run(["evaluate", str(model), str(tmp_path / "a.csv"), "--json"]) == 0
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert mistake["text"] == "good film bad"


def test_other_columns(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("review,gold\n good film,yes\n")
    command = ["evaluate", str(model), str(tmp_path / "a.csv"), "--json"]
    assert run([*command, "--text", "review", "--label", "gold"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1
    assert run(command) == 2
    assert 'a column "label" with the labels' in json.loads(capsys.readouterr().out)["error"]["message"]


def test_mistakes(model: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.jsonl").touch()
    assert run(["evaluate", str(model), str(file), "-o", str(tmp_path / "there.jsonl")]) == 2
    assert "output exists already" in capsys.readouterr().err
    assert run(["evaluate", str(model), str(file), "-o", str(file), "--overwrite"]) == 2
    assert "other than the input" in capsys.readouterr().err
    (tmp_path / "loop").symlink_to("loop")
    assert run(["evaluate", str(model), str(tmp_path / "loop"), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert "loop: expected" in capsys.readouterr().err
    file.write_text(file.read_text().replace("\tno\n", "\tperhaps\n"))
    assert run(["evaluate", str(model), str(file)]) == 2
    assert 'test.tsv:3: expected a label among "no", "yes", got "perhaps"' in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path), str(file)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_json_has_intervals_and_the_answers_taken_apart(
    model: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(model), str(file), "--json", "--confidence", "0.9"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["confidence"] == 0.9 and result["report"] is None
    varying = {name for name, value in result["metrics"].items() if value not in (0, 1)}
    assert set(result["intervals"]) == varying >= {"accuracy"}
    low, high = result["intervals"]["accuracy"]
    assert low <= result["metrics"]["accuracy"] <= high
    assert [label["label"] for label in result["labels"]] == ["no", "yes"]
    assert sum(map(sum, result["confusion"]["counts"])) == 3
    assert sum(group["rows"] for group in result["by_length"]) == 3
    assert {group["name"]: group["rows"] for group in result["by_truncation"]} == {"whole": 2, "cut": 1}
    assert (
        len(result["mistakes"])
        == result["wrong"]
        == 3 - sum(result["confusion"]["counts"][number][number] for number in range(2))
    )
    assert 0 <= result["calibration"]["expected_calibration_error"] <= 1


def test_report(model: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = file.with_name("page.html")
    command = ["evaluate", str(model), str(file), "--report", str(page)]
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert str(page) in shown and "95 % interval" in shown
    assert "<h2>How good it is</h2>" in page.read_text(encoding="utf-8")
    assert run(command) == 2
    assert "output exists already" in capsys.readouterr().err
    assert run([*command, "--overwrite", "-o", str(page)]) == 2
    assert "two outputs" in capsys.readouterr().err


def test_in_other_numbers(
    model: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for precision in ("fp32", "bf16", "int8"):
        answers = file.with_name(f"{precision}.jsonl")
        command = ["evaluate", str(model), str(file), "-o", str(answers), "--precision", precision, "--json"]
        assert run(command) == 0
        assert json.loads(capsys.readouterr().out)["precision"] == precision
        found[precision] = answers.read_text()
    assert len(set(found.values())) == 3
    assert run(["evaluate", str(model), str(file), "--overwrite", "-o", str(answers)]) == 0
    assert answers.read_text() == found["fp32"]
    assert capsys.readouterr().out.splitlines()[-2].endswith(", fp32")
    monkeypatch.setattr(tasks_precision, "multiplies_bytes", lambda: False)
    assert run(["evaluate", str(model), str(file), "--precision", "int8"]) == 0
    assert "no VNNI, without which fp32 is the faster one" in capsys.readouterr().err


def test_compare(model: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", str(model), str(file), "--compare", str(model)]
    assert run([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == 3 and result["model"] == result["other"] == str(model)
    accuracy = result["differences"]["accuracy"]
    assert accuracy == {"difference": 0, "interval": [0, 0], "p_value": 1, "significant": False}
    assert result["mcnemar"] == {"only_model": 0, "only_other": 0, "p_value": 1, "significant": False}
    assert run(command) == 0
    assert "the difference is not significant at 5 %" in capsys.readouterr().out
    assert run([*command, "--precision", "int8", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["precision"], result["other_precision"]) == ("int8", "fp32")
    assert run([*command, "-o", str(file.with_name("x.jsonl"))]) == 2
    assert "--compare: expected no --output" in capsys.readouterr().err
    assert run(["evaluate", str(model), str(file), "--confidence", "1"]) == 2
    assert "between 0 and 1, got 1" in capsys.readouterr().err
