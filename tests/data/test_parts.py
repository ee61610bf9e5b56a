"""One part of a store: made once, taken by nobody but the preparation that asked for it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from small_corpora import TEXT, TOKENIZER, write

from bertwright import durable
from bertwright.corpus import find_corpus, split_work
from bertwright.data import versions
from bertwright.data.parts import PartsFolder, PartTask, make_part
from bertwright.data.prepare_settings import PrepareSettings
from bertwright.data.versions import Versions
from bertwright.errors import RunError
from bertwright.progress import Silent

SETTINGS = PrepareSettings()
REQUEST = {"asked": "this"}


@pytest.fixture
def folder(tmp_path: Path) -> PartsFolder:
    made = PartsFolder(tmp_path / "store", REQUEST)
    made.path.mkdir()
    return made


@pytest.fixture
def task(tmp_path: Path, vocabulary: Path, folder: PartsFolder) -> PartTask:
    (chunk,) = split_work(find_corpus([write(tmp_path / "text.txt", TEXT)]), 1 << 20)
    here = Versions.here(SETTINGS, None)
    return PartTask(0, chunk, folder.path, vocabulary, TOKENIZER.digest, SETTINGS, here, folder.request)


def test_a_part_of_this_request_is_found(folder: PartsFolder, task: PartTask) -> None:
    part = make_part(task)
    assert folder.find(Silent()) == {0: part}
    folder.check(part, durable.digest_of_file(folder.path / "part-000000/shard.arrow"))


def test_a_part_of_another_request_is_not_taken(folder: PartsFolder, task: PartTask) -> None:
    """A worker that outlived its process puts its part where the next preparation keeps its own."""
    part = make_part(replace(task, request="another"))
    place = folder.path / "part-000000"
    with pytest.raises(RunError, match="part-000000: expected a part of this preparation, got one of anoth"):
        folder.check(part, durable.digest_of_file(place / "shard.arrow"))
    first = place.stat().st_ino
    assert make_part(task) == part and place.stat().st_ino != first
    folder.check(part, durable.digest_of_file(place / "shard.arrow"))


def test_parts_of_another_request_are_removed(folder: PartsFolder, task: PartTask) -> None:
    make_part(replace(task, request="another"))
    assert folder.find(Silent()) == {} and not list(folder.path.iterdir())


@pytest.mark.parametrize("differs", ["sentencex", "Unicode of Python"])
def test_a_machine_with_other_versions_makes_no_part(
    folder: PartsFolder, task: PartTask, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    if differs == "sentencex":
        monkeypatch.setattr(versions, "splitter_version", lambda _: "0.1")
    else:
        monkeypatch.setattr(unicodedata, "unidata_version", "0.1")
    with pytest.raises(RunError, match=rf"{differs}: expected \d[\d.]+ on every machine, got 0\.1"):
        make_part(task)
    assert not list(folder.path.iterdir())


def test_lines_that_are_sentences_need_no_splitter(task: PartTask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PrepareSettings(language=None)
    without = replace(task, settings=settings, versions=Versions.here(settings, None))
    assert without.versions.splitter is None
    assert make_part(without).counts.sentences == 4
