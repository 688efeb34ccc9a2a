"""Days and times of this machine, with the zone that they are of: who reads them may be elsewhere."""

from __future__ import annotations

import time


def zone(when: float) -> str:
    """The time zone of this machine at a moment: "UTC", "UTC+01:00".

    Parameters
    ----------
    when : float
        Seconds since the epoch.
    """
    offset = time.strftime("%z", time.localtime(when))
    return "UTC" if offset in ("", "+0000", "-0000") else f"UTC{offset[:3]}:{offset[3:5]}"


def moment(when: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """A moment as people read it: "2027-03-01 13:20 UTC+01:00".

    Parameters
    ----------
    when : float
        Seconds since the epoch.
    form : str
        As of `time.strftime`.
    """
    return f"{time.strftime(form, time.localtime(when))} {zone(when)}"


def last_day(until: float) -> str:
    """The last day of something, and its minute where that is not the day's last.

    Parameters
    ----------
    until : float
        Seconds since the epoch.
    """
    last = time.localtime(until)
    return moment(until, "%Y-%m-%d" if (last.tm_hour, last.tm_min) == (23, 59) else "%Y-%m-%d %H:%M")
