"""What each head looks at, over many texts (Clark et al. 2019, "What does BERT look at?", section 3).

A share is the mean, over the tokens of the texts ([CLS] and [SEP] do not count as such), of how much of its
attention a token gives to a kind of position. Kinds overlap, so shares need not sum to 1. Beside each figure
stands what a head would have that looks everywhere alike on the same texts.

Axes: B rows of a batch, S positions, N heads, L layers, K sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.looking.maps import require_finite
from bertwright.looking.passing import Passing
from bertwright.looking.targets import other_text, places_of, same_word

MeasureName = Literal[
    "cls",
    "sep",
    "itself",
    "previous",
    "next",
    "same_word",
    "punctuation",
    "other_text",
    "distance",
    "entropy",
]
MEASURES: tuple[MeasureName, ...] = get_args(MeasureName)

_SHARES = len(MEASURES) - 2


@dataclass(frozen=True)
class HeadMeasure:
    """One figure of every head."""

    name: MeasureName
    """Shares of attention: to [CLS]; to a [SEP]; to the token itself; to the position before it and behind it
    ([CLS] and [SEP] too); to other places of its word (over tokens whose word stands elsewhere, punctuation
    left out); to punctuation; to the other text of a pair (over tokens of pairs). And: the mean distance, in
    tokens, of what is attended to in the text (Vig & Belinkov 2019, section 4.2: sums of attention times
    distance over sums of attention); the mean entropy in nats: 0 looks at one position, ln n at n alike."""
    values: NDArray[np.float64]
    """(L, N); NaN where no text has a token that is asked about."""
    uniform: float
    """Of a head that looks everywhere alike; NaN as above."""
    tokens: int
    """That the mean is over."""

    @property
    def is_share(self) -> bool:
        """Whether the figure is a share of attention, from 0 to 1."""
        return self.name not in ("distance", "entropy")

    @property
    def known(self) -> bool:
        """Whether there was a token to ask about."""
        return self.tokens > 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: ``values`` a list of L lists of N numbers; null where there was nothing to ask."""
        return {
            "values": self.values.tolist() if self.known else None,
            "uniform": self.uniform if self.known else None,
            "tokens": self.tokens,
        }


class HeadWatcher:
    """Gathers the measures of every head while texts pass through the network."""

    def __init__(self, layers: int, heads: int) -> None:
        kinds = len(MEASURES) + 1  # the last is what distances are divided by
        self._sums = np.zeros((layers, heads, kinds))
        self._uniform = np.zeros(kinds)
        self._tokens = np.zeros(_SHARES, np.int64)
        self._targets = torch.empty(0)
        self._asked = torch.empty(0)

    def begin(self, batch: Passing) -> None:
        """Lay out what the rows of a batch are asked."""
        places = [_asked_of(batch, number) for number in range(len(batch.rows))]
        device = batch.visible.device
        self._targets = torch.from_numpy(np.stack([found for found, _, _ in places])).to(device)
        self._asked = torch.from_numpy(np.stack([text for _, text, _ in places])).to(device)
        self._tokens += sum(counts for _, _, counts in places)
        seen = batch.visible.float()
        alike = seen / seen.sum(-1, keepdim=True).clamp(min=1)
        self._uniform += self._summed(alike[:, None])[0]

    def layer(self, number: int, probabilities: Tensor | None, hidden: Tensor) -> None:
        """Add what the heads of a layer attend to."""
        if probabilities is not None:
            self._sums[number - 1] += self._summed(probabilities)

    def measures(self) -> tuple[HeadMeasure, ...]:
        """The figures of all that has passed.

        Raises:
            NonFiniteError: the weights give no finite numbers.
        """
        require_finite(self._sums)
        tokens = [*self._tokens.tolist(), int(self._tokens[0]), int(self._tokens[0])]
        found = []
        for place, name in enumerate(MEASURES):
            values, alike = self._sums[..., place], self._uniform[place]
            with np.errstate(invalid="ignore", divide="ignore"):
                if name == "distance":
                    values, alike = values / self._sums[..., -1], alike / self._uniform[-1]
                else:
                    values, alike = values / np.float64(tokens[place]), alike / np.float64(tokens[place])
            found.append(HeadMeasure(name, values, float(alike), tokens[place]))
        return tuple(found)

    def _summed(self, probabilities: Tensor) -> NDArray[np.float64]:
        """(B, N, S, S) -> (N, K): sums over all tokens that are asked about."""
        flat, targets = probabilities.float().flatten(2), self._targets.flatten(2)  # (B, N, SS), (B, K-1, SS)
        sums = (flat @ targets.transpose(1, 2)).double().sum(0)  # (N, K - 1)
        entropies = torch.special.entr(probabilities.float()).sum(-1)  # (B, N, S)
        entropy = (entropies * self._asked[:, None]).double().sum((0, 2))  # (N,)
        joined = torch.cat([sums[:, :-1], entropy[:, None], sums[:, -1:]], 1)
        result: NDArray[np.float64] = joined.cpu().numpy()
        return result


def _asked_of(batch: Passing, number: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """What is summed of one row: weights (K - 1, S, S), which tokens ask (S,), how many ask for each share.

    The weight of a pair of positions is 1 where the second is of the kind that the first is asked about;
    then |i - j| and 1 where it is of the text, for distances.
    """
    row, width = batch.rows[number], batch.width
    length = len(row)
    places = places_of(row)
    steps = np.arange(length)[None, :] - np.arange(length)[:, None]  # j - i
    text = places.text
    kinds = [
        np.broadcast_to(places.cls, (length, length)),
        np.broadcast_to(places.sep, (length, length)),
        steps == 0,
        steps == -1,
        steps == 1,
        same_word(places),
        np.broadcast_to(places.punctuation, (length, length)),
        other_text(places),
    ]
    seen = batch.visible[number, :length, :length].cpu().numpy()
    counts = np.full(_SHARES, text.sum())
    for place in (MEASURES.index("same_word"), MEASURES.index("other_text")):
        counts[place] = (kinds[place] & seen).any(1).sum()  # asked of those alone that have one in sight
    weights = np.zeros((_SHARES + 2, width, width), np.float32)
    weights[:_SHARES, :length, :length] = np.stack(kinds) & text[:, None]
    within = text[:, None] & text[None, :]
    weights[_SHARES, :length, :length] = np.abs(steps) * within
    weights[_SHARES + 1, :length, :length] = within
    asked = np.zeros(width, np.float32)
    asked[:length] = text
    return weights, asked, counts
