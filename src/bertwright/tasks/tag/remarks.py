"""What is said about a file of sentences: what is odd about it, and what was found out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from bertwright.errors import counted, listed, quote
from bertwright.tasks.classify.reading import order_labels
from bertwright.tasks.examples import ExampleFile, blank_warning, conflicting
from bertwright.tasks.tag.schemes import Scheme, scheme_of, stray_insides, types_of
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tokenization.tokenizer import Tokenizer

_LOWER = re.compile(r"[bi]-\S+")
_SHOWN = 3


def tags_in(train: ExampleFile[Sentence]) -> tuple[str, ...]:
    """The tags of a training file, in order.

    Raises:
        TableError: there is only one, or they begin with ``b-`` and ``i-`` in small letters.
    """
    distinct = {tag for sentence in train.examples for tag in sentence.tags or ()}
    small = {tag for tag in distinct if _LOWER.fullmatch(tag)}
    if small and not any(scheme_of([tag]) != "plain" for tag in distinct):
        line, tag = next(
            (sentence.line_of(word), tag)
            for sentence in train.examples
            for word, tag in enumerate(sentence.tags or ())
            if tag in small
        )
        hint = f"write the prefixes in capitals: {tag[0].upper()}{tag[1:]}, and O"
        raise train.error("tags with B- and I-", tag, line=line, hint=hint)
    if len(distinct) < 2:
        raise train.error("at least two different tags", f"only {next(iter(distinct), '')!r}")
    return order_labels(distinct)


def scheme_remark(name: str, tags: Sequence[str], scheme: Scheme) -> str:
    """How the tags of a file are read."""
    if scheme == "plain":
        return f"{name}: {len(tags)} plain tags that spell no entities: accuracy decides"
    types = types_of(tags)
    return f"{name}: tags in {scheme} spell entities of the types {listed(types, 12)}: their F1 decides"


def unreadable_warning(name: str, sentences: Iterable[Sentence], tokenizer: Tokenizer) -> tuple[str, ...]:
    """A warning of words that the tokenizer makes nothing of; they are taken for unknown ones."""
    counts = Counter(word for sentence in sentences for word in sentence.words)
    distinct = list(counts)
    _, offsets = tokenizer.words_to_ids(distinct)
    empty = [distinct[index] for index in np.flatnonzero(np.diff(offsets) == 0).tolist()]
    if not empty:
        return ()
    shown = ", ".join(map(quote, empty[:_SHOWN]))
    what = counted(sum(counts[word] for word in empty), "word")
    return (f"{name}: {what} without a visible character, taken for unknown words: {shown}",)


def warnings_about(
    name: str,
    sentences: Sequence[Sentence],
    blank_lines: Sequence[int],
    overlaps: Sequence[int],
    repair: bool,
) -> tuple[str, ...]:
    """Blank rows, overlapping entities, stray ``I-`` tags, and sentences that are tagged in two ways."""
    found = list(blank_warning(name, blank_lines))
    if overlaps:
        count = "1 entity that overlaps" if len(overlaps) == 1 else f"{len(overlaps):,} entities that overlap"
        found.append(f"{name}: left out {count} an earlier one, the first at line {overlaps[0]}")
    if scheme_of({tag for sentence in sentences for tag in sentence.tags or ()}) in ("IOB2", "IO"):
        found += _stray_warning(name, sentences, repair)
    return (*found, *_conflict_warning(name, sentences))


def _stray_warning(name: str, sentences: Sequence[Sentence], repair: bool) -> list[str]:
    lines = [sentence.line_of(word) for sentence in sentences for word in stray_insides(sentence.tags or ())]
    if not lines:
        return []
    what = f"{counted(len(lines), 'I- tag')} behind no entity of the type"
    where = ", ".join(map(str, lines[:_SHOWN]))
    done = "made B- (tag.repair_bio)" if repair else "kept as they are (tag.repair_bio makes them B-)"
    return [f"{name}: {what}, the first at line {where}: {done}"]


def _conflict_warning(name: str, sentences: Sequence[Sentence]) -> tuple[str, ...]:
    conflicts = conflicting(sentences)
    if not conflicts:
        return ()
    one, other = conflicts[0]
    what = counted(len(conflicts), "sentence")
    return (f"{name}: {what} tagged in more than one way, the first at lines {one.line} and {other.line}",)
