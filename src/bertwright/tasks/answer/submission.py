"""The files that SQuAD's official evaluations take: a text for each question, and the odds of no answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bertwright import durable, strict_json
from bertwright.errors import InputError
from bertwright.tasks.answer.decoding import Answer


def submission(answers: Iterable[Answer]) -> dict[str, str]:
    """Question id -> text of the answer, empty for none (``predictions.json``).

    Raises:
        InputError: a question has no id, or two have the same.
    """
    return {identity: answer.answer for identity, answer in _by_id(answers).items()}


def null_odds(answers: Iterable[Answer]) -> dict[str, float]:
    """Question id -> odds of no answer (``null_odds.json``), of the questions that have them.

    Raises:
        InputError: a question has no id, or two have the same.
    """
    return {
        identity: answer.null_odds
        for identity, answer in _by_id(answers).items()
        if answer.null_odds is not None
    }


def write_submission(path: Path, answers: Sequence[Answer], *, overwrite: bool = False) -> None:
    """Write ``predictions.json``.

    Raises:
        InputError: a question has no id, or the file exists.
        DiskError: it could not be written.
    """
    durable.write_file(path, strict_json.dump(submission(answers)) + "\n", overwrite=overwrite)


def _by_id(answers: Iterable[Answer]) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    for row, answer in enumerate(answers):
        if answer.id is None:
            raise InputError(f"row {row}: expected a question with an id, got one without")
        if answer.id in found:
            raise InputError(f"row {row}: expected each question once, got {answer.id!r} again")
        found[answer.id] = answer
    return found
