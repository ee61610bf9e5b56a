"""Names that settings offer; nothing heavy is imported to know them."""

from __future__ import annotations

from typing import Literal

DeviceName = Literal["auto", "cpu", "cuda"]
OptimizerName = Literal["adamw", "bert-adam"]
PrecisionName = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]
