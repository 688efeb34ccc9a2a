"""One streamed chat completion: asked in a thread of its own, so that it can be dropped at any moment.

Server-sent events are read line by line (WHATWG HTML, section 9.2), forgiving what servers get wrong.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from mirage.errors import MirageError, Unavailable

_CONNECT = 5.0
_LONGEST_LINE = 1_000_000
_LONGEST_WAIT = 20.0
_BUSY = (408, 429, 500, 502, 503, 504)
_POLL = 0.05


class Chat:
    """What to ask, and what became of it.

    Attributes
    ----------
    ended : str
        The server's reason for the end: ``stop``, ``length``; empty when it gave none.
    spoilt : bool
        Whether bytes came that are no UTF-8.
    """

    def __init__(self, url: str, body: dict[str, object], key: str, timeout: float, attempts: int, pause: float) -> None:
        self._url, self._body, self._key = url, body, key
        self._timeout, self._attempts, self._pause = timeout, max(attempts, 1), pause
        self._where = urlsplit(url).netloc
        self.ended = ""
        self.spoilt = False
        self._spoken = False

    async def run(self, tell: Callable[[str], None]) -> None:
        """Ask, again where that may help, and hand each part of the text on.

        Raises
        ------
        mirage.errors.Unavailable
        """
        here = (urlsplit(self._url).hostname or "") in ("localhost", "127.0.0.1", "::1")
        timeout = httpx.Timeout(self._timeout, connect=min(_CONNECT, self._timeout))
        headers = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        try:
            client = httpx.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False, trust_env=not here)
        except (ValueError, UnicodeError):
            raise Unavailable("OPENAI_API_KEY holds characters that no key has; set it anew") from None
        async with client:
            for attempt in range(1, self._attempts + 1):
                wait = await self._once(client, tell, last=attempt == self._attempts)
                if wait is None:
                    return
                await asyncio.sleep(min(wait or self._pause * 2 ** (attempt - 1), _LONGEST_WAIT))

    async def _once(self, client: httpx.AsyncClient, tell: Callable[[str], None], *, last: bool) -> float | None:
        """Ask once; None when it is done, else the seconds the server asks to wait, 0 when it does not say."""
        try:
            async with client.stream("POST", self._url, json=self._body) as response:
                if response.status_code in _BUSY and not last:
                    return _asked_to_wait(response.headers.get("retry-after", ""))
                if response.status_code != 200:
                    raise Unavailable(await self._refusal(response))
                await self._read(response, tell)
                return None
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout) and not last:
                return 0.0
            raise Unavailable(
                f"the server {self._where} did not {'go on' if self._spoken else 'answer'} within {self._timeout:g} s"
            ) from None
        except httpx.ConnectError:
            if not last:
                return 0.0
            raise Unavailable(f"no server answers at {self._where}. Is it running, and is explainer_url right?") from None
        except httpx.HTTPError as error:
            if not last and not self._spoken:
                return 0.0
            raise Unavailable(f"the connection to the server {self._where} broke off ({type(error).__name__})") from None

    async def _refusal(self, response: httpx.Response) -> str:
        code = response.status_code
        if 300 <= code < 400:
            return (
                f"the server {self._where} sends us elsewhere ({code}), which is not followed. "
                "Put its real address into explainer_url"
            )
        said = ""
        async for chunk in response.aiter_bytes():
            said += chunk.decode("utf-8", "replace")
            if len(said) > 4_000:
                break
        try:
            said = _message(json.loads(said)) or ""
        except ValueError:
            said = ""
        said = self._hidden(said)
        hint = {
            401: "It wants a key: set OPENAI_API_KEY",
            403: "The key in OPENAI_API_KEY is not allowed to",
            404: "Is explainer_url right (it ends in /v1), and does it have the model?",
            429: "It has too much to do; try again later",
        }.get(code, "")
        return ". ".join(filter(None, [f"the server {self._where} answered {code}{': ' + said if said else ''}", hint]))

    def _hidden(self, said: str) -> str:
        """What a server says, short, and without the key should it repeat it."""
        said = " ".join(said.split())[:200]
        return said.replace(self._key, "(key)") if self._key else said

    async def _read(self, response: httpx.Response, tell: Callable[[str], None]) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        heard = time.monotonic()
        rest, whole, events = b"", b"", False
        async for chunk in response.aiter_bytes():
            rest += chunk
            *lines, rest = rest.replace(b"\r\n", b"\n").split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise Unavailable(f"the server {self._where} sent a line that does not end")
            for line in lines:
                if not events and not line.startswith((b"data:", b":", b"event:", b"id:", b"retry:")):
                    whole = (whole + line + b"\n")[:_LONGEST_LINE]
                    continue
                events = events or line.startswith(b"data:")
                text, over = self._event(line)
                if text:
                    heard = time.monotonic()
                    self._spoken = True
                    tell(text)
                if over:
                    return
            if time.monotonic() - heard > self._timeout:
                raise Unavailable(f"the server {self._where} kept the line open but wrote nothing for {self._timeout:g} s")
        if events:
            if text := self._event(rest)[0]:
                self._spoken = True
                tell(text)
            return
        if text := self._at_once(whole + rest):
            self._spoken = True
            tell(text)
        elif (whole + rest).strip():
            raise Unavailable(
                f"the server {self._where} answered with {kind or 'something'} that is no chat completion. "
                "Is explainer_url right?"
            )

    def _event(self, line: bytes) -> tuple[str, bool]:
        """One line's text, and whether the stream is over."""
        if not line.startswith(b"data:"):
            return "", False
        data = self._decoded(line[5:]).strip()
        if data == "[DONE]":
            return "", True
        try:
            found: Any = json.loads(data)
        except ValueError:
            return "", False
        if (problem := _message(found)) is not None:
            raise Unavailable(f"the server {self._where} reported an error: {self._hidden(problem)}")
        return self._content(found, "delta"), False

    def _at_once(self, data: bytes) -> str:
        """The text of a server that does not stream."""
        try:
            found: Any = json.loads(self._decoded(data))
        except ValueError:
            return ""
        if (problem := _message(found)) is not None:
            raise Unavailable(f"the server {self._where} reported an error: {self._hidden(problem)}")
        return self._content(found, "message")

    def _content(self, found: object, name: str) -> str:
        choices = found.get("choices") if isinstance(found, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            return ""
        self.ended = str(first.get("finish_reason") or self.ended)
        part = first.get(name) or first.get("message")
        text = part.get("content") if isinstance(part, dict) else first.get("text")
        return text if isinstance(text, str) else ""

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.spoilt = True
            return data.decode("utf-8", "replace")


def _message(found: object) -> str | None:
    """The error that an answer reports, None when it reports none."""
    error = found.get("error") if isinstance(found, dict) else None
    if not error:
        return None
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)


def _asked_to_wait(header: str) -> float:
    """Seconds of a Retry-After header, which may be a number or a date; 0 when there is none."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


class Call:
    """A chat under way: iterate over its text; leaving the ``with`` block closes the connection at once."""

    def __init__(self, chat: Chat, stopped: Callable[[], bool]) -> None:
        self._chat, self._stopped = chat, stopped
        self._parts: queue.Queue[str | BaseException | None] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="mirage-chat", daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._chat.run(self._parts.put))
        try:
            self._loop.run_until_complete(self._task)
            self._parts.put(None)
        except asyncio.CancelledError:
            self._parts.put(None)
        except BaseException as error:  # handed over to whoever reads
            self._parts.put(error)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        while self._thread.is_alive():
            if self._task is not None and not self._loop.is_closed():
                try:
                    self._loop.call_soon_threadsafe(self._task.cancel)
                except RuntimeError:
                    break  # it ended in between
            self._thread.join(_POLL)

    def __iter__(self) -> Iterator[str]:
        while not self._stopped():
            try:
                part = self._parts.get(timeout=_POLL)
            except queue.Empty:
                continue
            if part is None:
                return
            if isinstance(part, MirageError):
                raise part
            if isinstance(part, BaseException):
                raise Unavailable(f"the answer could not be read ({type(part).__name__})") from part
            yield part
