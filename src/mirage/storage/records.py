"""What is kept of figures, cases and corpora, and the tables that hold it; `mirage.storage.store` reads and writes them.

Who changes a table adds a revision to `mirage.storage.migrations` and names it in `VERSION`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from pydantic import BeforeValidator, Field

from mirage.figure import Case, Figure
from mirage.images import LOOK_BITS
from mirage.storage.dialects import INTEGER, STRING, TEXT, NoBytes
from mirage.storage.searched import SliceVectors
from mirage.wording import _

Thing = TypeVar("Thing")
Vector = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]
HASH = 12  # hex digits of a picture's SHA-256 in a reference

# -- tables ---------------------------------------------------------------------------------------------------------------

metadata = sa.MetaData()
_text = partial(sa.Column, type_=TEXT, nullable=False)
_string = partial(sa.Column, type_=STRING, nullable=False)
_number = partial(sa.Column, type_=INTEGER, nullable=False)
_float = partial(sa.Column, type_=sa.Float, nullable=False)
_truth = partial(sa.Column, type_=sa.Boolean, nullable=False)
_key = partial(sa.Column, type_=STRING, primary_key=True)


def _source_columns() -> list[sa.Column[Any]]:
    terms = _string("licence"), _text("licence_url"), _truth("allows_sharing")
    return [_string("corpus", index=True), _text("attribution"), _text("url"), _string("url_of"), *terms]


def _mention_columns() -> list[sa.Column[Any]]:
    return [_key("field"), _key("concept"), _string("polarity")]  # in the order in which a search asks for them


FIGURE_WORDS = ("caption", "title", "diagnosis", "modality", "modality_detail", "plane", "region", "case_id", "patient")
CASE_WORDS = ("title", "topic", *Case.PASSAGES)
# Worked out from the words of a figure and its case, like mentions, and made anew with them.
DERIVED = ("contradicted", "language", "proof")  # `contradicted` as "modality=MR plane=axial"

figures = sa.Table(
    "figures",
    metadata,
    sa.Column("key", INTEGER, primary_key=True),
    _string("id", unique=True),
    *(_text(name, index=name == "case_id") for name in FIGURE_WORDS),
    *_source_columns(),
    _text("inferred", server_default=""),  # names of fields, separated by spaces
    *(_text(name, server_default="") for name in DERIVED),
    *(_string(name) for name in ("fingerprint", "picture")),
    *(_number(name) for name in ("width", "height", "bytes")),
    _string("look"),  # `mirage.images.look`, in hex
    _number("stamp", index=True),
    # The figure's words as `mirage.language.words.packed_stems` and `mirage.language.concepts.Lexicon.folded` give them.
    sa.Column("stems", sa.LargeBinary, nullable=False, server_default=NoBytes()),
    _text("folded", server_default=""),
    _text("slice_of", server_default=""),  # a `SlicePlace` as "axial 12 corpus:name", its shares as JSON below
    _text("edited", server_default=""),  # JSON: field, day, what the source says of it, and whether that was inferred
    _text("withdrawn", server_default=""),  # a `mirage.figure.Withdrawal` as JSON, where the source has withdrawn it
)
# Every search asks which figures are withdrawn, and of most atlases none is.
WITHDRAWN = figures.c.withdrawn != sa.literal_column("''")  # no parameter: the index is of this very condition
sa.Index("withdrawn_figures", figures.c.key, sqlite_where=WITHDRAWN, postgresql_where=WITHDRAWN)
cases = sa.Table("cases", metadata, _key("id"), *(_text(name) for name in CASE_WORDS), *_source_columns())
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("key", INTEGER, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True),
    _key("encoder"),
    sa.Column("image", sa.LargeBinary, nullable=False),
    sa.Column("caption", sa.LargeBinary),
)
# Of figures that are stacks: the files of voxels and of labels (empty where there are none), the bytes of both, and
# `mirage.figure.Stack` as JSON.
stacks = sa.Table(
    "stacks",
    metadata,
    sa.Column("key", INTEGER, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True),
    *(_string(name) for name in ("voxels", "labels")),
    _number("bytes"),
    _text("header"),
)
slice_vectors = sa.Table(  # the fields of `SliceVectors`
    "slice_vectors",
    metadata,
    sa.Column("key", INTEGER, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True),
    _key("encoder"),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("numbers", "vectors")),
)
corpora = sa.Table(  # the fields of `CorpusRecord`
    "corpora",
    metadata,
    _key("name"),
    *(_text(name) for name in ("title", "summary", "homepage", "licence_url")),
    *(_string(name) for name in ("version", "licence")),
    _truth("complete"),
    _float("added"),
)
jobs = sa.Table("jobs", metadata, _key("id"), _text("record"), _float("created"))
notes = sa.Table("notes", metadata, _key("name"), sa.Column("value", TEXT))
# Which figures, cases and corpora were made here of somebody's own files. What those are called is not in the records, for
# names of files often name patients: see `mirage.storage.names`. The column `name` is empty.
names = sa.Table("names", metadata, _key("id"), _text("name"))
former_ids = sa.Table("former_ids", metadata, _key("former"), _string("id", index=True))
# What was removed from this atlas, of which kind ("figure", "case", "corpus"), of which corpus, and when (seconds since
# 1970), until it is added again.
removed = sa.Table("removed", metadata, _key("id"), _key("kind"), _string("corpus", index=True), _float("at"))
# What figures and cases speak of: derived from their words by `mirage.language.mentions`, and made anew when the lexicon
# changes. Of several mentions of a concept in one field the plainest stands.
figure_mentions = sa.Table(
    "figure_mentions",
    metadata,
    sa.Column("key", INTEGER, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True),
    *_mention_columns(),
    sqlite_with_rowid=False,
)
case_mentions = sa.Table(
    "case_mentions",
    metadata,
    sa.Column("case_id", STRING, sa.ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    *_mention_columns(),
    sqlite_with_rowid=False,
)
sa.Index("figure_mentions_of", figure_mentions.c.concept, figure_mentions.c.polarity)
sa.Index("case_mentions_of", case_mentions.c.concept, case_mentions.c.polarity)
# The name is what alembic calls it; the value is the newest revision of `mirage.storage.migrations` that was run.
version = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))
VERSION = "0009"

# -- what their rows hold -------------------------------------------------------------------------------------------------


def _from_hex(look: object) -> int:
    if not isinstance(look, str) or not re.fullmatch(rf"[0-9a-f]{{1,{LOOK_BITS // 4}}}", look):
        raise ValueError(_("not a perceptual hash of %(bits)s bits in hexadecimal digits", bits=LOOK_BITS))
    return int(look, 16)


Size = Annotated[int, Field(gt=0, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A figure's picture: its name in the `PictureStore`, size in pixels and bytes, and `mirage.images.look`.

    The types say what an atlas file may have there; it has the hash in hexadecimal digits, as the table does.
    """

    name: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$")]
    width: Size
    height: Size
    bytes: Annotated[int, Field(gt=0, le=2**40)]
    look: Annotated[int, BeforeValidator(_from_hex)]

    def written(self) -> dict[str, Any]:
        """As `_from_hex` and JSON want it."""
        return {**asdict(self), "look": f"{self.look:x}"}


@dataclass(frozen=True, slots=True)
class StackRow:
    """The files of a stack in the `PictureStore`, and the bytes of both; `labels` is empty where nothing is marked."""

    voxels: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.stack$")]
    labels: Annotated[str, Field(pattern=r"^([0-9a-f]{64}\.stack)?$")]
    bytes: Annotated[int, Field(gt=0, le=2**40)]

    @property
    def names(self) -> tuple[str, ...]:
        """The files that there are."""
        return (self.voxels, self.labels) if self.labels else (self.voxels,)


@dataclass(frozen=True, slots=True)
class CorpusRecord:
    """What is known of a corpus. `complete` is False while adding has not ended; `added` is set when it is kept."""

    name: Annotated[str, Field(pattern=r"^\w[\w.-]{0,99}$")]
    title: str
    summary: str
    version: str
    homepage: str
    licence: str
    licence_url: str
    complete: bool
    added: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure as it is kept."""

    key: int
    figure: Figure
    picture: PictureRow
    stack: StackRow | None = None

    @property
    def files(self) -> set[str]:
        """Names of its picture and, where it is a stack, of its voxels and labels."""
        return {self.picture.name, *(self.stack.names if self.stack else ())}


@dataclass(frozen=True, slots=True)
class FigureRecord:
    """A figure about to be kept, with its vectors.

    `name` and `case_name` are the file's and the case's as the person who added them knows them; they stay in this atlas.
    `edits` are those of the figure: field, day, what its source says, and whether that was inferred.
    A figure with a `Figure.stack` has its files in `stack`, and the vectors of slices of it in `slices`.
    """

    figure: Figure
    case: Case | None
    fingerprint: str
    picture: PictureRow
    image: Vector
    caption: Vector | None
    name: str = ""
    case_name: str = ""
    stack: StackRow | None = None
    slices: SliceVectors | None = None
    edits: tuple[tuple[str, str, str, bool], ...] = ()


# Ids of folders until records had versions: the name of a file or case, shortened, and a plain hash of it.
MADE_OF_A_NAME = re.compile(r"folder-[a-z0-9-]+:[a-z0-9-]+-[0-9a-f]{10}(-f\d{4})?")


def keyed(key: bytes, text: str) -> str:
    """A keyed hash (HMAC-SHA-256, 96 bits in hex): who does not have the key cannot tell what it was made of, nor try.

    Parameters
    ----------
    key : bytes
        The atlas's own, `mirage.storage.store.Store.id_key`.
    text : str
    """
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:24]


def keyed_id(key: bytes, own: str, corpus: str = "") -> str:
    """The id under which an atlas keeps a figure or case whose own id, ``corpus:name``, is made of a file's name.

    Parameters
    ----------
    key : bytes
    own : str
        Empty for no case, and then so is the result.
    corpus : str
        What the atlas calls the corpus; the id's own when left out.
    """
    return f"{corpus or own.partition(':')[0]}:{keyed(key, own)}" if own else ""


def is_keyed(own_id: str) -> bool:
    """Whether an id is one of `keyed_id`: what it was before may hold a name, and is told nobody."""
    return re.fullmatch(rf"[^:]*:[0-9a-f]{{{len(keyed(b'', ''))}}}", own_id) is not None


def reference_of(row: FigureRow) -> str:
    """What to write down where a figure is referred to from outside of the figures: its id and its picture's hash.

    `mirage.storage.store.Store.row` takes it as it takes an id, and finds the picture again where ids differ.
    """
    return f"{row.figure.id}~{row.picture.name[:HASH]}"


def pack(vector: Vector) -> bytes:
    """A (d,) vector, or (n, d) of them, as it is stored: 16 bits a component."""
    return vector.astype(np.float16).tobytes()


def unit(half: Half) -> Vector:
    """A (d,) vector of 16 bits a component, or (n, d) of them, as float32 of unit length."""
    vector = half.astype(np.float32)
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.where(length == 0, np.float32(1), length), dtype=np.float32)


def rounded(vector: Vector) -> Vector:
    """A vector as it comes back from the records; what the index is given, so that one made anew is the same."""
    return unit(vector.astype(np.float16))


def batched(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Things in lists of so many, the last one shorter.

    Parameters
    ----------
    things : iterable
    size : int
    """
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch
