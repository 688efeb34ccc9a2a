"""Finding out who asks, of a site whose people sign in: by the cookie of a session, or by a proxy's header.

The cookie says 256 random bits and nothing else. What educators and owners do is written down here, whichever route does it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.errors import AtlasError, MirageError, Unavailable
from mirage.people.limits import HOUR
from mirage.people.persons import Person
from mirage.people.proxies import is_trusted
from mirage.people.roles import EDUCATOR, OWNER, Right
from mirage.people.visitor import ALONE, STRANGER, Told, Visitor, asking, listening, visitor, written
from mirage.web import problems
from mirage.web.rights import RefusedError, Wants
from mirage.web.root import root
from mirage.web.security import SAFE_METHODS, TOKEN_HEADER, same_secret
from mirage.web.site import RunningSite
from mirage.web.uploads import kind_of
from mirage.wording import N_, _

AUDITED: set[Right] = {"teach", "add", "edit", "library", "people"}
MACHINE = replace(ALONE, name=N_("a command on this machine"))
_CAME = {EDUCATOR: N_("Come in as educator"), OWNER: N_("Come in as owner")}
DEEDS = (
    *(N_("by the link of %(name)s"), N_("%(was)s is %(now)s"), N_("%(people)s people: %(names)s")),
    N_("%(uses)s × %(role)s, %(used)s used, made by %(name)s"),
    *(N_("by the first link, which makes the owner"), N_("by the provider"), N_("named by the proxy")),
)
"""What is written down of whom or what something was done to is made from these."""
OF_PEOPLE = {
    *(N_("Give somebody another name"), N_("Give somebody another role"), N_("Change the own name")),
    *(N_("End an invitation"), N_("Remove all who came together, with all that they kept"), *_CAME.values()),
}
OF_JOBS = {N_("Start a job"), N_("Stop a job of somebody else")}
"""Acts that are told with such a text, and those that are told with a job's title."""
ACTS = (
    N_("Add them, with the terms that were chosen"),
    N_("Add what is ticked of what a source would give: figures whose group is ticked, too"),
    N_("Ask a source"),
    N_("Begin a job again that broke or was stopped"),
    N_("Begin a review from the page"),
    N_("Begin adding of a living source again, where it broke or was stopped"),
    N_("Begin to review a condition, or go on with the review of it that there is"),
    N_("Change who may use the site"),
    N_("Delete a review with its ratings; for a day it can be restored"),
    N_("Edit a figure's words from its page"),
    N_("End an invitation; who came by it stays"),
    N_("End the rating for good; then the results tell both ways of searching apart"),
    N_("End the sessions of somebody, on all devices"),
    N_("Give back a review that was deleted within the last day"),
    N_("Give somebody another role or name"),
    N_("Hide a figure from learners, or show it again"),
    N_("Hide figures from the page, or show them again"),
    N_("Look through them, again or for the first time"),
    N_("Make a link by which somebody signs in once more, who has lost the way in"),
    N_("Make an invitation"),
    N_("Make room for files to be added"),
    N_("Rate an item, or change the rating"),
    N_("Rate an item, or close, delete or restore the review; the field ``do`` says which"),
    N_("Remove learners who came by one link from one address, with all that they kept, and end the link"),
    N_("Remove somebody with all that they kept, for good"),
    N_("Start adding a corpus"),
    N_("Start adding a corpus from the page"),
    N_("Start adding them; the files are thrown away when they are in the atlas"),
    N_("Start editing the words of a figure of one's own"),
    N_("Start importing an atlas file"),
    N_("Start looking through a corpus as adding would; nothing is added"),
    N_("Start looking through them; `GET /api/previews/{job}` has what is found"),
    N_("Start making the index anew; searches are answered from the old one until the new one is whole"),
    N_("Start removing figures, or a corpus"),
    N_("Start removing from the page"),
    N_("Start removing pictures that no figure uses"),
    N_("Take files: a multipart form, each in a field `file`, named by its path"),
    N_("Take in a file of ratings from the page"),
    N_("Take in a file of ratings; the same again changes nothing"),
    N_("Take the files of a form, and look through them"),
    N_("Throw them away"),
)
"""What routes do that are written down, as they say it themselves."""
_MOST_NAMED = 200
_COOKIE_SECONDS = 400 * 86_400  # as long as browsers keep one: the session itself ends so long after the last visit
_log = logging.getLogger(__name__)


class Visiting:
    """Lets each request be answered as asked by its person, and counts what that person sends.

    Parameters
    ----------
    app : ASGI application
    site : RunningSite
    """

    def __init__(self, app: ASGIApp, site: RunningSite) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        changes = scope["method"] not in SAFE_METHODS
        try:
            who = STRANGER if scope["path"].startswith("/static/") else await run_sync(self._who, request)
            limited = bool(who.id and self._site.settings.limit_upload_bytes)
            sends = changes and limited and kind_of(request.headers).startswith("multipart/")
            reserved = await run_sync(self._reserved, who, request) if sends else 0
        except MirageError as error:
            if isinstance(error, (AtlasError, Unavailable)):  # which may say where things lie, to who may be anybody
                _log.warning("nobody can be told apart now: %s", error)
                error = Unavailable(_("This site cannot find out now who asks. Try again in a minute; its log says why."))
            await problems.refused(request, error)(scope, receive, send)
            return
        taken, status, there = 0, 0, ""

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal status, there
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                status, there = message["status"], headers.get("location", "")
                if not scope["path"].startswith("/static/") and (kept := headers.get("cache-control", "")).startswith(
                    "public"
                ):
                    headers["Cache-Control"] = kept.replace(
                        "public", "private", 1
                    )  # or a proxy gives it to who has no right
            await send(message)

        with asking(who), listening() as told:
            try:
                await self._app(scope, receiving, sending)
            finally:
                if reserved > taken:
                    await run_sync(self._site.people.limits.give_back, who, "uploads", reserved - taken)
            if changes and who.role in (EDUCATOR, OWNER) and 200 <= status < 400:
                for what, target in _deeds(scope, told, urlsplit(there).path or scope["path"]):
                    await run_sync(self._site.people.audit.note, who, what, target)

    def _reserved(self, who: Visitor, request: Request) -> int:
        """Count a body before it comes: of many that are sent at once each would else find that nothing is used yet.

        It may go beyond what is left, as somebody who may send something at all may send one file.
        """
        most = self._site.settings.limit_upload_bytes
        told = request.headers.get("content-length", "")
        amount = min(int(told), most) if told.isascii() and told.isdigit() else most
        self._site.people.limits.use(who, "uploads", amount, most, HOUR, beyond=True)
        return amount

    def _who(self, request: Request) -> Visitor:
        people, settings = self._site.people, self._site.settings
        people.tidy(settings.session_days, settings.audit_days)
        if same_secret(request.headers.get(TOKEN_HEADER, ""), self._site.atlas.holder.token):
            return MACHINE
        if settings.proxy_user_header and (named := request.headers.getlist(settings.proxy_user_header)):
            return self._by_proxy(request, named)
        secret = request.cookies.get(cookie_name(self._site, request), "")
        return (people.sessions.find(secret, settings.session_days) if secret else None) or STRANGER

    def _by_proxy(self, request: Request, named: list[str]) -> Visitor:
        settings = self._site.settings
        if not is_trusted(peer_of(request.scope), settings.trusted_proxies):
            raise RefusedError(
                _(
                    "The header %(header)s says who has signed in, and only the proxies that the setting trusted_proxies "
                    "names may send it. This request came from elsewhere.",
                    header=settings.proxy_user_header,
                )
            )
        name = named[0].encode("latin-1").decode("utf-8", "replace").strip()
        if len(named) > 1 or not name or len(name) > _MOST_NAMED or not name.isprintable():
            raise RefusedError(
                _("The header %(header)s of the proxy does not name one person.", header=settings.proxy_user_header)
            )
        gained = partial(came_in, self._site, N_("named by the proxy"))
        person = self._site.people.persons.of_subject(f"proxy {name}", name, None, settings.default_role, gained)
        key = self._site.people.key("proxy").encode()
        return Visitor(person.id, person.name, person.role, hmac.new(key, person.id.encode(), hashlib.sha256).hexdigest())


def _deeds(scope: Scope, told: Told, there: str) -> list[tuple[str, str]]:
    """What is to be written down of one request, and on what it was done: each act once."""
    of_route = _audited(scope)
    by_act: dict[str, list[str]] = {}
    for deed in told.deeds:
        if of_route or not deed.own:
            by_act.setdefault(deed.act or of_route, []).append(deed.target)
    if not by_act and of_route and not told.written:
        return [(of_route, there)]
    return [(what, "; ".join(targets)) for what, targets in by_act.items()]


def _audited(scope: Scope) -> str:
    """What a route does that is written down, in its own words; empty where it is not."""
    route = scope.get("route")
    if not isinstance(route, APIRoute) or not rights_of(route) & AUDITED:
        return ""
    return (route.endpoint.__doc__ or route.path).strip().partition("\n")[0].partition(". ")[0].rstrip(".")


def came_in(site: RunningSite, by: str, person: Person) -> None:
    """Write down that somebody came, or may do more since, who teaches or owns the site; learners are not written down.

    Parameters
    ----------
    site : RunningSite
    by : str
        By what they came.
    person : Person
    """
    if person.role in (EDUCATOR, OWNER):
        who = Visitor(person.id, person.name, person.role)
        write_down(site, _CAME[person.role], by, who)


def write_down(site: RunningSite, what: str, target: str, who: Visitor | None = None) -> None:
    """Write down at once what somebody did, so that the page that answers tells it; also where nobody signs in.

    Parameters
    ----------
    site : RunningSite
    what, target : str
        What was done, in the same words whether by page, API or command, and on what.
    who : Visitor, optional
        Who asks, where it is left out.
    """
    who = who or visitor()
    site.people.audit.note(MACHINE if who == ALONE else who, what, target)
    written()


def rights_of(route: APIRoute) -> set[Right]:
    """The rights that a route wants: all of them."""
    return {each.dependency.right for each in route.dependencies if isinstance(each.dependency, Wants)}


def peer_of(scope: Scope) -> str:
    """The address that a connection itself comes from, whatever headers say."""
    client = scope.get("mirage.peer") or scope.get("client")
    return str(client[0]) if client else ""


# -- cookies -----------------------------------------------------------------------------------------------------------


def cookie_name(site: RunningSite, request: Request) -> str:
    """What the cookie of this site is called: over HTTPS so that no other site, nor one over http, can set it."""
    name = f"mirage-{site.people.key('server')[:8]}"
    return f"__Host-{name}" if by_https(site, request) else name


def by_https(site: RunningSite, request: Request) -> bool:
    """Whether the browser asks over HTTPS: of this server, or of a proxy before it at the address of the site."""
    named = urlsplit(site.settings.site_url)
    return request.url.scheme == "https" or (named.scheme == "https" and named.netloc == request.headers.get("host"))


def check_private(site: RunningSite, request: Request) -> None:
    """Let people sign in only where nobody between can read along: over HTTPS, or on this machine.

    Raises
    ------
    RefusedError
    """
    if by_https(site, request) or site.settings.insecure or _is_loopback(request.url.hostname or ""):
        return
    raise RefusedError(
        _(
            "Signing in needs HTTPS, so that nobody on the way can read along. Whoever runs this site can put it behind a "
            "proxy that has it, and give the address there as the setting site_url, or insist on http by "
            "`mirage serve --shared --insecure`."
        )
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"


def signed_in(site: RunningSite, request: Request, person_id: str, answer: Response, before: str = "") -> Response:
    """Sign somebody in: a new session, whatever cookie came, and the one before it ended.

    Parameters
    ----------
    site : RunningSite
    request : Request
    person_id : str
    answer : Response
        Gets the cookie.
    before : str
        Id of the session that the browser had.
    """
    if before:
        site.people.sessions.end(before)
    secure = by_https(site, request)
    answer.set_cookie(
        cookie_name(site, request),
        site.people.sessions.begin(person_id),
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )
    return answer


def signed_out(site: RunningSite, request: Request, answer: Response) -> Response:
    """Let the browser forget the session."""
    secure = by_https(site, request)
    answer.delete_cookie(cookie_name(site, request), path="/", httponly=True, samesite="lax", secure=secure)
    return answer


def base_of(site: RunningSite, request: Request) -> str:
    """The address that links to this site begin with."""
    return site.settings.site_url.rstrip("/") or str(request.base_url).rstrip("/") + root()
