"""Names in the folder of a comparison."""

from __future__ import annotations

KIND = "comparison"
RECORD = "comparison.json"
FORMAT = "bertwright/comparison/1"
LARGEST_RECORD = 64 << 20


def model_of(encoder: str) -> str:
    """The folder of an encoder that was pre-trained for the comparison."""
    return f"model-{encoder}"
