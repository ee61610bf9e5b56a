"""All frequent substrings of the words, as a tree in arrays.

Axes: N suffixes (one for each character of each word, in the order of the words), V nodes, D levels. A node
is a substring; it hangs below the substring without its last character. There are two roots, since a piece
that begins a word and a piece ``##...`` that continues one are different pieces. Nodes stand level by
level, so a pass from the shortest substrings to the longest, or back, is D array operations. Every suffix
knows the longest node that it begins with; all others that it begins with are that node's ancestors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int32]

FIRST, LATER = 0, 1
"""The roots: what begins a word, and what continues one."""

_DIRECT_KEYS = 1 << 23  # below so many possible keys counting is faster than sorting


@dataclass(frozen=True)
class Trie:
    """Substrings of words; see the module."""

    characters: npt.NDArray[np.uint32]
    """(N,) the code point that each suffix begins with."""
    codes: npt.NDArray[np.uint32]
    """(A,) the different code points, ascending."""
    parent: Nodes
    """(V,) of each node; -1 for the two roots."""
    character: Nodes
    """(V,) index into ``codes`` of the last character; -1 for the roots."""
    depth: Nodes
    """(V,) number of characters."""
    levels: tuple[slice, ...]
    """(D,) where the nodes of each depth stand."""
    leaf: Nodes
    """(N,) the longest node at each suffix."""
    word: Nodes
    """(N,) the word of each suffix."""
    starts: Ints
    """(W + 1,) the first suffix of each word."""
    remaining: npt.NDArray[np.uint16]
    """(N,) characters from each suffix to the end of its word."""

    @classmethod
    def build(cls, characters: npt.NDArray[np.uint32], lengths: Ints, weights: Ints, support: int) -> Trie:
        """From words.

        Args:
            characters: (N,) code points of all words, one after the other.
            lengths: (W,) characters of each word, at most 65,535.
            weights: (W,) what each word weighs.
            support: substrings of several characters that weigh less are left out.
        """
        codes, inverse = np.unique(characters, return_inverse=True)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        word = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        places = np.arange(len(characters))
        remaining = (starts[1:][word] - places).astype(np.uint16)
        grown = _Growth(inverse.astype(np.int64), len(codes), weights[word], remaining)
        grown.start(np.where(places == starts[word], FIRST, LATER))
        while len(grown.active):
            grown.grow(support)
        depths = np.repeat(np.arange(len(grown.sizes), dtype=np.int32), grown.sizes)
        ends = np.cumsum(grown.sizes).tolist()
        levels = tuple(slice(end - size, end) for end, size in zip(ends, grown.sizes, strict=True))
        parent, character = np.concatenate(grown.parents), np.concatenate(grown.characters)
        return cls(characters, codes, parent, character, depths, levels, grown.leaf, word, starts, remaining)

    def __len__(self) -> int:
        return len(self.parent)

    @cached_property
    def by_remaining(self) -> tuple[Ints, ...]:
        """The suffixes with 1, 2, … characters left."""
        order = np.argsort(self.remaining, kind="stable")
        longest = int(self.remaining.max(initial=0))
        cuts = np.searchsorted(self.remaining[order], np.arange(1, longest + 2))
        return tuple(order[start:stop] for start, stop in pairwise(cuts.tolist()))

    @cached_property
    def root(self) -> Nodes:
        """(V,) the root above each node."""
        root = np.arange(len(self), dtype=np.int32)
        for level in self.levels[1:]:
            root[level] = root[self.parent[level]]
        return root

    def totals(self, amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(V,) for each node the sum of ``amounts`` (N,) over the suffixes that begin with it."""
        totals = np.bincount(self.leaf, weights=amounts, minlength=len(self)).astype(np.float64)
        for level, above in zip(self.levels[:0:-1], self.levels[-2::-1], strict=True):
            self.add_to_parents(totals, totals[level], level, above)
        return totals

    def add_to_parents(
        self, target: npt.NDArray[np.float64], amounts: npt.NDArray[np.float64], level: slice, above: slice
    ) -> None:
        """Adds ``amounts``, one for each node of ``level``, to their parents' entries in ``target`` (V,)."""
        target[above] += np.bincount(
            self.parent[level] - above.start, weights=amounts, minlength=above.stop - above.start
        )

    def longest(self, chosen: npt.NDArray[np.bool_]) -> Nodes:
        """(V,) the nearest of the ``chosen`` nodes (V,) among each node and its ancestors; a root if none."""
        nearest = np.where(chosen, np.arange(len(self), dtype=np.int32), np.int32(FIRST))
        for level in self.levels[1:]:
            nearest[level] = np.where(chosen[level], nearest[level], nearest[self.parent[level]])
        return nearest

    def texts(self, nodes: Ints) -> list[str]:
        """The substring of each of ``nodes``, read where it first occurs."""
        place = np.full(len(self), len(self.leaf), np.int64)
        np.minimum.at(place, self.leaf, np.arange(len(self.leaf)))
        for level in self.levels[:0:-1]:
            np.minimum.at(place, self.parent[level], place[level])
        text = self.characters.tobytes().decode("utf-32-le")
        starts, depths = place[nodes].tolist(), self.depth[nodes].tolist()
        return [text[start : start + depth] for start, depth in zip(starts, depths, strict=True)]


class _Growth:
    """A trie while it grows, one level at a time."""

    def __init__(
        self, characters: Ints, num_characters: int, weights: Ints, remaining: npt.NDArray[np.uint16]
    ) -> None:
        self._characters, self._num_characters = characters, num_characters
        self._weights, self._remaining = weights, remaining

    def start(self, roots: Ints) -> None:
        self.parents: list[Nodes] = [np.full(2, -1, np.int32)]
        self.characters: list[Nodes] = [np.full(2, -1, np.int32)]
        self.sizes = [2]
        self.active = np.arange(len(roots))  # suffixes whose substring so far is a node with room below
        self.leaf = roots.astype(np.int32)
        self._node = roots
        self._count = 2

    def grow(self, support: int) -> None:
        """Adds the level below: for every active suffix the node with one character more, if heavy enough."""
        depth = len(self.sizes) - 1
        keys = self._node * self._num_characters + self._characters[self.active + depth]
        found, inverse = _numbered(keys, self._count * self._num_characters)
        if depth:
            weight = np.bincount(inverse, weights=self._weights[self.active], minlength=len(found))
            heavy = weight >= support
        else:
            heavy = np.ones(len(found), np.bool_)
        numbers = np.where(heavy, self._count + np.cumsum(heavy) - 1, -1)
        parents, characters = np.divmod(found[heavy], self._num_characters)
        self.parents.append(parents.astype(np.int32))
        self.characters.append(characters.astype(np.int32))
        self.sizes.append(int(heavy.sum()))
        self._count += self.sizes[-1]
        node = numbers[inverse]
        self.active, node = self.active[node >= 0], node[node >= 0]
        self.leaf[self.active] = node
        more = self._remaining[self.active] > depth + 1
        self.active, self._node = self.active[more], node[more]


def _numbered(keys: Ints, bound: int) -> tuple[Ints, npt.NDArray[np.signedinteger[Any]]]:
    """The different ``keys`` (all below ``bound``), ascending, and for each key its place among them."""
    if bound > _DIRECT_KEYS:
        found, inverse = np.unique(keys, return_inverse=True)
        return found, inverse
    present = np.zeros(bound, np.bool_)
    present[keys] = True
    found = np.flatnonzero(present)
    number = np.empty(bound, np.int32)
    number[found] = np.arange(len(found))
    return found, number[keys]
