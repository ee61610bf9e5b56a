"""``bertwright fill-mask``: what could stand in a blank."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Device
from bertwright.cli.console import Console, table


def fill_mask(
    model: Annotated[Path, Parameter(help="A model folder.")],
    text: Annotated[str, Parameter(help="A text with one or more [MASK].")],
    /,
    *,
    top_k: Annotated[Count, Parameter(help="Candidates for each blank.")] = 5,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Fill the blanks of a text with the pre-trained masked-language head.

    Write each blank as [MASK]. Probabilities are shares of the whole vocabulary.

        bertwright fill-mask RUN/model "The capital of France is [MASK]."
    """
    from bertwright.cli.loading import loaded

    with Console(common) as console:
        masks = loaded(model, device, console).fill_mask(text, top_k=top_k)
        rows = [
            (mask.position, candidate.token, f"{candidate.probability:.4f}", candidate.text)
            for mask in masks
            for candidate in mask.candidates
        ]
        console.result(
            {"masks": [asdict(mask) for mask in masks]},
            table("", ("position", "token", "probability", "text"), rows, right=(0, 2)),
        )
