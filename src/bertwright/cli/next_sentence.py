"""``bertwright next-sentence``: does B follow A."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Device
from bertwright.cli.console import Console


def next_sentence(
    model: Annotated[Path, Parameter(help="A model folder.")],
    a: Annotated[str, Parameter(help="A sentence or passage.")],
    b: Annotated[str, Parameter(help="What may or may not follow it.")],
    /,
    *,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Ask the pre-trained next-sentence head whether B is what followed A (mlm+sop: whether A comes first).

    The answer is a probability; of a pair that is too long the end is cut, and that is said.

        bertwright next-sentence RUN/model "He opened the door." "The room was dark."
    """
    from bertwright.cli.loading import loaded

    with Console(common) as console:
        answer = loaded(model, device, console).next_sentence_answer(a, b)
        if answer.truncated:
            console.warn("the pair was cut to the longest sequence that the model can see")
        told = "A comes before B" if answer.question == "order" else "B follows A"
        console.result(asdict(answer), f"{told} with probability {answer.is_next:.4f}")
