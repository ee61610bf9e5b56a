"""What could stand in a blank: the masked-language head asked about every ``[MASK]`` that a text holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.errors import InputError, UsageError, quote
from bertwright.model.input_tensors import InputTensors
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.progress import Progress, Silent
from bertwright.tokenization.encoding import ModelInput
from bertwright.tokenization.tokenizer import Tokenizer

MASK = "[MASK]"
MAX_MASKS = 100


@dataclass(frozen=True)
class Candidate:
    """One token that could stand in a blank."""

    token: str
    """As in the vocabulary, ``##`` included."""
    id: int
    probability: float
    """Its share of the softmax over the whole vocabulary."""
    text: str
    """The text with this blank filled; other blanks stay."""


@dataclass(frozen=True)
class FilledMask:
    """One blank and its candidates."""

    position: int
    """Place of the blank among the pieces of the text, [CLS] being 0."""
    offsets: tuple[int, int]
    """Where the blank stands in the text, in characters."""
    candidates: tuple[Candidate, ...]
    """The likeliest first; of equals the smaller id first."""


@dataclass(frozen=True)
class Window:
    """A part of a text's pieces that fits the network, and the blanks it answers."""

    start: int
    """First and, below, behind the last piece, counted without [CLS]."""
    stop: int
    masks: tuple[int, ...]
    """Pieces of the text, counted without [CLS]."""


def fill_mask(
    model: BertForPreTraining,
    tokenizer: Tokenizer,
    text: str,
    *,
    top_k: int = 5,
    progress: Progress | None = None,
) -> tuple[FilledMask, ...]:
    """The likeliest tokens for every ``[MASK]`` in ``text``, in the order of the text.

    A text that is longer than the network can see is read through windows, each with its blank in the middle.

    Args:
        model: in evaluation mode.
        text: with ``[MASK]`` for each blank.
        top_k: candidates a blank; at most the size of the vocabulary are given.
        progress: advances by blanks; its stage is begun and ended by the caller.

    Raises:
        InputError: there is no blank, or there are more than 100.
        UsageError: ``top_k`` is below 1.
    """
    if top_k < 1:
        raise UsageError(f"top_k: expected at least 1, got {top_k}")
    encoding = tokenizer.encode(text, allow_special=True)
    masks = [number for number, id in enumerate(encoding.ids) if id == tokenizer.vocabulary.mask_id]
    _check(text, masks)
    room = model.config.max_position_embeddings - 2
    windows = plan_windows(len(encoding.ids), masks, room)
    answers: list[FilledMask] = []
    watch = progress or Silent()
    for window in windows:
        logits = _ask(model, tokenizer, encoding.ids, window)  # (P, V)
        for mask, row in zip(window.masks, logits, strict=True):
            offsets = encoding.offsets[mask]
            candidates = _candidates(row, tokenizer, text, offsets, top_k)
            answers.append(FilledMask(mask + 1, (offsets[0], offsets[1]), candidates))
        watch.advance(len(window.masks))
    return tuple(answers)


def plan_windows(length: int, masks: Sequence[int], room: int) -> list[Window]:
    """Windows of at most ``room`` of ``length`` pieces that hold every mask once.

    One window where the text fits; otherwise one a mask, the mask in the middle as far as the ends allow.
    """
    if length <= room:
        return [Window(0, length, tuple(masks))]
    windows = []
    for mask in masks:
        start = min(max(0, mask - room // 2), length - room)
        windows.append(Window(start, start + room, (mask,)))
    return windows


def rank(logits: NDArray[np.floating], top_k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ids and probabilities of the ``top_k`` largest of ``logits`` (V,), the largest first.

    The softmax is taken in float64 over all V. Of equal logits the smaller id comes first.
    """
    values = np.asarray(logits, np.float64)
    shares = np.exp(values - values.max())
    shares /= shares.sum()
    wanted = min(top_k, len(values))
    least = np.partition(values, len(values) - wanted)[len(values) - wanted]
    found = np.flatnonzero(values >= least)  # with ties there may be more than wanted
    order = found[np.argsort(-values[found], kind="stable")][:wanted]
    return order, shares[order]


def fill(text: str, offsets: tuple[int, int], token: str) -> str:
    """``text`` with ``token`` at ``offsets``; a ``##`` piece is joined to the word before."""
    before, after = text[: offsets[0]], text[offsets[1] :]
    if token.startswith("##") and len(token) > 2:
        return before.rstrip() + token[2:] + after
    return before + token + after


def _ask(model: BertForPreTraining, tokenizer: Tokenizer, ids: Sequence[int], window: Window) -> Tensor:
    """Logits (P, V) of the masks of ``window``, float32 on the CPU."""
    vocabulary = tokenizer.vocabulary
    inside = [vocabulary.cls_id, *ids[window.start : window.stop], vocabulary.sep_id]
    row = ModelInput(inside, [0] * len(inside), False, window.stop - window.start, 0)
    device = next(model.parameters()).device
    tensors = InputTensors.of([row], vocabulary.pad_id, device)
    positions = torch.tensor([mask - window.start + 1 for mask in window.masks], device=device)
    with torch.inference_mode():
        output = model(tensors.input_ids, tensors.token_type_ids, tensors.attention_mask, positions)
    logits: Tensor = output.mlm_logits.float().cpu()
    return logits


def _candidates(
    logits: Tensor, tokenizer: Tokenizer, text: str, offsets: tuple[int, int], top_k: int
) -> tuple[Candidate, ...]:
    ids, probabilities = rank(logits.numpy(), top_k)
    tokens = tokenizer.vocabulary.tokens
    return tuple(
        Candidate(tokens[id], id, probability, fill(text, offsets, tokens[id]))
        for id, probability in zip(ids.tolist(), probabilities.tolist(), strict=True)
    )


def _check(text: str, masks: Sequence[int]) -> None:
    if not masks:
        near = "[mask]" in text.lower()
        hint = "write it in capital letters" if near else "write the blank as [MASK]"
        raise InputError(f"text: expected at least one {MASK}, got {quote(text)} ({hint})")
    if len(masks) > MAX_MASKS:
        raise InputError(f"text: expected at most {MAX_MASKS} {MASK}, got {len(masks)}")
