"""The whole story on a fresh machine: ``make demo``."""
