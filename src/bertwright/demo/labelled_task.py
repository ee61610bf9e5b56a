"""A labelled task that a text carries by itself: where does this passage come from?

Labels are the package that a docstring documents, the file that a document stands in, or, in a single file,
the document that a paragraph belongs to. Each passage occurs once, in one of three parts: to learn from, to
choose the best epoch by, and to judge by. Whatever begins as a passage of the last two is taken out of the
corpus, so that pre-training has not read it. The label's own name is blotted out of the passages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bertwright import randomness
from bertwright.errors import shown_path

LABELS = 8
TRAIN_EACH = 60
DEV_EACH = 30
TEST_EACH = 60
POOL_EACH = 4 * TRAIN_EACH
_MIN_CHARACTERS = 120
_PASSAGE_CHARACTERS = 320
_TITLE_CHARACTERS = 40
_NO_NAME = re.compile(r"|[+-]?[\d.]+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class SourceText:
    """A document of the demo's corpus and where it comes from."""

    label: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One labelled passage."""

    text: str
    label: str


@dataclass(frozen=True)
class LabelledTask:
    """What is asked, and the rows of the three parts, each passage in one of them."""

    question: str
    pool: tuple[Row, ...]
    """Rows that training may use."""
    dev: tuple[Row, ...]
    """Rows that choose the best epoch, whose accuracy on them is too high therefore."""
    test: tuple[Row, ...]
    """Rows to judge by."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, sorted."""
        return tuple(sorted({row.label for row in self.test}))

    @property
    def majority(self) -> float:
        """Accuracy of always giving the same answer: every label is equally frequent in each part."""
        return 1 / len(self.labels)

    def train(self, seed: int) -> tuple[Row, ...]:
        """60 rows of every label, drawn from the pool: another sample for every seed."""
        rows: list[Row] = []
        for label in self.labels:
            mine = [row for row in self.pool if row.label == label]
            order = randomness.generator(seed, f"demo sample {label}").permutation(len(mine))
            rows += [mine[place] for place in order[:TRAIN_EACH]]
        return tuple(rows)


def carve_task(
    texts: Sequence[SourceText], question: str, seed: int
) -> tuple[list[tuple[str, ...]], LabelledTask | None]:
    """The corpus to pre-train on (paragraphs of each document), and the task.

    Without enough labels of enough passages there is no task, and the corpus is all of the text.
    """
    if dealt := _deal(texts, question, seed):
        left = [text.paragraphs for text in texts if _beginning(text.paragraphs) not in dealt.apart]
        return left, dealt.task
    # One source only: which of its longest documents does a paragraph come from?
    lines = [
        SourceText(_title(number, text), (line,))
        for number, text in enumerate(texts, 1)
        for line in text.paragraphs
    ]
    if dealt := _deal(lines, "Which document does a paragraph come from?", seed):
        left = [
            tuple(line for line in text.paragraphs if _beginning((line,)) not in dealt.apart)
            for text in texts
        ]
        return [paragraphs for paragraphs in left if paragraphs], dealt.task
    return [text.paragraphs for text in texts], None


def passage(paragraphs: Sequence[str], label: str) -> str:
    """The beginning of a text, about 320 characters, with the label's own name blotted out."""
    return _blotted(_beginning(paragraphs), label)


def file_label(name: str) -> str:
    """The label of the texts in a file of this name: printable, without stray blanks, and neither empty nor
    a bare number, since a label is no decimal one."""
    label = " ".join(shown_path(name).split())
    return f"file {label}".rstrip() if _NO_NAME.fullmatch(label) else label


def _beginning(paragraphs: Sequence[str]) -> str:
    text = " ".join(" ".join(paragraphs).split())
    if len(text) > _PASSAGE_CHARACTERS:
        text = text[:_PASSAGE_CHARACTERS].rpartition(" ")[0] or text[:_PASSAGE_CHARACTERS]
    return text


def _blotted(text: str, label: str) -> str:
    return re.sub(re.escape(label), "_", text, flags=re.IGNORECASE)


def _title(number: int, text: SourceText) -> str:
    """The name of a document among others: its number, from 1, and how it begins; without stray blanks, as a
    label must be."""
    return f"{number}: {' '.join(text.paragraphs[0].split())[:_TITLE_CHARACTERS]}".rstrip()


@dataclass(frozen=True)
class _Dealt:
    """A task, and the beginnings of the texts that pre-training must not read."""

    task: LabelledTask
    apart: frozenset[str]


def _deal(texts: Sequence[SourceText], question: str, seed: int) -> _Dealt | None:
    """The largest labels' passages in three parts; none without two labels of enough passages."""
    by_label = _beginnings(texts)
    chosen = _largest(by_label)
    if len(chosen) < 2:
        return None
    pool: list[Row] = []
    dev: list[Row] = []
    test: list[Row] = []
    apart: set[str] = set()
    for label in chosen:
        begun = by_label[label]
        chance = randomness.generator(seed, f"demo task {label}")
        order = [begun[place] for place in chance.permutation(len(begun))]
        held_out = TEST_EACH + DEV_EACH
        rows = [Row(_blotted(text, label), label) for text in order[: held_out + POOL_EACH]]
        test += rows[:TEST_EACH]
        dev += rows[TEST_EACH:held_out]
        pool += rows[held_out:]
        apart.update(order[:held_out])
    return _Dealt(LabelledTask(question, tuple(pool), tuple(dev), tuple(test)), frozenset(apart))


def _beginnings(texts: Sequence[SourceText]) -> dict[str, list[str]]:
    """How the long enough texts of each label begin, each passage once, whether it is blotted or not."""
    by_label: dict[str, list[str]] = defaultdict(list)
    known: set[str] = set()
    for text in texts:
        if sum(map(len, text.paragraphs)) < _MIN_CHARACTERS:
            continue
        begun = _beginning(text.paragraphs)
        shown = _blotted(begun, text.label)
        if not known & {begun, shown}:
            known |= {begun, shown}
            by_label[text.label].append(begun)
    return by_label


def _largest(groups: Mapping[str, Sequence[str]]) -> list[str]:
    needed = TEST_EACH + DEV_EACH + TRAIN_EACH
    enough = [label for label, members in groups.items() if len(members) >= needed]
    return sorted(sorted(enough, key=lambda label: (-len(groups[label]), label))[:LABELS])
