"""A model with more words answers as before, and opens everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.errors import CorpusError, ModelError, OutputExistsError, UsageError
from bertwright.exchange.conversion import convert
from bertwright.exchange.extension import extend_model
from bertwright.inference.model import load
from bertwright.model.pretraining_model import BertForPreTraining

OLD = ["the old man and the sea .", "she walked to paris", "a short zebra night"]
NEW = "he saw a zyzzyva at quokka"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(
        "".join(f"the zyzzyva saw a quokka .\n\nparis at night number{n} .\n\n" for n in range(30))
    )
    return path


def test_old_texts_get_the_same_answers(tmp_path: Path, corpus: Path) -> None:
    source = small_models.save_pretrained(tmp_path / "source")
    done = extend_model(source, [corpus], tmp_path / "out", add=2)
    assert [piece.word for piece in done.extension.pieces] == ["zyzzyva", "quokka"]
    before, after = load(source), load(tmp_path / "out")
    assert after.config.vocab_size == before.config.vocab_size + 2 == done.size
    np.testing.assert_array_equal(after.embed(OLD), before.embed(OLD))
    assert after.tokenizer.encode(NEW).tokens == ["he", "saw", "a", "zyzzyva", "at", "quokka"]
    assert after.next_sentence(OLD[0], OLD[1]) == before.next_sentence(OLD[0], OLD[1])
    tensors, old = after.folder.weights.tensors, before.folder.weights.tensors
    rows, first = tensors["encoder.embeddings.word_embeddings.weight"], done.extension.pieces[0]
    words = old["encoder.embeddings.word_embeddings.weight"]
    assert torch.equal(rows[: len(words)], words)
    torch.testing.assert_close(rows[first.id], words[list(first.parts)].mean(0))
    said = after.folder.manifest["provenance"]["extended_from"]
    assert said["digest"] == before.digest and said["added"] == 2
    # the masked language head knows the new words; those that it knew keep their order
    mine, theirs = after.fill_mask("the [MASK] sea", top_k=20), before.fill_mask("the [MASK] sea", top_k=20)
    kept = [guess.token for guess in mine[0].candidates if guess.token not in ("zyzzyva", "quokka")]
    assert kept == [guess.token for guess in theirs[0].candidates][: len(kept)]


def test_an_untied_output_layer(tmp_path: Path, corpus: Path) -> None:
    words = small_models.tokenizer()
    config = small_models.config(len(words.vocabulary)).model_copy(update={"tie_word_embeddings": False})
    save_model(tmp_path / "source", BertForPreTraining(config), words, task=None, provenance={})
    done = extend_model(tmp_path / "source", [corpus], tmp_path / "out", add=2)
    logits = load(tmp_path / "out").fill_mask("the [MASK] sea", top_k=5)
    assert len(logits[0].candidates) == 5 and done.size == config.vocab_size + 2


def test_transformers_opens_it(tmp_path: Path, corpus: Path) -> None:
    transformers = pytest.importorskip("transformers")
    extend_model(small_models.save_pretrained(tmp_path / "source"), [corpus], tmp_path / "out", add=2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.tokenize(NEW) == ["he", "saw", "a", "zyzzyva", "at", "quokka"]
    model = transformers.BertModel.from_pretrained(tmp_path / "out").eval()
    with torch.inference_mode():
        hidden = model(**tokenizer(NEW, return_tensors="pt")).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(load(tmp_path / "out").embed([NEW])[0], hidden.numpy(), atol=1e-5)


def test_a_classifier_and_a_sentence_model_stay_what_they_are(tmp_path: Path, corpus: Path) -> None:
    source = small_models.save_classifier(tmp_path / "classifier")
    extend_model(source, [corpus], tmp_path / "out", add=1)
    assert open_model(tmp_path / "out").labels == small_models.LABELS
    before, after = (load(path).predict(OLD) for path in (source, tmp_path / "out"))
    assert before == after
    options = {"pooling": "cls", "normalize": True}
    convert(source, tmp_path / "sentences", to="sentence-transformers", options=options)
    extend_model(tmp_path / "sentences", [corpus], tmp_path / "more", add=1)
    assert load(tmp_path / "more").folder.sentences == SentenceRecipe("cls", normalize=True, max_length=40)
    np.testing.assert_array_equal(load(tmp_path / "more").embed(OLD), load(tmp_path / "sentences").embed(OLD))


def test_fewer_than_asked_for_is_said(tmp_path: Path, corpus: Path) -> None:
    done = extend_model(small_models.save_pretrained(tmp_path / "source"), [corpus], tmp_path / "out")
    found = len(done.extension.pieces)
    assert done.warnings == (
        f"asked for 1,000 new pieces, found {found}: no other word of the corpus saves any",
    )


def test_what_is_refused(tmp_path: Path, corpus: Path) -> None:
    source = small_models.save_pretrained(tmp_path / "source")
    with pytest.raises(UsageError, match="other than what is read"):
        extend_model(source, [corpus], source, overwrite=True)
    own = source / "own.txt"
    own.write_text("zorbification")
    with pytest.raises(UsageError, match=r"does not hold what is read, got .own\.txt"):
        extend_model(tmp_path / "nothing", [own], source, overwrite=True)
    with pytest.raises(UsageError, match=r"does not hold what is read, got .own\.txt"):
        extend_model(tmp_path / "nothing", [corpus], source, held_out=own, overwrite=True)
    with pytest.raises(UsageError, match=r"--add: expected 1 to 0, the \[unusedN\] tokens"):
        extend_model(source, [corpus], tmp_path / "out", in_unused=True)
    with pytest.raises(ModelError):
        extend_model(tmp_path / "nothing", [corpus], tmp_path / "out")
    with pytest.raises(CorpusError):
        extend_model(source, [tmp_path / "nothing.txt"], tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")
    with pytest.raises(OutputExistsError):
        extend_model(source, [corpus], tmp_path / "there", overwrite=True)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["corpus.txt", "source", "there"]
