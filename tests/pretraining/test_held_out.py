"""Which documents are held out, where there are few or one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import small_models
from pretraining import small_run
from pretraining.small_run import memory_store, settings
from small_corpora import TOKENIZER, random_text, write

from bertwright.data.prepare import prepare
from bertwright.data.store import TokenStore
from bertwright.errors import StoreError
from bertwright.pretraining.held_out import training_and_held_out
from bertwright.pretraining.run import pretrain
from bertwright.pretraining.run_data import RunData

Sentences = list[list[int]]


def sentences_of(store: TokenStore) -> list[Sentences]:
    return [store.document(number) for number in range(store.num_documents)]


def book(sentences: int, documents: int = 1) -> TokenStore:
    """Sentences that can be told apart."""
    text = [[5 + number % 40, 5 + number // 40, 7] for number in range(sentences)]
    size = -(-sentences // documents)
    return TokenStore.from_documents([text[n : n + size] for n in range(0, sentences, size)], 200)


@pytest.mark.parametrize(("objective", "documents", "held"), [("mlm+nsp", 4, 2), ("mlm", 50, 5)])
def test_whole_documents(objective: str, documents: int, held: int) -> None:
    """Of four, where random next sentences need them; of many in any case."""
    store = book(400, documents=documents)
    training, held_out = training_and_held_out(store, settings(objective=objective))
    assert (training.num_documents, held_out.num_documents) == (documents - held, held)
    assert sorted(sentences_of(training) + sentences_of(held_out)) == sorted(sentences_of(store))


@pytest.mark.parametrize("objective", ["mlm", "mlm+sop", "clm", "bilm"])
@pytest.mark.parametrize("documents", [1, 2, 7])
@pytest.mark.parametrize(("sentences", "longest"), [(6000, 100), (600, 12), (100, 2), (7, 1)])
def test_of_few_documents_stretches(objective: str, documents: int, sentences: int, longest: int) -> None:
    store = book(sentences, documents)
    training, held_out = training_and_held_out(store, settings(objective=objective))
    parts = [*sentences_of(training), *sentences_of(held_out)]
    assert {len(part) for part in parts} <= set(range(1, longest + 1))
    assert longest in {len(part) for part in parts}
    whole = [sentence for document in sentences_of(store) for sentence in document]
    assert sorted(sentence for part in parts for sentence in part) == sorted(whole)
    assert 0.08 <= held_out.num_sentences / sentences <= 0.3
    assert held_out.num_documents >= 2


@pytest.mark.parametrize("documents", [4, 5, 20, 49])
def test_a_few_long_documents_are_nearly_all_trained_on(documents: int) -> None:
    store = book(6000, documents)
    _, held_out = training_and_held_out(store, settings(objective="mlm", held_out_share=0.02))
    assert held_out.num_tokens / store.num_tokens <= 0.05


def test_much_held_out_is_told() -> None:
    words = small_models.tokenizer()
    documents = [[[5, 6, 7 + number]] * size for number, size in enumerate((40, 30, 30, 30, 30))]
    store = TokenStore.from_documents(documents, len(words.vocabulary))
    few = settings(held_out_share=0.02)
    (told,) = RunData.read(store, words, few).warnings(few)
    assert re.fullmatch(
        r"held out: 2 of 5 documents, (38|44)% of the tokens, where held_out_share asks for 2% .*", told
    )
    assert not list(RunData.read(memory_store()[0], words, settings()).warnings(settings()))


def test_text_in_which_nothing_has_a_next_sentence() -> None:
    store = TokenStore.from_documents([[[5, 6, 7]]] * 50, 200)
    with pytest.raises(StoreError, match=r"^the store: .* got 50 of one each.*--objective mlm takes it"):
        training_and_held_out(store, settings())
    assert training_and_held_out(store, settings(objective="mlm"))[0].num_documents == 45


def test_text_in_which_hardly_anything_has_a_next_sentence() -> None:
    words = small_models.tokenizer()
    documents = [[[5, 6, 7]] * (2 if number % 50 == 0 else 1) for number in range(400)]
    store = TokenStore.from_documents(documents, len(words.vocabulary))
    (told,) = RunData.read(store, words, settings()).warnings(settings())
    assert re.match(r"next sentence: (9\d|100)% of the held-out pairs have the same answer", told)
    alone = settings(objective="mlm")
    assert not list(RunData.read(store, words, alone).warnings(alone))


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
