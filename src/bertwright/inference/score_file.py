"""The score of every text of a file."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bertwright import strict_json
from bertwright.inference.blocks import BlockAnswer
from bertwright.inference.scoring import ScoreKind, TextScore, perplexity
from bertwright.inference.text_file import PART, answer_texts
from bertwright.progress import Progress, Silent

if TYPE_CHECKING:
    from bertwright.inference.model import Model

ROWS_PER_BLOCK = 256
"""Texts between two points to resume from: to a masked model each is as many rows as it has tokens."""

_NANONATS = 1e9  # sums over blocks are kept as whole numbers


@dataclass(frozen=True)
class ScoreSummary:
    """What was written."""

    rows: int
    tokens: int
    """That were asked about."""
    log_probability: float
    """Of all texts together, in nats."""
    empty: int
    """Texts without a token."""
    kind: ScoreKind
    seconds: float
    """Of all processes that worked on it."""
    output: Path

    @property
    def perplexity(self) -> float | None:
        """Over all tokens of all texts; None when there is none."""
        return perplexity(self.log_probability, self.tokens)


def score_file(
    model: Model,
    file: Path,
    output: Path,
    *,
    column: str | None = None,
    per_token: bool = False,
    rows_per_block: int = ROWS_PER_BLOCK,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ScoreSummary:
    """Write the score of every text in ``file`` to ``output``, in the order of the file.

    Args:
        file: a text a line, or a table; see :func:`bertwright.inference.texts.read_texts`.
        output: a ``.jsonl`` file of ``{"row": 0, "tokens": .., "log_probability": .., "perplexity": ..}``.
        column: of a table.
        per_token: also ``pieces`` and ``log_probabilities`` of each.

    The rest, and what is raised, is as in :func:`bertwright.inference.text_file.answer_texts`.
    """
    started, watch = time.monotonic(), progress or Silent()
    kind = model.score_kind  # refuses a model that cannot score before the file is read

    def answer(start: int, texts: list[str], told: Progress) -> BlockAnswer:
        return _answer(start, model.score(texts, progress=told), per_token)

    blocks = answer_texts(
        file,
        output,
        answer,
        stage="scoring",
        request={"model": model.digest, "per_token": per_token},
        column=column,
        rows_per_block=rows_per_block,
        resume=resume,
        overwrite=overwrite,
        progress=watch,
    )
    return ScoreSummary(
        rows=blocks.rows,
        tokens=blocks.total("tokens"),
        log_probability=blocks.total("nanonats") / _NANONATS,
        empty=blocks.total("empty"),
        kind=kind,
        seconds=time.monotonic() - started + blocks.earlier_seconds,
        output=output,
    )


def _answer(start: int, scores: list[TextScore], per_token: bool) -> BlockAnswer:
    lines = [
        strict_json.dump({"row": row, **found.to_dict(per_token=per_token)}) + "\n"
        for row, found in enumerate(scores, start)
    ]
    counts = {
        "tokens": sum(len(found.tokens) for found in scores),
        "nanonats": round(math.fsum(found.log_probability for found in scores) * _NANONATS),
        "empty": sum(not found.tokens for found in scores),
    }
    return BlockAnswer({PART: "".join(lines).encode()}, counts)
