"""What a model says to the same questions, every output by its name, and how far two models are apart.

Axes: B rows, T tokens of all rows (padding left out), P of them, H hidden size, V vocabulary, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError
from bertwright.exchange.probe import Inputs
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import HeadName, TaskModel
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tasks.feature_model import METHOD
from bertwright.tasks.kinds import open_task
from bertwright.tasks.networks import TOP
from bertwright.tasks.stored_model import stored_model

Answers = dict[str, Tensor]
"""Name of an output -> float32 on the CPU.

``last_hidden_state`` (T, H), ``pooled_output`` (B, H), ``masked_language`` or ``left_to_right`` (P, V),
``next_sentence`` (B, 2), ``sequence`` (B, C), ``token`` (T, C), ``span`` (T, 2), ``choice`` (B, 1); those
whose weights are stored; and, (B, C) or (T, C), ``small_model``, what was trained on the frozen encoder's
vectors, or ``bilstm``, what was trained with a BiLSTM on top.
"""

HEADS: Mapping[HeadName, type[TaskModel]] = {
    "sequence": SequenceClassifier,
    "token": TokenClassifier,
    "span": SpanClassifier,
    "choice": ChoiceClassifier,
}
"""The network of every output layer."""

POSITIONS = 64
"""Tokens at which the masked-language head is asked (P): every one is a row over the vocabulary."""


def answers_of(folder: ModelFolder, asked: Inputs) -> Answers:
    """All that the model of ``folder`` says to ``asked``."""
    folder = folder.for_use()
    rows = (asked.input_ids, asked.token_type_ids, asked.attention_mask)
    answers: Answers = {}
    with torch.inference_mode():
        network = folder.pretraining_model(require=())
        output = network.encoder(*rows)
        answers["last_hidden_state"] = output.last_hidden_state[asked.tokens]
        if "pooler" in folder.weights.parts:
            answers["pooled_output"] = output.pooled_output
        if folder.heads & {"masked_language", "left_to_right", "next_sentence"}:
            logits = network(*rows, masked_positions(asked))
            for words in ("masked_language", "left_to_right"):
                if words in folder.heads:
                    answers[words] = logits.mlm_logits
            if "next_sentence" in folder.heads:
                answers["next_sentence"] = logits.nsp_logits
        for head, cls in HEADS.items():
            if head in folder.heads:
                given: Tensor = folder.task_model(cls)(*rows)
                answers[head] = given[asked.tokens] if given.dim() == 3 else given
        task = folder.task or {}
        for name, there in (("small_model", task.get("method") == METHOD), ("bilstm", TOP in task)):
            if there:
                found = stored_model(open_task(folder), folder)(*rows[:2], asked.tokens)
                answers[name] = found[asked.tokens] if found.dim() == 3 else found
    return answers


def masked_positions(asked: Inputs) -> Tensor:
    """(P,) int64, flat: the tokens at which the masked-language head is asked, evenly spread."""
    tokens = asked.tokens.reshape(-1).nonzero().squeeze(1)
    return tokens[:: max(1, -(-len(tokens) // POSITIONS))]


def difference(source: Answers, result: Answers, where: str) -> dict[str, float]:
    """The largest absolute difference of every output; NaN where one is not a number.

    Raises:
        ModelError: the two do not have the same outputs, or one of another shape.
    """
    if source.keys() != result.keys():
        lost, new = sorted(source.keys() - result.keys()), sorted(result.keys() - source.keys())
        raise ModelError.at(where, f"the outputs {', '.join(source)}", f"without {lost}, with {new}")
    found = {}
    for name, expected in source.items():
        if result[name].shape != expected.shape:
            shapes = f"{tuple(expected.shape)}", f"{tuple(result[name].shape)}"
            raise ModelError.at(where, f"answers of shape {shapes[0]}", shapes[1], field=name)
        found[name] = float((result[name].double() - expected.double()).abs().max())
    return found
