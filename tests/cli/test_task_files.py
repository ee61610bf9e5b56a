"""Every kind of wrong task file: exit code 2, one line, nothing created, changed or lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bertwright.checkpoints.model_folder import save_model
from bertwright.cli.app import run
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.tokenization import Tokenizer, Vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
GOOD = "text\tlabel\na\t1\nb\t0\n"

# name -> (file name, content or None for a missing file, what the line says)
BAD: dict[str, tuple[str, bytes | str | None, str]] = {
    "missing": ("t.tsv", None, "t.tsv: expected a file of rows"),
    "empty": ("t.tsv", "", "an empty file"),
    "header only": ("t.tsv", "text\tlabel\n", "0 examples"),
    "column twice": (
        "t.tsv",
        "text\tlabel\tlabel\na\t1\t1\n",
        't.tsv:1: column 3: expected each column name once, got "label"',
    ),
    "fewer columns": ("t.tsv", "text\tlabel\na\t1\nb\n", "t.tsv:3: expected 2 columns, got 1"),
    "unbalanced quote": ("t.csv", 'text,label\na,1\n"b,0\na,1\na,1\na,1\n', 't.csv:3: expected a closing "'),
    "wrong delimiter": ("t.tsv", "text,label\na,1\n", "separated by commas: name it .csv"),
    "NUL": ("t.tsv", b"text\tlabel\na\t1\nb\0\t0\n", 't.tsv:3: expected text, got "a NUL at byte 2'),
    "not UTF-8": (
        "t.tsv",
        b"text\tlabel\na\t1\nb\xff\t0\n",
        't.tsv:3: expected UTF-8 text, got "byte 0xff at byte 2',
    ),
    "empty text": ("t.tsv", "text\tlabel\na\t1\n\t0\n", "t.tsv:3: column 'text': expected a text"),
    "empty label": ("t.tsv", "text\tlabel\na\t1\nb\t\n", "t.tsv:3: column 'label': expected a label"),
    "label with a space": (
        "t.tsv",
        "text\tlabel\na\t1\nb\t 0\n",
        'column \'label\': expected the label "0", got " 0"',
    ),
    "1.0 as a class": (
        "t.tsv",
        "text\tlabel\na\t1.0\nb\t0.0\n",
        "t.tsv:2: column 'label': expected a class, got \"1.0\" (write 1)",
    ),
    "no labels": ("t.tsv", "text\tid\na\t1\nb\t0\n", "--label COLUMN for the label"),
    "unlabelled test file": ("t.tsv", "text\tlabel\na\t-1\nb\t-1\n", "this is an unlabelled test file"),
    "JSON array": ("t.jsonl", '[{"text": "a", "label": 1}]', "t.jsonl:1: expected a JSON object a line"),
    "no JSON object": (
        "t.jsonl",
        '{"text": "a", "label": 1}\n3\n',
        "t.jsonl:2: expected a JSON object, got 3",
    ),
    "null": (
        "t.jsonl",
        '{"text": "a", "label": 1}\n{"text": null, "label": 0}\n',
        "t.jsonl:2: column 'text': expected a text, got \"null\"",
    ),
    "key twice": (
        "t.jsonl",
        '{"text": "a", "label": 1, "label": 0}\n',
        't.jsonl:1: expected each key once, got "label"',
    ),
    "nesting bomb": (
        "t.jsonl",
        '{"text": "a", "label": ' + "[" * 99_999,
        "t.jsonl:1: expected JSON nested at most 64 deep",
    ),
    "lone surrogate": ("t.jsonl", '{"text": "\\ud834", "label": 1}\n', "the lone surrogate U+D834"),
    "other keys below": (
        "t.jsonl",
        '{"text": "a", "label": 1}\n{"sentence": "b", "label": 0}\n',
        "t.jsonl:2: expected the key 'text'",
    ),
    "long line": (
        "t.jsonl",
        '{"text": "' + "a" * (17 << 20) + '", "label": 1}\n',
        "t.jsonl:1: expected a line of at most",
    ),
    "no Parquet": ("t.parquet", "PAR1PAR1", "t.parquet: expected a Parquet file"),
    "unknown suffix": ("t.xls", GOOD, "t.xls: expected a file name ending in .tsv"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = BertConfig(
        vocab_size=len(TOKENS), hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
    )
    path = tmp_path_factory.mktemp("model") / "pretrained"
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    save_model(path, BertEncoder(config), tokenizer, task=None, provenance={})
    return path


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, content, message = BAD[name]
    if content is not None:
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "dev.tsv").write_text(GOOD)
    before = tree(tmp_path) | tree(model)
    command = ["finetune", str(model), "--task", "classify", "--train", str(tmp_path / file)]
    assert run([*command, "--dev", str(tmp_path / "dev.tsv"), "-o", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert message in lines[0]
    assert tree(tmp_path) | tree(model) == before


def test_dev_with_a_new_label(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.tsv").write_text(GOOD)
    (tmp_path / "dev.tsv").write_text("text\tlabel\na\t1\nb\t2\n")
    files = ["--train", str(tmp_path / "train.tsv"), "--dev", str(tmp_path / "dev.tsv")]
    assert run(["finetune", str(model), "--task", "classify", *files, "-o", str(tmp_path / "out")]) == 2
    assert 'dev.tsv:3: expected a label among "0", "1", got "2"' in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.tsv", "train.tsv"]
