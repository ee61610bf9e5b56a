"""bertwright: build, train and use your own BERT."""

__version__ = "0.1.0"
