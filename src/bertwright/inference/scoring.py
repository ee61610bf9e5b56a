"""How likely a text is to a language model: every token asked about in turn.

To a masked model the pseudo-log-likelihood (Salazar et al. 2020): each token is hidden once and predicted
from all the others, and the logarithms are added up. It is no probability of the text, since a token is
predicted from neighbours that were predicted from it; but of two texts it tells which the model finds more
natural. To a left-to-right model, and to the forward half of an ELMo-like one, the log-likelihood itself:
each token is predicted from those before it.

``[CLS]`` and ``[SEP]`` are seen and never asked about, so the two count the same tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.errors import NonFiniteError
from bertwright.inference.fill_mask import Window, plan_windows
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.cross_entropy import cross_entropy
from bertwright.model.input_tensors import padded
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.progress import Progress, Silent
from bertwright.tokenization.padding import length_groups, tokens_at_once
from bertwright.tokenization.tokenizer import Tokenizer

ScoreKind = Literal["pseudo-log-likelihood", "log-likelihood"]

_PREDICTED_SHARE = 4
"""Left-to-right every token is asked about at once: a fourth of the tokens fills the memory of the logits."""


@dataclass(frozen=True)
class TextScore:
    """What a model finds of one text, in nats."""

    tokens: tuple[str, ...]
    """Its pieces."""
    log_probabilities: tuple[float, ...]
    """Of each."""

    @property
    def log_probability(self) -> float:
        """Of the text: the sum; 0 of a text without a token."""
        return math.fsum(self.log_probabilities)

    @property
    def perplexity(self) -> float | None:
        """exp of the mean loss of a token; None of a text without one."""
        return perplexity(self.log_probability, len(self.tokens))

    def to_dict(self, *, per_token: bool = False) -> dict[str, Any]:
        """As JSON values; with the pieces and their logarithms if wanted."""
        values: dict[str, Any] = {
            "tokens": len(self.tokens),
            "log_probability": self.log_probability,
            "perplexity": self.perplexity,
        }
        if per_token:
            values |= {"pieces": list(self.tokens), "log_probabilities": list(self.log_probabilities)}
        return values


@dataclass(frozen=True)
class _Question:
    """A row for the network: a window of a text, and the tokens that it is asked about."""

    text: int
    window: Window


LanguageModel = BertForPreTraining | BilmForPreTraining


def score_kind(model: LanguageModel) -> ScoreKind:
    """What the scores of ``model`` are."""
    return "log-likelihood" if _predicts_next(model) else "pseudo-log-likelihood"


def _predicts_next(model: LanguageModel) -> bool:
    return model.config.is_decoder or isinstance(model, BilmForPreTraining)


def perplexity(log_probability: float, tokens: int) -> float | None:
    """exp(-log_probability / tokens); None for no tokens."""
    return math.exp(min(-log_probability / tokens, 700.0)) if tokens else None


def score(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    tokens_per_batch: int | None = None,
    progress: Progress | None = None,
) -> list[TextScore]:
    """The score of every text, in the order of ``texts``.

    Texts longer than the network can see are read through windows: a masked token has its window around it, a
    token left-to-right at least half a window before it. Nothing is cut.

    Args:
        model: in evaluation mode, masked, left-to-right or ELMo-like.
        tokens_per_batch: padded tokens that go through the network at once; None for what suits the device.
        progress: advances by texts; its stage is begun and ended by the caller.

    Raises:
        NonFiniteError: the weights give no finite numbers.
    """
    watch = progress or Silent()
    ids = [found.tolist() for found in tokenizer.encode_ids(texts)]
    questions = _questions(ids, model)
    found = [np.zeros(len(row), np.float32) for row in ids]
    open_questions = np.bincount([question.text for question in questions], minlength=len(ids))
    watch.advance(int((open_questions == 0).sum()))
    device = next(model.parameters()).device
    room = tokens_per_batch or tokens_at_once(device.type) // (
        _PREDICTED_SHARE if _predicts_next(model) else 1
    )
    lengths = [question.window.stop - question.window.start + 2 for question in questions]
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for group in length_groups(lengths, room):
            asked = [questions[number] for number in group.tolist()]
            answers = iter(_ask(model, tokenizer, ids, asked, device).tolist())
            for question in asked:
                places = list(question.window.masks)
                found[question.text][places] = [next(answers) for _ in places]
                open_questions[question.text] -= 1
            done = {question.text for question in asked}
            watch.advance(sum(not open_questions[text] for text in done))
    if not all(np.isfinite(row).all() for row in found):
        raise NonFiniteError("the scores are not finite: the model's weights are unusable")
    tokens = tokenizer.vocabulary.tokens
    return [
        TextScore(tuple(tokens[id] for id in row), tuple(values.tolist()))
        for row, values in zip(ids, found, strict=True)
    ]


def left_windows(length: int, room: int) -> list[Window]:
    """Windows of at most ``room`` tokens in which each of ``length`` tokens is asked about once.

    The first is asked about all it holds; each further one about its last half, so that what it is asked
    about has at least half a window before it.
    """
    windows, end = [], 0
    while end < length:
        stop = min(length, room if not end else end + max(1, room // 2))
        windows.append(Window(max(0, stop - room), stop, tuple(range(end, stop))))
        end = stop
    return windows


def _questions(ids: Sequence[Sequence[int]], model: LanguageModel) -> list[_Question]:
    positions = model.config.max_position_embeddings
    questions = []
    for text, row in enumerate(ids):
        if _predicts_next(model):
            questions += [_Question(text, window) for window in left_windows(len(row), positions - 1)]
            continue
        for window in plan_windows(len(row), range(len(row)), positions - 2):
            questions += [
                _Question(text, Window(window.start, window.stop, (mask,))) for mask in window.masks
            ]
    return questions


def _ask(
    model: LanguageModel,
    tokenizer: Tokenizer,
    ids: Sequence[Sequence[int]],
    questions: Sequence[_Question],
    device: torch.device,
) -> NDArray[np.float32]:
    """Log-probabilities of all tokens that ``questions`` are about, one question after the other: (P,)."""
    vocabulary, left_to_right = tokenizer.vocabulary, _predicts_next(model)
    rows, columns, labels = [], [], []
    for question in questions:
        window = question.window
        row = [vocabulary.cls_id, *ids[question.text][window.start : window.stop]]
        if not left_to_right:
            row.append(vocabulary.sep_id)
        places = [mask - window.start + 1 for mask in window.masks]
        labels.append([row[place] for place in places])
        if left_to_right:
            places = [place - 1 for place in places]  # the token before says what comes next
        else:
            row[places[0]] = vocabulary.mask_id
        rows.append(row)
        columns.append(places)
    input_ids, mask = padded(rows, vocabulary.pad_id, device)
    width = input_ids.shape[1]
    flat = [number * width + place for number, places in enumerate(columns) for place in places]
    asked = torch.tensor(flat, device=device)
    if isinstance(model, BilmForPreTraining):
        logits = model.next_logits(input_ids, asked)
    else:
        logits = model(input_ids, None, mask, asked).mlm_logits
    truth = torch.tensor([label for row_labels in labels for label in row_labels], device=device)
    losses: Tensor = cross_entropy(logits, truth)  # (P,)
    values: NDArray[np.float32] = -losses.float().cpu().numpy()
    return values
