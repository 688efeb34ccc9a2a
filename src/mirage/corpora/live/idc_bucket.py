"""The objects of a series, from a public bucket of the Imaging Data Commons: as many and as large as the index says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mirage.corpora.live.client import Client, Pulse, Rate
from mirage.corpora.live.idc_index import MEGA, Series
from mirage.corpora.live.s3 import Stored, listed
from mirage.errors import BadPicture
from mirage.images import read_picture, thumbnail
from mirage.images.formats import HEAD_BYTES, format_of
from mirage.installed import to_install
from mirage.locales import number
from mirage.models.download import RETRIED, Damaged, FetchRefused, Progress, TooLarge
from mirage.settings import Settings
from mirage.wording import N_, _

TITLE = N_("the Imaging Data Commons")
_BASE = "https://{}.s3.amazonaws.com"
_RATE = Rate(20, 1.0)
_PAUSE = 1.0  # seconds before a question is asked the second time
_PREVIEWED = 4_000_000  # bytes of an object that is fetched to show a series before it is chosen
_OVER = 1.05  # how much more than the index says a bucket may hold
_NAME = re.compile(r"[\w.-]{0,199}[\w-]")  # of an object, and of the file that it becomes
_RENEW = N_("Renew the index: %(install)s.")


def folder_of(settings: Settings, series: Series) -> Path:
    """Where the objects of a series are kept."""
    return settings.live_cache / "idc" / "series" / series.uuid


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching a series: how many objects, or why it cannot be taken."""

    objects: int = 0
    refused: str = ""


class Bucket:
    """Fetches series.

    Parameters
    ----------
    settings : Settings
    pulse : callable
        See `mirage.corpora.live.pace.Pulse`.
    refresh : bool
        Whether to list anew what was listed before.
    """

    def __init__(self, settings: Settings, pulse: Pulse, *, refresh: bool = False) -> None:
        self._settings, self._pulse, self._refresh = settings, pulse, refresh

    def preview(self, series: Series) -> bytes:
        """A small picture of one object of a series, which is kept; nothing where that is large.

        Raises
        ------
        mirage.errors.MirageError
            When there is none; the message says why.
        """
        client = self._client(series)
        objects = self._objects(client, series)
        one = objects[len(objects) // 2]
        return b"" if (one.size or 0) > _PREVIEWED else thumbnail(read_picture(self._file(client, series, one)).image)

    def fetch(self, series: Series, tell: Callable[[int], None]) -> Fetched:
        """Fetch all objects of a series.

        Parameters
        ----------
        series : Series
        tell : callable
            Told how many of its bytes are there.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.Unavailable
            When it has to be tried again later.
        """
        client, done = self._client(series), 0
        try:
            objects = self._objects(client, series)
            for one in objects:
                self._file(client, series, one, partial(_further, tell, done))
                done += one.size or 0
        except FetchRefused as error:
            if error.answered in RETRIED:
                raise
            return Fetched(refused=str(error))
        except (TooLarge, Damaged, BadPicture) as error:
            return Fetched(refused=str(error))
        return Fetched(len(objects))

    def _objects(self, client: Client, series: Series) -> list[Stored]:
        """The objects of a series, as long as they are what the index says."""
        there, size, most = list[Stored](), 0, series.megabytes * MEGA * _OVER + MEGA
        for one in listed(client, f"{series.uuid}/", _NAME):
            there.append(one)
            size += one.size or 0
            if size > most or len(there) > series.instances:
                raise BadPicture(
                    _(
                        "Its bucket lists more than the index says (%(instances)s objects, %(megabytes)s "
                        "MB), so it was not fetched. %(RENEW)s",
                        instances=number(series.instances),
                        megabytes=number(series.megabytes, 1),
                        RENEW=_(_RENEW, install=to_install("idc-index-data", newer=True)),
                    )
                )
        if len(there) < series.instances:
            raise BadPicture(
                _(
                    "Its bucket lists %(there)s objects, and the index says %(instances)s, so it was not fetched. %(RENEW)s",
                    there=number(len(there)),
                    instances=number(series.instances),
                    RENEW=_(_RENEW, install=to_install("idc-index-data", newer=True)),
                )
            )
        return sorted(there, key=lambda one: one.key)

    def _file(self, client: Client, series: Series, one: Stored, tell: Progress | None = None) -> Path:
        target = folder_of(self._settings, series) / one.name
        target.parent.mkdir(parents=True, exist_ok=True)
        client.file(f"/{one.key}", target, size=one.size, digest=one.digest, most=one.size or 0, progress=tell)
        with target.open("rb") as file:
            if format_of(file.read(HEAD_BYTES)) == "DICOM":
                return target
        target.unlink()
        raise BadPicture(_("The object %(one)s of its bucket is no DICOM file, so the series was not taken.", one=one.name))

    def _client(self, series: Series) -> Client:
        client = Client(
            "idc", TITLE, _RATE, base=_BASE.format(series.bucket), settings=self._settings, refresh=self._refresh,
            pulse=self._pulse,
        )  # fmt: skip
        client.pause = _PAUSE
        return client


def _further(tell: Callable[[int], None], before: int, there: int, _: int | None) -> None:
    tell(before + there)
