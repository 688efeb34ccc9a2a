"""What somebody looks for: terms with weights, and filters.

``embedding(query) = normalise(Σ weightᵢ · embedding(termᵢ))`` — latent-space arithmetic. The same `Query` comes from a URL,
a form, the command line or Python. `Query.parse` reads a URL's query string and `Query.print` writes it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qsl, urlencode

import numpy as np
import numpy.typing as npt

from mirage.errors import BadQuery
from mirage.figure import MODALITIES, PLANES
from mirage.letters import normalised
from mirage.wording import N_, _

MAX_TEXT = 8_000
MAX_TERMS = 16
MAX_WEIGHT = 100.0
MAX_K = 500
DEFAULT_K = 24
FILTERS: tuple[str, ...] = ("modality", "plane", "region", "proof", "corpus", "licence")

Vector = npt.NDArray[np.float32]
_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_REFINE = N_("refine is 1 to search twice, or 0; not %(value)s.")
_WITHDRAWN = N_("withdrawn is 1 to find also what its source has withdrawn, or 0; not %(value)s.")
_JOINERS = "\u200c\u200d"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+|nan|inf)(e[+-]?\d+)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PictureTerm:
    """A picture somebody dropped, as its embedding; the picture itself is gone.

    Attributes
    ----------
    digest : str
        First 12 hex digits of the digest of the encoder that made it.
    codes : bytes
        (d,) int8: the unit vector, scaled so that its largest component is ±127.
    """

    digest: str
    codes: bytes

    @classmethod
    def of(cls, vector: Vector, digest: str) -> Self:
        """Quantise a (d,) float32 vector to 8 bits a component (cosine to the original > 0.999).

        Parameters
        ----------
        vector : numpy.ndarray
            (d,) float32, as the encoder gives it.
        digest : str
            Of the encoder that made it; the first 12 hex digits are kept.
        """
        peak = float(np.abs(vector).max()) or 1.0
        return cls(digest[:12], np.round(vector / peak * 127).astype(np.int8).tobytes())

    @property
    def vector(self) -> Vector:
        """The (d,) float32 unit vector."""
        raw = np.frombuffer(self.codes, dtype=np.int8).astype(np.float32)
        norm = float(np.linalg.norm(raw))
        if not norm:
            raise BadQuery(_("The picture's embedding is empty. Drop the picture again."))
        return np.asarray(raw / norm, dtype=np.float32)

    def print(self) -> str:
        """Write as text for a form field or JSON."""
        return f"{self.digest}.{base64.urlsafe_b64encode(self.codes).decode().rstrip('=')}"

    @classmethod
    def parse(cls, token: str) -> Self:
        """Read what `print` wrote.

        Raises
        ------
        mirage.errors.BadQuery
            When it is damaged.
        """
        digest, _dot, code = token.partition(".")
        try:
            codes = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            codes = b""
        if not re.fullmatch(r"[0-9a-f]{12}", digest) or not 8 <= len(codes) <= 4096:
            raise BadQuery(_("The picture's embedding is damaged. Drop the picture again."))
        return cls(digest, codes)


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of text, a dropped picture or a figure of the atlas, with a weight; exactly one of the three.

    Attributes
    ----------
    text : str
    picture : PictureTerm or None
    figure : str
        Id of a figure: "more like this".
    weight : float
        Negative means "less of this".
    """

    text: str = ""
    picture: PictureTerm | None = None
    figure: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", tidy(self.text))
        object.__setattr__(self, "figure", tidy(self.figure))
        given = sum((bool(self.text), self.picture is not None, bool(self.figure)))
        if given != 1:
            raise BadQuery(_("A term is one thing: some text, a picture, or a figure of the atlas."))
        if not math.isfinite(self.weight) or abs(self.weight) > MAX_WEIGHT:
            raise BadQuery(
                _(
                    "A weight is a number from −%(max_weight)s to %(max_weight)s, not %(weight)s.",
                    max_weight=format(MAX_WEIGHT, "g"),
                    weight=self.weight,
                )
            )


def tidy(text: str) -> str:
    """Text as typed, without control and invisible characters and with white space folded; everything else is kept."""
    text = normalised("NFC", text)
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Zl", "Zp") else c for c in text)
    # Zero-width joiners belong to emoji and to Persian; other marks that show nothing would hide a word from word search.
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" or c in _JOINERS)
    return re.sub(r"\s+", " ", text).strip(" " + _JOINERS)


def _weighted(value: str, sign: float) -> Term | None:
    """``contrast@0.5`` as a term of weight ±0.5; ``contrast`` has ±1. A weight of 0 leaves the term out."""
    text, weight = parse_weight(value)
    return Term(text=text, weight=sign * weight) if tidy(text) and weight != 0 else None


def parse_weight(value: str) -> tuple[str, float]:
    """Split ``thing@0.5`` into the thing and its weight; without a weight it is 1."""
    thing, at, number = value.rpartition("@")
    if at and _NUMBER.fullmatch(number):
        return thing, float(number)
    return value, 1.0


def _clean_k(value: object) -> int:
    try:
        k = int(str(value).strip())
    except ValueError:
        raise BadQuery(
            _(
                "k is how many hits you want, a whole number from 1 to %(max_k)s, not %(value)s.",
                max_k=MAX_K,
                value=shown(value),
            )
        ) from None
    if not 1 <= k <= MAX_K:
        raise BadQuery(_("k is how many hits you want, from 1 to %(max_k)s; %(k)s is outside.", max_k=MAX_K, k=shown(k)))
    return k


def _yes(value: str, refusal: str) -> bool:
    word = value.strip().lower()
    if word not in (*_YES, *_NO):
        raise BadQuery(_(refusal, value=shown(value)))
    return word in _YES


def shown(value: object, length: int = 80) -> str:
    """What somebody gave, quoted for a message and cut when it is long.

    Parameters
    ----------
    value : object
    length : int
        Characters at most.
    """
    text = str(value)
    return repr(text if len(text) <= length else text[: length - 1] + "…") if isinstance(value, str) else text[:length]


def with_weight(thing: str, weight: float) -> str:
    """``thing@0.5``; no weight is written for 1, unless the thing itself would be read as having one.

    Parameters
    ----------
    thing : str
    weight : float
    """
    if weight == 1.0 and parse_weight(thing)[0] == thing:
        return thing
    short = f"{weight:g}"
    return f"{thing}@{short if float(short) == weight else repr(weight)}"


def _clean_filters(filters: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    clean: dict[str, tuple[str, ...]] = {}
    for name, given in filters.items():
        if name not in FILTERS:
            raise BadQuery(
                _(
                    "There is no filter named %(name)s. Filters are: %(filters)s.",
                    name=shown(name),
                    filters=", ".join(FILTERS),
                )
            )
        values = [given] if isinstance(given, str) else list(given)
        kept = sorted({_canonical(name, tidy(value)) for value in values if tidy(value)})
        if kept:
            clean[name] = tuple(kept)
    return {name: clean[name] for name in FILTERS if name in clean}


def _canonical(name: str, value: str) -> str:
    """The stored spelling of a filter value: "mri" is MR, "Axial" is axial."""
    if name == "modality":
        names = {key.lower(): key for key in MODALITIES} | {word.lower(): key for key, word in MODALITIES.items()}
        return names.get(value.lower(), value)
    if name == "plane":
        return value.lower() if value.lower() in PLANES else value
    return value.lower() if name in ("region", "proof", "corpus") else value


def _in_order(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Terms in the one order in which they are written: plain words, pictures, figures, more of, less of."""
    plain = next((term for term in terms if term.text and term.weight == 1.0), None)

    def place(term: Term) -> int:
        if term is plain:
            return 0
        return 1 if term.picture is not None else 2 if term.figure else 3 if term.weight > 0 else 4

    return tuple(sorted(terms, key=place))


@dataclass(frozen=True, slots=True)
class Query:
    """Terms and filters.

    Attributes
    ----------
    terms : tuple of Term
        At least one with a positive weight; kept in the order in which `print` writes them.
    filters : mapping
        Field to accepted values; values of one field are alternatives, fields add up.
    k : int
        How many hits at most, 1 to 500.
    refine : bool
        Whether to search twice, the second time with an explanation of what was found first; see `mirage.explain.refine`.
    withdrawn : bool
        Whether figures that their source has withdrawn are found too.

    Examples
    --------
    >>> Query.of("glioblastoma MRI", less=["contrast@0.5"], modality="MR").print()
    'q=glioblastoma+MRI&less=contrast%400.5&modality=MR'
    """

    terms: tuple[Term, ...]
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    k: int = DEFAULT_K
    refine: bool = False
    withdrawn: bool = False

    def __post_init__(self) -> None:
        if not any(term.weight > 0 for term in self.terms):
            raise BadQuery(
                _("The query is empty. Type what you look for, for example “axial brain MRI thalamus”, or drop a picture.")
                if not self.terms
                else _("Say at least one thing that you want more of; “less of” alone points nowhere.")
            )
        if len(self.terms) > MAX_TERMS:
            raise BadQuery(
                _(
                    "A query has at most %(max_terms)s terms; this one has %(terms)s.",
                    max_terms=MAX_TERMS,
                    terms=len(self.terms),
                )
            )
        length = sum(len(term.text) for term in self.terms)
        if length > MAX_TEXT:
            raise BadQuery(
                _(
                    "The query is %(length)s characters long; at most %(max_text)s are taken. A sentence or two finds most.",
                    length=format(length, ","),
                    max_text=format(MAX_TEXT, ","),
                )
            )
        object.__setattr__(self, "terms", _in_order(self.terms))
        object.__setattr__(self, "filters", _clean_filters(self.filters))
        object.__setattr__(self, "k", _clean_k(self.k))

    @classmethod
    def of(
        cls,
        text: str = "",
        *,
        more: Iterable[str] = (),
        less: Iterable[str] = (),
        pictures: Iterable[str | PictureTerm] = (),
        like: Iterable[str] = (),
        k: int = DEFAULT_K,
        refine: bool = False,
        withdrawn: bool = False,
        **filters: str | Sequence[str] | None,
    ) -> Self:
        """Build a query from its parts.

        Parameters
        ----------
        text : str
            Taken as it is, whatever signs it holds.
        more, less : iterable of str
            Further terms; ``words@0.5`` gives one a weight.
        pictures : iterable of PictureTerm or str
            Dropped pictures, as embeddings; as text they may end in ``@weight``.
        like : iterable of str
            Ids of figures to find the like of; they may end in ``@weight``, negative for "unlike".
        k : int
        refine, withdrawn : bool
        **filters
            ``modality``, ``plane``, ``region``, ``proof``, ``corpus``, ``licence``: a value or several.

        Raises
        ------
        mirage.errors.BadQuery
        """
        terms: list[Term] = []
        if tidy(text):
            terms.append(Term(text=text))
        for given in pictures:
            if isinstance(given, PictureTerm):
                terms.append(Term(picture=given))
            else:
                token, weight = parse_weight(given)
                terms.append(Term(picture=PictureTerm.parse(token), weight=weight))
        for given in like:
            figure, weight = parse_weight(given)
            terms.append(Term(figure=figure, weight=weight))
        terms += [term for value in more if (term := _weighted(value, 1.0))]
        terms += [term for value in less if (term := _weighted(value, -1.0))]
        chosen = {name: value for name, value in filters.items() if value}
        return cls(tuple(terms), chosen, k, refine, withdrawn)  # type: ignore[arg-type]

    @classmethod
    def parse(cls, query_string: str | Iterable[tuple[str, str]]) -> Self:
        """Read a URL's query string, or its pairs. Unknown names are refused, so that no filter is dropped in silence.

        Names: ``q`` (text), ``more`` and ``less`` (``words@weight``, repeated), ``like`` (a figure's id) and
        ``picture`` (an embedding), both with an optional ``@weight`` and repeated, ``k``, ``refine`` and ``withdrawn`` (1 or
        0) and filters.
        """
        pairs = parse_qsl(query_string) if isinstance(query_string, str) else list(query_string)
        many: dict[str, list[str]] = {}
        for name, value in pairs:
            many.setdefault(name, []).append(value)
        known = {"q", "more", "less", "like", "picture", "k", "refine", "withdrawn", *FILTERS}
        if strange := sorted(set(many) - known):
            names = ", ".join(shown(name) for name in strange[:5])
            raise BadQuery(
                _("Not understood in the query: %(names)s. Known are: %(list)s.", names=names, list=", ".join(sorted(known)))
            )
        for single in ("q", "k", "refine", "withdrawn"):
            if len(many.get(single, [])) > 1:
                raise BadQuery(_("%(single)s may be given once. Use 'more' for further terms.", single=repr(single)))
        return cls.of(
            many.get("q", [""])[0],
            more=many.get("more", []),
            less=many.get("less", []),
            like=filter(None, many.get("like", [])),
            pictures=filter(None, many.get("picture", [])),
            k=_clean_k(many.get("k", [str(DEFAULT_K)])[0] or DEFAULT_K),
            refine=_yes(many.get("refine", [""])[0], _REFINE),
            withdrawn=_yes(many.get("withdrawn", [""])[0], _WITHDRAWN),
            **{name: many[name] for name in FILTERS if name in many},
        )

    def pairs(self) -> list[tuple[str, str]]:
        """What `parse` reads, as name and value pairs in a fixed order."""
        found: list[tuple[str, str]] = []
        first = True
        for term in self.terms:
            if term.picture is not None:
                found.append(("picture", with_weight(term.picture.print(), term.weight)))
            elif term.figure:
                found.append(("like", with_weight(term.figure, term.weight)))
            elif first and term.weight == 1.0:
                found.append(("q", term.text))
                first = False
            else:
                found.append(("more" if term.weight > 0 else "less", with_weight(term.text, abs(term.weight))))
        found += [(name, value) for name, values in self.filters.items() for value in values]
        if self.k != DEFAULT_K:
            found.append(("k", str(self.k)))
        if self.refine:
            found.append(("refine", "1"))
        if self.withdrawn:
            found.append(("withdrawn", "1"))
        return found

    def print(self) -> str:
        """Write as a URL's query string. `parse` of it is this query again."""
        return urlencode(self.pairs())

    @property
    def text(self) -> str:
        """The positive text terms, joined: what word search looks for."""
        return " ".join(term.text for term in self.terms if term.text and term.weight > 0)

    @property
    def has_picture(self) -> bool:
        """Whether a dropped picture is among the terms; such a query never becomes a URL."""
        return any(term.picture is not None for term in self.terms)

    def with_filters(self, filters: Mapping[str, Sequence[str]]) -> Self:
        """The same terms under other filters."""
        return replace(self, filters={name: tuple(values) for name, values in filters.items()})
