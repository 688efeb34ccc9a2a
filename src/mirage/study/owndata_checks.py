"""What has to be so of a row of one's own data, beyond the types of its columns, whoever wrote the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic_core import from_json

from mirage.errors import BadInput
from mirage.query import shown, tidy
from mirage.study.files import checked_item
from mirage.study.kept import link_of, note_of, title_of
from mirage.study.learning import LATEST, QUESTION_KINDS, GivenAnswer, checked, item_of
from mirage.study.memory import RATINGS, state_of
from mirage.study.quiz.kept import JUDGEMENT, QUESTION
from mirage.study.quiz.origin import OriginKind
from mirage.study.reviews.pool import Key, PoolContent, ReviewItem
from mirage.study.reviews.ratings import Place, Rating, Reviewer, name_of
from mirage.study.schedule import Pace
from mirage.wording import N_, _

_PERSON = re.compile(r"P:[0-9a-f]{16}")
Row = dict[str, Any]


def _collection(row: Row) -> Row:
    return {**row, "title": title_of(row["title"]), "notes": note_of(row.get("notes", ""))}


def _item(row: Row) -> Row:
    own = ("id", "collection", "place", "deleted")
    content = checked_item({name: value for name, value in row.items() if name not in own})
    return {**content, **{name: row.get(name) for name in own}}


def _answer(row: Row) -> Row:
    made = checked(GivenAnswer(**row))
    return {name: getattr(made, name) for name in GivenAnswer.__slots__}


def _card(row: Row) -> Row:
    item = item_of(row["kind"], row.get("figure", ""), row.get("structure", ""))
    if row["item"] != item:
        raise BadInput(_("its item cannot be %(shown)s.", shown=shown(row["item"])))
    keys = {name: row.get(name, "") for name in ("id", "kind", "item", "figure")}
    checked(GivenAnswer(**keys, when=row["added"], asked="", asked_name="", right=True, graded=True))
    if min(row["added"], row["due"], row.get("begun") or 0, row.get("reviewed") or 0) < 0 or row.get("answered", 0) < 0:
        raise BadInput(_("it has a time or a number below 0."))
    state = _state(row.get("state", ""))
    if bool(state) != (row.get("begun") is not None) or bool(state) != (row.get("reviewed") is not None):
        raise BadInput(_("what is known of it and when it was answered do not go together."))
    return {**row, "state": state}


def _state(written: str) -> str:
    return json.dumps(state_of(from_json(written, allow_inf_nan=False))) if written else ""


def _repetition(row: Row) -> Row:
    before = from_json(row.get("before", ""), allow_inf_nan=False)
    if row["rating"] not in RATINGS or not isinstance(before, dict):
        raise BadInput(_("it is no answer to a card."))
    kept = {name: before[name] for name in ("begun", "reviewed", "due", "answered", "lapses")}
    for name, value in kept.items():
        whole = name in ("answered", "lapses")
        if value is None and name in ("begun", "reviewed"):
            continue
        if type(value) not in ((int,) if whole else (int, float)) or not 0 <= value < LATEST:
            raise BadInput(_("its %(name)s cannot be %(value)s.", name=name, value=shown(value)))
    return {**row, "before": json.dumps({**kept, "state": _state(before["state"])})}


def _choice(row: Row) -> Row:
    value = from_json(row["value"], allow_inf_nan=False)
    if row["name"] != "repetition" or not isinstance(value, dict):
        raise BadInput(_("%(shown)s is nothing that can be chosen.", shown=shown(row["name"])))
    Pace(**value)
    return row


def _review(row: Row) -> Row:
    return {**row, "query": title_of(row.get("query", ""), N_("review")), "versus": tidy(row.get("versus", ""))[:200]}


def _review_item(row: Row) -> Row:
    made = ReviewItem(
        id=row["id"],
        kind=row["kind"],
        content=PoolContent.model_validate_json(row["content"]),
        key=Key.model_validate_json(row["key"]),
    )
    pictures, passages = made.content.pictures, made.content.passages
    for source in [*(each.source for each in pictures), *(each.source for each in passages)]:
        for link in (source.url, source.licence_url):
            link_of(link)
    return row


def _rating(row: Row) -> Row:
    person = row["reviewer"].removeprefix("P:") if _PERSON.fullmatch(row["reviewer"]) else ""
    if Reviewer(name_of(row["name"]), person).key != row["reviewer"]:
        raise BadInput(_("its reviewer cannot be %(shown)s.", shown=shown(row["reviewer"])))
    place = Place.model_validate_json(row["place"])
    Rating(item=row["item"], rating=row["rating"], comment=note_of(row["comment"]), place=place, rated=row["rated"])
    return row


def _hidden(row: Row) -> Row:
    if not row["figure"] or len(row["figure"]) > 600:
        raise BadInput(_("%(shown)s is no figure.", shown=shown(row["figure"])))
    return row


def _quiz(row: Row) -> Row:
    lacking = from_json(row.get("lacking") or "{}")
    if row.get("origin", "") not in get_args(OriginKind) or not isinstance(lacking, dict):
        raise BadInput(_("it cannot be made of %(shown)s.", shown=shown(row.get("origin", ""))))
    if strange := [why for kind, why in lacking.items() if kind not in QUESTION_KINDS or not isinstance(why, str)]:
        raise BadInput(_("it cannot lack %(shown)s.", shown=shown(strange[0])))
    return {**row, "title": title_of(row["title"], N_("quiz"))}


def _quiz_question(row: Row) -> Row:
    question = QUESTION.validate_json(row["question"])
    if not question.pictures or row["place"] < 1 or row.get("step", 0) < 0:
        raise BadInput(_("it asks nothing."))
    common: dict[str, Any] = {name: getattr(question, name) for name in ("kind", "item", "figure", "asked")}
    checked(GivenAnswer(**common, id=row["id"], when=0.0, asked_name="", right=True, graded=True))
    chosen = question.kind in ("choose", "side")
    if chosen != bool(question.choices) or (chosen and question.asked not in {each.concept for each in question.choices}):
        raise BadInput(_("its choices do not go with what it asks."))
    if question.mark and not all(0 <= share <= 1 for share in question.mark):
        raise BadInput(_("what it marks is not in the picture."))
    answered = JUDGEMENT.validate_json(row["given"]) if row.get("given") else None
    if (answered is None) != (row.get("answered") is None):
        raise BadInput(_("its answer and when it was given do not go together."))
    return row


CHECKS: Mapping[str, Callable[[Row], Row]] = {
    "collections": _collection,
    "items": _item,
    "answers": _answer,
    "cards": _card,
    "repetitions": _repetition,
    "choices": _choice,
    "reviews": _review,
    "review_items": _review_item,
    "ratings": _rating,
    "hidden": _hidden,
    "quizzes": _quiz,
    "quiz_questions": _quiz_question,
}
"""By table."""
