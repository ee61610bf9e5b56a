"""A loaded model that answers: ``bertwright.load("folder")``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.model_folder import Head, ModelFolder
from bertwright.data.objectives import NEXT_SENTENCE, objective_of
from bertwright.errors import ModelError, RunError, UsageError, quote, shown_path
from bertwright.execution.engine import Need
from bertwright.export.folder import OnnxFolder, open_for_use
from bertwright.features.pooling import SentencePoolingName
from bertwright.inference.embedding import Embedded, changed, embed
from bertwright.inference.fill_mask import FilledMask, fill_mask
from bertwright.inference.generation import MAX_TOKENS, Generated, generate
from bertwright.inference.next_sentence import NextSentence, next_sentence
from bertwright.inference.scoring import ScoreKind, TextScore, score, score_kind
from bertwright.inference.stages import Inner
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.progress import Progress
from bertwright.tasks.devices import device_named
from bertwright.tasks.precision import (
    PrecisionName,
    answering_model,
    chosen_precision,
    reduced,
    stored_precision,
)
from bertwright.tokenization.tokenizer import Tokenizer

if TYPE_CHECKING:
    from bertwright.checkpoints.sentence_recipe import SentenceRecipe
    from bertwright.model.config import BertConfig
    from bertwright.tasks.task import Prediction, Task


class Model:
    """A model folder that was read and checked; networks are built when they are first asked.

    Args:
        folder: what :func:`bertwright.export.folder.open_for_use` gave.
        device: where to compute; see :func:`load`.
        precision: of :meth:`embed` and :meth:`predict`; see :func:`load`.
        lower_case: with which the folder was opened.

    A model travels to another process as the name of its folder, and is read and checked again there.

    Raises:
        UsageError: there is no such device, or the model was exported to ONNX and it is no processor; or the
            network does not compute in that precision.
    """

    def __init__(
        self,
        folder: ModelFolder,
        device: torch.device | str = "auto",
        *,
        precision: PrecisionName | None = None,
        lower_case: bool | None = None,
    ) -> None:
        self.folder = folder.for_use()
        self._lower_case = lower_case
        if isinstance(folder, OnnxFolder):  # onnxruntime computes, on the processor
            device = "cpu" if device == "auto" else device
            if torch.device(device).type != "cpu":
                raise UsageError(f"device: expected auto or cpu for a model in ONNX, got {device}")
        self.device = device_named(device)
        self.precision = chosen_precision(self.folder, precision, self.device)

    def __repr__(self) -> str:
        heads = ", ".join(sorted(self.folder.heads)) or "no heads"
        return f"Model({str(self.folder.path)!r}, {heads})"

    def __reduce__(self) -> tuple[Any, ...]:
        place = str(self.folder.path.absolute())
        way = (self.device.type, self.precision, self._lower_case, torch.get_num_threads())
        return _opened_again, (place, self.digest, *way)

    @property
    def need(self) -> Need:
        """What a part of its work takes of a machine: as many threads as here, since the order of a sum, and
        so its last bit, goes by them."""
        gpus = int(self.device.type == "cuda")
        return Need(torch.get_num_threads(), gpus, (self.folder.path.absolute(),))

    @property
    def config(self) -> BertConfig:
        """The network's sizes."""
        return self.folder.config

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to the ids that the network knows."""
        return self.folder.tokenizer

    @property
    def digest(self) -> str:
        """Names the contents: equal digests give equal answers."""
        return self.folder.digest

    @cached_property
    def task(self) -> Task[Any]:
        """What the model was fine-tuned for.

        Raises:
            ModelError: it was not.
        """
        from bertwright.tasks.kinds import open_task  # with all kinds of tasks, which few models need

        return open_task(self.folder)

    def fill_mask(
        self, text: str, top_k: int = 5, progress: Progress | None = None
    ) -> tuple[FilledMask, ...]:
        """The ``top_k`` likeliest tokens for every ``[MASK]`` in ``text``, in the order of the text.

        Raises:
            ModelError: the model has no masked-language head, or is left-to-right.
            InputError: the text has no blank.
        """
        if self.config.is_decoder:
            raise ModelError.at(
                self.folder.path,
                "a masked language model",
                "a left-to-right one",
                hint="it does not see what stands behind a blank; bertwright generate continues a text",
            )
        model = self._pretraining("masked_language")
        return fill_mask(model, self.tokenizer, text, top_k=top_k, progress=Inner.of(progress))

    def next_sentence(self, a: str, b: str) -> float:
        """Probability that ``b`` is what followed ``a``.

        Raises:
            ModelError: the model has no next-sentence head.
            InputError: a text is empty.
        """
        return self.next_sentence_answer(a, b).is_next

    def next_sentence_answer(self, a: str, b: str) -> NextSentence:
        """As :meth:`next_sentence`; also whether the pair was cut, and what the head was trained to tell."""
        pairs = objective_of(self.folder.provenance.get("settings") or {}).pairs or NEXT_SENTENCE
        return next_sentence(self._pretraining("next_sentence"), self.tokenizer, a, b, pairs.name)

    def score(self, texts: Sequence[str], *, progress: Progress | None = None) -> list[TextScore]:
        """How natural the language model finds every text: log-probabilities of its tokens, in nats.

        A masked model gives pseudo-log-likelihoods, a left-to-right one, or the forward half of an ELMo-like
        one, log-likelihoods; see
        :mod:`bertwright.inference.scoring`.

        Args:
            texts: a list.
            progress: advances by texts.

        Raises:
            ModelError: the model has no language-model head.
            UsageError: ``texts`` is one text and no list.
        """
        _require_list(texts)
        return score(self._language_model, self.tokenizer, texts, progress=Inner.of(progress))

    @property
    def score_kind(self) -> ScoreKind:
        """What :meth:`score` gives.

        Raises:
            ModelError: the model has no language-model head.
        """
        return score_kind(self._language_model)

    def generate(
        self,
        texts: Sequence[str],
        *,
        max_tokens: int = MAX_TOKENS,
        top_p: float | None = None,
        seed: int = 0,
        first: int = 0,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """How every text goes on, by a left-to-right model.

        Args:
            texts: a list of beginnings.
            max_tokens: that are added at most.
            top_p: None takes the likeliest token each time; otherwise draws from the likeliest ones that
                together have this probability.
            seed, first: what ``top_p`` draws for a text is named by the seed and the text's number, which
                counts from ``first``.
            progress: advances by texts.

        Raises:
            ModelError: the model is not left-to-right: BERT has never learned to say what comes next.
            UsageError: ``texts`` is one text and no list, or an argument is out of range.
        """
        _require_list(texts)
        self.require_left_to_right()
        return generate(
            self._pretraining("left_to_right"),
            self.tokenizer,
            texts,
            max_tokens=max_tokens,
            top_p=top_p,
            seed=seed,
            first=first,
            progress=Inner.of(progress),
        )

    def require_left_to_right(self) -> None:
        """Refuse to generate with a model that has not learned it.

        Raises:
            ModelError: it is a BERT, or has no language-model head.
        """
        if isinstance(self.folder, BilmFolder):
            raise ModelError.at(
                self.folder.path,
                "a left-to-right model (pretrain --objective clm)",
                "an LSTM language model",
                hint="its vectors are features of another model: finetune --method features",
            )
        if not self.config.is_decoder:
            raise ModelError.at(
                self.folder.path,
                "a left-to-right model (pretrain --objective clm)",
                "a bidirectional one",
                hint="BERT reads both sides of every word at once, so it has never learned to say what comes "
                "next: it fills blanks and judges texts, and is not made to generate or to translate",
            )
        self._pretraining("left_to_right")

    def embed(
        self,
        texts: Sequence[str],
        pooling: SentencePoolingName | None = None,
        *,
        normalize: bool | None = None,
        max_length: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """A vector for every text: float32 (N, D), in the order of ``texts``.

        What is None is as the folder says (``modules.json`` of sentence-transformers); where it says nothing,
        the mean over all tokens of the row, not scaled, of as many tokens as the network sees.

        Args:
            texts: a list; a text without a token gives the vector of ``[CLS] [SEP]``.
            pooling: ``mean`` and ``max`` go over all tokens of the row, ``[CLS]`` and ``[SEP]`` included;
                ``cls`` is the first token's vector. The names and the others are sentence-transformers'.
            normalize: scale every vector to Euclidean length 1.
            max_length: cut longer rows to so many tokens.
            progress: advances by texts.

        Raises:
            UsageError: ``texts`` is one text and no list, or an argument is out of range.
            NonFiniteError: the weights give no finite numbers.
        """
        return self.embed_texts(
            texts, pooling=pooling, normalize=normalize, max_length=max_length, progress=progress
        ).vectors

    def embed_texts(
        self,
        texts: Sequence[str],
        *,
        pooling: SentencePoolingName | None = None,
        normalize: bool | None = None,
        max_length: int | None = None,
        tokens_per_batch: int | None = None,
        progress: Progress | None = None,
    ) -> Embedded:
        """As :meth:`embed`, and how many texts had to be cut.

        Raises:
            UsageError: ``texts`` is one text and no list, or an argument is out of range.
        """
        _require_list(texts)
        return embed(
            self._embedding_encoder,
            self.tokenizer,
            texts,
            self.sentence_recipe(pooling, normalize, max_length),
            tokens_per_batch=tokens_per_batch,
            progress=progress,
        )

    def sentence_recipe(
        self, pooling: str | None = None, normalize: bool | None = None, max_length: int | None = None
    ) -> SentenceRecipe:
        """How :meth:`embed` makes vectors when asked so.

        Raises:
            UsageError: no such pooling, or none for this model.
        """
        said = self.folder.sentences
        return changed(said, self.config, pooling=pooling, normalize=normalize, max_length=max_length)

    def predict(self, rows: Sequence[Any], *, progress: Progress | None = None) -> list[Prediction]:
        """The fine-tuned answer for every row: a text, or a pair of texts where the task has pairs.

        Raises:
            ModelError: the model was not fine-tuned.
            InputError: a row is no text.
        """
        if isinstance(rows, str):
            raise UsageError(f"rows: expected a list of texts, got the text {quote(rows)}")
        from bertwright.inference.prediction import predict

        return predict(self.task, self._task_model, rows, progress=progress)

    @cached_property
    def encoder(self) -> BertEncoder:
        """The network without heads, on :attr:`device`, as its weights are."""
        return self.folder.encoder().to(self.device)

    @cached_property
    def _embedding_encoder(self) -> BertEncoder:
        if self.precision == stored_precision(self.folder):
            return self.encoder
        return reduced(self.folder.encoder(), self.precision).to(self.device)

    @cached_property
    def _task_model(self) -> nn.Module:
        return answering_model(self.task, self.folder, self.precision).to(self.device)

    @cached_property
    def _pretraining_model(self) -> BertForPreTraining:
        return self.folder.pretraining_model(require=()).to(self.device)

    @cached_property
    def _language_model(self) -> BertForPreTraining | BilmForPreTraining:
        if isinstance(self.folder, BilmFolder):
            found: BilmForPreTraining = self.folder.pretraining_model().to(self.device)
            return found
        return self._pretraining("left_to_right" if self.config.is_decoder else "masked_language")

    def _pretraining(self, head: Head) -> BertForPreTraining:
        if head not in self.folder.heads:
            self.folder.pretraining_model(require=[head])  # says what is missing
        return self._pretraining_model


def load(
    path: str | Path,
    *,
    device: torch.device | str = "auto",
    precision: PrecisionName | None = None,
    lower_case: bool | None = None,
) -> Model:
    """The model in the folder ``path``: ours, Hugging Face's, a TensorFlow 1 checkpoint's, or one in ONNX.

    Args:
        path: the folder.
        device: where to compute: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` is a GPU where there is one.
        precision: of the matrix products of ``embed`` and ``predict``: ``"fp32"``, ``"bf16"`` or, on a
            processor, ``"int8"``; ``"auto"`` is bf16 where the device is faster at it, else fp32.
            None leaves the network as it is stored.
        lower_case: overrides the casing that is stored.

    Raises:
        ModelError, VocabularyError: the folder is incomplete or malformed.
        DigestError: a file differs from what the folder's manifest says.
        UsageError: there is no such device, or the network does not compute in that precision.
    """
    device_named(device)
    folder = open_for_use(path, lower_case=lower_case)
    return Model(folder, device, precision=precision, lower_case=lower_case)


@lru_cache(maxsize=1)
def _opened_again(
    path: str, digest: str, device: str, precision: PrecisionName, lower_case: bool | None, threads: int
) -> Model:
    """A model in a process to which it travelled, which keeps it for all its parts of the work."""
    torch.set_num_threads(threads)
    model = load(path, device=device, precision=precision, lower_case=lower_case)
    if model.digest != digest:
        raise RunError(f"{shown_path(path)}: changed while it was used (start again)")
    return model


def _require_list(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise UsageError(f"texts: expected a list of texts, got the text {quote(texts)}")
