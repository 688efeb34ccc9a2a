"""What Anki's own library says of decks that it takes in one after the other. Run it where `anki` can be imported.

    python tests/anki_reading.py FOLDER DECK.apkg …

Prints JSON: of each deck how many notes were new, updated and known; then all notes with their cards, as Anki renders them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest


def taken_in(collection: Collection, path: str) -> dict[str, int]:
    """Take in a deck."""
    asked = ImportAnkiPackageRequest(package_path=path, options=ImportAnkiPackageOptions())
    log = collection.import_anki_package(asked).log
    return {name: len(getattr(log, name)) for name in ("new", "updated", "duplicate", "conflicting", "missing_notetype")}


def note_of(collection: Collection, own: int) -> dict[str, Any]:
    """A note with its cards."""
    note = collection.get_note(own)
    kind = note.note_type()
    cards = [{"ord": card.ord, "question": card.question(), "answer": card.answer()} for card in note.cards()]
    told = {"kind": kind["name"], "stock": kind.get("originalStockKind"), "fields": dict(note.items()), "cards": cards}
    if kind.get("originalStockKind") == 6:
        parsed = collection.get_image_occlusion_note(own).note
        told["image"] = parsed.image_file_name
        told["masks"] = [
            {
                "ordinal": each.ordinal,
                "shapes": [
                    {"shape": shape.shape, **{one.name: one.value for one in shape.properties}} for shape in each.shapes
                ],
            }
            for each in parsed.occlusions
        ]
    return told


def main(folder: str, *decks: str) -> None:
    """Print what is said."""
    collection = Collection(str(Path(folder) / "collection.anki2"))
    imports = [taken_in(collection, deck) for deck in decks]
    checked = collection.media.check()
    told = {
        "imports": imports,
        "notes": [note_of(collection, own) for own in collection.find_notes("")],
        "missing": list(checked.missing),
        "unused": list(checked.unused),
        "media": collection.media.dir(),
        "decks": [each.name for each in collection.decks.all_names_and_ids()],
        "sound": collection.fix_integrity()[1],
    }
    collection.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
