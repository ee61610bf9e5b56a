"""What is wrong with data, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Training on it is pointless, or teaches something wrong."""
    WARNING = "warning"
    """It costs quality."""
    NOTE = "note"
    """Good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    severity: Severity
    name: str
    """A word for scripts; it does not change."""
    message: str
    """One sentence."""
    advice: str
    """What to do."""
    count: int
    """How many documents, lines, tokens, … are concerned."""


Facts = Mapping[str, int | float | str]


@dataclass(frozen=True)
class SampleToken:
    """One token of an instance, as the model would see it."""

    shown: str
    truth: str | None = None
    """The true token where the model has to predict it."""


@dataclass(frozen=True)
class Sample:
    """One instance, decoded."""

    label: int | None
    """Next sentence: 0 true, 1 random (sentence order: 1 swapped); None for a single segment."""
    a: tuple[SampleToken, ...]
    b: tuple[SampleToken, ...]


@dataclass(frozen=True)
class Diagnosis:
    """The findings, the worst first, and what they rest on."""

    kind: str
    """``corpus`` or ``store``."""
    facts: Facts
    findings: tuple[Finding, ...]
    samples: tuple[Sample, ...] = ()

    @classmethod
    def of(
        cls, kind: str, facts: Facts, findings: Iterable[Finding], samples: Iterable[Sample] = ()
    ) -> Diagnosis:
        order = list(Severity)
        ranked = sorted(findings, key=lambda finding: order.index(finding.severity))
        return cls(kind, facts, tuple(ranked), tuple(samples))

    def as_json(self) -> dict[str, Any]:
        """What ``bertwright doctor --json`` prints."""
        return {
            "kind": self.kind,
            "facts": dict(self.facts),
            "findings": [asdict(finding) for finding in self.findings],
            "samples": [asdict(sample) for sample in self.samples],
        }


def graded(share: float, *, note: float, warning: float, error: float = 2.0) -> Severity | None:
    """The severity of a share of the data, by the least share for each; below ``note`` none."""
    for severity, least in ((Severity.ERROR, error), (Severity.WARNING, warning), (Severity.NOTE, note)):
        if share >= least:
            return severity
    return None
