"""Held-out sentences with one word hidden, and what the model would put there: for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bertwright import randomness
from bertwright.data.store import TokenStore
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.filled_blank import FilledBlank
from bertwright.tokenization.tokenizer import Tokenizer

_SHORTEST, _LONGEST = 8, 30  # pieces of a sentence: long enough to give a hint, short enough to read
_LETTERS = 0.75  # share of pieces that are letters: prose, no tables or formulas
_CONTEXT = 60  # pieces of the sentences before it that the model may read too


@dataclass(frozen=True)
class _Question:
    context: list[int]
    sentence: list[int]
    place: int


@torch.inference_mode()
def fill_blanks(
    model: BertForPreTraining,
    held_out: TokenStore,
    tokenizer: Tokenizer,
    *,
    count: int,
    seed: int,
    paired: bool = True,
    top: int = 5,
) -> list[FilledBlank]:
    """Hide one whole word in each of ``count`` held-out sentences and let the model guess.

    Words of a single piece of at least two letters are hidden, and Chinese characters. The model may read up
    to 60 pieces of what stands before the sentence in its document.

    Args:
        paired: whether it was trained on pairs. It is asked as in training: what stands before is A and the
            sentence B, or both are one segment.
    """
    training = model.training
    model.eval()
    room = model.config.max_position_embeddings - (3 if paired else 2)  # the rest is [CLS] and [SEP]
    questions = _questions(held_out, tokenizer, count, seed, room)
    try:
        return [_answered(model, question, tokenizer, paired, top) for question in questions]
    finally:
        model.train(training)


def _answered(
    model: BertForPreTraining, question: _Question, tokenizer: Tokenizer, paired: bool, top: int
) -> FilledBlank:
    vocabulary, device = tokenizer.vocabulary, next(model.parameters()).device
    hidden = list(question.sentence)
    hidden[question.place] = vocabulary.mask_id
    first = [vocabulary.cls_id, *question.context, *([vocabulary.sep_id] if paired else [])]
    second = [*hidden, vocabulary.sep_id]
    types = torch.tensor([[0] * len(first) + [1] * len(second)], device=device)
    output = model(
        torch.tensor([first + second], device=device),
        types if paired else None,
        None,
        torch.tensor([len(first) + question.place], device=device),
    )
    best = output.mlm_logits[0].float().softmax(-1).topk(top)
    guesses = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return FilledBlank(
        before=tokenizer.decode(question.sentence[: question.place]),
        truth=vocabulary.tokens[question.sentence[question.place]],
        after=tokenizer.decode(question.sentence[question.place + 1 :]),
        guesses=tuple((vocabulary.tokens[index], share) for index, share in guesses),
    )


def _questions(
    store: TokenStore, tokenizer: Tokenizer, count: int, seed: int, room: int
) -> Iterator[_Question]:
    chance = randomness.generator(seed, "blanks")
    found = 0
    for number in chance.permutation(store.num_documents):
        sentences = store.document(int(number))
        order = 1 + chance.permutation(len(sentences) - 1)  # the first sentence has nothing before it
        for place in order:
            question = _question(sentences, int(place), tokenizer, chance, room)
            if question is not None:
                yield question
                found += 1
                break
        if found == count:
            return


def _question(
    sentences: list[list[int]], number: int, tokenizer: Tokenizer, chance: np.random.Generator, room: int
) -> _Question | None:
    sentence = sentences[number]
    if not _SHORTEST <= len(sentence) <= min(_LONGEST, room - _SHORTEST):
        return None
    vocabulary = tokenizer.vocabulary
    starts = vocabulary.starts_word
    whole = [
        place
        for place, piece in enumerate(sentence)
        if starts[piece]
        and (len(vocabulary.tokens[piece]) > 1 or vocabulary.ideographs[piece])
        and vocabulary.tokens[piece].isalpha()
        and (place + 1 == len(sentence) or starts[sentence[place + 1]])
    ]
    letters = sum(vocabulary.tokens[piece].removeprefix("##").isalpha() for piece in sentence)
    if not whole or vocabulary.unk_id in sentence or letters < _LETTERS * len(sentence):
        return None
    most = min(_CONTEXT, room - len(sentence))
    earlier = [piece for other in sentences[:number] for piece in other]
    context = earlier[len(earlier) - most :] if most < len(earlier) else earlier
    return _Question(context, sentence, int(chance.choice(whole)))
