"""XML of somebody else, read safely: no entities, nothing fetched, bounded in size, depth and number of elements."""

from __future__ import annotations

from html.entities import name2codepoint
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from mirage.locales import number
from mirage.wording import _

_DEPTH = 100
_ELEMENTS = 400_000
_ATTRIBUTES = 60


def parse(data: bytes) -> Element:
    """The root of a document; tags and attributes are by their local names, whatever their prefixes.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ValueError
        When it is not well-formed, declares entities, or is beyond the bounds; the message says which.
    """
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.builder.data
    parser.EntityDeclHandler = _no_entities
    parser.SkippedEntityHandler = tree.skipped
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
        return tree.builder.close()
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, _("damaged"))
        raise ValueError(_("its XML is not well-formed (%(why)s)", why=why)) from None
    except LookupError:  # an encoding that there is not
        raise ValueError(_("its XML is in an encoding that is not known")) from None


class _Tree:
    def __init__(self) -> None:
        self.builder: TreeBuilder = TreeBuilder()
        self._depth = self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEPTH:
            raise ValueError(_("its XML is nested deeper than %(depth)s elements", depth=_DEPTH))
        if self._count > _ELEMENTS or len(attributes) > _ATTRIBUTES:
            raise ValueError(
                _(
                    "its XML has more than %(elements)s elements, or %(attributes)s attributes of one",
                    elements=number(_ELEMENTS),
                    attributes=_ATTRIBUTES,
                )
            )
        self.builder.start(_local(tag), {_local(name): value for name, value in attributes.items()})

    def end(self, tag: str) -> None:
        self._depth -= 1
        self.builder.end(_local(tag))

    def skipped(self, name: str, is_parameter: bool) -> None:
        """A named character of a DTD that is not read, as ``&nbsp;``."""
        if not is_parameter and name in name2codepoint:
            self.builder.data(chr(name2codepoint[name]))


def _no_entities(*_told: Any) -> None:
    raise ValueError(_("its XML declares entities, which no answer needs"))


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


_BLOCKS = frozenset("p title sec list list-item break disp-quote label caption def-item disp-formula td th tr".split())


def text_of(element: Element, without: frozenset[str] = frozenset(), most: int = 20_000) -> str:
    """The text in an element, in document order.

    Parameters
    ----------
    element : Element
    without : frozenset of str
        Tags whose insides are left out.
    most : int
        Characters after which no more is read.
    """
    parts: list[str] = []
    size = 0
    waiting: list[Element | str] = [element]
    while waiting and size < most:
        each = waiting.pop()
        if isinstance(each, str):
            parts.append(each)
            size += len(each)
        elif each.tag not in without or each is element:
            gap = " " if each.tag in _BLOCKS else ""
            waiting.append(gap)
            for child in reversed(each):
                waiting += [child.tail or "", child]
            waiting += [each.text or "", gap]
    return "".join(parts)
