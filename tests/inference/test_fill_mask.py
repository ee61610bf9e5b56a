"""Filling blanks: ranking and windows by hand and by property, probabilities against transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_models import POSITIONS

from bertwright.errors import InputError, ModelError, UsageError
from bertwright.inference.fill_mask import MAX_MASKS, fill, plan_windows, rank
from bertwright.inference.model import Model


def test_rank_by_hand() -> None:
    ids, probabilities = rank(np.log(np.array([0.2, 0.1, 0.4, 0.2, 0.1])), 3)
    assert ids.tolist() == [2, 0, 3]  # of equal ones the smaller id first
    assert probabilities == pytest.approx([0.4, 0.2, 0.2])


def test_rank_gives_at_most_the_whole_vocabulary() -> None:
    ids, probabilities = rank(np.array([0.0, 1.0]), 10)
    assert ids.tolist() == [1, 0]
    assert probabilities.sum() == pytest.approx(1)


@given(
    arrays.arrays(np.float32, st.integers(1, 40), elements=st.integers(-3, 3).map(float)), st.integers(1, 50)
)
def test_rank_is_a_stable_sort(logits: np.ndarray, top_k: int) -> None:
    ids, probabilities = rank(logits, top_k)
    assert ids.tolist() == np.argsort(-logits, kind="stable")[:top_k].tolist()
    expected = torch.softmax(torch.from_numpy(logits).double(), 0).numpy()
    np.testing.assert_allclose(probabilities, expected[ids], rtol=1e-12)


@pytest.mark.parametrize(
    ("token", "filled"),
    [
        ("sea", "he saw a sea ."),
        ("##ing", "he saw aing ."),
        ("##", "he saw a ## ."),
        ("[UNK]", "he saw a [UNK] ."),
    ],
)
def test_fill(token: str, filled: str) -> None:
    assert fill("he saw a [MASK] .", (9, 15), token) == filled


def test_one_window_where_the_text_fits() -> None:
    (window,) = plan_windows(10, [2, 7], 10)
    assert (window.start, window.stop, window.masks) == (0, 10, (2, 7))


@given(st.data())
def test_windows_hold_every_mask_once(data: st.DataObject) -> None:
    room = data.draw(st.integers(1, 20))
    length = data.draw(st.integers(1, 80))
    masks = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=1, max_size=10)))
    windows = plan_windows(length, masks, room)
    assert [mask for window in windows for mask in window.masks] == masks
    for window in windows:
        assert 0 <= window.start < window.stop <= length
        assert window.stop - window.start == min(room, length)
        for mask in window.masks:
            assert window.start <= mask < window.stop
        if length > room:  # in the middle, except near the ends of the text
            before, after = window.masks[0] - window.start, window.stop - 1 - window.masks[0]
            assert abs(before - after) <= 1 or window.start == 0 or window.stop == length


def test_same_probabilities_as_transformers(pretrained: Model, pretrained_folder: Path) -> None:
    text = "He saw the [MASK] [MASK] in france, and the [MASK]."
    answers = pretrained.fill_mask(text, top_k=len(pretrained.tokenizer.vocabulary))
    expected, positions = _transformers_shares(pretrained_folder, text)
    assert [answer.position for answer in answers] == positions == [4, 5, 11]
    for answer, shares in zip(answers, expected, strict=True):
        found = np.zeros(len(shares))
        for candidate in answer.candidates:
            found[candidate.id] = candidate.probability
            assert candidate.token == pretrained.tokenizer.vocabulary.tokens[candidate.id]
        np.testing.assert_allclose(found, shares, atol=1e-5)
        assert found.sum() == pytest.approx(1)
        assert text[slice(*answer.offsets)] == "[MASK]"


def test_candidates_fill_their_own_blank(pretrained: Model) -> None:
    first, second = pretrained.fill_mask("a [MASK] and [MASK]", top_k=2)
    for candidate in first.candidates:
        assert candidate.text == fill("a [MASK] and [MASK]", (2, 8), candidate.token)
    for candidate in second.candidates:
        assert candidate.text == fill("a [MASK] and [MASK]", (13, 19), candidate.token)


def test_long_text_is_read_through_a_window(pretrained: Model, pretrained_folder: Path) -> None:
    """Around the blank as many words as the network can see: the answer is that for the window alone."""
    room = POSITIONS - 2
    words = ["sea", "door", "night"] * 40
    words[70] = "[MASK]"
    (answer,) = pretrained.fill_mask(" ".join(words), top_k=3)
    assert answer.position == 71
    start = 70 - room // 2
    (alone,) = pretrained.fill_mask(" ".join(words[start : start + room]), top_k=3)
    assert [c.id for c in answer.candidates] == [c.id for c in alone.candidates]
    assert [c.probability for c in answer.candidates] == [c.probability for c in alone.candidates]
    expected, _ = _transformers_shares(pretrained_folder, " ".join(words[start : start + room]))
    assert answer.candidates[0].probability == pytest.approx(expected[0].max(), abs=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no blank", r'text: expected at least one \[MASK\], got "no blank" \(write the blank as \[MASK\]\)'),
        ("a [mask] here", "write it in capital letters"),
        ("", "expected at least one"),
        ("[MASK] " * (MAX_MASKS + 1), "expected at most 100"),
    ],
)
def test_texts_without_usable_blanks(pretrained: Model, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pretrained.fill_mask(text)


def test_top_k_below_one(pretrained: Model) -> None:
    with pytest.raises(UsageError, match="top_k: expected at least 1, got 0"):
        pretrained.fill_mask("[MASK]", top_k=0)


def test_model_without_the_head(classifier: Model) -> None:
    with pytest.raises(ModelError, match="masked language head"):
        classifier.fill_mask("[MASK]")


def _transformers_shares(folder: Path, text: str) -> tuple[list[np.ndarray], list[int]]:
    """Softmax of the full logits at every mask, and where the masks are, by transformers on the folder."""
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForPreTraining.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).prediction_logits[0]
    positions = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
    return [torch.softmax(logits[position].double(), 0).numpy() for position in positions], positions
