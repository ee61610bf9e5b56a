"""``bertwright finetune`` as typed: JSON for machines, a table for people, one line for each mistake."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.cli.app import run
from bertwright.cli.recipe_flags import RecipeFlags
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tasks.kinds import KINDS
from bertwright.tasks.settings import (
    COMPACT_RATE,
    COMPACT_WIDTH,
    FROZEN_RATE,
    PAPER_RATE,
    FinetuneSettings,
)
from bertwright.tokenization import Tokenizer, Vocabulary

DEFAULTS: dict[str, set[float]] = {
    "epochs": {FinetuneSettings().epochs},
    "batch_size": {FinetuneSettings().batch_size},
    "learning_rate": {PAPER_RATE, COMPACT_RATE, COMPACT_WIDTH, FROZEN_RATE},
    "max_length": {float(kind.default_length) for kind in KINDS.values()},
}
"""Numbers that help and documentation of a setting name."""
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "plot", "the", "a"]


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
    path = tmp_path_factory.mktemp("model") / "pretrained"
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    save_model(path, BertForPreTraining(config), tokenizer, task=None, provenance={})
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with train.tsv, dev.tsv (no header) and dev.csv."""
    rows = [("good film", "1"), ("bad plot", "0"), ("a good plot", "1"), ("the bad film", "0")] * 8
    body = "".join(f"{text}\t{label}\n" for text, label in rows)
    (tmp_path / "train.tsv").write_text("sentence\tlabel\n" + body)
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\n" + body)
    (tmp_path / "bare.tsv").write_text(body)
    return tmp_path


def arguments(model: Path, data: Path, *more: str) -> list[str]:
    files = ["--train", f"{data}/train.tsv", "--dev", f"{data}/dev.tsv", "-o", f"{data}/out"]
    quick = ["--learning-rate", "0.02", "--epochs", "8", "--batch-size", "8"]
    return ["finetune", str(model), "--task", "classify", *files, *quick, *more]


def test_file_names_that_are_no_text(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are written with escapes: into the model, its warnings and the page about it."""
    train, dev = (data / os.fsdecode(name) for name in (b"tr\xff.tsv", b"d\xe9v.tsv"))
    (data / "train.tsv").rename(train)
    (data / "dev.tsv").rename(dev)
    quick = ["--epochs", "1", "-o", f"{data}/out"]
    assert (
        run(["finetune", str(model), "--task", "classify", "--train", str(train), "--dev", str(dev), *quick])
        == 0
    )
    made = open_model(data / "out").provenance
    assert (made["train"]["file"], made["dev"]["file"]) == (r"tr\udcff.tsv", r"d\udce9v.tsv")
    assert any(r"also in tr\udcff.tsv" in warning for warning in made["warnings"])
    assert run(["evaluate", f"{data}/out", str(dev), "--report", f"{data}/page.html"]) == 0
    assert r"d\udce9v.tsv" in (data / "page.html").read_text(encoding="utf-8")


def test_json(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(arguments(model, data, "--seeds", "2", "--seed", "5", "--json", "--set", "weight_decay=0")) == 0
    )
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert shown.out.count("\n") == 1
    assert {"metrics", "rows", "truncated", "output", "seeds"} <= result.keys()
    assert result["rows"] == 32 and result["truncated"] == 0
    assert result["metrics"]["accuracy"] >= 0.9
    assert [entry["seed"] for entry in result["seeds"]] == [5, 6]
    assert "accuracy" in result["seeds"][0]["metrics"]
    assert result["output"] == f"{data}/out"
    assert open_model(data / "out").manifest["provenance"]["settings"]["weight_decay"] == 0
    assert "guessed text 'sentence', label 'label'" in shown.err
    assert "warning: dev.tsv: 32 rows (100.0%) also in train.tsv" in shown.err


def test_table(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["--text", "1", "--label", "2"]
    files = ["--train", f"{data}/bare.tsv", "--dev", f"{data}/bare.tsv", "-o", f"{data}/out"]
    command = ["finetune", str(model), "--task", "classify", *files, *columns, "--seeds", "2", "--quiet"]
    assert run([*command, "--epochs", "1", "--set", "restarts=0"]) == 0
    shown = capsys.readouterr()
    for word in ("seed", "best epoch", "saved", "mean", "sd", "range", "majority", "accuracy"):
        assert word in shown.out
    assert "0 of 32 training rows" in shown.out and ", 1 epoch, " in shown.out
    assert "guessed" not in shown.err
    assert "warning: bare.tsv: 32 rows (100.0%) also in bare.tsv" in shown.err, "--quiet leaves out remarks"


def test_recipe_and_flags(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "recipe.toml").write_text('epochs = 1\nmetric = "f1"\nrestarts = 0\n')
    command = arguments(model, data, "--recipe", f"{data}/recipe.toml", "--json")
    assert run(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["metric"] == "f1"
    assert len(result["seeds"][0]["epochs"]) == 8, "a flag goes before the file"


@pytest.mark.parametrize(
    "more,message",
    [
        (
            ["--label", "gold"],
            'train.tsv: expected a column "gold" with the labels (the columns are "sentence"',
        ),
        (
            ["--text", "gold"],
            'train.tsv: expected a column "gold" (the columns are "sentence", "label"; --text and --label '
            "name others, in a file without header by number: --text 1)",
        ),
        (["--set", "epoch=3"], "epoch: unknown setting (did you mean epochs?)"),
        (["--max-length", "13"], "max_length: expected at most 12, the model's positions, got 13"),
        (["--metric", "bleu"], "metric: expected one of accuracy"),
        (["--freeze", "--from-scratch"], "nothing worth freezing"),
        (["--epochs", "1e1"], "write 10"),
        (["--learning-rate", "inf"], "expected a finite number"),
        (["--learning-rate", "-1"], "learning_rate: expected greater than 0"),
        (["--batch-size", "0"], "at least 1"),
        (["--format", "xlsx"], "expected a format among tsv, csv, jsonl, parquet"),
    ],
)
def test_mistakes(
    more: list[str], message: str, model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(data.iterdir())
    command = arguments(model, data)
    for flag in ("--epochs", "--learning-rate", "--batch-size"):
        if flag in more:
            place = command.index(flag)
            del command[place : place + 2]
    assert run([*command, *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert sorted(data.iterdir()) == before


def test_a_bad_row_in_json(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "dev.tsv").write_text("sentence\tlabel\ngood film\t1\nbad film\n")
    assert run(arguments(model, data, "--json")) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"type": "TableError", "message": f"{data}/dev.tsv:3: expected 2 columns, got 1"}
    assert not (data / "out").exists()


def test_report(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = data / "page.html"
    assert run(arguments(model, data, "--report", str(page), "--json")) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(page)
    text = page.read_text(encoding="utf-8")
    assert "How good it is" in text and "Development accuracy" in text and "The worst mistakes" in text
    assert run(arguments(model, data, "--report", str(page), "--overwrite")) == 0
    assert run(arguments(model, data, "--report", str(data / "dev.tsv"), "--overwrite")) == 2
    assert "a report other than the inputs" in capsys.readouterr().err


def test_a_rate_of_nothing_is_refused(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = arguments(model, data)
    command[command.index("0.02")] = "0"
    assert run(command) == 2
    assert "learning_rate: expected greater than 0, got 0.0" in capsys.readouterr().err


def test_features_take_no_epochs_of_fine_tuning(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(model, data, "--method", "features", "--from-scratch")) == 2
    assert "with the method features" in capsys.readouterr().err
    files = ["--train", f"{data}/train.tsv", "--dev", f"{data}/dev.tsv", "-o", f"{data}/out"]
    request = ["finetune", str(model), "--task", "classify", *files, "--method", "features"]
    assert run([*request, "--epochs", "3"]) == 2, "also where it is fine-tuning's default"
    assert "epochs: expected nothing with the method features" in capsys.readouterr().err
    assert not (data / "out").exists()


def test_a_setting_is_said_once(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments(model, data, "--set", "epochs=2")) == 2
    assert "--set epochs: its own option is given, too" in capsys.readouterr().err
    assert not (data / "out").exists()


def numbers(text: str) -> set[float]:
    return {float(found) for found in re.findall(r"\b\d+(?:e-\d+)?\b", text)}


def test_options_tell_the_defaults_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by hand, so that help needs no settings: here they are compared."""
    monkeypatch.setenv("COLUMNS", "200")  # an option a line
    assert run(["finetune", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, values in DEFAULTS.items():
        (line,) = [line for line in lines if f"--{name.replace('_', '-')} " in line]
        assert numbers(line) == values
    for name in ("learning_rate", "max_length"):
        assert numbers(str(FinetuneSettings.model_fields[name].description)) == DEFAULTS[name]


def test_where_to_train() -> None:
    assert RecipeFlags(device="cpu").settings().device == "cpu"
    assert RecipeFlags().settings().device == "auto"
