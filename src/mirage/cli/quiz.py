"""``mirage quiz``: questions about real pictures, in the terminal."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from mirage.cli.client import (
    AtlasClient,
    AtlasOption,
    JsonOption,
    ModalityOption,
    PlaneOption,
    RegionOption,
    Several,
    asked,
    connect,
)
from mirage.cli.collection import collection_meant
from mirage.cli.output import complain, counted, out, plain, printed, say
from mirage.cli.saving import one_of
from mirage.errors import BadInput
from mirage.study.quiz.making import KINDS
from mirage.wording import _

app = typer.Typer(help="Be asked about real pictures. Answers stand on what sources say or mark.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="Id of the quiz, as `mirage quiz list` prints it.", show_default=False)]
_PLACE = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)[\s,;%]+(\d{1,3}(?:\.\d+)?)\s*%?\s*")


@app.command()
def begin(
    words: Annotated[list[str] | None, typer.Argument(help="Of what a search finds; the whole atlas when left out.")] = None,
    collection: Annotated[str, typer.Option(help="Of this collection, by its id or title.")] = "",
    case: Annotated[str, typer.Option(help="Of this case, by its id.")] = "",
    modality: ModalityOption = None,
    plane: PlaneOption = None,
    region: RegionOption = None,
    corpus: Annotated[Several, typer.Option(help="Only figures of this corpus.")] = None,
    proof: Annotated[Several, typer.Option(help="Only diagnoses proven so: pathology, surgery …")] = None,
    kind: Annotated[
        Several, typer.Option(help=f"Kind of question, of {', '.join(KINDS)}; all when left out.", callback=one_of(KINDS))
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many questions at most.")] = 10,
    seed: Annotated[int | None, typer.Option(help="The same gives the same questions.")] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Make a quiz and ask it, question by question. With --json it is only made.

    Examples: mirage quiz begin chest CT --kind point --count 5; mirage quiz begin --corpus medpix --proof pathology
    """
    filters = {"modality": modality, "plane": plane, "region": region, "corpus": corpus, "proof": proof}
    given = {name: values for name, values in filters.items() if values}
    if sum(map(bool, (words, collection, case))) > 1 or ((collection or case) and given):
        raise BadInput(_("Give words, or a collection, or a case; filters go with words or alone."))
    if words:
        origin, target = "search", asked(words, None, None, **given).print()
    elif collection or case:
        origin, target = ("collection", collection) if collection else ("case", case)
    else:
        origin, target = "filter", urlencode(given, doseq=True)
    with connect(atlas) as client:
        target = collection_meant(client, target) if origin == "collection" else target
        body: dict[str, Any] = {"origin": origin, "target": target, "count": count, "seed": seed}
        made = client.ask("POST", "/api/quiz", json=body | ({"kinds": kind} if kind else {}))
        if not printed(json, made):
            for why in made["lacking"].values():
                say(why)
            _ask(client, made["id"])


@app.command("go")
def go_on(which: Which, atlas: AtlasOption = None) -> None:
    """Go on with a quiz where it was left."""
    with connect(atlas) as client:
        _ask(client, which)


@app.command("list")
def list_(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print the quizzes, the newest first."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/quiz")
    if printed(json, answer):
        return
    for each in answer["quizzes"]:
        title = each["title"] or _("not done")
        done = _("%(done)s of %(count)s answered", done=each["count"] - each["waiting"], count=each["count"])
        plain(f"{each['id']}  {title} ({done})")
    if not answer["quizzes"]:
        say(_("There is none yet. `mirage quiz begin` makes one."))


@app.command()
def show(
    which: Which,
    number: Annotated[int, typer.Argument(help="Of a question; the whole quiz when left out.", show_default=False)] = 0,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Print how far a quiz is, or one question; its answer only once that was given."""
    with connect(atlas) as client:
        answer = client.ask("GET", _at(which, number) if number else _at(which))
    if printed(json, answer):
        return
    if number:
        _told(answer)
        return
    for each in answer["questions"]:
        how = _("graded") if each["graded"] else _("for practice")
        right = {True: _("right"), False: _("wrong"), None: each["state"]}[each["right"]]
        plain(f"{each['number']}. {each['kind']}, {how}: {right}")
    _scored(answer)


@app.command()
def answer(
    which: Which,
    number: Annotated[int, typer.Argument(help="Of the question.", show_default=False)],
    text: Annotated[str, typer.Argument(help="A diagnosis, the number of a choice, or a place: `45 60`.")] = "",
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Answer one question. Nothing given says that you don't know."""
    with connect(atlas) as client:
        question = client.ask("GET", _at(which, number))
        while not question["unfolded"]:
            question = client.ask("POST", f"{_at(which, number)}/unfold", json={"step": question["step"]})
        told = client.ask("POST", f"{_at(which, number)}/answer", json=_given(question, text))
    if not printed(json, told):
        _told(told)


@app.command()
def delete(which: Which, atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Delete a quiz. What was answered in it stays in the record of answers."""
    with connect(atlas) as client:
        left = client.ask("DELETE", _at(which))
    if not printed(json, left):
        say("Deleted.")


def _at(which: str, number: int = 0) -> str:
    return f"/api/quiz/{quote(which, safe='')}{f'/questions/{number}' if number else ''}"


def _given(question: dict[str, Any], text: str) -> dict[str, Any]:
    """What somebody typed, as the API wants it."""
    if not text.strip():
        return {}
    if question["choices"]:
        if not text.strip().isdecimal():
            raise BadInput(_("Type the number of a choice, 1 to %(choices)s.", choices=len(question["choices"])))
        return {"choice": int(text.strip()[:6])}
    if question["kind"] == "point":
        place = _PLACE.fullmatch(text)
        if not place:
            raise BadInput(_("Type a place as `45 60`: percent from the left, and from the top."))
        return {"x": float(place[1]) / 100, "y": float(place[2]) / 100}
    return {"text": text}


def _ask(client: AtlasClient, which: str) -> None:
    """Ask all questions that wait, one after the other."""
    with tempfile.TemporaryDirectory(prefix="mirage-quiz-") as folder:
        quiz = client.ask("GET", _at(which))
        say(
            _(
                "Quiz %(which)s: %(count)s. Pictures lie in %(folder)s until it ends.",
                which=which,
                count=counted(quiz["count"], "question"),
                folder=folder,
            )
        )
        say(_("Enter alone says that you don't know; Ctrl-D stops, and what you answered is kept."))
        for number in (each["number"] for each in quiz["questions"] if each["state"] == "asked"):
            if not _asked(client, which, number, Path(folder)):
                say(_("Stopped. `mirage quiz go %(which)s` goes on.", which=which))
                return
        _scored(client.ask("GET", _at(which)))


def _asked(client: AtlasClient, which: str, number: int, folder: Path) -> bool:
    """Ask one question; False where somebody stops."""
    question = client.ask("GET", _at(which, number))
    _head(question)
    told = 0
    while True:
        for passage in question["told"][told:]:
            _passage(passage)
        told = len(question["told"])
        if question["unfolded"]:
            break
        if _typed(_("Enter goes on with the case")) is None:
            return False
        question = client.ask("POST", f"{_at(which, number)}/unfold", json={"step": question["step"]})
    for place, picture in enumerate(question["pictures"], start=1):
        file = folder / f"question-{number}-picture-{place}.png"
        file.write_bytes(client.fetch(picture["address"]))
        plain(f"{picture['alt']}: {file.name}")
    if question["mark"]:
        x, y = (round(100 * each) for each in question["mark"])
        plain(_("Marked at %(x)s %% from the left and %(y)s %% from the top.", x=x, y=y))
    for choice in question["choices"]:
        plain(f"  {choice['number']}. {choice['text']}")
    out.print(f"[bold]{question['asks']}[/]")
    return _answered(client, which, question)


def _answered(client: AtlasClient, which: str, question: dict[str, Any]) -> bool:
    """Ask until an answer is understood; False where somebody stops."""
    hint = _("Percent from the left and the top, as 45 60") if question["kind"] == "point" else _("Your answer")
    while (text := _typed(hint)) is not None:
        try:
            body = _given(question, text)
            _told(client.ask("POST", f"{_at(which, question['number'])}/answer", json=body))
            return True
        except BadInput as error:
            complain(str(error))
    return False


def _typed(hint: str) -> str | None:
    try:
        return str(typer.prompt(hint, default="", show_default=False))
    except (typer.Abort, EOFError):
        return None


def _head(question: dict[str, Any]) -> None:
    plain(
        _(
            "\nQuestion %(number)s of %(count)s. %(grounds)s",
            number=question["number"],
            count=question["count"],
            grounds=question["grounds"],
        )
    )
    if question["patient"]:
        plain(question["patient"])


def _passage(passage: dict[str, Any]) -> None:
    out.print(f"[bold]{passage['name'].capitalize()}[/]")
    plain(passage["text"])
    if passage["left_out"]:
        plain(
            _("(%(left_out)s left out: the answer would be given away.)", left_out=counted(passage["left_out"], "sentence"))
        )


def _told(question: dict[str, Any]) -> None:
    """What of a question may be told: of one that was answered all."""
    given = question["given"]
    if given is None:
        _head(question)
        plain(question["asks"])
        for choice in question["choices"]:
            plain(f"  {choice['number']}. {choice['text']}")
        return
    out.print(f"[bold]{given['says']}[/]", end=" ")
    plain(given["answer"])
    for words, value in (
        (_("Read as"), given["read"]),
        (_("Proven by"), given["proven"]),
        (_("The source says"), given["quote"]),
    ):
        if value:
            plain(f"{words}: {value}")
    if figure := given["figure"]:
        plain(figure["caption"])
        plain(
            _(
                "%(attribution)s %(url)s Licence: %(name)s",
                attribution=figure["source"]["attribution"],
                url=figure["source"]["url"],
                name=figure["source"]["licence"]["name"],
            )
        )
        plain(given["figure_page"])


def _scored(quiz: dict[str, Any]) -> None:
    graded, practice = quiz["graded"], quiz["practice"]
    plain(_("\n%(count)s of %(count2)s answered.", count=quiz["count"] - quiz["waiting"], count2=quiz["count"]))
    for name, score in ((_("Graded"), graded), (_("For practice"), practice)):
        if score["answered"]:
            plain(
                _("%(name)s: %(right)s of %(answered)s right.", name=name, right=score["right"], answered=score["answered"])
            )
