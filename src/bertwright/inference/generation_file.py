"""How every text of a file goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertwright import strict_json
from bertwright.inference.blocks import BlockAnswer
from bertwright.inference.generation import MAX_TOKENS, STOPS, Generated, Stop
from bertwright.inference.text_file import PART, answer_texts
from bertwright.progress import Progress, Silent

if TYPE_CHECKING:
    from bertwright.inference.model import Model

ROWS_PER_BLOCK = 256
"""Texts between two points to resume from: each takes a pass for every token that it gets."""


@dataclass(frozen=True)
class GenerationSummary:
    """What was written."""

    rows: int
    tokens: int
    """That were added."""
    stopped: Mapping[Stop, int]
    """Texts by what stopped them."""
    truncated: int
    """Texts of which only the end was read."""
    seconds: float
    """Of all processes that worked on it."""
    output: Path

    def to_dict(self) -> dict[str, Any]:
        """As ``generate --json`` prints it."""
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "stopped": dict(self.stopped),
            "truncated": self.truncated,
            "seconds": round(self.seconds, 3),
            "output": str(self.output),
        }


def generate_file(
    model: Model,
    file: Path,
    output: Path,
    *,
    column: str | None = None,
    max_tokens: int = MAX_TOKENS,
    top_p: float | None = None,
    seed: int = 0,
    rows_per_block: int = ROWS_PER_BLOCK,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> GenerationSummary:
    """Write how every text in ``file`` goes on to ``output``, in the order of the file.

    Args:
        file: a text a line, or a table; see :func:`bertwright.inference.texts.read_texts`.
        output: a ``.jsonl`` file of ``{"row": 0, "text": .., "continuation": .., ...}``.
        column: of a table.
        max_tokens, top_p, seed: see :func:`bertwright.inference.generation.generate`.

    The rest, and what is raised, is as in :func:`bertwright.inference.text_file.answer_texts`.
    """
    started, watch = time.monotonic(), progress or Silent()
    model.require_left_to_right()  # before the file is read

    def answer(start: int, texts: list[str], told: Progress) -> BlockAnswer:
        found = model.generate(
            texts, max_tokens=max_tokens, top_p=top_p, seed=seed, first=start, progress=told
        )
        return _answer(start, found)

    blocks = answer_texts(
        file,
        output,
        answer,
        stage="generating",
        request={"model": model.digest, "max_tokens": max_tokens, "top_p": top_p, "seed": seed},
        column=column,
        rows_per_block=rows_per_block,
        resume=resume,
        overwrite=overwrite,
        progress=watch,
    )
    return GenerationSummary(
        rows=blocks.rows,
        tokens=blocks.total("tokens"),
        stopped={stop: blocks.total(f"stopped_{stop}") for stop in STOPS},
        truncated=blocks.total("truncated"),
        seconds=time.monotonic() - started + blocks.earlier_seconds,
        output=output,
    )


def _answer(start: int, found: list[Generated]) -> BlockAnswer:
    lines = [
        strict_json.dump({"row": row, **generated.to_dict()}) + "\n"
        for row, generated in enumerate(found, start)
    ]
    counts = {
        "tokens": sum(len(generated.tokens) for generated in found),
        "truncated": sum(generated.truncated for generated in found),
    }
    counts |= {f"stopped_{stop}": sum(generated.stopped == stop for generated in found) for stop in STOPS}
    return BlockAnswer({PART: "".join(lines).encode()}, counts)
