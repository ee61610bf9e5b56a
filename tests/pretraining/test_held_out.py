"""Which documents are held out, where there are few or one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretraining import small_run
from pretraining.small_run import memory_store, settings
from small_corpora import TOKENIZER, random_text, write

from bertwright.data.prepare import prepare
from bertwright.data.store import TokenStore
from bertwright.errors import StoreError
from bertwright.pretraining.held_out import training_and_held_out
from bertwright.pretraining.run import pretrain

Sentences = list[list[int]]


def sentences_of(store: TokenStore) -> list[Sentences]:
    return [store.document(number) for number in range(store.num_documents)]


def book(sentences: int, documents: int = 1) -> TokenStore:
    """Sentences that can be told apart."""
    text = [[5 + number % 40, 5 + number // 40, 7] for number in range(sentences)]
    size = -(-sentences // documents)
    return TokenStore.from_documents([text[n : n + size] for n in range(0, sentences, size)], 200)


@pytest.mark.parametrize("objective", ["mlm+nsp", "mlm"])
def test_of_four_documents_whole_ones(objective: str) -> None:
    store = book(400, documents=4)
    training, held_out = training_and_held_out(store, settings(objective=objective))
    assert (training.num_documents, held_out.num_documents) == (2, 2)
    assert sorted(sentences_of(training) + sentences_of(held_out)) == sorted(sentences_of(store))


@pytest.mark.parametrize("objective", ["mlm", "mlm+sop", "clm", "bilm"])
@pytest.mark.parametrize("documents", [1, 2, 3])
@pytest.mark.parametrize(("sentences", "longest"), [(6000, 100), (600, 12), (100, 2), (7, 1)])
def test_of_fewer_stretches(objective: str, documents: int, sentences: int, longest: int) -> None:
    store = book(sentences, documents)
    training, held_out = training_and_held_out(store, settings(objective=objective))
    parts = [*sentences_of(training), *sentences_of(held_out)]
    assert {len(part) for part in parts} <= set(range(1, longest + 1))
    assert longest in {len(part) for part in parts}
    whole = [sentence for document in sentences_of(store) for sentence in document]
    assert sorted(sentence for part in parts for sentence in part) == sorted(whole)
    assert 0.08 <= held_out.num_sentences / sentences <= 0.3
    assert held_out.num_documents >= 2


def test_too_little_text_is_refused() -> None:
    with pytest.raises(
        StoreError, match=r"^the store: expected at least 4 documents.* got 3 .*--objective mlm takes fewer"
    ):
        training_and_held_out(memory_store(3)[0], settings())
    with pytest.raises(StoreError, match="at least two sentences"):
        training_and_held_out(book(1), settings(objective="mlm"))


def test_a_book_from_text_to_model(tmp_path: Path) -> None:
    """What `prepare --mlm-only` accepts can be trained on with `--objective mlm`."""
    text = random_text(60).replace("\n\n", "\n")
    for name, data in TOKENIZER.files().items():
        write(tmp_path / "vocabulary" / name, data)
    prepare(
        [write(tmp_path / "book.txt", text)],
        vocabulary=tmp_path / "vocabulary",
        output=tmp_path / "store",
        workers=1,
        masked_lm_only=True,
    )
    assert TokenStore.open(tmp_path / "store").num_documents == 1
    chosen = small_run.settings(objective="mlm", steps=2)
    assert pretrain(tmp_path / "store", tmp_path / "run", chosen).mlm_loss is not None
