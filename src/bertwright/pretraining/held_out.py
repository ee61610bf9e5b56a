"""Which documents a run learns from, and which it is evaluated on."""

from __future__ import annotations

from bertwright.data.objectives import NEXT_SENTENCE
from bertwright.data.store import TokenStore
from bertwright.errors import StoreError
from bertwright.pretraining.config import PretrainingSettings

_MIN_DOCUMENTS = 4  # to train on, to hold out, and to draw a random next sentence from, in both
_STRETCHES = 50  # at least, of a text that is long enough: the share held out is then about what was asked
_STRETCH = 100  # sentences, at most; of more, hardly fewer instances end where a stretch does


def training_and_held_out(store: TokenStore, settings: PretrainingSettings) -> tuple[TokenStore, TokenStore]:
    """The documents of ``store`` in two parts, which share its memory.

    A random next sentence comes from another document, so that with next sentences whole documents are held
    out. Otherwise, of few documents, such as the books of an author, stretches of up to a hundred sentences
    are taken for documents: two whole ones would be much of the text.

    Raises:
        StoreError: too few documents for next sentences, or none of them has one; or a single sentence.
    """
    if settings.asks.pairs is NEXT_SENTENCE:
        _require_next_sentences(store)
    elif store.num_documents < _STRETCHES:
        if store.num_sentences < 2:
            raise StoreError(
                f"{store.name}: expected at least two sentences, to train on and to hold out, got one"
            )
        store = store.cut(min(_STRETCH, max(1, store.num_sentences // _STRETCHES)))
    return store.split(settings.held_out_share, settings.seed)


def _require_next_sentences(store: TokenStore) -> None:
    if store.num_documents < _MIN_DOCUMENTS:
        raise StoreError(
            f"{store.name}: expected at least {_MIN_DOCUMENTS} documents, to train on and to hold "
            f"out, got {store.num_documents} (are there blank lines between the documents of the corpus? "
            "--objective mlm takes fewer)"
        )
    if store.num_sentences == store.num_documents:
        raise StoreError(
            f"{store.name}: expected documents of several sentences, got {store.num_documents:,} of one "
            "each: nothing has a next sentence (take out the blank lines between sentences and prepare the "
            "corpus again; --objective mlm takes it as it is)"
        )
