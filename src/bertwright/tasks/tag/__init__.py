"""Every word to a tag: named entities, parts of speech (paper, section 5.3)."""
