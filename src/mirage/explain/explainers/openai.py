"""Any server that speaks OpenAI's chat completions: llama.cpp, Ollama, vLLM, LM Studio, or a hosted one.

Server-sent events are read line by line (WHATWG HTML, section 9.2), forgiving what servers get wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl

from mirage.errors import BadInput, MirageError, Unavailable
from mirage.explain.explainers.base import ExplainerInfo, ExplanationRequest, Piece, Remark
from mirage.explain.explainers.language_model import RULES, pieces, prompt_of
from mirage.settings import Settings
from mirage.wording import N_, _

_TOKENS_PER_SENTENCE = 70
_CONNECT = 5.0
_LONGEST_LINE = 1_000_000
_LONGEST_WAIT = 20.0
_BUSY = (408, 429, 500, 502, 503, 504)
_POLL = 0.05
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")  # a "\r" that comes last may be half of an end
_HINTS = {
    401: N_("It wants a key: set OPENAI_API_KEY"),
    403: N_("The key in OPENAI_API_KEY is not allowed to"),
    404: N_("Is explainer_url right (it ends in /v1), and does it have the model?"),
    429: N_("It has too much to do; try again later"),
}

# Reasoning models write what they think before they answer. Some templates open the thought in the prompt, so that only
# its end is in the text; then the first words tell.
_THOUGHT = re.compile(r"<think(?:ing)?>|<\|channel\|>(?!final)", re.IGNORECASE)
_ANSWER = re.compile(r"</think(?:ing)?>|<\|channel\|>final<\|message\|>", re.IGNORECASE)
_ALOUD = re.compile(r"\b(?:I|[Mm]e|[Ww]e|[Ll]et|[Uu]ser|[Oo]kay|[Hh]mm|[Ww]ait|[Aa]lright)\b")
_MARK = re.compile(r"<\|[^|<>\n]{1,30}\|>")
_FIRST_WORDS = 40  # characters
_BEGINNING = re.compile(rf"\s*(?:\S[^\n]*?[.!?\]]\s|.{{{_FIRST_WORDS}}})", re.DOTALL)
_LONGEST_MARK, _LONGEST_THOUGHT = 30, 100_000  # characters
_STILL_THINKING = N_("the model was still thinking when its answer reached the longest that it may be")


class OpenAIExplainer:
    """Asks a server, and passes on what it writes sentence by sentence.

    Parameters
    ----------
    url : str, optional
        Up to and with ``/v1``; the setting `explainer_url` when left out.
    model : str, optional
        The server's name for it; the setting `explainer_model` when left out.
    key : str, optional
        ``OPENAI_API_KEY`` of the environment when left out. It is sent to `url` alone and never shown.
    timeout : float, optional
        Seconds to wait for the next word; the setting `explainer_timeout` when left out.
    context : int, optional
        Tokens the model reads and writes at once; the setting `explainer_context` when left out.
    attempts : int
        How often to ask a server that is busy or not there, before the first word.
    pause : float
        Seconds before the second attempt; each further one waits twice as long, or as long as the server asks for.
    """

    def __init__(
        self,
        url: str | None = None,
        model: str | None = None,
        *,
        key: str | None = None,
        timeout: float | None = None,
        context: int | None = None,
        attempts: int = 3,
        pause: float = 0.5,
    ) -> None:
        settings = Settings.load()
        self._url = (settings.explainer_url if url is None else url).strip().rstrip("/")
        self._model = settings.explainer_model if model is None else model
        self._key = os.environ.get("OPENAI_API_KEY", "") if key is None else key
        self._timeout = timeout or settings.explainer_timeout
        self._context = context or settings.explainer_context
        self._attempts, self._pause = attempts, pause

    def info(self) -> ExplainerInfo:
        """Tell who speaks. Asks nobody."""
        return ExplainerInfo("openai", self._model or _("the server's own"), generative=True)

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield sentences as the server writes them; see `mirage.explain.explainers.base.Explainer`.

        Parameters
        ----------
        request : ExplanationRequest
        stopped : callable

        Raises
        ------
        mirage.errors.Unavailable
            When the server is not there, refuses, hangs, breaks off, or answers with something else.
        mirage.errors.BadInput
            When its address cannot be used.
        """
        url = f"{checked(self._url)}/chat/completions"
        answer = min(request.most * _TOKENS_PER_SENTENCE, self._context // 3)
        # A chat template adds marks of its own around the turns.
        prompt = prompt_of(request, self._context - answer - 64)
        if prompt.remark:
            yield prompt.remark
        body: dict[str, Any] = {
            "messages": [{"role": "system", "content": RULES}, {"role": "user", "content": prompt.data}],
            "stream": True,
            "temperature": 0,
            "max_tokens": answer,
        } | ({"model": self._model} if self._model else {})
        chat = _Chat(url, body, self._key, self._timeout)
        with closing(_heard(partial(chat.run, attempts=self._attempts, pause=self._pause), stopped)) as heard:
            yield from pieces(without_thoughts(heard), request.most, stopped)
        if stopped():
            return
        if chat.thought and not chat.spoken:
            raise Unavailable(_(_STILL_THINKING))
        if chat.ended == "content_filter" and not chat.spoken:
            raise Unavailable(_("the server's content filter held the answer back"))
        if chat.ended == "content_filter":
            yield Remark(_("Cut short: the server holds back what its content filter found."))
        if chat.ended == "length":
            yield Remark(_("Cut short: the model reached the longest answer it may give."))
        if chat.spoilt:
            yield Remark(_("Some of what the server sent could not be read as text; those characters are shown as �."))


def checked(url: str) -> str:
    """An address that may be asked.

    Raises
    ------
    mirage.errors.Unavailable
        When there is none.
    mirage.errors.BadInput
        When it is not http, or holds a password.
    """
    if not url:
        raise Unavailable(
            _(
                "no server is named for the openai explainer. Set explainer_url "
                "(MIRAGE_EXPLAINER_URL), as http://localhost:8080/v1"
            )
        )
    try:
        parts = AnyHttpUrl(url)  # reads addresses as browsers do
    except ValueError:
        raise BadInput(
            _(
                "explainer_url must begin with http:// or https:// and name a server; this cannot be used: %(url)s",
                url=repr(url[:80]),
            )
        ) from None
    if parts.username or parts.password:
        raise BadInput(_("explainer_url must hold no name or password; put the key into OPENAI_API_KEY"))
    if parts.query is not None or parts.fragment is not None:
        raise BadInput(_("explainer_url must end at its path, as in http://localhost:8080/v1, without ? or #"))
    return str(parts).rstrip("/")


def without_thoughts(stream: Iterable[str]) -> Iterator[str]:
    """The answer in a model's text, without what it thought before and without the marks of its turns.

    Parameters
    ----------
    stream : iterable of str
        Parts of the text as they come, of any length.

    Raises
    ------
    mirage.errors.Unavailable
        When a thought was opened and the text ends within it.
    """
    held, thinking, answering = "", False, False
    for part in stream:
        since = max(0, len(held) - _LONGEST_MARK)
        held += part
        if end := _ANSWER.search(held, since):
            held, thinking, answering = held[end.end() :].lstrip(), False, True
        elif begin := _THOUGHT.search(held, since):
            thinking = True
            if answering:
                yield held[: begin.start()]
        if thinking:
            held = held[-_LONGEST_MARK:]
        elif answering or (_BEGINNING.match(held) and not _ALOUD.search(held[:_FIRST_WORDS])):
            answering = True
            # What follows a "<" may yet become a mark.
            given, less, rest = held.rpartition("<")
            given, held = (given, less + rest) if less and len(rest) < _LONGEST_MARK and ">" not in rest else (held, "")
            yield _MARK.sub("", given)
        elif len(held) > _LONGEST_THOUGHT:
            thinking = True
    if thinking:
        raise Unavailable(_(_STILL_THINKING))
    yield _MARK.sub("", held)


# -- one streamed chat completion -----------------------------------------------------------------------------------------


def _heard(run: Callable[..., Awaitable[None]], stopped: Callable[[], bool]) -> Generator[str, None, None]:
    """A chat's text as it comes. The chat runs in a thread of its own, so that it can be dropped at any moment."""
    from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - as httpx below

    parts: queue.Queue[str | None] = queue.Queue()
    with start_blocking_portal() as portal:
        call = portal.start_task_soon(run, parts.put)
        call.add_done_callback(lambda _: parts.put(None))
        try:
            while not stopped():
                with suppress(queue.Empty):
                    if (part := parts.get(timeout=_POLL)) is None:
                        return call.result()
                    yield part
        except MirageError:
            raise
        except Exception as error:
            raise Unavailable(_("the answer could not be read (%(name)s)", name=type(error).__name__)) from error
        finally:
            call.cancel()


class _Chat:
    """What to ask, and what became of it.

    Attributes
    ----------
    ended : str
        The server's reason for the end: ``stop``, ``length``; empty when it gave none.
    spoken, thought : bool
        Whether it wrote text, and whether it thought where that is told apart from text.
    spoilt : bool
        Whether bytes came that are no UTF-8.
    """

    def __init__(self, url: str, body: dict[str, Any], key: str, timeout: float) -> None:
        self._url, self._body, self._key, self._timeout = url, body, key, timeout
        self._place = urlsplit(url)
        self._server = _("the server %(place)s", place=self._place.netloc)
        self.ended = ""
        self.spoken = self.thought = self.spoilt = False

    async def run(self, tell: Callable[[str], None], attempts: int, pause: float) -> None:
        """Ask, again where that may help, and hand each part of the text on."""
        import httpx  # noqa: PLC0415 - a fifth of a second, and only when a server is asked

        here = self._place.hostname in ("localhost", "127.0.0.1", "::1")
        timeout = httpx.Timeout(self._timeout, connect=min(_CONNECT, self._timeout))
        # A connection that is kept may be closed at the other end just when it is asked again.
        headers = {"Accept": "text/event-stream", "Connection": "close"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            client = httpx.AsyncClient(timeout=timeout, headers=headers, trust_env=not here)
        except (ValueError, UnicodeError):
            raise Unavailable(_("OPENAI_API_KEY holds characters that no key has; set it anew")) from None
        async with client:
            attempt = 1
            while True:
                wait = pause * 2 ** (attempt - 1)
                try:
                    async with client.stream("POST", self._url, json=self._body) as response:
                        if response.status_code == httpx.codes.OK:
                            return await self._read(response, tell)
                        said = await anext(response.aiter_text(4_000), "")
                        if self._adapted(said):
                            continue
                        if attempt >= attempts or response.status_code not in _BUSY:
                            raise Unavailable(self._refusal(response.status_code, said))
                        wait = _asked_to_wait(response.headers.get("retry-after", "")) or wait
                except httpx.HTTPError as error:
                    too_late = isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
                    if attempt >= attempts or self.spoken or too_late:
                        raise Unavailable(self._broken(type(error).__name__)) from None
                await asyncio.sleep(min(wait, _LONGEST_WAIT))
                attempt += 1

    def _adapted(self, said: str) -> bool:
        """Change what a server refuses by name, so that it is worth asking again; each change is made once."""
        body = self._body
        if "max_tokens" in body and "max_tokens" in said:
            body["max_completion_tokens"] = body.pop("max_tokens")
        elif "temperature" in body and "temperature" in said:
            del body["temperature"]
        elif len(body["messages"]) > 1 and re.search(r"\b(?:system|roles?)\b", said, re.IGNORECASE):
            whole = "\n\n".join(message["content"] for message in body["messages"])
            body["messages"] = [{"role": "user", "content": whole}]
        else:
            return False
        return True

    def _broken(self, kind: str) -> str:
        if kind == "ConnectError":
            return _("no server answers at %(place)s. Is it running, and is explainer_url right?", place=self._place.netloc)
        if kind.endswith("Timeout"):
            told = (
                N_("%(server)s did not go on within %(seconds)s s")
                if self.spoken
                else N_("%(server)s did not answer within %(seconds)s s")
            )
            return _(told, server=self._server, seconds=f"{self._timeout:g}")
        return _("the connection to %(server)s broke off (%(kind)s)", server=self._server, kind=kind)

    def _refusal(self, code: int, said: str) -> str:
        if 300 <= code < 400:
            return _(
                "%(server)s sends us elsewhere (%(code)s), which is not followed. Put its real address into explainer_url",
                server=self._server,
                code=code,
            )
        why = ""
        with suppress(ValueError):
            why = self._hidden(_problem(json.loads(said)))
        told = _("%(server)s answered %(said)s", server=self._server, said=f"{code}: {why}" if why else code)
        return ". ".join(filter(None, [told, _(_HINTS[code]) if code in _HINTS else ""]))

    def _hidden(self, said: str) -> str:
        """What a server says, short, and without the key should it repeat it."""
        said = " ".join(said.split())[:200].rstrip(".")
        return said.replace(self._key, "(key)") if self._key else said

    async def _read(self, response: Any, tell: Callable[[str], None]) -> None:
        """Hand on what comes: events, or one answer that is not streamed."""
        held, rest, streams, self._heard = "", "", False, time.monotonic()
        async for text in response.aiter_text():
            *lines, rest = _LINE_END.split(rest + text)
            if len(rest) > _LONGEST_LINE:
                raise Unavailable(_("%(server)s sent a line that does not end", server=self._server))
            for line in lines:
                field, _other, data = line.partition(":")
                if field == "data":
                    if data.strip() == "[DONE]":
                        return
                    held, streams = self._event(held if streams else "", data, tell), True
                elif streams:
                    held = held if line else ""
                elif field not in ("", "event", "id", "retry"):
                    held = f"{held}{line}\n"[:_LONGEST_LINE]
            if time.monotonic() - self._heard > self._timeout:
                raise Unavailable(
                    _(
                        "%(server)s kept the line open but wrote nothing for %(timeout)s s",
                        server=self._server,
                        timeout=format(self._timeout, "g"),
                    )
                )
        if (held + rest).strip():
            self._event(held, rest.removeprefix("data:"), tell)
        if (held + rest).strip() and not (streams or self.spoken or self.thought):
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            raise Unavailable(
                _(
                    "%(server)s answered with %(kind)s that is no chat completion. Is explainer_url right?",
                    server=self._server,
                    kind=kind or _("something"),
                )
            )

    def _event(self, before: str, data: str, tell: Callable[[str], None]) -> str:
        """Read one line of data; gives what belongs to an event that is not whole yet."""
        # An event may have several lines, and some servers leave out the empty line between two events.
        for whole in (before + data, data):
            with suppress(ValueError):
                self._content(json.loads(whole), tell)
                return ""
        return f"{before}{data}\n"[:_LONGEST_LINE]

    def _content(self, found: object, tell: Callable[[str], None]) -> None:
        """Hand on the text of an event, or of a whole answer."""
        if problem := _problem(found):
            raise Unavailable(
                _("%(server)s reported an error: %(problem)s", server=self._server, problem=self._hidden(problem))
            )
        choices = found.get("choices") if isinstance(found, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            return
        self.ended = str(first.get("finish_reason") or self.ended)
        message = first.get("delta") or first.get("message")
        message = message if isinstance(message, dict) else {"content": first.get("text")}
        text = message.get("content")
        if isinstance(text, list):
            text = "".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
        if message.get("reasoning_content") or message.get("reasoning"):
            self.thought, self._heard = True, time.monotonic()
        if isinstance(text, str) and text:
            self.spoken, self._heard, self.spoilt = True, time.monotonic(), self.spoilt or "\ufffd" in text
            tell(text)


def _problem(found: object) -> str:
    """The error that an answer reports, in any of the shapes that servers give it; empty when it reports none."""
    if isinstance(found, list):
        return _problem(found[0]) if found else ""
    if not isinstance(found, dict) or found.get("choices"):
        return ""
    said = found.get("error") or found.get("detail") or found.get("message") or found.get("msg")
    return said if isinstance(said, str) else _problem(said) or (json.dumps(said) if said else "")


def _asked_to_wait(header: str) -> float:
    """Seconds of a Retry-After header, which may be a number or a date; 0 when there is none."""
    with suppress(ValueError):
        return max(0.0, float(header))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return 0.0
