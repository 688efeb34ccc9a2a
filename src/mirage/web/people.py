"""The owner's page: who there is, what they run and keep, invitations, and the log of what was done; and the JSON twins."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadInput, MirageError, NotFound
from mirage.jobs.job import TITLES
from mirage.people.auditing import AuditEntry
from mirage.people.invitations import DAY, DEVICE_SECONDS, MOST_USES, Invitation
from mirage.people.persons import Person
from mirage.people.roles import LEARNER, OWNER, ROLE_WORDS, ROLES
from mirage.people.times import last_day, moment
from mirage.people.visitor import visitor, written
from mirage.web.account import forget
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import ApiBody, ApiModel
from mirage.web.visiting import DEEDS, MACHINE, OF_JOBS, OF_PEOPLE, base_of, write_down
from mirage.wording import N_, _, looked_up, retold

_MOST_ENTRIES = 1_000
twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("people")])
router = APIRouter(include_in_schema=False, dependencies=[wants("people")])


class PersonView(ApiModel):
    """Somebody who may use the site."""

    id: str
    name: str
    role: str
    created: float = Field(description="Seconds since 1970-01-01 UTC.")
    seen: float = Field(description="When they were last here, to a minute.")
    sessions: int = Field(description="On how many devices they are signed in.")
    jobs: int = Field(description="Jobs of theirs that wait or run.")
    images: int = Field(description="Synthetic images that they made and that are kept.")
    bytes: int = Field(description="What they keep takes, images not counted.")


class PeopleView(ApiModel):
    """Everybody, and the invitations that let somebody in."""

    people: list[PersonView]
    invitations: list[InvitationView]
    together: list[TogetherView]


class TogetherView(ApiModel):
    """Several who came by one link from one address, soon after each other: a class in one room, or one person."""

    id: str
    invitation: str
    people: list[str] = Field(description="Their ids, in the order in which they came.")
    first: float = Field(description="When the first came; seconds since 1970-01-01 UTC.")
    last: float


class InvitationView(ApiModel):
    """A link that lets people in; the link itself is not kept."""

    id: str
    role: str
    uses: int
    used: int
    until: float = Field(description="Seconds since 1970-01-01 UTC.")
    made_by: str


class InviteBody(ApiBody):
    """Make an invitation."""

    role: str
    uses: int = Field(default=1, description=f"How many it lets in, up to {MOST_USES}; an owner's one.")
    until: date | None = Field(default=None, strict=False, description="Through this day; a week where it is left out.")


class InvitedView(ApiModel):
    """An invitation with its link, which is shown this once."""

    id: str
    link: str


class PersonBody(ApiBody):
    """Change somebody: what is left out stays."""

    role: str | None = None
    name: str | None = Field(default=None, max_length=1_000)


class EndedView(ApiModel):
    """How many sessions, or invitations, ended."""

    ended: int


class RemovedPersonView(ApiModel):
    """Somebody who is gone, with all that they kept."""

    removed: str


class RemovedPeopleView(ApiModel):
    """Who is gone, with all that they kept."""

    removed: list[str]


class AuditEntryView(ApiModel):
    """One thing that an educator or owner did."""

    when: float = Field(description="Seconds since 1970-01-01 UTC.")
    person: str
    name: str
    role: str
    what: str
    target: str


class AuditView(ApiModel):
    """What educators and owners did, newest first."""

    entries: list[AuditEntryView]


def _people_view(site: RunningSite) -> PeopleView:
    return PeopleView(
        people=[_person_view(site, each) for each in site.people.persons.list()],
        invitations=[_invitation_view(each) for each in site.people.invitations.list() if not each.person],
        together=[TogetherView.of(each, people=list(each.people)) for each in site.people.persons.together()],
    )


def _person_view(site: RunningSite, person: Person) -> PersonView:
    jobs, images = site.jobs.under_way("", person.id), site.jobs.outputs.count(person.id)
    return PersonView.of(person, jobs=jobs, images=images, bytes=site.atlas.studies.size(person.id))


def _invitation_view(invitation: Invitation) -> InvitationView:
    return InvitationView.of(invitation)


def _invited(request: Request, site: RunningSite, role: str, uses: int, until: date | None) -> InvitedView:
    last = time.mktime((until + timedelta(days=1)).timetuple()) - 1 if until else 0.0
    made, token = site.people.invitations.make(role, uses=uses, until=last, made_by=visitor().name, maker=visitor().id)
    write_down(site, N_("Make an invitation"), f"{uses} × {role}")
    return InvitedView(id=made, link=f"{base_of(site, request)}/invited/{token}")


def _linked(request: Request, site: RunningSite, person_id: str) -> InvitedView:
    known = site.people.persons.get(person_id)
    who = visitor()
    made, token = site.people.invitations.make(known.role, lasts=DAY, made_by=who.name, maker=who.id, person=known.id)
    write_down(site, N_("Make a link to sign in again"), known.name)
    return InvitedView(id=made, link=f"{base_of(site, request)}/invited/{token}")


def _changed(site: RunningSite, person_id: str, role: str | None, name: str | None) -> Person:
    was = site.people.persons.get(person_id)
    person = site.people.persons.change(person_id, role=role, name=name)
    written()  # where it is as it was, nothing is
    if person.name != was.name:
        write_down(site, N_("Give somebody another name"), f"{was.name} is {person.name}")
    if person.role != was.role:
        write_down(site, N_("Give somebody another role"), f"{person.name} is {person.role}")
    return person


def _ended(site: RunningSite, person_id: str) -> int:
    name = site.people.persons.get(person_id).name
    written()
    sessions, links = site.people.sessions.end_all(person_id)
    if sessions or links:
        write_down(site, N_("Sign somebody out everywhere"), name)
    return sessions


def _closed(site: RunningSite, invitation_id: str) -> bool:
    written()
    ended = site.people.invitations.end(invitation_id)
    if ended is not None:
        by = ended.made_by or MACHINE.name
        write_down(site, N_("End an invitation"), f"{ended.uses} × {ended.role}, {ended.used} used, made by {by}")
    return ended is not None


def _removed(site: RunningSite, person_id: str) -> str:
    name = forget(site, person_id)
    write_down(site, N_("Remove somebody with all that they kept"), name)
    return name


def _forgotten(site: RunningSite, together: str) -> list[str]:
    """Remove those who came together, but who may do more since, and end the link that they came by."""
    found = next((each for each in site.people.persons.together() if each.id == together), None)
    if found is None:
        raise NotFound(_("There is no such group of people; perhaps they were removed."))
    with suppress(NotFound):
        _closed(site, found.invitation)
    there = {each.id: each.role for each in site.people.persons.list()}
    gone = [forget(site, each) for each in found.people if there.get(each) == LEARNER]
    if gone:
        write_down(
            site, N_("Remove all who came together, with all that they kept"), f"{len(gone)} people: {', '.join(gone)}"
        )
    return gone


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/people", response_model=PeopleView)
def people(site: Site) -> Response:
    """Everybody who may use the site, and the invitations that let somebody in."""
    return sent(_people_view(site))


@twins.patch("/people/{person_id}", response_model=PersonView, dependencies=[NEEDS_TOKEN])
def change(site: Site, person_id: str, body: PersonBody) -> Response:
    """Give somebody another role or name. It holds at once, where they are signed in too."""
    return sent(_person_view(site, _changed(site, person_id, body.role, body.name)))


@twins.post("/people/{person_id}/end", response_model=EndedView, dependencies=[NEEDS_TOKEN])
def end(site: Site, person_id: str) -> Response:
    """End the sessions of somebody, on all devices."""
    return sent(EndedView(ended=_ended(site, person_id)))


@twins.post("/people/{person_id}/link", response_model=InvitedView, status_code=201, dependencies=[NEEDS_TOKEN])
def link(request: Request, site: Site, person_id: str) -> Response:
    """Make a link by which somebody signs in once more, who has lost the way in."""
    return sent(_linked(request, site, person_id), 201)


@twins.delete("/people/{person_id}", response_model=RemovedPersonView, dependencies=[NEEDS_TOKEN])
def remove(site: Site, person_id: str) -> Response:
    """Remove somebody with all that they kept, for good."""
    return sent(RemovedPersonView(removed=_removed(site, person_id)))


@twins.delete("/people/together/{group}", response_model=RemovedPeopleView, dependencies=[NEEDS_TOKEN])
def remove_together(site: Site, group: str) -> Response:
    """Remove learners who came by one link from one address, with all that they kept, and end the link."""
    return sent(RemovedPeopleView(removed=_forgotten(site, group)))


@twins.post("/invitations", response_model=InvitedView, status_code=201, dependencies=[NEEDS_TOKEN])
def invite(request: Request, site: Site, body: InviteBody) -> Response:
    """Make an invitation. Its link is shown this once."""
    return sent(_invited(request, site, body.role, body.uses, body.until), 201)


@twins.delete("/invitations/{invitation_id}", response_model=EndedView, dependencies=[NEEDS_TOKEN])
def end_invitation(site: Site, invitation_id: str) -> Response:
    """End an invitation; who came by it stays. `ended` is 0 where it had ended already."""
    return sent(EndedView(ended=int(_closed(site, invitation_id))))


Most = Annotated[int, Query(ge=1, le=_MOST_ENTRIES, description="How many.")]
Before = Annotated[float, Query(ge=0, description="Only what was done before; seconds since 1970-01-01 UTC, 0 for all.")]


@twins.get("/audit", response_model=AuditView)
def audit(site: Site, most: Most = 200, before: Before = 0) -> Response:
    """What educators and owners did, newest first."""
    return sent(AuditView(entries=[_entry_view(each) for each in site.people.audit.list(most, before)]))


def _entry_view(entry: AuditEntry) -> AuditEntryView:
    """Show what somebody did: kept in English, and said in the reader's language."""
    # What somebody looked for, or is called, is nobody's to translate: only what an act is told with is.
    made_from = TITLES if entry.what in OF_JOBS else DEEDS if entry.what in OF_PEOPLE else ()
    target = "; ".join(retold(each, made_from) for each in entry.target.split("; "))
    return AuditEntryView.of(
        entry, name=entry.name if entry.person else looked_up(entry.name), what=looked_up(entry.what), target=target
    )


# -- the page ----------------------------------------------------------------------------------------------------------


@router.get("/people")
def people_page(site: Site) -> Response:
    """Show who there is, what was done, and what can be done about it."""
    return _page(site)


def _page(site: RunningSite, error: MirageError | None = None, link: str = "", for_whom: str = "") -> Response:
    view = _people_view(site)
    return page(
        "people.html",
        error,
        view=view,
        entries=site.people.audit.list(50),
        jobs=[job for job in site.jobs.list() if not job.ended],
        names={each.id: each.name for each in view.people},
        roles=[(role, ROLE_WORDS[role]) for role in ROLES],
        shared=site.settings.shared,
        settings=site.settings,
        link=link,
        for_whom=for_whom,
        hours=24,
        minutes=int(DEVICE_SECONDS // 60),
        until=last_day,
        moment=moment,
        problem=str(error) if error else "",
        token=site.token,
        OWNER=OWNER,
    )


@router.post("/people")
def do_by_form(request: Request, site: Site, form: TokenForm) -> Response:
    """Change who may use the site."""
    given = {name: str(value) for name, value in form.items()}
    do, person = given.get("do", ""), given.get("person", "")
    try:
        if do == "invite":
            uses, until = _whole(given.get("uses", "1")), _day(given.get("until", ""))
            return _page(site, link=_invited(request, site, given.get("role", ""), uses, until).link)
        if do == "link":
            return _page(site, link=_linked(request, site, person).link, for_whom=site.people.persons.get(person).name)
        if do == "role":
            _changed(site, person, given.get("role", ""), None)
        elif do == "end":
            _ended(site, person)
        elif do == "end invitation":
            _closed(site, given.get("invitation", ""))
        elif do in ("remove", "remove together"):
            if not given.get("sure"):
                raise BadInput(_("Nobody was removed: tick that you want it."))
            _forgotten(site, given.get("group", "")) if do == "remove together" else _removed(site, person)
    except BadInput as error:
        return _page(site, error)
    return RedirectResponse(at("/people"), 303)


def _whole(given: str) -> int:
    if not given.strip().isascii() or not given.strip().isdigit() or len(given) > 6:
        raise BadInput(_("Say as a number how many the link lets in."))
    return int(given)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise BadInput(_("Give the day as 2027-03-01.")) from None
