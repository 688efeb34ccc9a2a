"""A list of what else it could be: its items without headings, and without those that belong to something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mirage.explain.evidence import Evidence
from mirage.explain.explainers import cues
from mirage.explain.statements import VERB, Statement, kind_of_case
from mirage.explain.subject import Subject, is_itself, named
from mirage.language import sentences as splitting
from mirage.language.concepts import lexicon

_MOST_ITEMS = 8
_LONGEST_ITEM = 70
# An item of a differential that argues, or is part of a broken line, names nothing.
_NO_NAME = re.compile(
    r"(?i) [-–](?: |$)|:$|^\w{1,2}: |%|\b(?:differential|most common|if|no|not|would|despite|unlikely|because|given"
    r"|types?|grade|stage)\b|\w\?\w"
)
# A line that says of what the lines below it are the differential, and the bullet before a line.
_HEADS = re.compile(r"(?i)^(?:d{1,2}x|differentials?)\b")
_MARK = re.compile(r"\s*([•●▪◦‣·*→►✓»>\uf0a7]|[-–—]|\(?(?:\d{1,2}|[a-hA-H])[.)])\s*")
# What something looks like at large; its differential is that of whatever looks so.
_LOOKS = re.compile(r"(?i)\b(?:mass(?:es)?|lesions?|nodules?|tumou?rs?|cysts?|opacit\w+|findings?|appearance)\b")

_DONE = re.compile(r"(?i)\b(?:status[- ]post|s/p|post-?(?:operative|surgical|procedur\w+)|\w+ectomy)\b")


def differential(item: Evidence, subject: Subject) -> Iterator[Statement]:
    """A list of what else it could be as one sentence, without what it is.

    Parameters
    ----------
    item : Evidence
        A differential.
    subject : Subject
    """
    if not (subject.alone(item) and subject.alone_in(item.diagnosis or item.title)):
        return
    items = _items(item, subject)
    upper = sum(name[:1].isupper() for name, _ in items) > len(items) / 2
    parts: list[str] = []
    left_out, kept = False, 0
    for name, own in dict.fromkeys(items):
        broken = _NO_NAME.search(name) or (upper and name[:1].islower())
        unnamed = not own or len(name) > _LONGEST_ITEM or broken or _only_kinds(name)
        if unnamed or cues.leans(name) or VERB.search(name) or is_itself(name, item, subject) or kept == _MOST_ITEMS:
            left_out = True
            continue
        parts.append(f"… {name}" if left_out and kept else name)
        left_out, kept = False, kept + 1
    if kept > 1 and any(character.islower() for character in "".join(parts)):
        text = "; ".join(parts) + (" …" if left_out else "")
        yield Statement(text, item, 0, True, False, "case", kind_of_case(item, subject))


def _items(item: Evidence, subject: Subject) -> list[tuple[str, bool]]:
    """The items of a list in order, and whether each stands under no heading or under one that is about what is asked."""
    above = _above(item.text)
    found: list[tuple[str, bool]] = []
    own = True
    lines = splitting.split(item.text)
    heads = [one for one in lines if one.is_heading or (one.listed and _HEADS.match(one.text))]
    alone = not any(subject.named_in(one.text) for one in heads)
    for one in lines:
        if one in heads:
            own = _of_what_is_asked(one.text, subject, alone=alone)
        elif one.listed:
            over = above.get(one.text, "")
            sorts = one.text in above.values() and not any(each.kind == "disease" for each in named(one.text))
            found.append((one.text.strip(" .;,*•>"), own and not sorts and _of_what_is_asked(over, subject)))
    return found


def _above(text: str) -> dict[str, str]:
    """Line to the line that it is listed under, where a list has another list in it with marks of its own."""
    above: dict[str, str] = {}
    stack: list[tuple[str, str]] = []  # the mark of each level, and its last line
    for raw in text.splitlines():
        mark = _MARK.match(raw)
        line = " ".join(raw[mark.end() if mark else 0 :].split())
        sign = mark[1].strip("(.)") if mark else ""
        sort = "1" if sign.isdigit() else "a" if sign.isalpha() else sign
        if not line:
            continue
        marks = [each for each, _ in stack]
        if sort in marks or not sort:
            del stack[marks.index(sort) if sort in marks else 0 :]
        if stack:
            above[line] = stack[-1][1]
        stack.append((sort, line))
    counted = Counter(above.values())  # a single line with a mark is not listed under the one before it
    return {line: over for line, over in above.items() if counted[over] > 1}


def _of_what_is_asked(heading: str, subject: Subject, *, alone: bool = True) -> bool:
    """Whether items under a heading may be what a case of what is asked could be instead.

    It may say how they are sorted, or how the thing looks; but not name another disease, a sign of another organ
    ("atelectasis" for a hernia), or what was done; nor any sign where another heading names what is asked.
    """
    if subject.named_in(heading) or (alone and _LOOKS.search(heading)):
        return True
    if _DONE.search(heading):
        return False
    signs = [one.concept for one in named(heading) if one.kind in ("finding", "procedure")]
    if any(subject.another(one) for one in named(heading)) or (signs and not alone):
        return False
    known = lexicon()
    homes = {known.organ(name) for name in subject.names} - {""}
    near = homes.union(*(known.children(home) | known.parents(home) for home in homes))
    return not homes or all(not (organ := known.organ(sign)) or organ in near for sign in signs)


# What is left of "mycotic aneurysm" where a list leaves out the name that it qualifies.
_QUALIFIES = re.compile(r"(?i)^(?:[\w-]+(?:al|ic|ar|ous|ary|ory|ent|ant|ive)(?:[,/ ]+|$))+$")


def _only_kinds(name: str) -> bool:
    """Whether an item is adjectives alone, which name no disease: "Atherosclerotic", "Mycotic / infectious"."""
    return bool(_QUALIFIES.match(name)) and not any(
        one.kind == "disease" and name.lower().endswith(one.concept) for one in named(name)
    )
