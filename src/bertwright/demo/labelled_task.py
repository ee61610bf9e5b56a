"""A labelled task that a text carries by itself: where does this passage come from?

Labels are the package that a docstring documents, the file that a document stands in, or, in a single file,
the document that a paragraph belongs to. The passages of the dev part are taken out of the corpus, so that
pre-training has not read them. The label's own name is blotted out of the passages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bertwright import randomness

LABELS = 8
TRAIN_EACH = 60
DEV_EACH = 60
POOL_EACH = 4 * TRAIN_EACH
_MIN_CHARACTERS = 120
_PASSAGE_CHARACTERS = 320


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
    """What is asked, and the rows to learn and to judge by."""

    question: str
    pool: tuple[Row, ...]
    """Rows that training may use."""
    dev: tuple[Row, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, sorted."""
        return tuple(sorted({row.label for row in self.dev}))

    @property
    def majority(self) -> float:
        """Accuracy on dev of always giving the same answer; every label is equally frequent in training."""
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
    whole = {number: text.paragraphs for number, text in enumerate(texts)}
    by_label: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        if sum(map(len, text.paragraphs)) >= _MIN_CHARACTERS:
            by_label[text.label].append(number)
    chosen = _largest(by_label)
    if len(chosen) < 2:
        return _by_document(texts, seed)
    pool: list[Row] = []
    dev: list[Row] = []
    for label in chosen:
        for_dev, for_pool = _dealt(by_label[label], seed, label)
        for number in for_dev:
            dev.append(Row(passage(texts[number].paragraphs, label), label))
            del whole[number]
        for number in for_pool:
            pool.append(Row(passage(texts[number].paragraphs, label), label))
    return list(whole.values()), LabelledTask(question, _apart(pool, dev), tuple(dev))


def passage(paragraphs: Sequence[str], label: str) -> str:
    """The beginning of a text, about 320 characters, with the label's own name blotted out."""
    text = " ".join(" ".join(paragraphs).split())
    if len(text) > _PASSAGE_CHARACTERS:
        text = text[:_PASSAGE_CHARACTERS].rpartition(" ")[0] or text[:_PASSAGE_CHARACTERS]
    return re.sub(re.escape(label), "_", text, flags=re.IGNORECASE)


def _by_document(texts: Sequence[SourceText], seed: int) -> tuple[list[tuple[str, ...]], LabelledTask | None]:
    """One source only: which of its longest documents does a paragraph come from?"""
    corpus = [list(text.paragraphs) for text in texts]
    long = {
        str(number): [place for place, line in enumerate(text.paragraphs) if len(line) >= _MIN_CHARACTERS]
        for number, text in enumerate(texts)
    }
    chosen = _largest(long)
    if len(chosen) < 2:
        return [text.paragraphs for text in texts], None
    pool: list[Row] = []
    dev: list[Row] = []
    for number in map(int, chosen):
        title = f"{number + 1}: {texts[number].paragraphs[0][:40]}"
        for_dev, for_pool = _dealt(long[str(number)], seed, title)
        for place in for_dev:
            dev.append(Row(passage([texts[number].paragraphs[place]], title), title))
            corpus[number][place] = ""
        for place in for_pool:
            pool.append(Row(passage([texts[number].paragraphs[place]], title), title))
    left = [tuple(line for line in paragraphs if line) for paragraphs in corpus]
    question = "Which document does a paragraph come from?"
    task = LabelledTask(question, _apart(pool, dev), tuple(dev))
    return [paragraphs for paragraphs in left if paragraphs], task


def _apart(pool: Sequence[Row], dev: Sequence[Row]) -> tuple[Row, ...]:
    """The rows of the pool whose passage, as far as it is shown, is none of dev's."""
    known = {row.text for row in dev}
    return tuple(row for row in pool if row.text not in known)


def _largest(groups: Mapping[str, Sequence[int]]) -> list[str]:
    enough = [label for label, members in groups.items() if len(members) >= DEV_EACH + TRAIN_EACH]
    return sorted(sorted(enough, key=lambda label: (-len(groups[label]), label))[:LABELS])


def _dealt(numbers: Sequence[int], seed: int, label: str) -> tuple[list[int], list[int]]:
    """Which of a label's passages judge, and which may be learned from."""
    chance = randomness.generator(seed, f"demo task {label}")
    order: list[int] = chance.permutation(np.array(numbers)).tolist()
    return order[:DEV_EACH], order[DEV_EACH : DEV_EACH + POOL_EACH]
