"""An atlas into one file that another machine imports; see `mirage.storage.archive` for what it holds.

Only records and pictures are read, never the index, so an atlas can be exported while it is served.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage import __version__, encoders, licensing
from mirage.aside import aside
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, BadInput, MirageError, Unavailable, check_new, meant
from mirage.figure import Case, Figure, Licence
from mirage.images import PictureStore, decode
from mirage.images.store import cannot_write
from mirage.shipped import SHIPPED
from mirage.storage import archive as atlasfile
from mirage.storage import manifest, read_only
from mirage.storage.archive import ArchiveManifest, LeftOut
from mirage.storage.databases import Databases
from mirage.storage.folder import STAMP, UNFINISHED
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.pictures import pictures_of
from mirage.storage.records import DERIVED, CorpusRecord, FigureRow, PictureRow, StackRow, batched
from mirage.storage.searched import SliceVectors
from mirage.storage.store import Store
from mirage.wording import N_, _

_README = """\
An atlas of MIRAGE: medical figures with their words, sources and licences, to search on another machine.

    mirage import THIS_FILE

puts it into an atlas there. licences.csv lists every figure with its licence and a link to where it comes from.
For teaching; it does not diagnose.

"""
_OWN = """\
It was made whole, for the use of whoever made it. It may hold pictures whose licence does not permit passing them on: do not
pass on this file. `mirage export --for pass-on` makes one that may be.
"""
_OTHERS = """\
It was made to pass on, of what its licences permit. With every figure go its attribution, its link and its licence, as
licences.csv has them.
"""
_UNGAINFUL = "Some of it may be passed on without gain only; licences.csv says which.\n"
_UNTOLD: dict[str, Any] = dict.fromkeys((*Case.PASSAGES, "topic"), "")
_LEAST_SIDE = 64
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes
    ----------
    path : Path
    bytes : int
    sha256 : str
        Of the whole file, to compare after it has travelled.
    manifest : ArchiveManifest
    seconds : float
    behind : tuple of mirage.figure.Licence or str
        Of each figure that stayed behind because of it; `mirage.licensing.WITHDRAWN` where its source has withdrawn it.
    stories : tuple of mirage.figure.Licence
        Of each case whose figures are there and whose passages stayed behind.
    """

    path: Path
    bytes: int
    sha256: str
    manifest: ArchiveManifest
    seconds: float
    behind: tuple[Licence | str, ...] = ()
    stories: tuple[Licence, ...] = ()


def export(
    folder: Path,
    target: Path,
    *,
    corpora: tuple[str, ...] = (),
    picture_side: int = 0,
    purpose: str = "pass-on",
    non_commercial: bool = False,
    progress: Tell = lambda _: None,
) -> ExportReport:
    """Write an atlas into one file.

    Parameters
    ----------
    folder : Path
        The atlas; it may be open in another process.
    target : Path
        The file; written under another name first, so that it is there whole or not at all.
    corpora : tuple of str
        Only these; all when empty.
    picture_side : int
        Longest side of the pictures in pixels, larger ones are made smaller (WebP, quality 90); 0 keeps the originals.
    purpose : str
        Of `mirage.licensing.PURPOSES`: ``pass-on`` for what licences permit, ``myself`` for all.
    non_commercial : bool
        Whether it is passed on without gain: then also what may only be passed on so.
    progress : callable

    Raises
    ------
    mirage.errors.AtlasError
        When the folder is no atlas, is being added to, or changed meanwhile.
    mirage.errors.BadInput
        When there is nothing to export, the file is there already, or an option cannot be used.
    mirage.errors.Unavailable
        When the disk is full.
    """
    if picture_side and picture_side < _LEAST_SIDE:
        raise BadInput(
            _(
                "Pictures have a side of at least %(LEAST_SIDE)s pixels, not %(picture_side)s; 0 keeps the originals.",
                LEAST_SIDE=_LEAST_SIDE,
                picture_side=picture_side,
            )
        )
    known = manifest.finished(folder)
    if target.is_dir():
        raise BadInput(
            _(
                "%(target)s is a folder. Name a file, as in %(target2)s.",
                target=target,
                target2=target / ("atlas" + atlasfile.ENDING),
            )
        )
    check_new(target)
    copy = read_only.PrivateCopy(folder, "") if read_only.is_needed(folder) else None
    store = Store.of(Databases(copy.path if copy else folder, known.records))
    try:
        meter = ProgressMeter(len(store.keys()), progress)
        before = _state(folder, store)
        wanted = _wanted(store, corpora)
        target.parent.mkdir(parents=True, exist_ok=True)
        with aside(target, new=True) as partial:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=6) as archive:
                leaves = _leaves(purpose, non_commercial)
                writing = _Writing(archive, store, pictures_of(folder), known.encoder, picture_side, meter, leaves)
                words = _README + (_OWN if purpose == "myself" else _OTHERS + _UNGAINFUL * non_commercial)
                written = writing.all(wanted, words)
            if _state(folder, store) != before:
                raise AtlasError(_("The atlas was changed while it was exported. Export it again when that has ended."))
            with partial.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unavailable(cannot_write(target.parent, error)) from error
    finally:
        store.close()
        if copy is not None:
            copy.remove()
    behind, stories = tuple(writing.behind), tuple(writing.stories)
    return ExportReport(target, target.stat().st_size, digest, written, meter.seconds, behind, stories)


Leaves = Callable[[Figure | Licence], licensing.Decision]


def _leaves(purpose: str, non_commercial: bool) -> Leaves:
    def leaves(what: Figure | Licence) -> licensing.Decision:
        return licensing.may_leave(what, "file", purpose, non_commercial=non_commercial)

    leaves(Licence())  # what is wrong with the purpose is told before anything is written
    return leaves


def _state(folder: Path, store: Store) -> tuple[str | None, manifest.AtlasManifest | None]:
    if store.note(UNFINISHED) is not None:
        raise AtlasError(
            _("The atlas is being changed, or a change was cut short. Finish that, or open the atlas once, first.")
        )
    return store.note(STAMP), manifest.read(folder)


def _wanted(store: Store, corpora: tuple[str, ...]) -> list[CorpusRecord]:
    there = store.corpora()
    titles = {corpus.name: corpus.title for corpus in there}
    wanted = {meant(each, titles, N_("corpus")) for each in corpora}
    return [corpus for corpus in there if not corpora or corpus.name in wanted]


@dataclass
class _Writing:
    """One export under way."""

    _archive: zipfile.ZipFile
    _store: Store
    _pictures: PictureStore
    _encoder: EncoderInfo
    _side: int
    _meter: ProgressMeter
    _leaves: Leaves
    behind: list[Licence | str] = field(default_factory=list)  # of figures that stay
    stories: list[Licence] = field(default_factory=list)  # of cases that travel without their passages
    _parts: dict[str, str] = field(default_factory=dict)
    _written: dict[str, PictureRow] = field(default_factory=dict)  # a picture's name in the atlas to what the file has
    _licences: Counter[str] = field(default_factory=Counter)
    _lost: Counter[str] = field(default_factory=Counter)
    _slices: dict[int, SliceVectors] = field(default_factory=dict)  # by key
    _stacked: bool = False  # whether there are stacks, or slices of some
    _marked: bool = False  # whether some are withdrawn by their source

    def all(self, corpora: list[CorpusRecord], readme: str) -> ArchiveManifest:
        self._put(atlasfile.README, readme.encode())
        self._put(atlasfile.CORPORA, _lines([asdict(corpus) for corpus in corpora]))
        names = {corpus.name for corpus in corpora}
        rows, cases = 0, set[str]()
        licences = io.StringIO(newline="")
        table = csv.writer(licences)
        table.writerow(("figure", "corpus", "attribution", "licence", "licence_url", "link", "link_leads_to"))
        for number, block in enumerate(batched(self._rows(names), atlasfile.BLOCK)):
            self._put(atlasfile.figures_name(number), _lines([self._record(row) for row in block]))
            for row in block:
                source, licence = row.figure.source, row.figure.source.licence
                terms = source.attribution, str(licence), licence.url
                table.writerow((row.figure.id, source.corpus, *terms, source.url, source.url_of))
                self._licences[str(licence)] += 1
            cases |= {row.figure.case_id for row in block} - {""}
            self._put(atlasfile.vectors_name(number), self._vectors(block), zipfile.ZIP_STORED)
            if slices := [self._slices[row.key].vectors for row in block if row.stack]:
                self._put(atlasfile.slices_name(number), _npy(np.concatenate(slices).astype(np.float16)), zipfile.ZIP_STORED)
            self._stacked |= any(row.stack or row.figure.slice_of for row in block)
            self._marked |= any(row.figure.withdrawn for row in block)
            rows += len(block)
            self._slices.clear()
        if not rows:
            stayed = licensing.behind(self.behind)
            raise BadInput(
                _("There is nothing to export. %(stayed)s `--for myself` takes them, for your own use.", stayed=stayed)
                if stayed
                else _("There is nothing to export. The atlas is empty.")
            )
        self._put(atlasfile.LICENCES, licences.getvalue().encode())
        found = self._store.cases(cases)
        self._put(atlasfile.CASES, _lines([_told(self._case(found[key])) for key in sorted(found)]))
        card = SHIPPED / "encoder" / "card.md"
        if card.is_file() and self._encoder.digest == encoders.load(encoders.DEFAULT).info().digest:
            self._put(atlasfile.CARD, card.read_bytes())
        made = ArchiveManifest(
            format=atlasfile.FORMAT if self._marked else atlasfile.STACKED if self._stacked else atlasfile.PLAIN,
            software=f"MIRAGE {__version__}",
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            encoder=self._encoder,
            figures=rows,
            cases=len(found),
            pictures=len({picture.name for picture in self._written.values()}),
            picture_side=self._side,
            left_out=LeftOut(**self._lost, unlicensed=len(self.behind)),
            licences=dict(self._licences),
            parts=dict(self._parts),
        )
        self._archive.writestr(atlasfile.MANIFEST, made.print())
        return made

    def _case(self, case: Case) -> Case:
        """A case as it travels: where its own licence does not let it, with its title and source alone."""
        if self._leaves(case.source.licence).allowed:
            return case
        self.stories.append(case.source.licence)
        return replace(case, **_UNTOLD)

    def _rows(self, corpora: set[str]) -> Iterator[FigureRow]:
        """The figures that go, their pictures already written."""
        self._fingerprints = {key: value for name in corpora for key, value in self._store.fingerprints(name).items()}
        for rows in self._store.each(batch=200):
            there = self._store.vectors.raw([row.key for row in rows], self._encoder.digest)
            slices = self._store.vectors.slices([row.key for row in rows if row.stack], self._encoder.digest)
            self._meter.move(len(rows), len(rows))
            for row in rows:
                if row.figure.source.corpus not in corpora:
                    continue
                if not self._leaves(row.figure).allowed:
                    self.behind.append(licensing.counted_as(row.figure))
                elif row.key not in there or (row.stack and row.key not in slices):
                    self._lost["no_vectors"] += 1
                elif not self._write_picture(row.picture) or not self._write_stack(row.stack):
                    self._lost["no_picture"] += 1
                else:
                    if row.stack:
                        self._slices[row.key] = slices[row.key]
                    yield row

    def _write_picture(self, picture: PictureRow) -> bool:
        if picture.name in self._written:
            return True
        try:
            data, kept = self._sized(picture, self._pictures.read(picture.name))
        except MirageError:
            return False
        member = atlasfile.picture_name(kept.name)
        if member not in self._archive.NameToInfo:
            self._archive.writestr(member, data, zipfile.ZIP_STORED)
        self._written[picture.name] = kept
        return True

    def _write_stack(self, stack: StackRow | None) -> bool:
        """The files of a stack as they are: making them smaller would change what windows and rulers tell."""
        for name in stack.names if stack else ():
            path, member = self._pictures.path(name), atlasfile.picture_name(name)
            if not path.is_file():
                return False
            if member not in self._archive.NameToInfo:
                self._archive.write(path, member, zipfile.ZIP_STORED)
        return True

    def _sized(self, picture: PictureRow, data: bytes) -> tuple[bytes, PictureRow]:
        if not self._side or max(picture.width, picture.height) <= self._side:
            return data, picture
        image = decode(data)
        image.thumbnail((self._side, self._side))
        out = io.BytesIO()
        image.save(out, "WEBP", quality=_QUALITY)
        made = out.getvalue()
        name = f"{hashlib.sha256(made).hexdigest()}.webp"
        return made, replace(picture, name=name, width=image.width, height=image.height, bytes=len(made))

    def _vectors(self, block: list[FigureRow]) -> bytes:
        found = self._store.vectors.raw([row.key for row in block], self._encoder.digest)
        nothing = np.full(self._encoder.dimension, np.nan, np.float16)
        pairs = (found[row.key] for row in block)
        return _npy(np.stack([np.stack([image, nothing if caption is None else caption]) for image, caption in pairs]))

    def _record(self, row: FigureRow) -> dict[str, Any]:
        told = {"fingerprint": self._fingerprints[row.figure.id], "picture": self._written[row.picture.name].written()}
        if row.stack:
            told["files"] = {**asdict(row.stack), "slices": self._slices[row.key].numbers.tolist()}
        return {**_told(row.figure), **told}

    def _put(self, name: str, data: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
        self._archive.writestr(name, data, how)
        self._parts[name] = hashlib.sha256(data).hexdigest()


def _told(what: Figure | Case) -> dict[str, Any]:
    """What its source says; the atlas that takes it in works out the rest, and earlier versions know nothing of that."""
    told = {name: value for name, value in asdict(what).items() if name not in DERIVED and value is not None}
    if not told.get("edited"):  # earlier versions know nothing of that either
        told.pop("edited", None)
    return told


def _npy(array: npt.NDArray[np.float16]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)
