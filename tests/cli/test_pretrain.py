"""``bertwright pretrain``: what it prints, what it refuses, and that it stops and goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from pretraining.small_run import DEFAULTS, fingerprint, records, texts, tree
from safetensors.torch import load_file
from small_models import save_pretrained, tokenizer

from bertwright.checkpoints.model_folder import open_model
from bertwright.data.prepare import prepare
from bertwright.errors import UsageError
from bertwright.progress import Progress, Silent

OPTIONS = [
    f"--set={name}={json.dumps(value) if not isinstance(value, str) else value}"
    for name, value in DEFAULTS.items()
    if name != "steps"
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    text = "\n\n".join("\n".join(document) for document in texts())
    (folder / "corpus.txt").write_text(text + "\n")
    (folder / "vocabulary").mkdir()
    for name, data in tokenizer().files().items():
        (folder / "vocabulary" / name).write_bytes(data)
    prepare(
        [folder / "corpus.txt"],
        vocabulary=folder / "vocabulary",
        output=folder / "text.store",
        workers=1,
        one_sentence_per_line=True,
    )
    return folder / "text.store"


def test_going_on_with_more_words(command, store: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A model, a corpus with words that it lacks: extended, prepared for, gone on from."""
    model, run = save_pretrained(tmp_path / "model"), tmp_path / "run"
    corpus = tmp_path / "more.txt"
    text = ["\n".join([*document, "a zyzzyva saw the zyzzyva ."]) for document in texts()]
    corpus.write_text("\n\n".join(text) + "\n")
    assert command("vocab", "--extend", model, corpus, "-o", tmp_path / "more", "--add", "1").code == 0
    prepared = ("prepare", corpus, "--vocab", tmp_path / "more", "-o", tmp_path / "more.store")
    assert command(*prepared, "--one-sentence-per-line").code == 0
    lengths = ("--set=sequence_length=24", "--set=long_sequence_length=40", "--set=evaluation_instances=16")
    length = ("--steps", "2", "--set=batch_size=4", "--set=held_out_share=0.1", *lengths)
    answer = command("pretrain", "--data", store, "-o", run, "--init", tmp_path / "more", *length)
    assert (answer.code, "init: expected a store prepared with the vocabulary of" in answer.err) == (2, True)
    answer = command(
        "pretrain", "--data", tmp_path / "more.store", "-o", run, "--init", tmp_path / "more", *length
    )
    assert answer.code == 0
    tokens = open_model(run / "model").tokenizer.encode("a zyzzyva").tokens
    assert tokens == ["a", "zyzzyva"]
    assert command("pretrain", "--data", tmp_path / "more.store", "-o", run, "--resume").code == 0
    answer = command("pretrain", "--data", store, "-o", run, "--init", model, "--size", "tiny", *length)
    assert (answer.code, "--init and --size: expected one of them" in answer.err) == (2, True)


@pytest.fixture(scope="module")
def unbroken(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a process of its own, stopped by nobody."""
    run = tmp_path_factory.mktemp("unbroken") / "run"
    done = subprocess.run(_process(store, run), capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    assert summary["output"] == str(run)
    return run


def _process(store: Path, run: Path, *more: str, launcher: tuple[str, ...] = ()) -> list[str]:
    arguments = ["pretrain", "--data", str(store), "-o", str(run), "--steps", "12", "--json", *OPTIONS, *more]
    return [sys.executable, "-m", *launcher, "bertwright", *arguments]


def test_json(command, store: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = tmp_path / "run"
    answer = command("pretrain", "--data", store, "-o", run, "--steps", "4", "--json", *OPTIONS)
    assert answer.code == 0
    summary = answer.json
    promised = ["steps", "tokens", "seconds", "mlm_loss", "mlm_accuracy", "nsp_accuracy", "tokens_per_second"]
    assert set(promised) <= set(summary)
    assert (summary["steps"], summary["output"]) == (4, str(run))
    assert open_model(run / "model").tokenizer.digest == tokenizer().digest
    assert (run / "report.html").stat().st_size > 1000


@pytest.mark.parametrize(("rank", "ranks", "speaks"), [("0", 2, True), ("1", 2, False), ("1", 1, True)])
def test_one_rank_speaks(  # type: ignore[no-untyped-def]
    rank: str,
    ranks: int,
    speaks: bool,
    command,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of warnings, which --quiet leaves; a single process does whatever its RANK."""

    def run(*_: Any, progress: Progress | None, **__: Any) -> None:
        (progress or Silent()).warn("odd")
        raise UsageError("seen")

    monkeypatch.setenv("RANK", rank)
    if ranks > 1:  # a batch system may set the one without the other
        monkeypatch.setenv("WORLD_SIZE", str(ranks))
    monkeypatch.setattr("bertwright.pretraining.run.pretrain", run)
    answer = command("pretrain", "--data", store, "-o", tmp_path / "run", "--steps", "3", "--quiet")
    assert answer.err == ("warning: odd\n" if speaks else "") + "error: seen\n"


def test_for_people(command, store: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("pretrain", "--data", store, "-o", tmp_path / "run", "--steps", "2", *OPTIONS)
    assert answer.code == 0
    for part in ("this model", "bigram", "most frequent", "Pairs of sentences", "Report:"):
        assert part in answer.out


def test_a_recipe_and_flags_before_it(command, store: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = tmp_path / "recipe.toml"
    lines = [f"{n} = {json.dumps(v)}" for n, v in DEFAULTS.items() if n != "steps"]
    recipe.write_text("\n".join(["epochs = 3", *lines]))
    answer = command("pretrain", recipe, "--data", store, "-o", tmp_path / "run", "--steps", "3", "--json")
    assert answer.json["steps"] == 3
    stored = json.loads((tmp_path / "run/settings.json").read_text())
    assert (stored["steps"], stored["epochs"], stored["hidden_size"]) == (3, None, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "expected one of steps, epochs, budget (--budget 30m), got none",
        ),
        (["--steps", "3", "--budget", "1m"], "got steps and budget"),
        (["--steps", "0"], "--steps: expected at least 1"),
        (["--steps", "1e4"], "write 10000"),
        (["--steps", "1_000"], "--steps: expected a whole number"),
        (["--budget", "soon"], "expected a duration such as 30m"),
        (["--steps", "3", "--size", "hug"], "size"),
        (["--steps", "3", "--set", "learning_rte=1"], "did you mean learning_rate"),
        (["--steps", "3", "--set", "sequence_length=1024"], "at most max_position_embeddings 512, got 1024"),
        (["--steps", "3", "--learning-rate", "inf"], "--learning-rate"),
        (["--steps", "3", "--set", "device=cuda"], "expected a GPU"),
        (["--steps", "3", "--device", "cuda"], "expected a GPU"),
        (["--steps", "3", "--device", "gpu"], "--device: expected auto, cpu or cuda"),
        (["--steps", "3", "--set", "steps=4"], "--set steps: its own option is given, too"),
        (["--steps", "3", "--set", "epochs=4"], "got steps and epochs"),
        (["--steps", "3", "--resume"], "expected the folder of a run to resume"),
        (["--steps", "3", "--resume", "oldest"], "--resume: expected latest or latest-valid"),
        (["--steps", "3", "--resume", "--overwrite"], "got both"),
        (["recipe.toml", "--steps", "3"], "recipe.toml: expected a TOML file, got nothing there"),
    ],
)
def test_requests_that_are_refused(  # type: ignore[no-untyped-def]
    arguments: list[str], message: str, command, store: Path, tmp_path: Path
) -> None:
    answer = command("pretrain", "--data", store, "-o", tmp_path / "run", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_stores_that_are_refused(command, store: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty").mkdir()
    for data in (tmp_path / "absent", tmp_path / "empty", store.parent / "corpus.txt"):
        answer = command("pretrain", "--data", data, "-o", tmp_path / "run", "--steps", "3")
        assert answer.code == 2
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_stopped_and_resumed(
    number: signal.Signals, code: int, store: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        _process(store, run), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while time.monotonic() < end and not (run / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have been quicker than the signal
        assert process.returncode == code, err
        if number != signal.SIGKILL:
            assert json.loads(out)["error"]["type"] == "Interrupted"
    again = subprocess.run(
        [sys.executable, "-m", "bertwright", "pretrain", "--data", str(store), "-o", str(run), "--resume"],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert fingerprint(run) == fingerprint(unbroken)


@pytest.mark.slow
@pytest.mark.parametrize(("shard", "tolerance"), [(False, 1e-6), (True, 4e-6)])
def test_two_ranks(shard: bool, tolerance: float, store: Path, tmp_path: Path) -> None:
    """The same order of batches, and the same losses over 50 steps but for rounding (dropout on)."""
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    for name, start in (("one", ()), ("two", launcher)):
        arguments = _process(store, tmp_path / name, launcher=start)
        arguments[arguments.index("12")] = "50"
        arguments += ["--set", f"shard={str(shard).lower()}", "--set", "milestones=[0.5]"]
        done = subprocess.run(arguments, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1  # one voice for all ranks
        assert "returned a view" not in done.stderr  # of which FSDP warns
    one, two = records(tmp_path / "one"), records(tmp_path / "two")
    assert [(r["step"], r["kind"], r["tokens"]) for r in one] == [
        (r["step"], r["kind"], r["tokens"]) for r in two
    ]
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a["kind"] == "train"]
    assert len(pairs) == 50
    for name in ("loss", "mlm_loss", "nsp_loss"):
        assert max(abs(a[name] - b[name]) for a, b in pairs) < tolerance, name
    for model in ("model", "milestones/0.5"):
        mine, theirs = (load_file(tmp_path / run / model / "model.safetensors") for run in ("one", "two"))
        assert mine.keys() == theirs.keys()
        for tensor, value in mine.items():
            assert torch.allclose(value, theirs[tensor], atol=1e-4), tensor


def test_resuming_with_another_length(command, store: Path, unbroken: Path) -> None:  # type: ignore[no-untyped-def]
    before = tree(unbroken)
    answer = command("pretrain", "--data", store, "-o", unbroken, "--resume", "--steps", "13")
    assert answer.code == 2
    assert "steps: 12 -> 13" in answer.err
    assert tree(unbroken) == before
