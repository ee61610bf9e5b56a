"""What the server counts of itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bertwright.serving.questions import Question
from bertwright.serving.served import Served

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Figures:
    """Counters of one server. Labels are names of models and questions, and nothing that a client wrote."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "bertwright_requests", "Requests, by status.", ["ability", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "bertwright_request_seconds",
            "From a whole request to its answer.",
            ["ability"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batch_rows = Histogram(
            "bertwright_batch_rows",
            "Rows that were answered together.",
            ["ability"],
            buckets=_ROWS,
            registry=self.registry,
        )
        self._batch_seconds = Histogram(
            "bertwright_batch_seconds",
            "The model's time for a batch.",
            ["ability"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def requested(self, ability: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        self._requests.labels(ability, str(status)).inc()
        self._seconds.labels(ability).observe(seconds)

    def refused(self, status: int) -> None:
        """A request was turned away before it was looked at."""
        self._requests.labels("", str(status)).inc()

    def answered(self, question: Question, rows: int, seconds: float) -> None:
        """A batch has its answers."""
        self._batch_rows.labels(question.ability).observe(rows)
        self._batch_seconds.labels(question.ability).observe(seconds)

    def watch(self, served: Mapping[str, Served]) -> None:
        """Also tell how much waits, and which models are ready."""
        self.registry.register(_Queues(served))

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self.registry)


class _Queues(Collector):
    """Read when they are asked for."""

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = served

    def collect(self) -> list[GaugeMetricFamily]:
        requests = GaugeMetricFamily(
            "bertwright_waiting_requests", "That wait or are being answered.", labels=["model"]
        )
        tokens = GaugeMetricFamily("bertwright_waiting_tokens", "About as many tokens.", labels=["model"])
        ready = GaugeMetricFamily("bertwright_ready", "1 where a model is ready.", labels=["model"])
        for name, one in self._served.items():
            requests.add_metric([name], one.room.requests)
            tokens.add_metric([name], one.room.tokens)
            ready.add_metric([name], int(one.ready))
        return [requests, tokens, ready]
