"""Going on with a text: a left-to-right model asked for the next token, again and again.

Greedy takes the likeliest token. ``top_p`` draws from the *nucleus* (Holtzman et al. 2020): the fewest
likeliest tokens that together have at least this probability. Chance is keyed by seed, number of the text and
step, so a text's continuation does not depend on the texts beside it.

A masked model is not asked: it has learned to fill a blank from both of its sides, never what comes next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from bertwright import randomness
from bertwright.errors import UsageError
from bertwright.model.continuation import Continuation
from bertwright.model.input_tensors import padded
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.progress import Progress, Silent
from bertwright.tokenization.padding import length_groups, tokens_at_once
from bertwright.tokenization.tokenizer import Tokenizer

MAX_TOKENS = 40
"""Tokens that are added unless another number is asked for."""

TOGETHER = 4096
"""Tokens of texts that grow together at least: every step reads all weights, however few the texts are. Base
keeps 300 MB for so many."""

Stop = Literal["end", "tokens", "positions"]
"""What stopped a text: the model, the number of tokens that were asked for, the network's last position."""
STOPS: tuple[Stop, ...] = get_args(Stop)

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Generated:
    """A text and how it goes on."""

    text: str
    """The beginning as it was given, and the continuation."""
    continuation: str
    """What was added, as pieces put together again."""
    tokens: tuple[str, ...]
    """Its pieces."""
    stopped: Stop
    """What stopped it."""
    truncated: bool
    """Whether only the end of the beginning was read, since the network cannot see more together with what
    is added."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "tokens": list(self.tokens)}


class _Text:
    """A text that grows: [CLS], its beginning, what was added."""

    def __init__(self, number: int, beginning: str, ids: list[int], cls_id: int, room: int) -> None:
        kept = ids[max(0, len(ids) - room) :]
        self.number, self.beginning = number, beginning
        self.row = [cls_id, *kept]
        self.read = 0  # tokens of the row that the network knows
        self.added: list[int] = []
        self.ended = False
        self.truncated = len(kept) < len(ids)


def generate(
    model: BertForPreTraining,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_tokens: int = MAX_TOKENS,
    top_p: float | None = None,
    seed: int = 0,
    first: int = 0,
    progress: Progress | None = None,
) -> list[Generated]:
    """Go on with every text, until the model ends it ([SEP]) or a limit is reached.

    Special tokens ([UNK] is one) are never chosen, [SEP] apart. The network reads every token once.

    Args:
        model: left-to-right, in evaluation mode.
        texts: beginnings; an empty one lets the model begin.
        max_tokens: that are added at most.
        top_p: None takes the likeliest token each time; otherwise above 0, at most 1.
        seed: of what ``top_p`` draws.
        first: number of the first text, by which its chance is named.
        progress: advances by texts; its stage is begun and ended by the caller.

    Raises:
        UsageError: ``max_tokens`` is below 1, or ``top_p`` out of range.
    """
    if max_tokens < 1:
        raise UsageError(f"max_tokens: expected at least 1, got {max_tokens}")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top_p: expected a number above 0, at most 1, got {top_p:g}")
    watch, positions = progress or Silent(), model.config.max_position_embeddings
    cls_id = tokenizer.vocabulary.cls_id
    room = room_for_beginning(positions, max_tokens)
    growing = [
        _Text(number, text, ids.tolist(), cls_id, room)
        for number, (text, ids) in enumerate(zip(texts, tokenizer.encode_ids(texts), strict=True), first)
    ]
    device = next(model.parameters()).device
    finally_long = [min(len(text.row) + max_tokens, positions) for text in growing]
    for group in length_groups(finally_long, max(TOGETHER, tokens_at_once(device.type))):
        reader = _Reader(model, tokenizer, [growing[index] for index in group.tolist()], max_tokens)
        for step in range(max_tokens):
            if not reader.any_left():
                break
            for text, shares in reader.next_shares():
                _grow(text, _chosen(shares, top_p, seed, text.number, step), tokenizer.vocabulary.sep_id)
            watch.advance(0)  # a sign of life
        watch.advance(len(group))
    return [_finished(text, tokenizer, max_tokens) for text in growing]


def room_for_beginning(positions: int, max_tokens: int) -> int:
    """Tokens of a beginning that are read at most: what [CLS] and ``max_tokens`` more leave of the network's
    ``positions``, but at least half of them."""
    return positions - 1 - max(1, min(max_tokens, (positions - 1) // 2))


def nucleus(shares: Shares, top_p: float) -> NDArray[np.int64]:
    """The fewest likeliest tokens that have at least ``top_p`` of all ``shares`` (V,), the likeliest first.

    Of equal ones the smaller id comes first.
    """
    order = np.argsort(-shares, kind="stable")
    reached = np.cumsum(shares[order])
    count = int(np.searchsorted(reached, top_p * reached[-1])) + 1
    return order[: min(count, int(np.count_nonzero(shares)))]


def draw(shares: Shares, top_p: float, chance: float) -> int:
    """The token of the nucleus on which ``chance``, from 0 up to 1, falls."""
    kept = nucleus(shares, top_p)
    reached = np.cumsum(shares[kept])
    place = int(np.searchsorted(reached, chance * reached[-1], side="right"))
    return int(kept[min(place, len(kept) - 1)])


def _chosen(shares: Shares, top_p: float | None, seed: int, number: int, step: int) -> int:
    if top_p is None:
        return int(shares.argmax())
    return draw(shares, top_p, randomness.generator(seed, "generation", number, step).random())


def _grow(text: _Text, token: int, sep_id: int) -> None:
    if token == sep_id:
        text.ended = True
    else:
        text.row.append(token)
        text.added.append(token)


class _Reader:
    """Texts that grow together, read by one network."""

    def __init__(
        self, model: BertForPreTraining, tokenizer: Tokenizer, texts: Sequence[_Text], max_tokens: int
    ) -> None:
        vocabulary = tokenizer.vocabulary
        self._model, self._pad_id = model, vocabulary.pad_id
        self._never = [id for id in vocabulary.special_ids if id != vocabulary.sep_id]
        self._positions = model.config.max_position_embeddings
        self._device = next(model.parameters()).device
        self._alive = list(texts)
        longest = max(len(text.row) for text in texts) + max_tokens
        self._known = Continuation(model.encoder, len(texts), min(longest, self._positions))

    def next_shares(self) -> Iterator[tuple[_Text, Shares]]:
        """Every text that is left, and the probability (V,) of each next token, 0 for special ones."""
        yield from zip(self._alive, self._shares(), strict=True)

    def any_left(self) -> bool:
        """Whether there are texts that can go on; the others are forgotten."""
        going = [
            number
            for number, text in enumerate(self._alive)
            if not text.ended and len(text.row) < self._positions
        ]
        if len(going) < len(self._alive):
            self._alive = [self._alive[number] for number in going]
            self._known.keep(torch.tensor(going, dtype=torch.int64, device=self._device))
        return bool(going)

    def _shares(self) -> Shares:
        """(B, V), after reading what is new."""
        new = [text.row[text.read :] for text in self._alive]
        for text in self._alive:
            text.read = len(text.row)
        counts = torch.tensor([len(row) for row in new], device=self._device)
        input_ids, _ = padded(new, self._pad_id, self._device)
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            hidden = self._known.read(input_ids, counts)  # (B, H)
            words = self._model.encoder.embeddings.word_embeddings.weight
            logits = self._model.masked_language_head(hidden, words).double().cpu()  # (B, V)
            logits[:, self._never] = -torch.inf
            shares: Shares = logits.softmax(-1).numpy()
        return shares


def _finished(text: _Text, tokenizer: Tokenizer, max_tokens: int) -> Generated:
    continuation = tokenizer.decode(text.added)
    whole = text.beginning
    if continuation.startswith("##") and whole.strip():  # it goes on with the last word
        continuation = continuation.removeprefix("##")
        whole = whole.rstrip() + continuation
    elif continuation:
        whole = f"{whole.rstrip()} {continuation}".lstrip() if whole.strip() else continuation
    tokens = tuple(tokenizer.vocabulary.tokens[id] for id in text.added)
    limit: Stop = "tokens" if len(text.added) == max_tokens else "positions"
    return Generated(whole, continuation, tokens, "end" if text.ended else limit, text.truncated)
