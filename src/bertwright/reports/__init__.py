"""Runs, fine-tuned models, evaluations, comparisons and looks inside -> self-contained HTML pages."""
