"""Small corpora, the tokenizer for them, and what a store of them must hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from bertwright.corpus import read_documents
from bertwright.data.sentences import split_sentences
from bertwright.data.store import TokenStore
from bertwright.progress import Silent
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

LETTERS = "abcdefghijklmnopqrstuvwxyz.,"
TOKENIZER = Tokenizer(
    Vocabulary.from_tokens(
        [*SPECIAL_TOKENS, *LETTERS, *(f"##{letter}" for letter in LETTERS[:26]), "the", "##ing"]
    )
)
TEXT = "The first. It has two sentences.\nAnd a line.\n\nThe second is singing.\nIt ends.\n"


def write(path: Path, text: str | bytes = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def random_text(documents: int, seed: int = 0) -> str:
    chance = random.Random(seed)
    words = ["".join(chance.choices(LETTERS[:26], k=chance.randrange(1, 9))) for _ in range(2000)]

    def line() -> str:
        return " ".join(chance.choices(words, k=chance.randrange(3, 40))) + "."

    return "\n\n".join("\n".join(line() for _ in range(chance.randrange(2, 9))) for _ in range(documents))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def contents(path: Path) -> list[list[list[int]]]:
    store = TokenStore.open(path)
    return [store.document(number) for number in range(store.num_documents)]


def expected(*paths: Path, language: str | None = "en") -> list[list[list[int]]]:
    return [
        [TOKENIZER.encode(sentence).ids for sentence in split_sentences(document.lines, language)]
        for path in paths
        for document in read_documents(path)
    ]


class Watch(Silent):
    """Progress that remembers, and calls ``at_first`` at the first finished part."""

    def __init__(self, at_first: Callable[[], None] = lambda: None) -> None:
        self.total: float | None = 0.0
        self.done = 0.0
        self.note = ""
        self.said: list[str] = []
        self._at_first = at_first

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        assert (description, unit) == ("preparing", "bytes")
        self.total = total

    def advance(self, amount: float = 1, note: str = "") -> None:
        if self.done == 0:
            self._at_first()
        self.done += amount
        self.note = note or self.note

    def say(self, message: str) -> None:
        self.said.append(message)
