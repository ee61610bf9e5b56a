"""Which documents a run learns from, and which it is evaluated on."""

from __future__ import annotations

from bertwright.data.objectives import NEXT_SENTENCE
from bertwright.data.store import TokenStore
from bertwright.errors import StoreError, shown_path
from bertwright.pretraining.config import PretrainingSettings

_MIN_DOCUMENTS = 4  # to train on, to hold out, and to draw a random next sentence from, in both
_STRETCHES = 50  # at least, of a text that is long enough: the share held out is then about what was asked
_STRETCH = 100  # sentences, at most; of more, hardly fewer instances end where a stretch does


def training_and_held_out(store: TokenStore, settings: PretrainingSettings) -> tuple[TokenStore, TokenStore]:
    """The documents of ``store`` in two parts, which share its memory.

    Of fewer than four documents, such as the text of a book, stretches of up to a hundred sentences are
    taken for documents. A random next sentence would then come from the same text, so that with next
    sentences they are refused.

    Raises:
        StoreError: too few documents for next sentences, or a single sentence.
    """
    if store.num_documents < _MIN_DOCUMENTS:
        if settings.asks.pairs is NEXT_SENTENCE:
            raise StoreError(
                f"{_name_of(store)}: expected at least {_MIN_DOCUMENTS} documents, to train on and to hold "
                f"out, got {store.num_documents} (are there blank lines between the documents of the corpus? "
                "--objective mlm takes fewer)"
            )
        if store.num_sentences < 2:
            raise StoreError(
                f"{_name_of(store)}: expected at least two sentences, to train on and to hold out, got one"
            )
        store = store.cut(min(_STRETCH, max(1, store.num_sentences // _STRETCHES)))
    return store.split(settings.held_out_share, settings.seed)


def _name_of(store: TokenStore) -> str:
    return shown_path(store.manifest.path) if store.manifest else "the store"
