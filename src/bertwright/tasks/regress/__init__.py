"""Single sentences and pairs to a number, such as how similar two sentences are (STS-B)."""
