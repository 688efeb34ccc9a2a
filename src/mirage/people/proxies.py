"""Reverse proxies whose headers are believed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from mirage.errors import BadInput
from mirage.wording import _


@lru_cache(maxsize=8)
def networks(addresses: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks.

    Parameters
    ----------
    addresses : tuple of str
        As of the setting ``trusted_proxies``.

    Raises
    ------
    mirage.errors.BadInput
        Naming the one that is none.
    """
    found = []
    for each in addresses:
        try:
            found.append(ip_network(each, strict=False))
        except ValueError as error:
            raise BadInput(
                _(
                    "The setting trusted_proxies names %(each)s, which is no address: %(error)s.",
                    each=repr(each),
                    error=error,
                )
            ) from None
    return tuple(found)


@lru_cache(maxsize=4_096)
def place_of(address: str) -> str:
    """Whom an address counts as: of IPv6 its network of 64 bits, whose addresses are all one's own to take.

    Parameters
    ----------
    address : str
    """
    try:
        own = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(own, IPv4Address) or own.ipv4_mapped:
        return address
    return str(ip_network((own, 64), strict=False))


def is_trusted(peer: str, addresses: Iterable[str]) -> bool:
    """Whether a connection comes from one of these proxies.

    Parameters
    ----------
    peer : str
        The address that the connection itself comes from, not one that a header names.
    addresses : iterable of str
        As for `networks`.
    """
    try:
        own = ip_address(peer.partition("%")[0])
    except ValueError:  # a socket file, or none
        return False
    own = getattr(own, "ipv4_mapped", None) or own
    return any(own in each for each in networks(tuple(addresses)))
