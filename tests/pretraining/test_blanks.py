"""Blanks in held-out sentences: what is hidden, what is shown, and that the model's weights decide."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bertwright.data.store import TokenStore
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.blanks import fill_blanks
from bertwright.pretraining.filled_blank import FilledBlank
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

WORDS = ["the", "cat", "sat", "on", "mat", "dog", "ran", "far", "##s", "."]
TOKENIZER = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
SENTENCES = ["the cats sat on the mat .", "the dog ran far on the mat .", "cat ."]


def make(**changes: Any) -> tuple[BertForPreTraining, TokenStore]:
    documents = [[TOKENIZER.encode(text).ids for text in SENTENCES] for _ in range(6)]
    store = TokenStore.from_documents(documents, vocab_size=len(TOKENIZER.vocabulary))
    config = BertConfig.published(
        "tiny",
        vocab_size=len(TOKENIZER.vocabulary),
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=37,
        **changes,
    )
    return BertForPreTraining(config, seed=1), store


def test_blanks() -> None:
    model, store = make()
    model.train()
    filled = fill_blanks(model, store, TOKENIZER, count=4, seed=7)
    assert model.training
    assert len(filled) == 4
    for blank in filled:
        whole = f"{blank.before} {blank.truth} {blank.after}".split()
        assert " ".join(whole) in SENTENCES[:2]
        assert blank.truth in {
            "the",
            "sat",
            "on",
            "mat",
            "dog",
            "ran",
            "far",
        }  # never "cat" of "cats", nor "."
        shares = [share for _, share in blank.guesses]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
    assert filled == fill_blanks(model, store, TOKENIZER, count=4, seed=7)
    assert filled != fill_blanks(model, store, TOKENIZER, count=4, seed=8)


def test_blanks_of_chinese_text() -> None:
    characters = "我爱研究模型的人员，"
    maker = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *characters, "b", "bert"]))
    documents = [
        [maker.encode(text).ids for text in ("研究人员爱，我", "我爱b模型，的研究人员")] for _ in range(6)
    ]
    store = TokenStore.from_documents(documents, vocab_size=len(maker.vocabulary))
    config = BertConfig.published(
        "tiny", vocab_size=len(maker.vocabulary), hidden_size=32, num_attention_heads=2, intermediate_size=37
    )
    filled = fill_blanks(BertForPreTraining(config, seed=1), store, maker, count=6, seed=7)
    assert len(filled) == 6
    hidden = {blank.truth for blank in filled}
    assert len(hidden) > 1
    assert hidden <= set("我爱模型的研究人员")  # never a single letter, nor the comma


def test_the_model_decides() -> None:
    model, store = make()
    with torch.no_grad():
        model.masked_language_head.bias[TOKENIZER.vocabulary.id("dog")] = 50.0
    for blank in fill_blanks(model, store, TOKENIZER, count=3, seed=7):
        assert blank.guesses[0][0] == "dog"
        assert blank.guesses[0][1] > 0.99


@pytest.mark.parametrize("paired", [True, False])
def test_the_model_is_asked_as_it_was_trained(paired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two segments, or a single one, of which nothing but the first was ever learned."""
    model, store = make()
    vocabulary = TOKENIZER.vocabulary
    asked: list[tuple[torch.Tensor, torch.Tensor | None, int]] = []
    original = model.forward

    def forward(ids: torch.Tensor, types: torch.Tensor | None, mask: None, places: torch.Tensor) -> object:
        asked.append((ids[0], types, int(places)))
        return original(ids, types, mask, places)

    monkeypatch.setattr(model, "forward", forward)
    if not paired:
        with torch.no_grad():
            model.encoder.embeddings.token_type_embeddings.weight[1] = float("nan")
    filled = fill_blanks(model, store, TOKENIZER, count=4, seed=7, paired=paired)
    assert len(filled) == len(asked) == 4
    for blank, (ids, types, place) in zip(filled, asked, strict=True):
        assert ids[place] == vocabulary.mask_id
        assert (ids == vocabulary.mask_id).sum() == 1
        assert (ids == vocabulary.sep_id).sum() == (2 if paired else 1)
        assert (ids[0], ids[-1]) == (vocabulary.cls_id, vocabulary.sep_id)
        assert all(math.isfinite(share) for _, share in blank.guesses)
        if types is None:
            assert not paired
        else:
            assert types[0].diff().sum() == 1 and types[0, place] == 1


@pytest.mark.parametrize("paired", [True, False])
def test_context_fills_all_positions(paired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make(max_position_embeddings=27)
    sentence = TOKENIZER.encode(SENTENCES[1]).ids
    store = TokenStore.from_documents([[sentence * 8, sentence]] * 3, vocab_size=len(TOKENIZER.vocabulary))
    lengths: list[int] = []
    original = model.forward

    def forward(ids: torch.Tensor, *others: Any) -> object:
        lengths.append(ids.shape[1])
        return original(ids, *others)

    monkeypatch.setattr(model, "forward", forward)
    fill_blanks(model, store, TOKENIZER, count=3, seed=7, paired=paired)
    assert lengths == [27] * 3


def test_too_little_text_gives_fewer() -> None:
    model, _ = make()
    store = TokenStore.from_documents([[[8, 9]], [[10]]], vocab_size=len(TOKENIZER.vocabulary))
    assert fill_blanks(model, store, TOKENIZER, count=3, seed=7) == []


def test_a_model_that_fails_is_in_the_mode_it_was_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*inputs: object) -> None:
        raise RuntimeError("out of memory")

    model, store = make()
    model.train()
    monkeypatch.setattr(model, "forward", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        fill_blanks(model, store, TOKENIZER, count=3, seed=7)
    assert model.training


def test_json_round_trip() -> None:
    blank = FilledBlank("a", "b", "c", (("b", 0.5), ("d", 0.25)))
    assert FilledBlank.from_dict(blank.to_dict()) == blank
