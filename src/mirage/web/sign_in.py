"""Signing in and out: the page that says how, links of invitations, and an OpenID Connect provider.

Opening a link changes nothing, since mail programs open links before people do: a button does.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Form, Request
from itsdangerous import BadData, URLSafeSerializer
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadInput, MirageError
from mirage.people.limits import LimitReached
from mirage.people.provider import IdentityProvider, ProviderError
from mirage.people.proxies import place_of
from mirage.people.roles import ROLES
from mirage.people.times import last_day
from mirage.people.visitor import ALONE, visitor
from mirage.web.forms import with_query
from mirage.web.rights import RefusedError, wants
from mirage.web.root import at, local
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.visiting import base_of, by_https, came_in, check_private, signed_in, signed_out
from mirage.wording import N_, _

_BACK = "/sign-in/provider/back"
_BEGUN = "mirage-begun"  # the cookie of a sign-in that is under way
_BEGUN_SECONDS = 600

router = APIRouter(include_in_schema=False, dependencies=[wants("enter")])


@router.get("/sign-in")
def sign_in_page(request: Request, site: Site, next: str = "") -> Response:
    """Say how to sign in."""
    there = local(next)
    if visitor().id:
        return RedirectResponse(at(there), 303)
    provider = with_query(at("/sign-in/provider"), {"next": there}) if site.settings.oidc_issuer else ""
    return page("sign_in.html", provider=provider, by_proxy=bool(site.settings.proxy_user_header))


def _check_shared() -> None:
    if visitor() == ALONE:
        raise RefusedError(
            _("Nobody signs in here now: this site is not shared. Whoever runs it starts it with `mirage serve --shared`.")
        )


@router.get("/invited/{token}")
def invited_page(site: Site, token: str) -> Response:
    """Show what an invitation is to; opening it uses nothing up."""
    return _invited_page(site, token)


def _invited_page(site: RunningSite, token: str, error: MirageError | None = None, name: str = "") -> Response:
    found, who = site.people.invitations.look(token), visitor()
    return page(
        "invited.html",
        error,
        invitation=found,
        changes_nothing=bool(who.id) and not found.person and ROLES.index(who.role) >= ROLES.index(found.role),
        until=last_day(found.until),
        address=at(f"/invited/{token}"),
        who=who,
        name=name,
        problem=str(error) if error else "",
        session_days=site.settings.session_days,
    )


@router.post("/invited/{token}")
def accept(request: Request, site: Site, token: str, name: Annotated[str, Form(max_length=1_000)] = "") -> Response:
    """Let somebody in by an invitation."""
    _check_shared()
    check_private(site, request)
    who, came_from = visitor(), _place(site, request)
    link = site.people.invitations.look(token)
    from_where = came_from if link.uses > 1 and not who.id else ""
    try:
        with site.people.limits.joining(from_where, site.settings.limit_joins):
            person = site.people.invitations.accept(token, name, who.id, came_from)
    except (BadInput, LimitReached) as error:
        return _invited_page(site, token, error, name)
    now = site.people.persons.get(person)
    if not link.person and (person != who.id or now.role != who.role):
        came_in(site, f"by the link of {link.made_by}" if link.made_by else "by the first link, which makes the owner", now)
    answer = RedirectResponse(at("/"), 303)
    return answer if person == who.id else signed_in(site, request, person, answer, who.session)


def _place(site: RunningSite, request: Request) -> str:
    """What tells the address apart that a request comes from, and tells nothing of it."""
    place = place_of(request.client.host) if request.client else ""
    return hmac.new(site.people.key("address").encode(), place.encode(), hashlib.sha256).hexdigest()[:16] if place else ""


@router.post("/sign-out")
def sign_out(request: Request, site: Site, form: TokenForm) -> Response:
    """Sign out here, or everywhere."""
    who = visitor()
    if form.get("everywhere") and who.id:
        site.people.sessions.end_all(who.id)
    elif who.session:
        site.people.sessions.end(who.session)
    return signed_out(site, request, RedirectResponse(at("/sign-in"), 303))


# -- an OpenID Connect provider ----------------------------------------------------------------------------------------


def _provider(site: RunningSite) -> IdentityProvider:
    if not site.settings.oidc_issuer:
        raise RefusedError(_("This site has no provider to sign in by."))
    return site.kept("provider", site.settings.oidc_issuer, lambda: IdentityProvider(site.settings), worded=False)


def _sealing(site: RunningSite) -> URLSafeSerializer:
    return URLSafeSerializer(site.people.key("sign-in"), salt="provider")


def _opened(site: RunningSite, sealed: str) -> dict[str, Any]:
    """What the browser kept of a sign-in that was begun.

    Raises
    ------
    ProviderError
        When it was begun elsewhere, or too long ago by the clock that all servers of this site go by.
    """
    try:
        kept: dict[str, Any] = _sealing(site).loads(sealed)
        if site.people.now() - kept["begun"] < _BEGUN_SECONDS:
            return kept
    except (BadData, KeyError, TypeError):
        pass
    raise ProviderError(_("That sign-in was not begun in this browser, or is too old. Begin it anew."))


@router.get("/sign-in/provider")
async def by_provider(request: Request, site: Site, next: str = "") -> Response:
    """Lead to the provider, where somebody signs in."""
    _check_shared()
    check_private(site, request)

    def begun() -> tuple[str, str]:
        address, kept = _provider(site).begin(base_of(site, request) + _BACK)
        return address, _sealing(site).dumps({**kept, "next": local(next), "begun": site.people.now()})

    address, sealed = await run_sync(begun, limiter=site.asking)
    answer = RedirectResponse(address, 303)
    secure = by_https(site, request)
    answer.set_cookie(
        _BEGUN, sealed, max_age=_BEGUN_SECONDS, httponly=True, samesite="lax", secure=secure, path=at("/sign-in")
    )
    return answer


@router.get(_BACK)
async def back_from_provider(request: Request, site: Site) -> Response:
    """Sign in who comes back from the provider."""
    _check_shared()
    check_private(site, request)
    provider, given = _provider(site), dict(request.query_params)

    def signed() -> Response:
        kept = _opened(site, request.cookies.get(_BEGUN, ""))
        found = provider.finish(base_of(site, request) + _BACK, given, kept)
        gained = partial(came_in, site, N_("by the provider"))
        default = site.settings.default_role
        person = site.people.persons.of_subject(found.subject, found.name, found.role, default, gained)
        return signed_in(site, request, person.id, RedirectResponse(at(local(kept["next"])), 303), visitor().session)

    answer = await run_sync(signed, limiter=site.asking)
    answer.delete_cookie(_BEGUN, path=at("/sign-in"))
    return answer
