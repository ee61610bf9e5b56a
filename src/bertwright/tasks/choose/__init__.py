"""Multiple choice: which of a question's few choices is right (paper, section 4.4)."""
