"""bertwright: build, train and use your own BERT.

The same things that the command line does, as functions::

    import bertwright

    bertwright.learn_vocabulary(["corpus.txt"], size=8000).save("vocab")
    bertwright.prepare(["corpus.txt"], vocabulary="vocab", output="store")
    bertwright.pretrain("store", "run", bertwright.PretrainingSettings(size="mini", budget="30m"))
    bertwright.finetune("run/model", train="train.tsv", dev="dev.tsv", output="my-task")

    model = bertwright.load("run/model")
    model.fill_mask("the capital of France is [MASK] .")

What these names need (torch, pyarrow, …) is imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bertwright.data.prepare import prepare
    from bertwright.data.store import TokenStore
    from bertwright.errors import BertwrightError
    from bertwright.exchange.extension import extend_model
    from bertwright.inference.looking import look
    from bertwright.inference.model import Model, load
    from bertwright.pretraining.config import PretrainingSettings
    from bertwright.pretraining.run import pretrain
    from bertwright.tables.columns import Columns
    from bertwright.tasks.finetuning import finetune
    from bertwright.tasks.settings import FinetuneSettings
    from bertwright.tokenization.learning.learn import learn_vocabulary
    from bertwright.tokenization.tokenizer import Tokenizer

__version__ = "0.1.0"

_HOME = {
    "BertwrightError": "bertwright.errors",
    "Columns": "bertwright.tables.columns",
    "FinetuneSettings": "bertwright.tasks.settings",
    "Model": "bertwright.inference.model",
    "PretrainingSettings": "bertwright.pretraining.config",
    "TokenStore": "bertwright.data.store",
    "Tokenizer": "bertwright.tokenization.tokenizer",
    "extend_model": "bertwright.exchange.extension",
    "finetune": "bertwright.tasks.finetuning",
    "learn_vocabulary": "bertwright.tokenization.learning.learn",
    "load": "bertwright.inference.model",
    "look": "bertwright.inference.looking",
    "prepare": "bertwright.data.prepare",
    "pretrain": "bertwright.pretraining.run",
}

__all__ = [
    "BertwrightError",
    "Columns",
    "FinetuneSettings",
    "Model",
    "PretrainingSettings",
    "TokenStore",
    "Tokenizer",
    "extend_model",
    "finetune",
    "learn_vocabulary",
    "load",
    "look",
    "prepare",
    "pretrain",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bertwright' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
