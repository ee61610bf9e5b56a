"""How much a client may ask for, and how long anything may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, characters or tokens as named; times in seconds.

    What is beyond them is refused at once, before the model or even the tokenizer sees it.
    """

    head_bytes: int = 16 << 10
    headers: int = 100
    body_bytes: int = 2 << 20
    rows: int = 32
    """Of one request."""
    characters: int = 20_000
    """Of one row, all of its texts together."""
    choices: int = 26
    top_k: int = 100
    masks: int = 10
    """Blanks in one text."""
    new_tokens: int = 512
    """That ``generate`` may add."""
    waiting_requests: int = 512
    waiting_tokens: int = 1 << 20
    """Of all requests that wait or are being answered, counted as :attr:`Question.tokens`."""
    batch_tokens: int = 16_384
    """That are answered together."""
    connections: int = 1_024
    head_seconds: float = 5.0
    """From the first to the last byte of a request's headers."""
    body_seconds: float = 15.0
    """From the headers to the last byte of the body, however steadily it trickles."""
    idle_seconds: float = 15.0
    """That a connection is kept open between requests."""
    answer_seconds: float = 30.0
    """From a whole request to its answer."""
    drain_seconds: float = 9.0
    """For the requests that are there when the server is told to stop."""
    stuck_seconds: float = 5.0
    """Without a sign of life during an answer, after which the server calls itself not ready,"""
    hopeless_seconds: float = 60.0
    """and after which it ends."""
    probe_seconds: float = 10.0
    """Between questions that an idle server asks its models, to know that they answer."""
