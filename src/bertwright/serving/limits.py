"""How much work a server takes, and how long anything may last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, characters or tokens as named; times in seconds.

    What is beyond them is refused at once, before the model or even the tokenizer sees it. How much one
    request may hold is the same for every server: :mod:`bertwright.serving.schema`.
    """

    head_bytes: int = 16 << 10
    """Of the address and the headers."""
    headers: int = 100
    body_bytes: int = 2 << 20
    held_bytes: int = 64 << 20
    """Of all bodies that are being read or answered."""
    answer_characters: int = 4 << 20
    """Of the texts that the candidates for blanks stand in."""
    masks: int = 10
    """Blanks in one text."""
    waiting_requests: int = 512
    waiting_tokens: int = 1 << 20
    """Of all requests that wait or are being answered, counted as :meth:`Question.tokens`."""
    batch_tokens: int = 16_384
    """That are answered together."""
    connections: int = 768
    """More than may wait: who is one too many is told so."""
    unread_bytes: int = 128 << 20
    """Of all answers that clients have not read."""
    head_seconds: float = 5.0
    """From the first to the last byte of a request's headers."""
    body_seconds: float = 15.0
    """From the headers to the last byte of the body, however steadily it trickles."""
    idle_seconds: float = 15.0
    """That a connection is kept open between requests."""
    answer_seconds: float = 30.0
    """From a whole request to its answer, and from an answer until the client has read it."""
    drain_seconds: float = 9.0
    """For the requests that are there when the server is told to stop."""
    stuck_seconds: float = 5.0
    """Without a sign of life during an answer, after which the server calls itself not ready,"""
    hopeless_seconds: float = 60.0
    """and after which it ends."""
    probe_seconds: float = 10.0
    """Without an answer, after which the server asks a model itself, to know whether it does."""
