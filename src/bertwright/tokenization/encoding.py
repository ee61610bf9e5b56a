"""What text has become: pieces with their places, and the input of the model made of one or two texts.

``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``: section 3 of the paper, "Input/Output Representations".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bertwright.errors import UsageError
from bertwright.tokenization.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Encoding:
    """The pieces of one text, without ``[CLS]`` and ``[SEP]``; the four lists have the same length."""

    tokens: list[str]
    ids: list[int]
    offsets: list[tuple[int, int]]
    """``text[start:end]`` is what the piece was made of, in characters of the text as it was given."""
    word_ids: list[int]
    """Number of the word that the piece belongs to, from 0."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One row for the model, not yet padded."""

    input_ids: list[int]
    token_type_ids: list[int]
    """0 for ``[CLS] A [SEP]``, 1 for ``B [SEP]``."""
    truncated: bool
    """Whether pieces were cut away."""
    a_length: int
    """Pieces of A that stayed."""
    b_length: int
    """Pieces of B that stayed; 0 without a second text."""

    def __len__(self) -> int:
        return len(self.input_ids)


def assemble(
    a_ids: Sequence[int], b_ids: Sequence[int] | None, *, vocabulary: Vocabulary, max_length: int
) -> ModelInput:
    """``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]`` with at most ``max_length`` ids.

    Too long a pair loses pieces one at a time from the end of the longer text, or of B when both are as long.
    A B that is empty, or becomes so, leaves a single text. As ``convert_single_example`` of
    ``run_classifier.py``.

    Raises:
        UsageError: ``max_length`` is less than 3.
    """
    if max_length < 3:
        raise UsageError(f"max_length: expected at least 3, got {max_length}")
    given = len(a_ids) + len(b_ids or ())
    a_length, b_length = len(a_ids), len(b_ids) if b_ids is not None else 0
    if b_length:
        a_length, b_length = truncated_lengths(a_length, b_length, max_length - 3)
    else:
        a_length = min(a_length, max_length - 2)
    input_ids = [vocabulary.cls_id, *map(int, a_ids[:a_length]), vocabulary.sep_id]
    token_type_ids = [0] * len(input_ids)
    if b_ids is not None and b_length:
        input_ids += [*map(int, b_ids[:b_length]), vocabulary.sep_id]
        token_type_ids += [1] * (b_length + 1)
    return ModelInput(input_ids, token_type_ids, a_length + b_length < given, a_length, b_length)


def truncated_lengths(a_length: int, b_length: int, room: int) -> tuple[int, int]:
    """Lengths of two texts after taking pieces from the longer (B, when equal) until they fit into ``room``.

    In closed form: the longer is cut down to the shorter, then both shrink in turn.
    """
    if a_length + b_length <= room:
        return a_length, b_length
    shorter = min(a_length, b_length)
    if shorter <= room // 2:
        return (room - shorter, shorter) if a_length > b_length else (shorter, room - shorter)
    return room - room // 2, room // 2
