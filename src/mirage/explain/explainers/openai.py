"""Any server that speaks OpenAI's chat completions: llama.cpp, Ollama, vLLM, LM Studio, or a hosted one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from mirage.errors import BadInput, Unavailable
from mirage.explain.explainers.base import ExplainerInfo, Piece, Remark, Request
from mirage.explain.explainers.prompting import prompt_of
from mirage.explain.explainers.sentences import pieces
from mirage.explain.explainers.streaming import Call, Chat
from mirage.settings import Settings

_TOKENS_PER_SENTENCE = 70


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
        return ExplainerInfo("openai", self._model or "the server's own", generative=True)

    def explain(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield sentences as the server writes them; see `mirage.explain.explainers.base.Explainer`.

        Raises
        ------
        mirage.errors.Unavailable
            When the server is not there, refuses, hangs, breaks off, or answers with something else.
        mirage.errors.BadInput
            When its address cannot be used.
        """
        url = checked(self._url)
        answer = min(request.most * _TOKENS_PER_SENTENCE, self._context // 3)
        # A chat template adds marks of its own around the turns.
        prompt = prompt_of(request, self._context - answer - 64)
        if prompt.remark:
            yield prompt.remark
        body: dict[str, object] = {
            "messages": [{"role": "system", "content": prompt.rules}, {"role": "user", "content": prompt.data}],
            "stream": True,
            "temperature": 0,
            "max_tokens": answer,
        }
        if self._model:
            body["model"] = self._model
        chat = Chat(f"{url}/chat/completions", body, self._key, self._timeout, self._attempts, self._pause)
        with Call(chat, stopped) as call:
            yield from pieces(call, request.most, stopped)
            if chat.spoilt:
                yield Remark("Some of what the server sent could not be read as text; those characters are shown as �.")
            if chat.ended == "length":
                yield Remark("Cut short: the model reached the longest answer it may give.")


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
            "no server is named for the openai explainer. Set explainer_url (MIRAGE_EXPLAINER_URL), as http://localhost:8080/v1"
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise BadInput(
            f"explainer_url must begin with http:// or https:// and name a server; this cannot be used: {url[:80]!r}"
        )
    if parts.username or parts.password:
        raise BadInput("explainer_url must hold no name or password; put the key into OPENAI_API_KEY")
    if parts.query or parts.fragment:
        raise BadInput("explainer_url must end at its path, as in http://localhost:8080/v1, without ? or #")
    return url
