"""Killed at any moment and resumed, bulk work gives the bytes of the unbroken run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_models import WORDS

from bertwright.inference.embedding_file import embed_file
from bertwright.inference.model import Model
from bertwright.inference.prediction_file import predict_file
from bertwright.randomness import generator

ROWS = 1000
KILLS = 2

# Says when it begins, so that the moments fall into the work and not into the imports.
WORK = """
import sys
from pathlib import Path
from bertwright.inference.embedding_file import embed_file
from bertwright.inference.model import load
from bertwright.inference.prediction_file import predict_file
model = load(sys.argv[2])
print("ready", flush=True)
work = predict_file if sys.argv[1] == "predict" else embed_file
work(model, Path(sys.argv[3]), Path(sys.argv[4]), rows_per_block=64, resume=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", ["predict", "embed"])
def test_killed_and_resumed(task: str, seed: int, classifier: Model, tmp_path: Path) -> None:
    draw = generator(seed, "kills")
    texts = [" ".join(draw.choice(WORDS, draw.integers(0, 30))) for _ in range(ROWS)]  # some are empty
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    suffix = ".jsonl" if task == "predict" else ".npy"
    whole, killed = tmp_path / f"whole{suffix}", tmp_path / f"killed{suffix}"
    started = time.monotonic()
    if task == "predict":
        predict_file(classifier, file, whole, rows_per_block=64)
    else:
        embed_file(classifier, file, whole, rows_per_block=64)
    seconds = time.monotonic() - started
    command = [sys.executable, "-c", WORK, task, str(classifier.folder.path), str(file), str(killed)]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(draw.uniform(0, seconds / 2))
            running.send_signal(signal.SIGKILL)
        if killed.exists():
            break
    if not killed.exists():
        subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    assert killed.read_bytes() == whole.read_bytes()
    names = {path.name.replace("killed", "whole") for path in tmp_path.iterdir()}
    assert names <= {"rows.jsonl", whole.name, "whole.errors.jsonl", f".{whole.name}.lock"}
    if task == "predict":
        errors = whole.with_name("whole.errors.jsonl").read_bytes()
        assert errors.count(b"\n") == texts.count("")
        assert killed.with_name("killed.errors.jsonl").read_bytes() == errors
