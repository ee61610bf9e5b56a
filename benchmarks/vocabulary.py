"""Our vocabularies against those of the `tokenizers` trainer: quality on held-out text, and time to learn.

    python -m benchmarks.vocabulary [--quick] [--repeats 3] [--json]

The two learn from the same plain file at the same size, taking turns, and the figure is the median of the
ratios of neighbouring runs, so that whatever else the machine does meanwhile falls on both. Neither the
import of libraries nor the measuring is timed. The trainer runs with its whole alphabet (as ours, and needed
to reach the size on Chinese) and once with its default of 1,000 characters, for its figures alone.

Held-out text is cut into words by our basic tokenizer and into pieces by our WordPiece for both vocabularies.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from benchmarks.data import shared_path
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.learning import learn_vocabulary
from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.learning.report import Fit, measure
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

WHOLE_ALPHABET, DEFAULT_ALPHABET = 1_000_000, 1_000
LONGEST_WORD = 200


@dataclass(frozen=True)
class Case:
    """A text to learn from and the text to measure on."""

    name: str
    size: int
    quick_size: int
    quick_bytes: int


CASES = (
    Case("en_wikipedia", 30522, 8192, 6_000_000),
    Case("zh_wikipedia_simplified", 21128, 8192, 4_000_000),
)


@dataclass(frozen=True)
class Figures:
    """One vocabulary."""

    size: int
    pieces_per_word: float
    unknown_words: int
    seconds: float

    @classmethod
    def of(cls, vocabulary: Vocabulary, held_out: WordCounts, seconds: float) -> Figures:
        """Measured on ``held_out``."""
        fit: Fit = measure(vocabulary, held_out, LONGEST_WORD)
        return cls(len(vocabulary), fit.pieces_per_word, fit.unk_words, seconds)


def ours(path: Path, size: int) -> tuple[Vocabulary, float]:
    """Our vocabulary and the seconds it took; nothing is kept from learning, as with the trainer."""
    started = time.perf_counter()
    vocabulary = learn_vocabulary([path], size=size, held_out=path.with_suffix(".held-out")).vocabulary
    return vocabulary, time.perf_counter() - started


def theirs(path: Path, size: int, alphabet: int) -> tuple[Vocabulary, float]:
    """The trainer's vocabulary and the seconds it took."""
    started = time.perf_counter()
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train([str(path)], vocab_size=size, limit_alphabet=alphabet, show_progress=False)
    seconds = time.perf_counter() - started
    ids = tokenizer.get_vocab()
    missing = [token for token in SPECIAL_TOKENS if token not in ids]
    return Vocabulary.from_tokens([*sorted(ids, key=ids.__getitem__), *missing]), seconds


def texts(case: Case, folder: Path, quick: bool) -> tuple[Path, WordCounts]:
    """The text to learn from as a plain file, and the words of the held-out text."""
    path = folder / f"{case.name}.txt"
    with lzma.open(shared_path(f"data/corpus/{case.name}.txt.xz"), "rb") as source:
        data = source.read(case.quick_bytes) if quick else source.read()
    path.write_bytes(data[: data.rfind(b"\n\n") + 1] if quick else data)
    held_out = shared_path(f"data/corpus/{case.name}_valid.txt").read_text(encoding="utf-8")
    # Ours measures its own fit, too, which is not our subject here: give it little to measure.
    path.with_suffix(".held-out").write_text(held_out[:1000], encoding="utf-8")
    basic = BasicTokenizer()
    return path, WordCounts.of(
        Counter(word for line in held_out.split("\n") for word in basic.tokenize(line))
    )


def compare(case: Case, repeats: int, quick: bool) -> dict[str, object]:
    """Both vocabularies ``repeats`` times, alternating."""
    size = case.quick_size if quick else case.size
    with tempfile.TemporaryDirectory() as folder:
        path, held_out = texts(case, Path(folder), quick)
        mine, peer = [], []
        for _ in range(repeats):
            mine.append(ours(path, size))
            peer.append(theirs(path, size, WHOLE_ALPHABET))
        limited = Figures.of(*_measured(theirs(path, size, DEFAULT_ALPHABET), held_out))
    own = Figures.of(mine[0][0], held_out, statistics.median(seconds for _, seconds in mine))
    other = Figures.of(peer[0][0], held_out, statistics.median(seconds for _, seconds in peer))
    return {
        "text": case.name,
        "size": size,
        "ours": asdict(own),
        "tokenizers": asdict(other),
        "tokenizers_1000_characters": asdict(limited),
        "seconds_ratio": statistics.median(a[1] / b[1] for a, b in zip(mine, peer, strict=True)),
        "pieces_ratio": own.pieces_per_word / other.pieces_per_word,
        "extra_pieces_ratio": (own.pieces_per_word - 1) / (other.pieces_per_word - 1),
    }


def _measured(
    learned: tuple[Vocabulary, float], held_out: WordCounts
) -> tuple[Vocabulary, WordCounts, float]:
    return learned[0], held_out, learned[1]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="a part of the text, a smaller vocabulary, one run"
    )
    parser.add_argument("--repeats", type=int, default=None, help="runs of each (3, quick: 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    repeats = arguments.repeats or (1 if arguments.quick else 3)
    results = [compare(case, repeats, arguments.quick) for case in CASES]
    if arguments.json:
        json.dump({"vocabulary": results}, sys.stdout)
        print()
        return
    for result in results:
        print(f"{result['text']} at {result['size']:,}")
        for name in ("ours", "tokenizers", "tokenizers_1000_characters"):
            figures = result[name]
            assert isinstance(figures, dict)
            print(
                f"  {name:28} {figures['size']:7,} tokens  {figures['pieces_per_word']:.5f} pieces a word"
                f"  {figures['unknown_words']:7,} [UNK]  {figures['seconds']:6.2f} s"
            )
        print(
            f"  seconds ratio {result['seconds_ratio']:.2f}, pieces ratio {result['pieces_ratio']:.4f},"
            f" pieces beyond one a word {result['extra_pieces_ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
