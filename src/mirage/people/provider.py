"""Signing in by OpenID Connect: the authorization code flow, with a state, a nonce and PKCE (RFC 7636).

Authlib knows the protocol and reads the token; its absence is said where it is needed.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

import httpx

from mirage.errors import MirageError, Unavailable
from mirage.installed import to_install
from mirage.people.roles import ROLES, Role
from mirage.settings import Settings
from mirage.wording import N_, _

P = ParamSpec("P")
T = TypeVar("T")
_SECONDS = 5.0  # for each step of asking, to its last byte: somebody waits for it
_MOST_BYTES = 1 << 20  # of an answer, which has a few thousand
_RESTS = 5.0  # seconds for which a provider that did not answer is not asked again, so that others do not wait for it, too
_LEEWAY = 300  # seconds by which clocks may differ
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # never "none", nor one by a shared secret


class ProviderError(MirageError):
    """A sign-in by a provider that cannot be believed, or that it refused."""

    status = 403
    title = N_("Nobody was signed in")


@dataclass(frozen=True, slots=True)
class ProvidedPerson:
    """Who a provider says somebody is.

    Attributes
    ----------
    subject : str
        What it knows them by, with what makes it this provider's.
    name : str
    role : Role or None
        What its claim says; None where it says nothing.
    """

    subject: str
    name: str
    role: Role | None


class IdentityProvider:
    """One OpenID Connect provider.

    Parameters
    ----------
    settings : mirage.settings.Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer.rstrip("/")
        self._id, self._secret = settings.oidc_client_id, settings.oidc_client_secret.get_secret_value()
        self._claim, self._otherwise = settings.oidc_role_claim, settings.default_role
        self._metadata: dict[str, Any] = {}
        self._rests_until, self._why = 0.0, ""

    def begin(self, back: str) -> tuple[str, dict[str, str]]:
        """Begin to sign in.

        Parameters
        ----------
        back : str
            Address on this site that the provider sends the person back to.

        Returns
        -------
        str, dict of str to str
            The provider's address to go to, and what the browser keeps until it comes back.

        Raises
        ------
        mirage.errors.Unavailable
            When Authlib is not installed, or the provider does not answer.
        """
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce")} | {"verifier": secrets.token_urlsafe(48)}
        how = {"state": kept["state"], "nonce": kept["nonce"], "code_challenge_method": "S256"}
        how["code_challenge"] = _authlib("rfc7636").create_s256_code_challenge(kept["verifier"])
        address = _authlib("rfc6749.parameters").prepare_grant_uri(
            self._known()["authorization_endpoint"], self._id, "code", redirect_uri=back, scope="openid profile", **how
        )
        return address, kept

    def finish(self, back: str, answer: dict[str, str], kept: dict[str, str]) -> ProvidedPerson:
        """Find out who came back.

        Parameters
        ----------
        back : str
            As for `begin`.
        answer : dict of str to str
            What the provider put into the address.
        kept : dict of str to str
            What `begin` gave.

        Raises
        ------
        ProviderError
            When it is not the answer to what was begun in this browser, or the token is not for this site, or too old.
        mirage.errors.Unavailable
            When the provider does not answer.
        """
        if not secrets.compare_digest(answer.get("state", "").encode(), kept.get("state", "-").encode()):
            raise ProviderError(_("That sign-in was not begun in this browser, or is too old. Begin it anew."))
        if answer.get("error"):
            raise ProviderError(_("The provider refused: %(why)s. Nobody was signed in.", why=answer["error"][:80]))
        self._check_rested()
        given = {"redirect_uri": back, "code": answer.get("code", ""), "code_verifier": kept.get("verifier", "")}
        body = _authlib("rfc6749.parameters").prepare_token_request("authorization_code", **given)
        how = "client_secret_basic" if self._secret else "none"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        there, headers, body = (
            _authlib("auth")
            .ClientAuth(self._id, self._secret, how)
            .prepare("POST", self._known()["token_endpoint"], headers, body)
        )
        try:
            came = _asked("POST", there, headers=headers, content=body)
            if came.status_code >= 500:
                came.raise_for_status()
            token = came.json()
            refused = "" if came.is_success and "id_token" in token else str(token.get("error", came.status_code))
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        except (ValueError, TypeError, AttributeError) as error:
            refused = _why(error)
        if refused:
            raise ProviderError(_("The provider did not take the code back (%(why)s). Begin anew.", why=refused[:80]))
        return self._person(token, kept.get("nonce", ""))

    def _person(self, token: dict[str, Any], nonce: str) -> ProvidedPerson:
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - an extra
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import InvalidKeyIdError  # noqa: PLC0415

        known = self._known()
        wanted = {"iss": {"essential": True, "value": known["issuer"]}, "aud": {"essential": True, "value": self._id}}
        about = {"nonce": nonce, "client_id": self._id, "access_token": token.get("access_token")}
        try:
            try:
                read = jwt.decode(token["id_token"], self._keys(), algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # it has changed its keys
                read = jwt.decode(token["id_token"], self._keys(again=True), algorithms=_ALGORITHMS)
            claims = CodeIDToken(read.claims, read.header, wanted, about)
            claims.validate(leeway=_LEEWAY)
            if not nonce or claims.get("nonce") != nonce:
                raise ValueError("nonce")
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        except Exception as error:  # of two libraries, each with its own
            why = _("The provider’s answer cannot be believed (%(why)s). Nobody was signed in.", why=_why(error))
            raise ProviderError(why) from error
        name = claims.get("name") or claims.get("preferred_username") or ""
        return ProvidedPerson(f"oidc {known['issuer']} {claims['sub']}", str(name), self._role(claims))

    def _role(self, claims: Any) -> Role | None:
        said = claims.get(self._claim) if self._claim else None
        named = said if isinstance(said, list) else [said]
        return next((role for role in reversed(ROLES) if role in named), self._otherwise if self._claim else None)

    def _known(self) -> dict[str, Any]:
        # Several that come at once may each ask: nobody waits for somebody else's asking.
        if not self._metadata:
            found = self._fetched(f"{self.issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                raise ProviderError(_("The provider calls itself otherwise than the setting oidc_issuer does."))
            self._metadata = found
        return self._metadata

    def _keys(self, *, again: bool = False) -> Any:
        from joserfc.jwk import KeySet  # noqa: PLC0415 - an extra

        known = self._known()
        if again or "keys" not in known:
            known["keys"] = KeySet.import_key_set(self._fetched(known["jwks_uri"]))  # type: ignore[arg-type]
        return known["keys"]

    def _fetched(self, address: str) -> dict[str, Any]:
        self._check_rested()

        try:
            found: dict[str, Any] = _asked("GET", address).raise_for_status().json()
            return found
        except (httpx.HTTPError, ValueError) as error:
            raise self._silent(error) from error

    def _check_rested(self) -> None:
        if time.monotonic() < self._rests_until:
            raise self._unavailable()

    def _silent(self, error: Exception) -> Unavailable:
        self._rests_until, self._why = time.monotonic() + _RESTS, _why(error)
        return self._unavailable()

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            _(
                "The provider %(issuer)s, where people of this site sign in, does not answer as it should (%(why)s). Nobody "
                "was signed in. Try again in a minute; who is signed in stays so.",
                issuer=self.issuer,
                why=self._why,
            )
        )


class _LeftBehind(ThreadPoolExecutor):
    """Threads that nobody waits for, not even the end of the program.

    The system is asked for the address of a host in one, and that cannot be stopped.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = Future[T]()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=work, name="provider", daemon=True).start()
        return future


class _Counted(httpx.AsyncByteStream):
    """The bytes of an answer, which ends in an error where they are too many."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > _MOST_BYTES:
                raise TooLong(_("too long an answer"))
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class TooLong(httpx.DecodingError):
    """An answer of more bytes than any that is right."""


async def _bound(answer: httpx.Response) -> None:
    if answer.headers.get("content-encoding", "identity") != "identity":  # few bytes may be packed of many
        raise httpx.DecodingError(_("an answer that is packed, unasked"))
    answer.stream = _Counted(answer.stream)


def _asked(method: str, address: str, *, headers: Mapping[str, str] | None = None, content: str = "") -> httpx.Response:
    """Ask in a loop of its own, so that the time of all of it counts, from the name of the host to the last byte.

    Raises
    ------
    httpx.HTTPError
        Also where it takes too long, or says too much.
    """

    async def asked() -> httpx.Response:
        asyncio.get_running_loop().set_default_executor(_LeftBehind())
        plain = {"Accept-Encoding": "identity", **(headers or {})}
        async with asyncio.timeout(_SECONDS), httpx.AsyncClient(event_hooks={"response": [_bound]}) as client:
            return await client.request(method, address, headers=plain, content=content or None)

    try:
        return asyncio.run(asked())
    except TimeoutError as error:
        raise httpx.ReadTimeout(_("it takes too long")) from error


def _authlib(module: str) -> Any:
    """What knows the protocol; its own ways to ask are not used, whose waiting has no end."""
    try:
        return import_module(f"authlib.oauth2.{module}")
    except ImportError:
        raise Unavailable(
            _("Signing in by OpenID Connect needs Authlib: %(install)s.", install=to_install("authlib"))
        ) from None


def _why(error: Exception) -> str:
    """What went wrong, in a word: what a library says of it may repeat a token."""
    return str(getattr(error, "claim_name", "") or getattr(error, "error", "") or type(error).__name__)[:80]
