"""What a run reads: text to learn from, text to be measured on, and the model that it goes on from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bertwright.data.objectives import NEXT_SENTENCE
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.store import TokenStore
from bertwright.data.store_survey import MANY_CHARACTERS, ideograph_share, told_characters
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.evaluation import majority, read_held_out
from bertwright.pretraining.held_out import training_and_held_out
from bertwright.pretraining.initial import InitialModel
from bertwright.tokenization.tokenizer import Tokenizer

_MUCH = 2  # times as much text as was asked for is held out
_LOPSIDED = 0.9  # of the pairs, with the same answer
_ENOUGH_PAIRS = 30  # to see by, of which hardly ever nine in ten agree by chance


@dataclass(frozen=True)
class RunData:
    """What a run reads."""

    store: TokenStore
    tokenizer: Tokenizer
    training: TokenStore
    held_out_documents: TokenStore
    held_out: list[PretrainingBatch]
    initial: InitialModel | None = None
    """The model that the run goes on from; without its numbers, once the network has them."""

    @classmethod
    def read(
        cls, data: str | Path | TokenStore, tokenizer: Tokenizer | None, settings: PretrainingSettings
    ) -> RunData:
        """Open and verify the store, and part the held-out documents from the others.

        Raises:
            StoreError, DigestError: the store is damaged, too small, or made with another vocabulary.
            ModelError, UsageError: the model to go on from does not open, or does not fit.
        """
        store = data if isinstance(data, TokenStore) else TokenStore.open(data)
        tokenizer = tokenizer or store.tokenizer()
        training, held_out = training_and_held_out(store, settings)
        initial = None if settings.init is None else InitialModel.read(settings.init, tokenizer, settings)
        batches = read_held_out(held_out, tokenizer.vocabulary, settings)
        return cls(store, tokenizer, training, held_out, batches, initial)

    def warnings(self, settings: PretrainingSettings) -> Iterator[str]:
        """What is probably not as it was meant, though a run can be made of it."""
        if settings.whole_word:
            yield from self._missing_words()
        yield from self._much_held_out(settings.held_out_share)
        if settings.asks.pairs is NEXT_SENTENCE:
            yield from self._lopsided_pairs()
        if self.initial is not None and (known := self.initial.known_text(self.store.digest, settings)):
            yield known

    def _missing_words(self) -> Iterator[str]:
        """Whole words are asked for, and the text has no blanks to find them by."""
        if self.store.has_words:
            return
        share = ideograph_share(self.store, self.tokenizer.vocabulary)
        if share >= MANY_CHARACTERS:
            told = told_characters(share)
            yield f"whole_word: {told} (prepare the corpus again with --words rjieba)"

    def _much_held_out(self, asked: float) -> Iterator[str]:
        """At least two documents are held out, which of a few long ones is much of the text."""
        held_out, whole = self.held_out_documents, self.store.num_tokens
        if held_out.num_tokens > _MUCH * asked * whole:
            count = held_out.num_documents + self.training.num_documents
            parts = "documents" if count == self.store.num_documents else "stretches"
            yield (
                f"held out: {held_out.num_documents} of {count} {parts}, {held_out.num_tokens / whole:.0%} "
                f"of the tokens, where held_out_share asks for {asked:.0%} (there are so few {parts})"
            )

    def _lopsided_pairs(self) -> Iterator[str]:
        """Hardly a sentence has a next one, so that the answer is nearly always the same."""
        if sum(map(len, self.held_out)) >= _ENOUGH_PAIRS and (share := majority(self.held_out)) > _LOPSIDED:
            yield (
                f"next sentence: {share:.0%} of the held-out pairs have the same answer, so that there is "
                "little to learn from them (bertwright doctor tells why; --objective mlm does without)"
            )
