"""Wrong command lines: each is one clear line, exit code 2, and nothing is created, changed or lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bertwright.cli.app import COMMANDS

EMBED = "embed {model} {texts} -o {folder}/out.npy"

CASES = [
    # (reliability catalogue, command line, what the line must say)
    ("A01 nothing", "", "expected a command, got none (bertwright demo shows the whole story)"),
    ("A01 only a switch", "--quiet", "expected a command, got none"),
    ("A03 unknown command", "embd a b", 'unknown command "embd" (did you mean embed?)'),
    (
        "A03 unknown command, nothing like it",
        "xyzzy",
        'unknown command "xyzzy" (known: demo, vocab, tokenize, ',
    ),
    ("A03 unknown sub-command", "config shw", 'unknown command "shw" (did you mean show?)'),
    (
        "A03 unknown option",
        f"{EMBED} --poling mean",
        'embed: unknown option "--poling" (did you mean --pooling?)',
    ),
    (
        "A03 with a value",
        f"{EMBED} --poling=mean",
        'embed: unknown option "--poling" (did you mean --pooling?)',
    ),
    (
        "A03 nothing like it",
        f"{EMBED} --zzz",
        'embed: unknown option "--zzz" (bertwright embed --help lists them)',
    ),
    ("A03 short", f"{EMBED} -q", 'embed: unknown option "-q" (bertwright embed --help lists them)'),
    ("A03 behind --", f"{EMBED} -- --pooling", 'embed: unexpected argument "--pooling"'),
    (
        "A05 option twice, other value",
        f"{EMBED} --pooling mean --pooling cls",
        "--pooling: given more than once",
    ),
    (
        "A05 option twice, same value",
        f"{EMBED} --max-length 5 --max-length 5",
        "--max-length: given more than once",
    ),
    ("A05 two names of one option", f"{EMBED} --output b.npy", "--output: given more than once"),
    ("A05 switch twice", f"{EMBED} --overwrite --overwrite", "--overwrite: given more than once"),
    (
        "A07 value looks like an option",
        "embed {model} {texts} -o --quiet",
        '-o: expected a value, got the option "--quiet" (write -o=VALUE if it is the value)',
    ),
    ("A07 no value at all", "embed {model} {texts} -o", "-o: expected a value, got nothing"),
    (
        "A07 switch with a value",
        f"{EMBED} --overwrite=maybe",
        '--overwrite: expected no value: it is a switch, got "maybe"',
    ),
    ("A09 inf", f"{EMBED} --max-length inf", '--max-length: expected a whole number, got "inf"'),
    ("A11 underscore", f"{EMBED} --max-length 1_000", '--max-length: expected a whole number, got "1_000"'),
    (
        "A13 exponent",
        f"{EMBED} --max-length 1e4",
        '--max-length: expected a whole number, got "1e4" (write 10000)',
    ),
    ("A13 fraction", f"{EMBED} --max-length 12.5", '--max-length: expected a whole number, got "12.5"'),
    ("A13 whole fraction", f"{EMBED} --max-length 12.0", 'got "12.0" (write 12)'),
    ("A13 other digits", f"{EMBED} --max-length ١٢", '--max-length: expected a whole number, got "١٢"'),
    ("A13 empty", f"{EMBED} --max-length=", '--max-length: expected a whole number, got ""'),
    ("A15 negative", f"{EMBED} --max-length -5", "--max-length: expected at least 1, got -5"),
    ("A15 negative behind =", f"{EMBED} --max-length=-5", "--max-length: expected at least 1, got -5"),
    ("A17 zero", "fill-mask {model} [MASK] --top-k 0", "--top-k: expected at least 1, got 0"),
    (
        "A19 longer than the positions",
        f"{EMBED} --max-length 513",
        "max_length: expected 3 to 40, the positions that",
    ),
    ("A23 no GPU", f"{EMBED} --device cuda", "device: cuda was asked for, and this machine has none"),
    (
        "A23 no such device",
        f"{EMBED} --device gpu",
        '--device: expected auto, cpu or cuda, got "gpu" (did you mean cuda?)',
    ),
    (
        "A23 no such precision",
        f"{EMBED} --precision fp16",
        '--precision: expected auto, fp32, bf16 or int8, got "fp16"',
    ),
    ("A23 as others call it", f"{EMBED} --precision bfloat16", 'got "bfloat16" (did you mean bf16?)'),
    (
        "A27 output exists",
        "embed {model} {texts} -o {folder}/there.npy",
        "there.npy: output exists already (give --overw",
    ),
    (
        "A27 output exists",
        "predict {classifier} {table} -o {folder}/there.jsonl",
        "there.jsonl: output exists already",
    ),
    (
        "A27 unfinished work exists",
        "embed {model} {texts} -o {folder}/half.npy",
        "half.npy.partial: output exists already (unfinished work: go on with --resume",
    ),
    (
        "A29 output parent absent",
        "embed {model} {texts} -o {folder}/no/out.npy",
        "its parent directory does not exist",
    ),
    (
        "A29 output parent is a file",
        "embed {model} {texts} -o {texts}/out.npy",
        "its parent directory does not exist",
    ),
    (
        "A33 output is input",
        "embed {model} {folder}/there.npy -o {folder}/there.npy",
        "it is the input: choose another",
    ),
    (
        "A37 resumed with other flags",
        "embed {model} {texts} -o {folder}/half.npy --resume --pooling cls",
        "half.npy.partial: begun with another request: ",
    ),
    (
        "A39 argument missing",
        "embed {model} -o out.npy",
        "embed: FILE is missing (bertwright embed --help explains it)",
    ),
    (
        "A39 option missing",
        "embed {model} {texts}",
        "embed: --output is missing (bertwright embed --help explains it)",
    ),
    ("A39 all missing", "inspect", "inspect: PATH is missing"),
    ("one argument too many", f"{EMBED} extra", 'embed: unexpected argument "extra"'),
    ("A41 NUL", "inspect a\0b", r'expected arguments without NUL characters, got "a\x00b"'),
    ("A41 NUL in an output", "embed {model} {texts} -o a\0.npy", "expected arguments without NUL characters"),
    (
        "unknown choice",
        f"{EMBED} --pooling men",
        "--pooling: expected mean, cls, max, mean_sqrt_len_tokens, weightedmean or lasttoken, "
        'got "men" (did you mean mean?)',
    ),
    (
        "control characters are escaped",
        "inspect {folder}/a\x1b[31m\n",
        r"a\x1b[31m\n: expected a vocabulary, store, run,",
    ),
    ("no model there", "fill-mask {folder}/absent [MASK]", "absent: expected a model folder, got"),
    ("a file as model", "fill-mask {texts} [MASK]", "texts.txt: expected a model folder, got"),
    (
        "no such file",
        "embed {model} {folder}/absent.txt -o {folder}/out.npy",
        "absent.txt: expected a file of rows, got",
    ),
    ("no head", "fill-mask {classifier} [MASK]", "expected a model with a masked language head, got"),
    (
        "no such column",
        "predict {classifier} {table} -o {folder}/o.jsonl --text words",
        'rows.tsv: expected a column "words" (the columns are "id", "text"; --text and --label name others',
    ),
    (
        "output suffix",
        "embed {model} {texts} -o {folder}/out.csv",
        "expected a name ending in .npy, .parquet, .jsonl",
    ),
    ("output suffix", "predict {classifier} {table} -o {folder}/out.csv", "expected a name ending in .jsonl"),
]


@pytest.fixture
def places(pretrained_folder: Path, classifier_folder: Path, tmp_path: Path) -> dict[str, Path]:
    """What the command lines name; the work folder has an output and unfinished work in it."""
    for name in ("there.npy", "there.jsonl"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "texts.txt").write_text("the sea\na door\n")
    (tmp_path / "rows.tsv").write_text("id\ttext\n1\tthe sea\n")
    (tmp_path / "half.npy.partial").mkdir()
    (tmp_path / "half.npy.partial" / "request.json").write_text('{"pooling": "mean"}')
    return {
        "model": pretrained_folder,
        "classifier": classifier_folder,
        "folder": tmp_path,
        "texts": tmp_path / "texts.txt",
        "table": tmp_path / "rows.tsv",
    }


def arguments_of(line: str, places: dict[str, Path]) -> list[str]:
    return [part.format(**places) for part in line.split(" ") if part]


def tree(folder: Path) -> dict[str, str]:
    """Name -> digest of everything below ``folder``."""
    files = sorted(path for path in folder.rglob("*"))
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in files
    }


def test_number_of_cases() -> None:
    assert len(CASES) == 54


@pytest.mark.parametrize(("line", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_wrong_command_line(command, places: dict[str, Path], line: str, message: str) -> None:  # type: ignore[no-untyped-def]
    before = tree(places["folder"])
    answer = command(*arguments_of(line, places))
    assert answer.code == 2
    assert answer.err.count("\n") == 1 and answer.err.endswith("\n")
    assert answer.err.startswith("error: ")
    assert message in answer.err
    assert len(answer.err) <= 310
    assert all(character.isprintable() for character in answer.err[:-1])
    assert tree(places["folder"]) == before
    if line not in ("", "--quiet"):  # with these the list of commands is shown
        assert answer.out == ""


@pytest.mark.parametrize(("line", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_as_json(command, places: dict[str, Path], line: str, message: str) -> None:  # type: ignore[no-untyped-def]
    """The same as an object on stdout, whatever else is wrong with the command line."""
    arguments = arguments_of(line, places)
    arguments.insert(min(len(arguments), 2), "--json")
    answer = command(*arguments)
    assert answer.code == 2
    assert answer.err == ""
    assert message in answer.json["error"]["message"]
    assert answer.json["error"]["type"].endswith("Error")


def test_another_number_is_no_slip(command, places: dict[str, Path]) -> None:  # type: ignore[no-untyped-def]
    answer = command(*arguments_of(f"{EMBED} --precision fp16", places))
    assert "did you mean" not in answer.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_an_unknown_option(command, name: str) -> None:  # type: ignore[no-untyped-def]
    answer = command(*([name, "show"] if name == "config" else [name]), "--jsno")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith('unknown option "--jsno" (did you mean --json?)\n')
