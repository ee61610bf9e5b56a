"""The batches of a run: phases of growing length over one store."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bertwright.data.batches import PretrainingBatches
from bertwright.data.store import TokenStore
from bertwright.model.config import BertConfig
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.flops import training_flops
from bertwright.pretraining.step import PretrainingPart
from bertwright.tokenization.vocabulary import Vocabulary
from bertwright.training.pace import Moment, StepPace
from bertwright.training.parts import GlobalBatch


@dataclass(frozen=True)
class PhasedSource:
    """Global batches by moment: a pure function of (store, settings, moment)."""

    phases: Sequence[PretrainingBatches]
    micro_batch_sizes: Sequence[int]
    config: BertConfig

    @classmethod
    def of(
        cls, store: TokenStore, vocabulary: Vocabulary, settings: PretrainingSettings, config: BertConfig
    ) -> PhasedSource:
        """The batches that ``settings`` ask for.

        Raises:
            StoreError: the store was made with another vocabulary, or gives no instances.
        """
        batches = [
            PretrainingBatches(
                store,
                vocabulary,
                settings.instances(phase.length),
                phase.instances,
                settings.seed,
                phase=number,
            )
            for number, phase in enumerate(settings.phases)
        ]
        return cls(batches, [*map(settings.instances_at_once, settings.phases)], config)

    def __call__(self, moment: Moment) -> GlobalBatch[PretrainingPart]:
        """The global batch of ``moment``, cut into micro-batches."""
        whole = self.phases[moment.phase].batch(moment.step_in_phase)
        masked, rows = len(whole.masked_labels), len(whole)
        size = self.micro_batch_sizes[moment.phase]
        parts = [
            PretrainingPart(whole.rows(begin, begin + size), masked, rows) for begin in range(0, rows, size)
        ]
        flops = training_flops(self.config, rows, whole.input_ids.shape[1], masked, whole.num_tokens)
        return GlobalBatch(parts, whole.num_tokens, flops)

    def steps_of(self, epochs: float, shares: Sequence[float]) -> int:
        """How many updates read the text ``epochs`` times, when phase i has ``shares[i]`` of the updates."""
        passes = sum(
            share * batches.batch_size / batches.instances_in_epoch(0)
            for share, batches in zip(shares, self.phases, strict=True)
        )
        return max(1, round(epochs / passes))

    def steps_for(self, tokens: int, shares: Sequence[float]) -> int:
        """The fewest updates that read ``tokens`` tokens, padding not counted, when phase i has ``shares[i]``
        of the updates."""
        sums: list[list[int]] = [[0] for _ in self.phases]

        def read(steps: int) -> int:
            total = 0
            phases = zip(self.phases, sums, StepPace(steps, shares).phase_steps(), strict=True)
            for batches, known, count in phases:
                while len(known) <= count:
                    known.append(known[-1] + batches.num_tokens(len(known) - 1))
                total += known[count]
            return total

        most = 1
        while read(most) < tokens:
            most *= 2
        return bisect_left(range(most + 1), tokens, lo=1, key=read)

    def costs(self) -> Iterator[float]:
        """Floating-point operations of a full update in each phase."""
        for batches in self.phases:
            rows, length = batches.batch_size, batches.settings.max_length
            masked = rows * batches.settings.prediction_counts()[-1]
            yield training_flops(self.config, rows, length, masked, rows * length)
