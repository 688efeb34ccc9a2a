"""Files at an address that fsspec knows (``s3://bucket/prefix``): put whole, tried again, and its refusals in sentences."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mirage.errors import BadInput, Unavailable
from mirage.images.store import cannot_write
from mirage.installed import to_install
from mirage.wording import N_, _, looked_up

_Given = TypeVar("_Given")
_TRIES, _FIRST_WAIT = 5, 0.2  # seconds; each wait is twice the one before: 3 s in all
_AT_ONCE = 500  # files removed by one request
_PART = ".part"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")
# Where a file is there as a whole or not at all, and may be put under its name. Elsewhere it gets another name first.
_WHOLE = frozenset("s3 s3a gs gcs az abfs abfss adl oci oss memory".split())
_BY_PREFIX = frozenset(("s3", "s3a", "gs", "gcs"))  # where names may be listed by how they begin
# How long to wait for an answer; trying again is done here, where it can be said what happened.
_OPTIONS: dict[str, dict[str, Any]] = {
    protocol: {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"total_max_attempts": 1}}}
    for protocol in ("s3", "s3a")
}
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs", "sftp": "paramiko"}


def local_folder(address: str) -> Path | None:
    """The folder that an address names on this machine; None where it names another place.

    Parameters
    ----------
    address : str
        A path, ``file:///a/path``, or any other address.
    """
    scheme, colon, rest = address.partition("://")
    if not colon:
        return Path(address).expanduser()
    return Path(rest) if scheme in ("file", "local") else None


class Forbidden(Unavailable):
    """The storage refuses something; what it answered is `answer`."""

    answer = ""


class NotWhole(Unavailable):
    """What comes is not what should be there, each time."""


def is_address(text: object) -> bool:
    """Whether something names a place that is no folder of this machine: ``s3://bucket/prefix``."""
    return bool(_ADDRESS.match(str(text))) and local_folder(str(text)) is None


def check_address(address: str, what: str = "pictures") -> str:
    """Refuse an address that is none, or that holds what nobody should read; else return it without a last ``/``.

    Parameters
    ----------
    address : str
    what : str
        What lies there, for messages.

    Raises
    ------
    mirage.errors.BadInput
        The message does not repeat a password.
    """
    try:
        parts = urlsplit(address)
        secret = bool(parts.password or parts.query)
    except ValueError:
        raise BadInput(_("This is no address of %(what)s. One looks like s3://bucket/prefix.", what=what)) from None
    if secret:
        raise BadInput(
            _(
                "An address of %(what)s holds no password and no key: where it is written down it "
                "may be read by others. Write %(scheme)s://%(hostname)s%(path)s and give the key as "
                "the storage's own tools want it: for S3 in AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY or in ~/.aws/credentials.",
                what=looked_up(what),
                scheme=parts.scheme,
                hostname=parts.hostname,
                path=parts.path,
            )
        )
    if not parts.scheme or not parts.netloc or not address.isprintable() or "::" in address:
        raise BadInput(
            _("“%(address)s” is no address of %(what)s. One looks like s3://bucket/prefix.", address=address[:80], what=what)
        )
    return address.rstrip("/")


class Bucket:
    """Files by name at an address. May be used by several threads and processes.

    Keys and passwords are found by the storage's own library, in the environment or its files; none is kept here.

    Parameters
    ----------
    address : str
        As `check_address` returns it.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._scheme = urlsplit(address).scheme
        self._lock = Lock()
        self._opened: tuple[Any, str] | None = None

    def read(
        self,
        name: str,
        start: int | None = None,
        end: int | None = None,
        *,
        check: Callable[[bytes], bool] = lambda data: True,
    ) -> bytes:
        """Read a file or a part of it, again where it is not what it should be.

        Parameters
        ----------
        name : str
        start, end : int, optional
            Of the part, in bytes.
        check : callable
            Told what came; whether it is whole.

        Raises
        ------
        FileNotFoundError
        mirage.errors.Unavailable
        """

        def read(fs: Any, place: str) -> bytes:
            data: bytes = fs.cat_file(place, start=start, end=end)
            if not check(data):
                raise _Damaged
            return data

        return self._tried(name, N_("read"), read)

    def fetch(self, name: str, into: Path, check: Callable[[Path], bool]) -> None:
        """Read a file into one here, again where it is not what it should be.

        Parameters
        ----------
        name : str
        into : Path
        check : callable
            Told the file; whether it is whole.

        Raises
        ------
        FileNotFoundError
        mirage.errors.Unavailable
            When it is not whole as often as it is read, and when the disk here is full, too.
        """

        def fetch(fs: Any, place: str) -> None:
            try:
                fs.get_file(place, str(into))
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):  # nothing that the storage could help
                    raise Unavailable(cannot_write(into.parent, error)) from error
                raise
            if not check(into):
                raise _Damaged

        self._tried(name, N_("read"), fetch)

    def put(self, name: str, what: bytes | Path) -> None:
        """Put a file. It is there under its name when it is whole.

        Raises
        ------
        mirage.errors.Unavailable
        """

        def put(fs: Any, place: str) -> None:
            into = place if self._scheme in _WHOLE else place + _PART
            if into != place:
                fs.makedirs(place.rpartition("/")[0], exist_ok=True)
            if isinstance(what, Path):
                fs.put_file(str(what), into)
            else:
                fs.pipe_file(into, what)
            if into != place:
                if fs.size(into) != (what.stat().st_size if isinstance(what, Path) else len(what)):
                    raise _Damaged
                fs.mv(into, place)

        try:
            self._tried(name, N_("written"), put)
        except FileNotFoundError as error:
            raise Unavailable(
                _("%(address)s cannot be written: there is no such bucket or folder. Make it first.", address=self.address)
            ) from error

    def info(self, name: str) -> dict[str, Any]:
        """What the storage says of a file, in its own words; ``size`` is there always.

        Raises
        ------
        FileNotFoundError
        mirage.errors.Unavailable
        """
        return self._tried(name, N_("asked for"), lambda fs, place: dict(fs.info(place)))

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where it is not there.

        Raises
        ------
        mirage.errors.Unavailable
        """
        try:
            return int(self.info(name)["size"])
        except FileNotFoundError:
            return None

    def sizes(self, start: str = "") -> dict[str, int]:
        """Names and bytes of all files whose names begin so; those that were not put as a whole have another ending.

        Raises
        ------
        mirage.errors.Unavailable
        """
        return {name: int(each["size"]) for name, each in self.files(start).items()}

    def files(self, start: str = "") -> dict[str, dict[str, Any]]:
        """Names of all files whose names begin so, with what `info` says of each.

        Raises
        ------
        mirage.errors.Unavailable
        """

        def look(fs: Any, root: str) -> dict[str, dict[str, Any]]:
            folder, _other, begin = start.rpartition("/")
            narrow = {"prefix": begin} if begin and self._scheme in _BY_PREFIX else {}
            found = fs.find(f"{root}/{folder}".rstrip("/"), detail=True, **narrow)
            below = root.strip("/") + "/"
            named = ((place.strip("/"), each) for place, each in found.items())
            told = {place.removeprefix(below): each for place, each in named if place.startswith(below)}
            return {name: each for name, each in told.items() if name.startswith(f"{folder}/{begin}" if folder else begin)}

        try:
            return self._tried("", N_("listed"), look)
        except FileNotFoundError:
            return {}

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; nothing happens to those that are not there.

        Raises
        ------
        mirage.errors.Unavailable
        """

        def remove(fs: Any, root: str, some: list[str]) -> None:
            places = [f"{root}/{name}" for name in some]
            if self._scheme in ("s3", "s3a"):  # one request, to which it is all the same whether they are there
                fs.rm(places)
                return
            for place in places:
                with suppress(FileNotFoundError):
                    fs.rm_file(place)

        there = list(names)
        for at in range(0, len(there), _AT_ONCE):
            some = there[at : at + _AT_ONCE]
            with suppress(FileNotFoundError):
                self._tried("", N_("removed"), partial(remove, some=some))

    def tidy(self) -> int:
        """Remove what a killed process left half-written, where that is seen, and say how many files that were."""
        left = [] if self._scheme in _WHOLE else [name for name in self.sizes() if name.endswith(_PART)]
        self.remove(left)
        return len(left)

    def _tried(self, name: str, what: str, action: Callable[[Any, str], _Given]) -> _Given:
        """Do something, again after a while where the storage does not answer as it should."""
        fs, root = self._open()
        place, wait = f"{root}/{name}" if name else root, _FIRST_WAIT
        for left in reversed(range(_TRIES)):
            try:
                return action(fs, place)
            except (FileNotFoundError, Unavailable):
                raise
            except PermissionError as error:
                raise self._refused(what, error) from error
            except _Damaged as error:
                if not left:
                    raise NotWhole(
                        _(
                            "%(address)s/%(name)s is not whole, each time it is %(what)s: what comes has another "
                            "SHA-256 than its name says, or ends too soon. Restore it from a copy.",
                            address=self.address,
                            name=name,
                            what=looked_up(what),
                        )
                    ) from error
            except Exception as error:  # each storage's library has its own, and many of them are over in a moment
                if "Credentials" in type(error).__name__:
                    raise self._refused(what, error) from error
                if not left:
                    raise Unavailable(
                        _(
                            "%(address)s cannot be %(what)s: the storage was asked %(TRIES)s times and "
                            "%(error)s. Try again later; what is stored stays.",
                            address=self.address,
                            what=looked_up(what),
                            TRIES=_TRIES,
                            error=_said(error),
                        )
                    ) from error
            time.sleep(wait)
            wait *= 2
        raise AssertionError  # pragma: no cover

    def _refused(self, what: str, error: Exception) -> Forbidden:
        said = (
            _("this machine's clock and the storage's differ by too much. Set them.")
            if "Skewed" in repr(_answer(error))
            else _(
                "the storage refuses it (%(why)s). Check the key that its own tools "
                "use (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE), and what it may do there.",
                why=_said(error),
            )
        )
        refused = Forbidden(
            _("%(address)s may not be %(what)s: %(said)s", address=self.address, what=looked_up(what), said=said)
        )
        refused.answer = _said(error)
        return refused

    def _open(self) -> tuple[Any, str]:
        with self._lock:
            if self._opened is None:
                from fsspec.core import url_to_fs  # noqa: PLC0415 - only where pictures are elsewhere

                try:
                    fs, root = url_to_fs(self.address, use_listings_cache=False, **_OPTIONS.get(self._scheme, {}))
                except ImportError as error:
                    package = _PACKAGES.get(self._scheme)
                    install = to_install(package) if package else _("fsspec's documentation names it")
                    raise Unavailable(
                        _(
                            "%(address)s cannot be opened: what reads %(scheme)s:// is not installed: %(install)s.",
                            address=self.address,
                            scheme=self._scheme,
                            install=install,
                        )
                    ) from error
                except ValueError:
                    raise BadInput(
                        _(
                            "%(address)s cannot be opened: fsspec knows no %(scheme)s://. S3 is s3://bucket/prefix.",
                            address=self.address,
                            scheme=self._scheme,
                        )
                    ) from None
                if hasattr(fs, "retries"):
                    fs.retries = 1
                self._opened = fs, root.rstrip("/")
            return self._opened


class _Damaged(Exception):
    """What came is not what should be there."""


def _answer(error: Exception) -> dict[str, Any]:
    """What a storage of S3's kind answered, of which its library made an error."""
    for each in (error, error.__cause__, error.__context__):
        answer = getattr(each, "response", None)
        if isinstance(answer, dict):
            return answer
    return {}


def _said(error: Exception) -> str:
    """What happened, in a few words; not the library's own, which may hold an address with a key in it."""
    answer = _answer(error)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(answer.get("Error", {}).get("Code", ""))
    if status:
        return _("it answered %(status)s", status=f"{status} {code}" if code and code != str(status) else status)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return _("it did not answer in time")
    if "Connect" in type(error).__name__:
        return _("it could not be reached")
    return _("what came was a %(kind)s", kind=type(error).__name__)
