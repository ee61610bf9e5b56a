"""The rows of the paper's tables, one file a comparison."""
