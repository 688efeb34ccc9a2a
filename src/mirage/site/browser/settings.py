"""There are no settings in a browser; there it goes by the name of `mirage.settings`."""

from __future__ import annotations

from pathlib import Path

OWN_LEXICON = Path("/atlas/lexicon.jsonl")  # where the atlas was exported with one


class Settings:
    """As if nobody had chosen anything."""

    lexicon: Path | None = None

    @classmethod
    def load(cls) -> Settings:
        """Tell them."""
        made = cls()
        made.lexicon = OWN_LEXICON if OWN_LEXICON.exists() else None
        return made
