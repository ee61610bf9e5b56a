"""An ELMo-like language model: two shallow one-way LSTMs over the same tokens.

Source: Peters et al. (2018), "Deep contextualized word representations", sections 3.1 and 3.2. The directions
share embeddings and softmax and nothing else: neither ever reads what the other has computed, and only what
is learned on top (a weight a layer, per task) joins them. Other than there: word pieces have embeddings of
their own in place of a network over characters, the softmax is the embeddings (as BERT's), cells are not
clipped, and a row begins without a state.

Axes: B rows of a batch, S positions, P width of a direction, H = 2 P, L layers, Q pairs of neighbours, V
vocabulary.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from bertwright.errors import ModelError
from bertwright.model.activations import identity
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.bilstm import initialize_uniform
from bertwright.model.dropout import Dropout
from bertwright.model.encoder import EncoderOutput, last_positions
from bertwright.model.initialization import allocate, initialize, without_numbers
from bertwright.model.linear import linear
from bertwright.model.pretraining_model import PretrainingOutput
from bertwright.model.turned_rows import at_positions, turned_positions

FORGET_BIAS = 1.0
"""At first every gate rather keeps (Jozefowicz et al. 2015; the default of the original's cells)."""


class BilmEncoder(nn.Module):
    """Both directions without the softmax.

    Args:
        config: sizes and constants.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(self, config: BilmConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config = config
        _hear_the_warning()
        with without_numbers():
            self.word_embeddings = nn.Embedding(config.vocab_size, config.direction_size)
            self.forward_layers = _layers(config)
            self.backward_layers = _layers(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        if seed is not None:
            allocate(self)
            initialize(self.word_embeddings, config.initializer_range, seed)
            initialize_uniform(self, seed, leave="word_embeddings.")
            self._keep_at_first()

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
    ) -> EncoderOutput:
        """Encode a batch, both directions side by side: (B, S, H), forward first.

        The lowest hidden state is a token's embedding, twice. ``pooled_output`` is, as they are, the forward
        direction's last state of a row and the backward one's first.

        Args:
            input_ids: (B, S) int64.
            token_type_ids: not used: there are no segments.
            attention_mask: (B, S) bool or integer, true for tokens, which stand before all padding; None when
                there is none.
            output_hidden_states: keep what every layer gives.

        Raises:
            ModelError: S exceeds ``max_position_embeddings``.
        """
        embedded = self._embedded(input_ids)
        there, back = self._read_forward(embedded), self._read_backward(embedded, attention_mask)
        states = [
            torch.cat(layer, dim=-1) for layer in zip([embedded, *there], [embedded, *back], strict=True)
        ]
        last = there[-1].flatten(0, 1).index_select(0, last_positions(input_ids, attention_mask))
        pooled = torch.cat([last, back[-1][:, 0]], dim=-1)  # (B, H)
        return EncoderOutput(states[-1], pooled, tuple(states) if output_hidden_states else None)

    def at_tokens(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        layer: Callable[[Tensor], Tensor] = identity,
    ) -> Tensor:
        """What ``layer`` makes of the last hidden states, (B, S, W); arguments else as :meth:`forward`."""
        return layer(self(input_ids, token_type_ids, attention_mask).last_hidden_state)

    def read_forward(self, input_ids: Tensor) -> Tensor:
        """What the forward direction's last layer says after each token: (B, S, P)."""
        return self._read_forward(self._embedded(input_ids))[-1]

    def read_backward(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """What the backward one says, which has read a row from its last token to this one: (B, S, P)."""
        return self._read_backward(self._embedded(input_ids), attention_mask)[-1]

    def _embedded(self, input_ids: Tensor) -> Tensor:
        length, longest = input_ids.shape[1], self.config.max_position_embeddings
        if length > longest:
            raise ModelError(f"sequence of {length} tokens: the model reads {longest} at most")
        embedded: Tensor = self.word_embeddings(input_ids)  # (B, S, P)
        return embedded

    def _read_forward(self, embedded: Tensor) -> list[Tensor]:
        return self._read(self.forward_layers, embedded)

    def _read_backward(self, embedded: Tensor, attention_mask: Tensor | None) -> list[Tensor]:
        """Each row is turned round up to its last token, so that padding comes after all tokens again."""
        turned = turned_positions(embedded, attention_mask)
        states = self._read(self.backward_layers, at_positions(embedded, turned))
        return [at_positions(state, turned) for state in states]

    def _read(self, layers: nn.ModuleList, hidden: Tensor) -> list[Tensor]:
        """L states (B, S, P); from the second layer on, what a layer reads is added to what it gives."""
        states = []
        for number, layer in enumerate(layers):
            given: Tensor = layer(self.dropout(hidden))[0]
            hidden = hidden + given if number else given
            states.append(hidden)
        return states

    def _keep_at_first(self) -> None:
        cells = self.config.num_cells
        for name, parameter in self.named_parameters():
            if name.endswith("bias_ih_l0"):  # gates are input, forget, cell, output
                with torch.no_grad():
                    parameter[cells : 2 * cells] = FORGET_BIAS


class BilmForPreTraining(nn.Module):
    """Both directions, each asked for its next token: forward for the one after, backward for the one before.

    Args:
        config: sizes and constants.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(self, config: BilmConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config = config
        self.encoder = BilmEncoder(config, seed=seed)
        self.dropout = Dropout(config.hidden_dropout_prob)
        device = "meta" if seed is None else "cpu"
        self.softmax_bias = nn.Parameter(torch.zeros(config.vocab_size, device=device))

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        masked_positions: Tensor,
    ) -> PretrainingOutput:
        """Logits for a batch; arguments as :meth:`BertForPreTraining.forward`.

        Args:
            masked_positions: (Q,) int64, flat: row * S + position, of tokens that have one after them.

        Returns:
            ``mlm_logits`` (2 Q, V): of the tokens after these positions, said forward; then of the tokens at
            them, said backward, at the position after. ``nsp_logits`` (0, 2): pairs are not judged.
        """
        there = self.encoder.read_forward(input_ids).flatten(0, 1)  # (B S, P)
        back = self.encoder.read_backward(input_ids, attention_mask).flatten(0, 1)
        chosen = [there.index_select(0, masked_positions), back.index_select(0, masked_positions + 1)]
        logits = self._logits(torch.cat(chosen))
        return PretrainingOutput(logits, logits.new_empty((0, 2)))

    def next_logits(self, input_ids: Tensor, positions: Tensor) -> Tensor:
        """What comes after the flat ``positions`` (Q,), by the forward direction alone: logits (Q, V)."""
        return self._logits(self.encoder.read_forward(input_ids).flatten(0, 1).index_select(0, positions))

    def _logits(self, hidden: Tensor) -> Tensor:
        return linear(self.dropout(hidden), self.encoder.word_embeddings.weight, self.softmax_bias)


@cache
def _hear_the_warning() -> None:
    """PyTorch says once in a process that one of its libraries has no projections (another is used): now."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LSTM with projections is not supported")
        nn.LSTM(1, 2, proj_size=1)(torch.zeros(1, 1, 1))


def _layers(config: BilmConfig) -> nn.ModuleList:
    width, cells = config.direction_size, config.num_cells
    return nn.ModuleList(
        nn.LSTM(width, cells, proj_size=width, batch_first=True) for _ in range(config.num_hidden_layers)
    )
