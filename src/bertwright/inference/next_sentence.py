"""Does B follow A: the next-sentence head asked about pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bertwright.data.objectives import PairQuestion
from bertwright.errors import InputError
from bertwright.model.input_tensors import InputTensors
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class NextSentence:
    """The answer for one pair."""

    is_next: float
    """Probability that B is what followed A."""
    truncated: bool
    """Whether the pair was cut to the longest sequence the network can see."""
    question: PairQuestion = "next"
    """``next``: B, or text from elsewhere? ``order``: A before B, or the two swapped (``mlm+sop``)?"""


def next_sentence(
    model: BertForPreTraining, tokenizer: Tokenizer, a: str, b: str, question: PairQuestion = "next"
) -> NextSentence:
    """Probability that ``b`` is what followed ``a``.

    Args:
        model: in evaluation mode.
        question: what the head was trained to tell.

    Raises:
        InputError: a text holds nothing but white space.
    """
    for name, text in (("A", a), ("B", b)):
        if not text.strip():
            raise InputError(f"{name}: expected a sentence, got nothing but white space")
    row = assemble(
        tokenizer.encode(a).ids,
        tokenizer.encode(b).ids,
        vocabulary=tokenizer.vocabulary,
        max_length=model.config.max_position_embeddings,
    )
    device = next(model.parameters()).device
    tensors = InputTensors.of([row], tokenizer.vocabulary.pad_id, device)
    nobody = torch.empty(0, dtype=torch.int64, device=device)
    with torch.inference_mode():
        output = model(tensors.input_ids, tensors.token_type_ids, tensors.attention_mask, nobody)
    probabilities = torch.softmax(output.nsp_logits[0].double(), dim=0)  # (2,): is next, random
    return NextSentence(float(probabilities[0]), row.truncated, question)
