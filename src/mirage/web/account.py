"""One's own account: who one is, where one is signed in, and its end. What is kept of everybody, for all to read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadInput, MirageError
from mirage.jobs.lanes import KEPT_JOBS, KEPT_SECONDS
from mirage.people.invitations import DEVICE_SECONDS
from mirage.people.roles import ROLE_WORDS
from mirage.people.times import moment
from mirage.people.visitor import ALONE, tell, visitor
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import RefusedError, wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import ApiModel
from mirage.web.visiting import base_of, signed_out
from mirage.wording import N_, _

_LEAVES = N_("Delete the own account")
twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])
public = APIRouter(include_in_schema=False, dependencies=[wants("enter")])


class MeView(ApiModel):
    """Who asks."""

    id: str = Field(description="Empty where nobody signs in: then it is whoever has the machine.")
    name: str
    role: str
    signed_in: bool
    token: str = Field(description="What has to stand in the header X-Mirage-Token to change something.")
    sessions: int = Field(description="On how many devices one is signed in.")


class SignedOutView(ApiModel):
    """How many sessions ended."""

    ended: int


class AccountDeletedView(ApiModel):
    """An account that is gone, with all that it kept."""

    deleted: str


@twins.get("/me", response_model=MeView)
def me(site: Site) -> Response:
    """Who one is."""
    who = visitor()
    sessions = site.people.persons.get(who.id).sessions if who.id else 0
    seen = MeView(id=who.id, name=who.name, role=who.role, signed_in=bool(who.id), token=who.token, sessions=sessions)
    return sent(seen)


@twins.post("/me/sign-out", response_model=SignedOutView, dependencies=[NEEDS_TOKEN])
def sign_out_everywhere(site: Site) -> Response:
    """Sign out on all devices, this one too."""
    return sent(SignedOutView(ended=site.people.sessions.end_all(_own(site))[0]))


@twins.delete("/me", response_model=AccountDeletedView, dependencies=[NEEDS_TOKEN])
def delete(site: Site) -> Response:
    """Delete one's account and all that it kept, for good."""
    own = _own(site)
    tell(forget(site, own), _LEAVES)
    return sent(AccountDeletedView(deleted=own))


def _own(site: RunningSite) -> str:
    if not visitor().id:
        raise RefusedError(_("Nobody is signed in here, so there is no account. Own data are at /my-data."))
    return visitor().id


def forget(site: RunningSite, person: str) -> str:
    """Remove somebody with all that they kept: study, synthetic images, sessions; jobs of theirs stop. Gives the name.

    Parameters
    ----------
    site : RunningSite
    person : str
        Id.

    Raises
    ------
    mirage.errors.NotFound
    mirage.errors.BadInput
        When they are the last owner.
    """
    known = site.people.persons.remove(person)
    clear(site, person)
    return known.name


def clear(site: RunningSite, person: str) -> None:
    """Remove all that is left of somebody who is gone.

    Parameters
    ----------
    site : RunningSite
    person : str
        Id.
    """
    site.jobs.forget(person)
    site.atlas.studies.remove(person)
    site.people.limits.forget(person)


@router.get("/me")
def account_page(site: Site) -> Response:
    """Show one's account."""
    if not visitor().id:
        return RedirectResponse(at("/my-data"), 303)
    return _account_page(site)


def _account_page(site: RunningSite, error: MirageError | None = None, link: str = "", name: str = "") -> Response:
    known = site.people.persons.get(_own(site))
    return page(
        "me.html",
        error,
        person=known,
        role=ROLE_WORDS[known.role],
        since=moment(known.created, "%Y-%m-%d"),
        by_session=bool(visitor().session),
        link=link,
        name=name,
        minutes=int(DEVICE_SECONDS // 60),
        problem=str(error) if error else "",
        token=site.token,
    )


@router.post("/me")
def change_by_form(request: Request, site: Site, form: TokenForm) -> Response:
    """Change the name, sign in on another device, or delete the account."""
    own, do = _own(site), str(form.get("do", ""))
    try:
        if do == "name":
            was, named = visitor().name, site.people.persons.change(own, name=str(form.get("name", ""))).name
            if named != was:
                tell(f"{was} is {named}", N_("Change the own name"))
        elif do == "device":
            who = visitor()
            made = site.people.invitations.make(who.role, lasts=DEVICE_SECONDS, made_by=who.name, maker=own, person=own)
            return _account_page(site, link=f"{base_of(site, request)}/invited/{made[1]}")
        elif do == "delete":
            if not form.get("sure"):
                raise BadInput(_("Nothing was deleted: tick that you want it deleted."))
            tell(forget(site, own), _LEAVES)
            return signed_out(site, request, RedirectResponse(at("/sign-in"), 303))
    except BadInput as error:
        return _account_page(site, error, name=str(form.get("name", "")))
    return RedirectResponse(at("/me"), 303)


@public.get("/privacy")
def privacy_page(site: Site) -> Response:
    """Say what is kept, and for how long."""
    kept = site.settings
    return page(
        "privacy.html",
        shared=visitor() != ALONE,
        settings=kept,
        job_days=round(KEPT_SECONDS / 86_400),
        jobs=KEPT_JOBS,
        provider=bool(kept.oidc_issuer),
        proxy=bool(kept.proxy_user_header),
    )
