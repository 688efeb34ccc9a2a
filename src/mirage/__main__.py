"""``python -m mirage``: the mirage command."""

from mirage.cli import main

main()
