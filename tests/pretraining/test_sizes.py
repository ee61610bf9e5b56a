"""Which size a run by a time budget has: by hand, by property, and that a resumed run keeps its own."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import small_models
from hypothesis import given
from hypothesis import strategies as st
from pretraining.small_run import memory_store, settings

from bertwright.data.store import TokenStore
from bertwright.errors import Interrupted, SettingsError
from bertwright.model.config import Size
from bertwright.model.encoder import BertEncoder
from bertwright.pretraining import run
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.run_folder import RunFolder
from bertwright.pretraining.shares import require_shares
from bertwright.pretraining.sizes import best_size, block_weights
from bertwright.progress import Silent
from bertwright.training.ranks import Ranks

MUCH = 10**12  # tokens
OPEN = {"size": None, "hidden_size": None, "num_attention_heads": None}
LENGTHS = {"sequence_length": 16, "long_share": 0.0, "max_position_embeddings": 512}
BY_TIME = {"steps": None, "budget": "1h"}


@pytest.mark.parametrize("size", ["tiny", "mini"])
def test_weights_of_the_blocks(size: Size) -> None:
    encoder = BertEncoder(PretrainingSettings(steps=1, size=size).bert_config(100), seed=None)
    matrices = [p.numel() for p in encoder.layers.parameters() if p.dim() == 2]
    assert block_weights(size) == sum(matrices)


def test_sizes_by_hand() -> None:
    cores = 330e9  # two processor cores in fp32
    card = 700e12  # an H100 in bf16
    assert best_size(600, cores, MUCH) == "tiny"  # 0.9 million weights
    assert best_size(3600, cores, MUCH) == "mini"  # 2.2
    assert best_size(86400, cores, MUCH) == "small"  # 10.9
    assert best_size(3600, card, MUCH) == "base"  # 102
    assert best_size(86400, card, MUCH) == "large"  # 502
    assert best_size(3600, card, 2_000_000) == "mini"  # read 40 times it is enough for 4 million weights


@pytest.mark.parametrize("size", get_args(Size))
def test_what_is_best_for_a_size_gets_it(size: Size) -> None:
    weights = block_weights(size)
    assert best_size(2, 6 * weights * 20 * weights, MUCH) == size  # half of the peak is used
    assert best_size(1e6, 1e24, weights // 2) == size


@given(st.floats(0, 1e9), st.floats(1, 100), st.integers(1, 10**12), st.integers(1, 100))
def test_more_never_makes_it_smaller(seconds: float, factor: float, tokens: int, times: int) -> None:
    before = block_weights(best_size(seconds, 1e12, tokens))
    assert block_weights(best_size(seconds * factor, 1e12, tokens)) >= before
    assert block_weights(best_size(seconds, 1e12 * factor, tokens)) >= before
    assert block_weights(best_size(seconds, 1e12, tokens * times)) >= before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (OPEN | BY_TIME, "mini"),
        (OPEN | BY_TIME | {"size": "small"}, "small"),
        (OPEN, "base"),
        (OPEN | BY_TIME | {"num_hidden_layers": 3}, "base"),
        (OPEN | BY_TIME | {"objective": "bilm"}, "base"),
    ],
)
def test_who_decides(changes: dict[str, Any], expected: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "measured_peak", lambda *_: 330e9)
    monkeypatch.setattr(TokenStore, "num_tokens", MUCH)
    store, words = memory_store()
    asked = settings(**changes)
    data = RunData.read(store, words, settings())
    found = run._with_size(asked, data.store.num_tokens, Ranks(), Silent())
    assert found == asked.model_copy(update={"size": expected})


def test_ranks_have_a_part_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update of mini is a single micro-batch, unless ranks are to share it."""
    monkeypatch.setattr(run, "measured_peak", lambda *_: 330e9)
    monkeypatch.setattr(TokenStore, "num_tokens", MUCH)
    monkeypatch.setattr(Ranks, "sum", lambda self, tensor: tensor.mul_(self.size))
    asked = PretrainingSettings(budget=1800)  # type: ignore[arg-type]
    for size, expected in ((1, None), (2, 16), (4, 8)):
        ranks = Ranks(size=size)
        found = _begun(asked, ranks, tmp_path, monkeypatch)
        assert (found.size, found.micro_batch_size) == ("mini", expected)
        require_shares(found, ranks)
    one_each = asked.model_copy(update={"micro_batch_size": 1})
    assert _begun(one_each, Ranks(size=2), tmp_path, monkeypatch).micro_batch_size == 1


@pytest.mark.parametrize("size", get_args(Size))
@pytest.mark.parametrize("count", [2, 8])
def test_ranks_have_a_part_each_of_any_size(
    size: Size, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the defaults alone: of tiny to small a whole update goes through the network at once."""
    found = _begun(PretrainingSettings(steps=10, size=size), Ranks(size=count), tmp_path, monkeypatch)
    require_shares(found, Ranks(size=count))
    alone = _begun(PretrainingSettings(steps=10, size=size), Ranks(), tmp_path, monkeypatch)
    assert alone.micro_batch_size is None


def test_ranks_have_a_part_each_of_a_run_that_goes_on_from_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_models.save_pretrained(tmp_path / "model")
    asked = settings(**OPEN | LENGTHS, init=str(model), batch_size=None, micro_batch_size=None)
    assert _begun(asked, Ranks(size=2), tmp_path, monkeypatch).micro_batch_size == 16


def _begun(
    asked: PretrainingSettings, ranks: Ranks, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> PretrainingSettings:
    """What a new run of so many ranks is made by."""
    made: list[PretrainingSettings] = []

    class Stopped(BaseException):
        """Stands for a death before anything is written."""

    @contextlib.contextmanager
    def join() -> Iterator[Ranks]:
        yield ranks

    def assembly(chosen: PretrainingSettings, *_: object) -> None:
        made.append(chosen)
        raise Stopped

    store, words = memory_store()
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Ranks, "join", join)
        patch.setattr(Ranks, "remembers", lambda self, what: False)
        patch.setattr(Ranks, "require_equal", lambda self, facts: None)
        patch.setattr(run, "Assembly", assembly)
        run.pretrain(store, folder / "run", asked, tokenizer=words)
    return made[0]


def test_what_does_not_go_with_the_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "measured_peak", lambda *_: 330e9)
    store, words = memory_store()
    data = RunData.read(store, words, settings())
    asked = PretrainingSettings(budget=600, micro_batch_size=64)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="micro_batch_size: expected at most batch_size 32, got 64"):
        run._with_size(asked, data.store.num_tokens, Ranks(), Silent())


@pytest.mark.slow
def test_a_resumed_run_keeps_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the machine has become faster."""
    store, words = memory_store()
    asked = settings(**OPEN, steps=None, budget="6s", sequence_length=16, long_share=0)

    class StopAtOnce(Silent):
        def start(self, description: str, total: float | None = None, unit: str = "") -> None:
            self.training = description == "pre-training"

        def advance(self, amount: float = 1, note: str = "") -> None:
            if self.training and amount:
                signal.raise_signal(signal.SIGTERM)

        def say(self, message: str) -> None:
            said.append(message)

    said: list[str] = []
    monkeypatch.setattr(run, "measured_peak", lambda *_: 1e9)
    with pytest.raises(Interrupted):
        run.pretrain(store, tmp_path / "run", asked, tokenizer=words, progress=StopAtOnce())
    assert said == ["size: tiny, for the time and this machine (--size says another)"]
    assert RunFolder(tmp_path / "run").stored_settings().size == "tiny"
    monkeypatch.setattr(run, "measured_peak", lambda *_: 1e15)
    summary = run.pretrain(store, tmp_path / "run", asked, tokenizer=words, resume=True)
    assert RunFolder(tmp_path / "run").stored_settings().size == "tiny"
    assert summary.parameters < 1_000_000
