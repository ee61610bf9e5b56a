"""Models from one format to another, with proof that they still give the same answers."""
