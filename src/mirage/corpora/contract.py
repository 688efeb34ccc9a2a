"""What every corpus keeps to, as a check that the tests of a package with a corpus of its own can call."""

from __future__ import annotations

import inspect

from mirage.corpora.base import Corpus, CorpusCard, Item
from mirage.errors import MirageError
from mirage.figure import MODALITIES, PLANES


def faults(corpus: object, *, pictures: int = 8) -> list[str]:
    """Tell what is wrong with a corpus, a sentence each; nothing, when it keeps to the port.

    Parameters
    ----------
    corpus : mirage.corpora.base.Corpus
        Open, with at least one figure.
    pictures : int
        How many of its pictures to decode, evenly spread.
    """
    if not isinstance(corpus, Corpus):
        return ["It lacks a method of mirage.corpora.base.Corpus, or its card."]
    found = _of_card(type(corpus))
    info, entries = corpus.info(), list(corpus.items())
    found += [f"Its info has no {name}." for name in ("name", "title", "summary", "version") if not getattr(info, name)]
    if len(entries) != len(corpus) or not entries:
        found.append(f"It says that it has {len(corpus)} entries, and yields {len(entries)}.")
    if list(corpus.items()) != entries:
        found.append("It does not yield the same entries each time.")
    items = [entry for entry in entries if isinstance(entry, Item)]
    if len({item.figure.id for item in items}) != len(items):
        found.append("Two figures have the same id.")
    for entry in entries:
        if isinstance(entry, Item):
            found += [f"{entry.label}: {what}" for what in _of_item(entry, info.name)]
        elif not entry.label or not entry.reason.endswith("."):
            found.append(f"{entry.label}: what is refused has a label, and a sentence why.")
    for item in items[:: max(1, len(items) // pictures)]:
        try:
            picture = corpus.read(item)
        except MirageError as error:
            found.append(f"{item.label}: its picture cannot be read: {error}")
            continue
        if picture.image.mode not in ("L", "RGB") or picture.image.info:
            found.append(f"{item.label}: a picture is of mode L or RGB, and carries no metadata.")
    return found


def _of_card(adapter: type) -> list[str]:
    card, taken = getattr(adapter, "card", None), inspect.signature(adapter).parameters
    if not isinstance(card, CorpusCard):
        return ["Its class has no attribute card, a mirage.corpora.CorpusCard."]
    found = [] if card.title and card.summary.endswith(".") else ["Its card wants a title, and a summary in sentences."]
    for option in card.options:
        if option.name not in taken:
            found.append(f"The option {option.name} is no parameter of the class.")
        elif option.required != (taken[option.name].default is inspect.Parameter.empty):
            found.append(f"The option {option.name} is required where its parameter has a default, or the other way round.")
        if not option.help.endswith("."):
            found.append(f"The help of the option {option.name} is a sentence.")
    return found


def _of_item(item: Item, corpus: str) -> list[str]:
    figure = item.figure
    texts = (figure.caption, figure.title, figure.diagnosis)
    checks = {
        "its id begins with the name of the corpus and a colon.": figure.id.startswith(f"{corpus}:"),
        "its source names the corpus.": figure.source.corpus == corpus,
        "it has a label and a fingerprint.": bool(item.label and item.fingerprint),
        "its modality is empty or a key of mirage.figure.MODALITIES.": figure.modality in {"", *MODALITIES},
        "its plane is empty or one of mirage.figure.PLANES.": figure.plane in {"", *PLANES},
        "its region is in lower case.": figure.region == figure.region.lower(),
        "it has an attribution.": bool(figure.source.attribution),
        "its address begins with http, or is empty.": not figure.source.url or figure.source.url.startswith("http"),
        "what is not known is empty, and texts have no blanks around them.": not any(
            text != text.strip() or text.lower() in ("n/a", "none", "nan") for text in texts
        ),
        "its case is the one that goes with it.": figure.case_id == (item.case.id if item.case else ""),
    }
    return [what for what, kept in checks.items() if not kept]
