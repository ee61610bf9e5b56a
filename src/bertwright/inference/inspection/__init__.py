"""What is this path: a vocabulary, a token store, a run, a checkpoint, a model? Every digest is verified."""

from bertwright.inference.inspection.detection import inspect_path
from bertwright.inference.inspection.findings import Findings

__all__ = ["Findings", "inspect_path"]
