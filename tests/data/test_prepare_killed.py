"""Killed at every change of the file system: the next run ends with the same bytes and leaves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_corpora import random_text, tree, write

from bertwright.data.store import TokenStore

# One process imports everything and forks twice for each call: a child that dies in it, and one that goes on.
SCRIPT = """
import itertools, json, os, sys
from pathlib import Path
from bertwright.data import prepare as module

module._MIN_PART_BYTES = 15_000
corpus, vocabulary, folder, existing, step = sys.argv[1:]
CALLS = ("open", "write", "fsync", "rename", "link", "mkdir", "rmdir", "unlink", "ftruncate", "pwrite")

def prepare(output):
    module.prepare([corpus], vocabulary=vocabulary, output=output, workers=0, overwrite=existing == "yes")

def die_at(number):
    count = itertools.count(1)
    def patched(original):
        def call(*arguments, **options):
            if next(count) == number:
                os._exit(9)
            return original(*arguments, **options)
        return call
    for name in CALLS:
        setattr(os, name, patched(getattr(os, name)))

def forked(output, number=None):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if number is not None:
                die_at(number)
            prepare(output)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

prepare(f"{folder}/start/s")  # here, so that no child loads the tokenizer and the kernels again
for number in itertools.count(1, int(step)):
    place = Path(folder) / f"{number:04d}"
    place.mkdir()
    if existing == "yes":
        os.system(f"cp -r {folder}/start/s {place}/s")
    first = forked(place / "s", number)
    whole = (place / "s" / "manifest.json").exists()
    second = 0 if first == 0 or (whole and existing == "no") else forked(place / "s")
    print(json.dumps([number, first, whole, second]), flush=True)
    if first == 0:
        break
"""


steps = pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])


def killed_everywhere(tmp_path: Path, vocabulary: Path, existing: str, step: int) -> list[list[object]]:
    corpus = write(tmp_path / "a.txt", random_text(70))
    script = write(tmp_path / "script.py", SCRIPT)
    (tmp_path / "out/start").mkdir(parents=True)
    arguments = [str(corpus), str(vocabulary), str(tmp_path / "out"), existing, str(step)]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) > 100 // step
    assert [first for _, first, _, _ in results] == [9] * (len(results) - 1) + [0]
    assert all(second == 0 for *_, second in results)
    return results


@steps
def test_a_new_store(tmp_path: Path, vocabulary: Path, step: int) -> None:
    results = killed_everywhere(tmp_path, vocabulary, "no", step)
    last = tree(tmp_path / f"out/{results[-1][0]:04d}")
    for number, _, whole, _ in results:
        place = tmp_path / f"out/{number:04d}"
        if whole:  # killed while tidying up: the store is there, and the next run may leave it alone
            TokenStore.open(place / "s")
        else:
            assert tree(place) == last, number


@steps
def test_a_store_in_place_of_another(tmp_path: Path, vocabulary: Path, step: int) -> None:
    results = killed_everywhere(tmp_path, vocabulary, "yes", step)
    assert all(whole for _, _, whole, _ in results)
    last = tree(tmp_path / f"out/{results[-1][0]:04d}")
    assert all(tree(tmp_path / f"out/{number:04d}") == last for number, *_ in results)
