"""What may leave, by which way and for what purpose: one function decides for all of MIRAGE.

It goes by the figure's licence, in the words in which its source states it. What is not known to permit something does not
permit it: a licence whose words are not all understood counts as not stated. What its source has withdrawn since is never
passed on, whatever the licence. The tables in ``docs/licences.md`` say the
same, cell by cell, and a test compares them with this module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mirage.errors import BadInput
from mirage.figure import NOT_STATED, Figure, Licence
from mirage.letters import normalised
from mirage.locales import counted
from mirage.wording import N_, _, looked_up

WAYS: dict[str, str] = {
    "page": "page on a shared server",
    "file": "atlas file",
    "deck": "deck of cards",
    "slide": "slide",
    "print": "print",
    "sheet": "sheet to print",
    "quiz": "quiz file",
    "images": "key images",
    "notebook": "notebook",
    "review": "packet for reviewers",
    "site": "site without a server",
}
"""The ways out, and what to call them."""
PURPOSES: dict[str, str] = {"myself": N_("for myself, on this machine"), "pass-on": N_("to pass on")}
"""What for, and what to call it."""
KINDS: tuple[str, ...] = (
    "public domain",
    "permissive",
    "BY",
    "BY-SA",
    "BY-NC",
    "BY-NC-SA",
    "BY-ND",
    "BY-NC-ND",
    NOT_STATED,
)
"""Licences by what they permit; CC0 is public domain, and MIT, BSD, Apache and the like are permissive."""
WITHDRAWN = N_("withdrawn by its source")
"""Under what a figure is counted, in place of its licence, that stays because its source has withdrawn it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a licence asks for.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    """

    kind: str

    @property
    def known(self) -> bool:
        """Whether it is known to permit anything at all."""
        return self.kind != NOT_STATED

    @property
    def non_commercial(self) -> bool:
        """Whether it may be passed on without gain only."""
        return "NC" in self.kind.split("-")

    @property
    def no_derivatives(self) -> bool:
        """Whether it may be passed on unchanged only."""
        return "ND" in self.kind.split("-")

    @property
    def share_alike(self) -> bool:
        """Whether what is made of it has to be passed on under the same terms."""
        return "SA" in self.kind.split("-")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may leave.

    Attributes
    ----------
    allowed : bool
    why : str
        In words for a person; a whole sentence.
    carries : tuple of str
        What has to travel with it, of ``attribution``, ``link``, ``licence``, ``same terms`` and ``changes`` (that and how
        it was changed).
    may_alter : bool
        Whether it may be cropped, redacted, covered, or have words burned into it. An exact copy in another size is none of
        these.
    """

    allowed: bool
    why: str
    carries: tuple[str, ...]
    may_alter: bool


def may_leave(
    what: Figure | Licence,
    way: str,
    purpose: str,
    *,
    altered: bool = False,
    non_commercial: bool = False,
    signed_in: bool = False,
) -> Decision:
    """Decide whether a picture, or words under a licence of their own, may leave.

    Parameters
    ----------
    what : mirage.figure.Figure or mirage.figure.Licence
        Of a figure also whether its source has withdrawn it counts; the licence alone is for what is none.
    way : str
        Of `WAYS`.
    purpose : str
        Of `PURPOSES`.
    altered : bool
        Whether it leaves cropped, redacted, covered, or with words burned in.
    non_commercial : bool
        Whether the person says that it is passed on without gain.
    signed_in : bool
        Of a page: whether only signed-in people of one's own server see it, and the owner has said that pictures may be
        shown to them. That is not passing on.

    Raises
    ------
    mirage.errors.BadInput
        When there is no such way or purpose.
    """
    for given, known, name in ((way, WAYS, _("way out")), (purpose, PURPOSES, _("purpose"))):
        if given not in known:
            raise BadInput(
                _(
                    "There is no %(name)s %(given)s. There are: %(known)s.",
                    name=name,
                    given=repr(given[:40]),
                    known=", ".join(known),
                )
            )
    licence = what.source.licence if isinstance(what, Figure) else what
    terms = terms_of(licence)
    private = purpose == "myself" or (signed_in and way == "page")
    may_alter = not terms.no_derivatives and (terms.known or private)
    carries: tuple[str, ...] = ("attribution", "link", "licence")
    if terms.share_alike and not private:
        carries += ("same terms",)
    if altered and not private:
        carries += ("changes",)

    def decided(allowed: bool, why: str) -> Decision:
        return Decision(allowed, why, carries if allowed else (), may_alter)

    if altered and terms.no_derivatives:
        return decided(
            False, _("Its licence, %(licence)s, forbids altered copies: it leaves unchanged or not at all.", licence=licence)
        )
    if private:
        shown = _("Showing it to signed-in people of one's own server is not passing on.")
        return decided(True, _("It stays with you, on this machine.") if purpose == "myself" else shown)
    if isinstance(what, Figure) and what.withdrawn:
        return decided(False, _("Its source has withdrawn it: it is not passed on."))
    if not terms.known:
        return decided(False, _silent(licence))
    if terms.non_commercial and not non_commercial:
        return decided(
            False,
            _(
                "Its licence, %(licence)s, permits passing on without gain only, and nobody has said that it is.",
                licence=licence,
            ),
        )
    return decided(True, _permitted(licence, terms))


def counted_as(figure: Figure) -> Licence | str:
    """What `behind` counts a figure under that stays: its licence, or that its source has withdrawn it."""
    return WITHDRAWN if figure.withdrawn else figure.source.licence


def passing_on(what: Figure | Licence) -> str:
    """What somebody should know before they pass a picture on; empty where attribution and link are all that it takes.

    Parameters
    ----------
    what : mirage.figure.Figure or mirage.figure.Licence
        As for `may_leave`.
    """
    if isinstance(what, Figure) and what.withdrawn:
        return _("Its source has withdrawn it: do not pass it on. %(said)s", said=looked_up(what.withdrawn.said))
    terms = terms_of(licence := what.source.licence if isinstance(what, Figure) else what)
    if not terms.known:
        return _("%(licence)s Ask it before you pass the picture on.", licence=_silent(licence))
    asked = [
        (terms.no_derivatives, _("This licence forbids passing on altered copies.")),
        (terms.non_commercial, _("This licence permits passing on without gain only.")),
        (terms.share_alike, _("What is made of it has to be passed on under the same licence.")),
    ]
    return " ".join(words for holds, words in asked if holds)


def _silent(licence: Licence) -> str:
    if str(licence) == NOT_STATED:
        return _("The source states no licence.")
    return _(
        "The source says “%(licence)s”, which is no licence that is known to permit passing on.", licence=str(licence)[:80]
    )


def _permitted(licence: Licence, terms: Terms) -> str:
    how = [_("with attribution, a link and the licence's name")]
    how += [_("unchanged")] if terms.no_derivatives else []
    how += [_("without gain")] if terms.non_commercial else []
    how += [_("under the same terms")] if terms.share_alike else []
    return _("Its licence, %(licence)s, permits passing it on %(how)s.", licence=licence, how=", ".join(how))


OFFERED: tuple[Licence, ...] = (
    Licence(),
    *(
        Licence(f"CC {kind} 4.0", f"https://creativecommons.org/licenses/{kind.lower()}/4.0/")
        for kind in ("BY", "BY-SA", "BY-NC", "BY-NC-SA", "BY-ND", "BY-NC-ND")
    ),
    Licence("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    Licence("public domain"),
)
"""What somebody may choose for pictures of their own; the first is none."""


def allows(licence: Licence) -> str:
    """What a licence lets others do, in a line.

    Parameters
    ----------
    licence : mirage.figure.Licence
    """
    terms = terms_of(licence)
    if not terms.known:
        return _("They stay in this atlas, for yourself: no export, slide, deck or print to pass on has them.")
    how = [] if terms.kind == "public domain" else [_("with attribution")]
    how += [_("without gain only")] if terms.non_commercial else []
    how += [_("unchanged only")] if terms.no_derivatives else []
    how += [_("what is made of them under the same licence")] if terms.share_alike else []
    if not how:
        return _("Others may pass them on, without any condition.")
    return _("Others may pass them on, %(how)s.", how=", ".join(how))


def behind(licences: Iterable[Licence | str], thing: str = "figure") -> str:
    """What stayed behind, counted in words by licence: "3 figures stayed behind: 2 not stated, 1 CC BY-NC 4.0."

    Parameters
    ----------
    licences : iterable of mirage.figure.Licence or str
        Of each thing that stayed; of a figure `counted_as`.
    thing : str
        What they are, in the singular; its plural is made with an s.

    Returns
    -------
    str
        Empty where nothing stayed.
    """
    counts = Counter(map(str, licences))
    number = counts.total()
    if not number:
        return ""
    each = ", ".join(f"{count:,} {looked_up(name)}" for name, count in counts.most_common())
    return _("%(counted)s stayed behind: %(each)s.", counted=counted(number, thing), each=each)


# -- what a licence's words mean --------------------------------------------------------------------------------------------

# Words and what they say. A text all of whose words stand here, versions and ports beside them, is understood; any other is
# not, whatever else it says.
_SAY = {
    "permissive": (
        "mit|mit no attribution|bsd|0bsd|new bsd|modified bsd|simplified bsd|bsd 2 clause simplified|"
        "bsd 3 clause new or revised|apache|apache software|isc|hpnd|zlib|mcgill notice icbm 152"
    ),
    "public": (
        "cc0|cc 0|cc zero|creative commons zero|creative commons 0|public domain|public domain mark|"
        "public domain dedication|pddl|odc pddl|unlicense|no known copyright|no known copyright restrictions"
    ),
    "CC": "cc|creative commons",
    "BY": "by|attribution",
    "NC": "nc|non commercial|noncommercial",
    "ND": "nd|no derivatives|no derivs|noderivatives|noderivs|no derivative works",
    "SA": "sa|share alike|sharealike",
    "CC BY": "odc by",
    "CC BY SA": "odbl|odc odbl",
    "": "license|licence|licensed|under|the|a|and|or|international|unported|generic|universal|version|v|deed|clause",
}
_PHRASES = {tuple(name.split()): frozenset(said.split()) for said, names in _SAY.items() for name in names.split("|")}
_LONGEST = max(map(len, _PHRASES))
_MOST = 500  # characters; nobody's licence has a longer name
_VERSION = re.compile(r"v?\d+(\.\d+)*")
# Creative Commons' ports of its licences: "CC BY-SA 3.0 DE".
_PORTS = frozenset(
    "ar at au be bg br ca ch cl cn co cr cz de dk ec ee eg es fi fr ge gr gt hk hr hu ie igo il in it jp kr lu mk mt mx my "
    "ng nl no nz pe ph pl pr pt ro rs se sg si th tw ug uk us ve vn za am az".split()
)
_ADDRESS = re.compile(r"(?i)\bhttps?://\S+")
_CC_LICENCE = re.compile(r"(?i)https?://(?:www\.)?creativecommons\.org/licen[sc]es/([a-z-]+)(?:/[\w./-]*)?")
_OTHER = (
    (re.compile(r"(?i)https?://(?:www\.)?creativecommons\.org/publicdomain/[\w./-]*"), "public domain"),
    (re.compile(r"(?i)https?://(?:www\.)?apache\.org/licenses/[\w./-]*"), "apache"),
    (re.compile(r"(?i)https?://(?:www\.)?(?:spdx\.org/licenses|opensource\.org/licen[sc]es?)/([\w.-]+?)(?:\.html|/)?"), ""),
    (re.compile(r"(?i)https?://(?:www\.)?opendatacommons\.org/licenses/(by|odbl|pddl)(?:/[\w./-]*)?"), "odc"),
)


@lru_cache(maxsize=1024)
def terms_of(licence: Licence) -> Terms:
    """What a licence asks for, by its name and by the address of its text; where they differ, the stricter of both.

    Parameters
    ----------
    licence : mirage.figure.Licence
        Its name as the source has it: "CC BY-NC-ND", "CC-BY-3.0", "https://creativecommons.org/licenses/by/4.0/",
        "Apache-2.0", "Attribution-NonCommercial 4.0 International". An address that is not known says nothing.
    """
    said = [_said(_words_of(licence.name))] if licence.name.strip() else []
    if address := _known_address(licence.url.strip()):
        said.append(_said(address))
    return Terms(_kind(said))


def _kind(said: list[frozenset[str] | None]) -> str:
    """One kind for what several texts say, the strictest that they make together."""
    if not said or any(each is None for each in said):
        return NOT_STATED
    flags = frozenset[str]().union(*(each for each in said if each))
    asked = (
        "-".join(["BY", *(name for name in ("NC", "ND", "SA") if name in flags)]) if flags & {"BY", "NC", "ND", "SA"} else ""
    )
    if asked:
        return asked.removesuffix("-SA") if "ND" in flags else asked
    return "permissive" if "permissive" in flags else "public domain" if "public" in flags else NOT_STATED


def _said(words: str) -> frozenset[str] | None:
    """What a text says of terms, as flags; None where it is not all understood, or says nothing."""
    tokens = re.findall(r"[^\W_]+(?:\.\d+)*", words) if len(words) <= _MOST else [""]
    flags, numbered, place = set[str](), False, 0
    while place < len(tokens):
        for length in range(min(_LONGEST, len(tokens) - place), 0, -1):
            if (found := _PHRASES.get(tuple(tokens[place : place + length]))) is not None:
                flags |= found
                place += length
                break
        else:
            port = numbered and "CC" in flags and tokens[place] in _PORTS
            if not port and not _VERSION.fullmatch(tokens[place]):
                return None
            numbered = True
            place += 1
    # "Attribution" alone, or "by", is no licence.
    if flags & {"BY", "NC", "ND", "SA"} and not ("CC" in flags or (numbered and "BY" in flags)):
        return None
    return frozenset(flags) if flags - {"CC"} else None


def _words_of(text: str) -> str:
    """A text in small letters, known addresses in it written as names."""
    text = _ADDRESS.sub(lambda found: f" {_known_address(found[0].rstrip('.,;)')) or 'elsewhere'} ", text)
    folded = normalised("NFKC", text).casefold()
    return re.sub(r"\bcc(?=by\b)", "cc ", folded)


def _known_address(address: str) -> str:
    """The name of the licence that an address is known to lead to; empty for any other address."""
    if found := _CC_LICENCE.fullmatch(address):
        return f"cc {found[1]}".casefold()
    for pattern, name in _OTHER:
        if found := pattern.fullmatch(address):
            return " ".join(filter(None, [name, *found.groups()])).casefold()
    return ""
