"""``bertwright serve``: a real process from its first line to its end, and what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from cli.conftest import Command

KEY = "0123456789abcdef"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_until_it_is_told_to_end(
    number: signal.Signals, classifier_folder: Path, pretrained_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    arguments = [f"sentiment={classifier_folder}", str(pretrained_folder), "--port", "0", "--json"]
    arguments += ["--api-key-file", str(tmp_path / "key")]
    process = subprocess.Popen(
        [sys.executable, "-m", "bertwright", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["models"] == ["sentiment", pretrained_folder.name]
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=told["url"], headers=headers, timeout=60, trust_env=False) as client:
        answer = client.post("/v1/predict", json={"model": "sentiment", "input": "a fine film"})
        assert answer.status_code == 200
        assert client.get("/v1/models", headers={"Authorization": ""}).status_code == 401
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), err
    assert "stopped" in err and "Traceback" not in err and KEY not in err


HANGING = """
import sys, threading
from functools import partial
from bertwright.cli.app import main
from bertwright.execution.threads import map_threads
from bertwright.inference.model import Model
from bertwright.serving import server

server.Limits = partial(server.Limits, hopeless_seconds={hopeless}, drain_seconds=1.0)
whole = Model.embed_texts

def embed_texts(model, texts, **options):
    if "hang" in texts:
        list(map_threads(lambda _: threading.Event().wait(), range(2), 2))
    return whole(model, texts, **options)

Model.embed_texts = embed_texts
main()
"""


@pytest.mark.parametrize(("number", "hopeless", "code"), [(None, 1.0, 1), (signal.SIGTERM, 60.0, 0)])
def test_a_model_that_hangs_does_not_keep_the_process(
    number: signal.Signals | None, hopeless: float, code: int, pretrained_folder: Path
) -> None:
    """A native call that never returns holds a thread of a pool, for which the interpreter would wait."""
    arguments = ["serve", str(pretrained_folder), "--port", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING.format(hopeless=hopeless), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    with httpx.Client(base_url=told["url"], timeout=60, trust_env=False) as client:
        with suppress(httpx.HTTPError), httpx.Client(base_url=told["url"], timeout=1, trust_env=False) as one:
            one.post("/v1/embeddings", json={"input": "hang"})
        assert client.get("/health/live").status_code == 200
        if number is not None:
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert ("no sign of life" in out) is (number is None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "at least one model folder"),
        (["{model}", "--port", "70000"], "0 to 65535"),
        (["{model}", "--port", "http"], "whole number"),
        (["{model}", "--port", "-1"], "at least 0"),
        (["{model}", "--host", "0.0.0.0"], "--api-key-file and --allow-host"),
        (["{model}", "--host", "0.0.0.0", "--allow-host", "me.example"], "--api-key-file and --allow-host"),
        (["{model}", "--host", "nowhere.invalid"], "--api-key-file and --allow-host"),
        (["{model}", "{model}"], "each name once"),
        (["a={model}", "a={model}"], "each name once"),
        (["nothing-there"], "nothing-there"),
        (["a=nothing-there"], "nothing-there"),
        (["{folder}/loop"], "symbolic links"),
        (["{model}", "--api-key-file", "{folder}/none"], "a file with a key"),
        (["{model}", "--api-key-file", "{folder}/short"], "at least 16"),
        (["{model}", "--api-key-file", "{folder}/two"], "one key"),
        (["{model}", "--port", "{taken}"], "--port 0"),
        (
            ["{model}", "--host", "192.0.2.1", "--allow-host", "a", "--api-key-file", "{folder}/key"],
            "192.0.2.1",
        ),
    ],
)
def test_what_is_refused_before_anything_listens(
    arguments: list[str], said: str, command: Command, classifier_folder: Path, tmp_path: Path
) -> None:
    for name, text in {"short": "abc", "two": f"{KEY} {KEY}", "key": KEY}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "loop").symlink_to("loop")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        values = {"model": classifier_folder, "folder": tmp_path, "taken": taken.getsockname()[1]}
        answer = command("serve", *(argument.format(**values) for argument in arguments))
    assert answer.code == 2, answer
    assert said in answer.err and answer.err.count("\n") <= 2
    assert KEY not in answer.err and "abc" not in answer.err


def test_what_serving_needs_is_named(
    command: Command, classifier_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("bertwright.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = command("serve", classifier_folder)
    assert answer.code == 2
    assert "pip install 'bertwright[serve]'" in answer.err
