"""Many people in a process of their own: what is asked comes as JSON on the input, what it took goes out as JSON."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from typing import Any

import httpx

_PATIENCE = 120.0


async def _asked(client: httpx.AsyncClient, address: str) -> tuple[float, int]:
    """Seconds until the whole answer was there, and its status; 0 where none came."""
    started = time.perf_counter()
    headers = {"Accept": "text/event-stream"} if "/stream?" in address else {}
    try:
        answer = await client.get(address, headers=headers)
        status = 0 if headers and b"event: ended" not in answer.content else answer.status_code
        if status != 200:
            print(f"{address}: {answer.status_code}", file=sys.stderr)
    except httpx.HTTPError as error:
        print(f"{address}: {error!r}", file=sys.stderr)
        status = 0
    return time.perf_counter() - started, status


def _client(url: str, connections: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=_PATIENCE, trust_env=False)


async def crowd(url: str, people: int, seconds: float, pause: float, parts: dict[str, Any]) -> dict[str, Any]:
    """Let people ask, think and ask again.

    Parameters
    ----------
    url : str
    people : int
    seconds : float
        How long.
    pause : float
        Mean seconds that a person thinks between an answer and the next question, exponentially distributed.
    parts : dict
        Kind of question to its share, its addresses, and how often each is asked relative to the others.
    """
    kinds, shares = list(parts), [each["share"] for each in parts.values()]
    taken: dict[str, list[tuple[float, int]]] = {kind: [] for kind in kinds}
    end = time.perf_counter() + seconds

    async def person(number: int, client: httpx.AsyncClient) -> None:
        dice = random.Random(number)
        await asyncio.sleep(dice.uniform(0, pause))
        while time.perf_counter() < end:
            kind = dice.choices(kinds, shares)[0]
            address = dice.choices(parts[kind]["addresses"], parts[kind]["weights"])[0]
            taken[kind].append(await _asked(client, address))
            await asyncio.sleep(dice.expovariate(1 / pause))

    started = time.perf_counter()
    async with _client(url, people) as client:
        await asyncio.gather(*(person(number, client) for number in range(people)))
    return {"seconds": time.perf_counter() - started, "taken": taken}


async def at_once(url: str, addresses: Sequence[str]) -> dict[str, Any]:
    """Ask for everything at the same moment."""
    started = time.perf_counter()
    async with _client(url, len(addresses)) as client:
        taken = await asyncio.gather(*(_asked(client, address) for address in addresses))
    return {"seconds": time.perf_counter() - started, "taken": {"at once": taken}}


async def again(url: str, addresses: Sequence[str], connections: int, times: int) -> dict[str, Any]:
    """Ask for the same again and again, over some connections, each as soon as it has its answer."""
    taken: list[tuple[float, int]] = []

    async def one(client: httpx.AsyncClient, number: int) -> None:
        for turn in range(times):
            taken.append(await _asked(client, addresses[(number + turn) % len(addresses)]))

    async with _client(url, connections) as client:
        for address in addresses:
            await _asked(client, address)
        started = time.perf_counter()
        await asyncio.gather(*(one(client, number) for number in range(connections)))
    return {"seconds": time.perf_counter() - started, "taken": {"again": taken}}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump(asyncio.run({"crowd": crowd, "at once": at_once, "again": again}[asked.pop("what")](**asked)), sys.stdout)
