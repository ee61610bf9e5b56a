"""Scores of texts: windows by hand and by property, numbers against transformers asked token by token."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import small_models
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from bertwright import strict_json
from bertwright.errors import Interrupted, ModelError, ResumeError, UsageError
from bertwright.inference import scoring
from bertwright.inference.model import Model, load
from bertwright.inference.score_file import score_file
from bertwright.inference.scoring import TextScore, left_windows

TEXTS = [
    "The old man walked to the sea.",
    "",
    "dark",
    "he said that she was a good woman, and closed the door",
]
LONG = " ".join(["the old man saw a dark house and opened the door ."] * 8)
"""88 pieces where the network sees 40."""


@pytest.fixture(scope="session", params=["masked", "left-to-right"])
def language_folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language") / "model"
    causal = request.param == "left-to-right"
    return small_models.save_left_to_right(folder) if causal else small_models.save_pretrained(folder)


@pytest.fixture(scope="session")
def language(language_folder: Path) -> Model:
    return load(language_folder)


def brute_force(folder: Path, ids: list[int]) -> list[float]:
    """By transformers: one row, one pass and one softmax a token."""
    config = transformers.AutoConfig.from_pretrained(folder)
    cls = transformers.BertLMHeadModel if config.is_decoder else transformers.BertForMaskedLM
    network, words = cls.from_pretrained(folder).eval(), small_models.tokenizer().vocabulary
    found = []
    for place, truth in enumerate(ids, 1):
        row = [words.cls_id, *ids, words.sep_id]
        if config.is_decoder:
            row = row[:place]
        else:
            row[place] = words.mask_id
        with torch.no_grad():
            logits = network(torch.tensor([row])).logits[0]
        found.append(float(logits[place - config.is_decoder].double().log_softmax(-1)[truth]))
    return found


def test_every_token_as_in_transformers(language: Model, language_folder: Path) -> None:
    for text, score in zip(TEXTS, language.score(TEXTS), strict=True):
        ids = language.tokenizer.encode(text).ids
        assert score.tokens == tuple(language.tokenizer.vocabulary.tokens[id] for id in ids)
        assert score.log_probabilities == pytest.approx(brute_force(language_folder, ids), abs=1e-4)
        assert score.log_probability == pytest.approx(sum(score.log_probabilities))
    kind = "log-likelihood" if language.config.is_decoder else "pseudo-log-likelihood"
    assert language.score_kind == kind


def test_batches_change_nothing(language: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    together = language.score([*TEXTS, LONG])
    monkeypatch.setattr(scoring, "tokens_at_once", lambda _: 1)
    alone = language.score([*TEXTS, LONG])
    for one, other in zip(together, alone, strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)


def test_nothing_of_a_long_text_is_cut(language: Model, language_folder: Path) -> None:
    (score,) = language.score([LONG])
    ids = language.tokenizer.encode(LONG).ids
    assert len(score.tokens) == len(ids) > 2 * small_models.POSITIONS
    assert all(value < 0 for value in score.log_probabilities)
    if language.config.is_decoder:  # the first window is a text of its own
        room = small_models.POSITIONS - 1
        expected = brute_force(language_folder, ids[:room])
        assert score.log_probabilities[:room] == pytest.approx(expected, abs=1e-4)
    else:  # a token in the middle is seen with as much on either side
        room, place = small_models.POSITIONS - 2, len(ids) // 2
        start = place - room // 2
        expected = brute_force(language_folder, ids[start : start + room])[place - start]
        assert score.log_probabilities[place] == pytest.approx(expected, abs=1e-4)


def test_left_windows_by_hand() -> None:
    shown = [(w.start, w.stop, w.masks) for w in left_windows(9, 4)]
    assert shown == [(0, 4, (0, 1, 2, 3)), (2, 6, (4, 5)), (4, 8, (6, 7)), (5, 9, (8,))]
    assert left_windows(0, 4) == []
    assert [window.masks for window in left_windows(3, 1)] == [(0,), (1,), (2,)]


@given(st.integers(0, 90), st.integers(1, 20))
def test_left_windows_ask_about_every_token_once(length: int, room: int) -> None:
    windows = left_windows(length, room)
    assert [mask for window in windows for mask in window.masks] == list(range(length))
    for window in windows:
        assert 0 <= window.start < window.stop <= length
        assert window.stop - window.start == min(room, window.stop)
        for mask in window.masks:
            assert window.start <= mask < window.stop
            assert window.start == 0 or mask - window.start >= room - max(1, room // 2)


def test_perplexity_by_hand() -> None:
    score = TextScore(("a", "b"), (math.log(0.5), math.log(0.125)))
    assert score.log_probability == pytest.approx(math.log(1 / 16))
    assert score.perplexity == pytest.approx(4.0)
    assert score.to_dict() == {
        "tokens": 2,
        "log_probability": score.log_probability,
        "perplexity": score.perplexity,
    }
    assert score.to_dict(per_token=True)["pieces"] == ["a", "b"]
    empty = TextScore((), ())
    assert (empty.log_probability, empty.perplexity) == (0.0, None)


def test_what_cannot_score_says_so(classifier: Model, language: Model) -> None:
    with pytest.raises(ModelError, match='a masked language head, got "heads: sequence"'):
        classifier.score(TEXTS)
    with pytest.raises(UsageError, match="expected a list of texts"):
        language.score("one text")


@pytest.mark.parametrize("kind", ["bilm", "left_to_right", "pretrained"])
def test_the_network_is_built_once(kind: str, tmp_path: Path) -> None:
    """For what kind of score it gives, and for every block of texts."""
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(TEXTS) + "\n")
    model = load(getattr(small_models, f"save_{kind}")(tmp_path / "model"))
    folder = type(model.folder)
    build = folder.pretraining_model
    with mock.patch.object(folder, "pretraining_model", autospec=True, side_effect=build) as built:
        score_file(model, file, tmp_path / "scores.jsonl", rows_per_block=1)
    assert built.call_count == 1


def test_a_file(language: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "texts.txt", tmp_path / "scores.jsonl"
    file.write_text("\n".join(TEXTS) + "\n")
    summary = score_file(language, file, output, per_token=True, rows_per_block=3)
    rows = [strict_json.parse(line, output) for line in output.read_text().splitlines()]
    scores = language.score(TEXTS)
    assert [row["row"] for row in rows] == [0, 1, 2, 3]
    for row, score in zip(rows, scores, strict=True):
        assert row["pieces"] == list(score.tokens)
        assert row["log_probabilities"] == pytest.approx(score.log_probabilities, abs=1e-4)
    total, tokens = sum(s.log_probability for s in scores), sum(len(s.tokens) for s in scores)
    assert (summary.rows, summary.tokens, summary.empty) == (4, tokens, 1)
    assert summary.log_probability == pytest.approx(total, abs=1e-3)
    assert summary.perplexity == pytest.approx(math.exp(-total / tokens), rel=1e-4)


def test_interrupted_work_is_taken_up(
    language: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(TEXTS * 3) + "\n")
    unbroken, output = tmp_path / "unbroken.jsonl", tmp_path / "scores.jsonl"
    score_file(language, file, unbroken, rows_per_block=4)
    calls, original = iter(range(9)), Model.score

    def stopping(self: Model, *args: Any, **kwargs: Any) -> list[TextScore]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="8 rows are done and kept"):
        patch.setattr(Model, "score", stopping)
        score_file(language, file, output, rows_per_block=4)
    with pytest.raises(ResumeError, match="per_token"):
        score_file(language, file, output, rows_per_block=4, per_token=True, resume=True)
    score_file(language, file, output, rows_per_block=4, resume=True)
    assert output.read_bytes() == unbroken.read_bytes()
