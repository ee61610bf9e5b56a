"""The README.md of a model folder: what this is, how to use it, what it was made from, how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bertwright.checkpoints import card_sections
from bertwright.checkpoints.card_front import answers_otherwise, front_matter
from bertwright.checkpoints.card_text import fenced, plain, table
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.tokenization.tokenizer import Tokenizer

_COMMANDS = {
    "BertForPreTraining": 'bertwright fill-mask FOLDER "The capital of France is [MASK]."',
    "BertForMaskedLM": 'bertwright fill-mask FOLDER "The capital of France is [MASK]."',
    "BertLMHeadModel": 'bertwright generate FOLDER "It was a dark and"',
    "BertForNextSentencePrediction": 'bertwright next-sentence FOLDER "It rained." "The street was wet."',
    "BertForSequenceClassification": "bertwright predict FOLDER rows.tsv -o predictions.jsonl",
    "BertForTokenClassification": "bertwright predict FOLDER sentences.jsonl -o predictions.jsonl",
    "BertForQuestionAnswering": "bertwright predict FOLDER questions.json -o predictions.jsonl",
    "BertForMultipleChoice": "bertwright predict FOLDER questions.jsonl -o predictions.jsonl",
    "BertModel": "bertwright embed FOLDER texts.txt -o vectors.npy",
    "BilmModel": "bertwright embed FOLDER texts.txt -o vectors.npy",
    "BilmForPreTraining": "bertwright finetune FOLDER --method features --task ...",
}

_CALLS = {
    "BertForPreTraining": 'model.fill_mask("The capital of France is [MASK].")',
    "BertForMaskedLM": 'model.fill_mask("The capital of France is [MASK].")',
    "BertLMHeadModel": 'model.generate(["It was a dark and"])',
    "BertForNextSentencePrediction": 'model.next_sentence("It rained.", "The street was wet.")',
    "BertModel": 'model.embed(["one text", "another"])',
    "BilmModel": 'model.embed(["one text", "another"])',
    "BilmForPreTraining": 'model.score(["a text"])  # by the forward direction',
}
_ROWS = "model.predict(rows)  # as in the training file"

_VECTORS = ("BertModel", "BertForPreTraining", "BertForMaskedLM")
"""Architectures whose vectors of texts are of use by themselves."""

_LEFT_TO_RIGHT = (
    "A token sees those before it and itself, none after it (`is_decoder` in `config.json`). So it can",
    "continue a text; to fill a blank, or to judge a word by what follows, a BERT is better.",
    "",
)

_BILM = (
    "It is ELMo's kind of network: one LSTM reads a text forward and another backward, each predicts the",
    "next token on its way, and a token's vector is what both say of it, side by side. Such vectors are the",
    "features of another model, which weighs the layers. Only bertwright opens this folder.",
    "",
)

_LAST_TOKEN = (
    "The output layer reads the *last* token of a row (`pooled_token` in `config.json`), the only one that",
    "has seen all of it. The classes of `transformers` open this folder too, but they read the first token,",
    "which has seen nothing but itself: what they answer is the same for every text. Do not use them here.",
    "",
)

_BESIDE = {
    "features": "`features.safetensors` holds the model that was trained on the frozen encoder's vectors.",
    "top": "`top.safetensors` holds the BiLSTM that stands on the encoder, and the output layer.",
}
"""Field of a task -> what has a file of its own then."""

_ENCODER_ALONE = (
    "Only bertwright reads it: `transformers` has no class for such a model, and opens the encoder alone.",
    "",
)

_LIMITS = (
    "## Limits",
    "",
    "It knows what stood in its training text, with the gaps and the biases of that text. Probabilities are",
    "the network's own and are not calibrated. Text beyond the length above is cut.",
)


def model_card(
    config: BertConfig,
    architecture: str,
    parameters: int,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    *,
    tokenizer: Tokenizer | None = None,
    sentences: SentenceRecipe | None = None,
) -> str:
    """Markdown with the front matter that model hubs read. All values are escaped.

    Args:
        architecture: the class name in ``config.json``.
        parameters: how many numbers the weights are.
        task: what it was adapted to, if anything.
        provenance: JSON values that say what it was made from; what is not known here stays in the manifest.
        tokenizer: its vocabulary is described.
        sentences: how its vectors of texts are made, if the folder says so.
    """
    kind, shape = "BERT", f"{config.num_attention_heads} heads, hidden size {config.hidden_size}"
    if config.is_decoder:
        kind = "left-to-right Transformer in the layout of BERT"
    if bilm := isinstance(config, BilmConfig):
        kind = "bidirectional LSTM language model"
        shape = f"{config.num_cells:,} cells in each direction, vectors of {config.hidden_size}"
    lines = [
        *front_matter(config, architecture, task, provenance, sentences=sentences is not None),
        "",
        f"# {architecture}, {config.num_hidden_layers} layers, hidden size {config.hidden_size}",
        "",
        f"A {kind} with {parameters:,} parameters: {config.num_hidden_layers} layers of {shape}, "
        f"{config.vocab_size:,} word pieces, at most {config.max_position_embeddings} tokens a text. "
        "Written by bertwright.",
        "",
        *(_LEFT_TO_RIGHT if config.is_decoder else ()),
        *(_BILM if bilm else ()),
        *_use(config, architecture, task or {}, sentences),
        *(["## Task", "", *fenced(_described(task))] if task else []),
        *card_sections.figures(task, provenance),
        *card_sections.data(provenance),
        *_vocabulary(tokenizer),
        *card_sections.recipe(provenance),
        *card_sections.environment(provenance),
        *_LIMITS,
        "",
        "`bertwright.json` has all of this for programs, and the SHA-256 of every file.",
    ]
    return "\n".join(lines) + "\n"


def _use(
    config: BertConfig, architecture: str, task: Mapping[str, Any], sentences: SentenceRecipe | None
) -> list[str]:
    """The same in three libraries, where each has a use for it."""
    command = _COMMANDS["BertModel"] if sentences else _COMMANDS[architecture]
    call = _CALLS["BertModel"] if sentences else _CALLS.get(architecture, _ROWS)
    beside = [text for field, text in _BESIDE.items() if field in task]
    if beside and not sentences:
        command, call = _COMMANDS["BertForSequenceClassification"], _ROWS
    lines = ["## Use", "", "```sh", command, "```", "", "```python", "import bertwright", ""]
    lines += ['model = bertwright.load("FOLDER")', call, "```", ""]
    if isinstance(config, BilmConfig):
        return [*lines, *beside, ""]
    if beside:
        lines += [*beside, *_ENCODER_ALONE]
    if answers_otherwise(config, architecture):
        return [*lines, *_LAST_TOKEN]
    lines += ["```python", f"from transformers import AutoTokenizer, {architecture}", ""]
    lines += ['tokenizer = AutoTokenizer.from_pretrained("FOLDER")']
    lines += [f'model = {architecture}.from_pretrained("FOLDER")', "```", ""]
    if sentences is None and architecture not in _VECTORS:
        return lines
    lines += ["```python", "from sentence_transformers import SentenceTransformer", ""]
    lines += ['vectors = SentenceTransformer("FOLDER").encode(["one text", "another"])', "```", ""]
    return lines if sentences is None else [*lines, f"Vectors of texts: {plain(sentences.described())}.", ""]


def _described(task: Mapping[str, Any]) -> dict[str, Any]:
    """The task without its figures, which have a table of their own."""
    return {name: value for name, value in task.items() if name != "metrics"}


def _vocabulary(tokenizer: Tokenizer | None) -> list[str]:
    if tokenizer is None:
        return []
    settings = tokenizer.settings
    rows = [
        ("word pieces", len(tokenizer.vocabulary)),
        ("of them continue words", int((~tokenizer.vocabulary.starts_word).sum())),
        ("lower-cases", settings.do_lower_case),
        ("strips accents", settings.strips_accents),
        ("ideographs stand alone", settings.tokenize_chinese_chars),
        ("SHA-256 of vocab.txt", tokenizer.vocabulary.digest),
    ]
    return ["## Vocabulary", "", *table(["", ""], rows)]
