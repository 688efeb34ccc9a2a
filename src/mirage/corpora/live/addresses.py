"""Which addresses may be asked on the word of somebody else: http and https, and only what the whole world can reach."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from mirage.errors import NoNetwork, Unavailable
from mirage.wording import _


class LedAstray(Unavailable):
    """A source names an address that may not be asked."""


_LONGEST = 8_000  # characters
_LOCAL = ("localhost", "localdomain", "local", "internal", "lan", "home", "corp", "intranet")
# What is no address of the public network, or of a translator that no public server stands behind.
_INSIDE = [
    ipaddress.ip_network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")
]
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = (0x5EFE, 0x02005EFE)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address.

    Raises
    ------
    ValueError
        When it is none.
    """
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").rstrip(".").lower(),
        parts.port or {"http": 80, "https": 443}.get(parts.scheme),
    )


def check(url: str, own: Sequence[str], title: str) -> None:
    """Refuse an address that a source names and that is not for the public.

    Parameters
    ----------
    url : str
    own : sequence of str
        Addresses that a person configured: whatever is at their hosts may be asked.
    title : str
        Of the source, for the message.

    Raises
    ------
    LedAstray
        When it may not be asked.
    mirage.errors.NoNetwork
        When its name cannot be looked up.
    """
    try:
        parts, (scheme, host, port) = urlsplit(url), origin(url)
    except ValueError:
        raise refusal(title, url, _("which is no address")) from None
    if not url.isprintable() or len(url) > _LONGEST:
        raise refusal(title, url, _("which is no address"))
    if scheme not in ("http", "https") or not host:
        raise refusal(title, url, _("which is no http or https address"))
    if (scheme, host, port) in [origin(each) for each in own]:
        return
    if parts.username is not None or parts.password is not None:
        raise refusal(title, url, _("which carries a user's name"))
    if not all(map(public, _numbers(host, port, parts, title))):
        raise refusal(title, url, _("which is inside of a private network"))


def _numbers(host: str, port: int | None, parts: SplitResult, title: str) -> list[str]:
    """The numeric addresses of a host; none where a proxy looks its name up."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    if host.rpartition(".")[2] in _LOCAL or "." not in host:
        return ["127.0.0.1"]
    if proxied(parts):
        return []
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NoNetwork(_("No network, or none to %(host)s, where %(title)s points to.", host=host, title=title)) from None


def proxied(parts: SplitResult) -> bool:
    """Whether the environment names a proxy for an address."""
    proxies = getproxies()
    return bool((proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or ""))


def public(number: str) -> bool:
    """Whether a numeric address is one of the public network, and leads to no other one.

    Parameters
    ----------
    number : str
        Of IPv4 or IPv6, with or without a zone.
    """
    address = ipaddress.ip_address(number.partition("%")[0])
    if not address.is_global or address.is_multicast or any(address in each for each in _INSIDE):
        mapped = address.version == 6 and address.ipv4_mapped
        return bool(mapped) and public(str(mapped))
    if address.version == 4:
        return True
    low, marked = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF), int(address) >> 32 & 0xFFFFFFFF
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    inner += [low] if address in _TRANSLATED or marked in _ISATAP else []
    return all(public(str(each)) for each in inner if each is not None)


def refusal(title: str, url: str, why: str) -> LedAstray:
    """What to raise of an address that may not be asked."""
    return LedAstray(
        _(
            "%(title)s points to %(url)s, %(why)s. It was not asked, and nothing of it is believed.",
            title=title,
            url=repr(url[:200]),
            why=why,
        )
    )
