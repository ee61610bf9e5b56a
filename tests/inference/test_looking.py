"""Looking inside: the measures by hand, words in contexts, neighbours, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import save_left_to_right

import bertwright
from bertwright.errors import BertwrightError, InputError, TableError, UsageError
from bertwright.features.piece_rows import PieceRow, piece_row
from bertwright.inference.model import Model, load
from bertwright.looking.look import Look
from bertwright.looking.neighbours import NeighbourWatcher
from bertwright.looking.passing import Passing
from bertwright.looking.targets import places_of
from bertwright.looking.words import find_word
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

TEXTS = ["the old man saw the sea .", "a good film"]


@pytest.fixture(scope="module")
def left_to_right(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(save_left_to_right(tmp_path_factory.mktemp("models") / "clm"))


def figures(found: Look) -> dict[str, np.ndarray]:
    return {measure.name: measure.values for measure in found.heads}


@pytest.mark.parametrize("causal", [False, True])
def test_measures_by_hand(pretrained: Model, left_to_right: Model, causal: bool) -> None:
    """One text, its maps, and every figure summed up from them position by position."""
    found = bertwright.look(left_to_right if causal else pretrained, TEXTS[:1])
    (maps,) = found.texts
    tokens = maps.row.tokens
    assert tokens == ["[CLS]", "the", "old", "man", "saw", "the", "sea", ".", "[SEP]"]
    assert maps.attention.shape == (3, 4, 9, 9) and maps.hidden_states.shape == (4, 9, 48)
    np.testing.assert_allclose(maps.attention.sum(-1), 1, atol=1e-5)
    a, asked = maps.attention.astype(np.float64), range(1, 8)
    expected = {
        "cls": a[..., 1:8, 0].mean(-1),
        "sep": a[..., 1:8, 8].mean(-1),
        "itself": np.mean([a[..., i, i] for i in asked], axis=0),
        "previous": np.mean([a[..., i, i - 1] for i in asked], axis=0),
        "next": np.mean([a[..., i, i + 1] for i in asked], axis=0),
        "same_word": a[..., 5, 1] if causal else (a[..., 1, 5] + a[..., 5, 1]) / 2,
        "punctuation": a[..., 1:8, 7].mean(-1),
        "distance": sum(a[..., i, j] * abs(i - j) for i in asked for j in asked)
        / sum(a[..., i, j] for i in asked for j in asked),
        "entropy": torch.special.entr(torch.from_numpy(a))[..., 1:8, :].sum(-1).mean(-1).numpy(),
    }
    measured = figures(found)
    assert set(measured) == {*expected, "other_text"}
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], values, atol=1e-5, err_msg=name)
    uniform = {measure.name: measure.uniform for measure in found.heads}
    if causal:
        assert not measured["next"].any() and not measured["sep"].any()
    else:
        assert uniform["cls"] == pytest.approx(1 / 9) and uniform["entropy"] == pytest.approx(np.log(9))
    assert np.isnan(measured["other_text"]).all()
    assert found.to_dict()["heads"]["other_text"] == {"values": None, "uniform": None, "tokens": 0}


def test_pairs_ask_for_the_other_text(pretrained: Model) -> None:
    found = bertwright.look(pretrained, [("good film", "bad book .")])
    a = found.texts[0].attention.astype(np.float64)  # [CLS] good film [SEP] bad book . [SEP]
    first = a[..., [1, 2], :][..., [4, 5, 6]].sum(-1).sum(-1)
    second = a[..., [4, 5, 6], :][..., [1, 2]].sum(-1).sum(-1)
    np.testing.assert_allclose(figures(found)["other_text"], (first + second) / 5, atol=1e-5)


def test_a_file_is_measured_as_its_texts_are(pretrained: Model, tmp_path: Path) -> None:
    """Batched, padded, in blocks; empty lines are passed over and said."""
    file = tmp_path / "texts.txt"
    file.write_text("\n".join([*TEXTS, "", "dark ||| light"]) + "\n")
    of_file = bertwright.look(pretrained, file=file)
    of_texts = bertwright.look(pretrained, [*TEXTS, ("dark", "light")])
    assert of_file.measured_rows == 3 and "1 of 4 texts" in of_file.remarks[0]
    for name, values in figures(of_texts).items():
        np.testing.assert_allclose(figures(of_file)[name], values, atol=1e-5, err_msg=name)


def test_a_word_through_the_layers(pretrained: Model, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("the old man saw the sea .\na dark house by the seas\n")
    found = bertwright.look(pretrained, [TEXTS[0], "a dark sea"], words=["Sea"], file=file, neighbours=2)
    words = found.words
    assert words is not None
    assert [(place.text, place.start, place.stop) for place in words.occurrences] == [(0, 6, 7), (1, 3, 4)]
    states = [found.texts[0].hidden_states[:, 6], found.texts[1].hidden_states[:, 3]]
    np.testing.assert_allclose(words.vectors, states, atol=1e-6)
    cosines = [
        float(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y)) for x, y in zip(*states, strict=True)
    ]
    np.testing.assert_allclose(words.similarity[:, 0, 1], cosines, atol=1e-5)
    assert words.vectors.shape == (2, 4, 48) and words.similarity.shape == (4, 2, 2)
    np.testing.assert_allclose(words.to_embedding[:, 0], 1)
    first = [layer[0] for layer in found.neighbours[0]]
    assert [(near.word, near.row) for near in first] == [("sea", 0)] * 4  # the same sentence is in the file
    assert all(near.similarity == pytest.approx(1, abs=1e-5) for near in first)
    assert (first[0].before, first[0].after) == ("the old man saw the ", " .")
    assert {len(layer) for layers in found.neighbours for layer in layers} == {2}


def test_words_are_found_whole(pretrained: Model) -> None:
    tokenizer = pretrained.tokenizer
    found = bertwright.look(pretrained, ["sea seas sea"]).texts[0].row
    assert find_word(found, tokenizer.encode("sea").ids) == [(1, 2), (4, 5)]
    assert find_word(found, tokenizer.encode("seas").ids) == [(2, 4)]


def test_half_a_word_that_was_cut_off_is_none() -> None:
    """What is left of ``unaffable`` is not the word ``un``, and like no other word."""
    tokenizer = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, "un", "##aff", "##able", "a"]))
    un = tokenizer.encode("un").ids
    cut, whole = (piece_row("a unaffable", tokenizer, length) for length in (4, 10))
    assert cut.tokens == ["[CLS]", "a", "un", "[SEP]"]
    assert (cut.words, cut.cut_words, cut.whole_words) == ([(1, 2), (2, 3)], (1,), [(1, 2)])
    assert (whole.words, whole.cut_words, whole.whole_words) == ([(1, 2), (2, 5)], (), [(1, 2), (2, 5)])
    assert find_word(cut, un) == []
    assert places_of(cut).spellings.tolist() == [-1, 0, -1, -1]
    between = piece_row("un unaffable", tokenizer, 3)  # the second word is gone, and the first whole
    assert find_word(between, un) == [(1, 2)] and between.cut_words == ()
    pair = piece_row(("unaffable", "unaffable"), tokenizer, 7)  # [CLS] un ##aff [SEP] un ##aff [SEP]
    assert pair.cut_words == (0, 1) and pair.whole_words == []


def watched(rows: Sequence[PieceRow], batches: int) -> NeighbourWatcher:
    """A watcher that has seen ``rows`` so many times, each time as other rows, with the same vectors."""
    generator = np.random.default_rng(0)
    watcher = NeighbourWatcher(generator.normal(size=(2, 3, 5)))
    width = max(map(len, rows))
    hidden = [torch.from_numpy(generator.normal(size=(len(rows), width, 5))) for _ in range(3)]
    visible = torch.ones(len(rows), width, width, dtype=torch.bool)
    for batch in range(batches):
        numbers = tuple(range(batch * len(rows), (batch + 1) * len(rows)))
        watcher.begin(Passing(tuple(rows), numbers, visible))
        for layer, states in enumerate(hidden):
            watcher.layer(layer, None, states)
    return watcher


def test_neighbours_are_remembered_by_spelling_alone(pretrained: Model) -> None:
    """However many words pass, the memory is that of one batch and of what is spelled differently."""
    rows = [piece_row(text, pretrained.tokenizer, 40) for text in (*TEXTS, ("the sea", "the old sea"))]
    once, often = (watched(rows, batches) for batches in (1, 100))
    assert once.nearest(20) == often.nearest(20)  # of equals the first counts
    best = once.nearest(20)[0][1]
    assert [near.similarity for near in best] == sorted((near.similarity for near in best), reverse=True)
    for near in best:
        text = (*TEXTS, ("the sea", "the old sea"))[near.row]
        shown = text if isinstance(text, str) else text[near.second]
        assert shown[slice(*near.span)] == near.word
    for name, value in vars(often).items():
        if isinstance(value, (list, tuple, dict, np.ndarray)):
            assert len(value) == len(vars(once)[name]), name


def test_a_cut_word_is_no_neighbour() -> None:
    tokenizer = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, "un", "##aff", "##able", "a"]))
    found = watched([piece_row(text, tokenizer, 4) for text in ("a unaffable", "unaffable")], 1).nearest(9)
    assert {near.word for layers in found for layer in layers for near in layer} == {"a"}


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ([], {}, UsageError, "expected texts, or a file"),
        ("a text", {}, UsageError, "expected a list of texts"),
        (["a man", " "], {}, InputError, "text 2: expected at least one word"),
        ([("a", "")], {}, InputError, "text 1: expected at least one word"),
        (["the sea"], {"words": ["see"]}, InputError, r'whole word, got "see" \(did you mean "sea"'),
        (["the sea"], {"words": ["银行"]}, InputError, "that the vocabulary can spell"),
        ([], {"words": ["sea"], "file": "{file}"}, UsageError, "expected texts that they stand in"),
        ([], {"file": "{file}"}, TableError, "expected at least one text"),
        (["the sea"], {"neighbours": 0}, UsageError, "neighbours: expected at least 1"),
        (["the sea"], {"max_length": 41}, UsageError, "max_length: expected 3 to 40"),
    ],
)
def test_refused(
    pretrained: Model,
    tmp_path: Path,
    texts: list[str],
    options: dict,
    error: type[BertwrightError],
    message: str,
) -> None:  # type: ignore[type-arg]
    file = tmp_path / "empty.txt"
    file.write_text("\n \n")
    options = {name: file if value == "{file}" else value for name, value in options.items()}
    with pytest.raises(error, match=message):
        bertwright.look(pretrained, texts, **options)


def test_long_texts_are_cut_and_said(pretrained: Model) -> None:
    found = bertwright.look(pretrained, ["sea " * 60])
    assert found.texts[0].attention.shape == (3, 4, 40, 40)
    assert found.remarks == ("text 1 is longer than 40 pieces and was cut",)
