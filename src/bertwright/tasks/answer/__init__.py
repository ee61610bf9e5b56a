"""Questions to the span of a passage that answers them, or to none (paper, sections 4.2 and 4.3)."""
