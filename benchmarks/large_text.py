"""Text of any size out of the shared corpora: repeated, and from the second time on a little perturbed.

A plain repetition would have no new words. So in every copy but the first some neighbouring letters (or
ideographs) change places, one pair in 300: of English about every seventieth word becomes another, mostly
a new one.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.data import UNCASED, shared_path

VOCABULARIES = {"en": UNCASED, "zh": "data/vocab/bert-base-chinese-vocab.txt"}
_SOURCES = {
    "en": ("en_wikipedia", "en_wikinews", "en_novels"),
    "zh": ("zh_wikipedia_simplified", "zh_wikipedia_traditional"),
}
_SHARE = 1 / 300
_IDEOGRAPH = 3  # bytes in UTF-8

Bytes = npt.NDArray[np.uint8]


def write_text(path: Path, language: str, size: int) -> Path:
    """At most ``size`` bytes of whole documents in ``language`` (``en`` or ``zh``), the same every time."""
    if path.exists():
        return path
    random = np.random.default_rng(0)
    with path.with_suffix(".part").open("wb") as file:
        for part in _parts(_SOURCES[language], size, random):
            room = size - file.tell()
            whole = part if len(part) <= room else part[: part.rfind(b"\n\n", 0, room) + 2]
            file.write(whole)
            if whole is not part:
                break
    return path.with_suffix(".part").rename(path)


def _parts(sources: Sequence[str], size: int, random: np.random.Generator) -> Iterator[bytes]:
    """Source by source, again and again; of each no more than exceeds ``size`` while it is as it was."""
    perturbed = False
    while True:
        for name in sources:
            with lzma.open(shared_path(f"data/corpus/{name}.txt.xz")) as stream:
                data = stream.read(-1 if perturbed else size + 1).rstrip(b"\n") + b"\n\n"
            yield exchanged(data, random) if perturbed else data
        perturbed = True


def exchanged(data: bytes, random: np.random.Generator) -> bytes:
    """``data`` with some neighbouring small letters, and ideographs, in each other's places."""
    text = np.frombuffer(data, dtype=np.uint8).copy()
    _exchange(text, (text >= ord("a")) & (text <= ord("z")), 1, random)
    _exchange(text, (text >= 0xE4) & (text <= 0xE9), _IDEOGRAPH, random)
    return text.tobytes()


def _exchange(text: Bytes, begins: npt.NDArray[np.bool_], width: int, random: np.random.Generator) -> None:
    """Exchange some characters of ``width`` bytes with their next, in place; ``begins`` marks first bytes."""
    places = np.flatnonzero(begins[:-width] & begins[width:])
    places = places[random.random(len(places)) < _SHARE]
    places = places[np.diff(places, prepend=-2 * width) >= 2 * width]
    places = places[places + 2 * width <= len(text)]
    for shift in range(width):
        first, second = text[places + shift], text[places + width + shift]
        text[places + shift], text[places + width + shift] = second, first
