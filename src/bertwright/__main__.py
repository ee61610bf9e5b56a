"""``python -m bertwright``."""

from bertwright.cli.app import main

main()
