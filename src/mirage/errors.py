"""What can go wrong, in words for the person who has to act on it."""

from __future__ import annotations


class MirageError(Exception):
    """An expected failure. The message says what happened, to which input, and what to do next.

    Interfaces show the message as it is; anything else that is raised is a defect of ours.

    Attributes
    ----------
    exit_code : int
        What the command line ends with.
    status : int
        What the HTTP API answers with.
    """

    exit_code = 1
    status = 400


class BadQuery(MirageError):
    """A query that cannot be answered as it stands."""

    exit_code = 2


class BadPicture(MirageError):
    """Bytes that are no picture we can or may decode."""

    exit_code = 2
    status = 422


class BadInput(MirageError):
    """A corpus, file, setting or option that cannot be used as it stands."""

    exit_code = 2


class NotFound(MirageError):
    """A figure, case, corpus, adapter or job that is not there."""

    exit_code = 4
    status = 404


class AtlasError(MirageError):
    """An atlas folder that is missing, foreign, damaged, newer, or made by another encoder."""

    exit_code = 3
    status = 503


class AtlasHeld(AtlasError):
    """Another process holds the atlas."""

    exit_code = 5
    status = 409


class NoNetwork(MirageError):
    """Something has to be downloaded and the network does not answer."""

    exit_code = 6
    status = 503


class Unavailable(MirageError):
    """A part that is optional and is not installed, or a resource that has run out (a full disk)."""

    exit_code = 7
    status = 503


class Busy(MirageError):
    """Too much waits already; what was asked for was not begun."""

    exit_code = 7
    status = 429
