"""What goes on a site: what licences let out, of that what is whole, and what is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mirage import licensing
from mirage.atlas import Atlas
from mirage.compare.dual import EXAMPLES, Dual
from mirage.errors import BadInput, MirageError, meant
from mirage.explain import explainers
from mirage.explain.explanation import Explanation
from mirage.figure import Case, Licence
from mirage.language.concepts import lexicon
from mirage.language.reading import NORMAL
from mirage.site.pages import Shown
from mirage.storage.records import CorpusRecord, FigureRow
from mirage.study.quiz.making import questions
from mirage.study.quiz.question import Question, own
from mirage.wording import _

_QUESTIONS = 40
_PAIRS = 4


@dataclass
class Choice:
    """What goes in of one atlas.

    Attributes
    ----------
    atlas : Atlas
    purpose : str
    non_commercial : bool
        As for `mirage.site.export.write`.
    rows : list of FigureRow
        The figures, by ascending key.
    behind, stories : list
    lost, unencoded : int
        As in `mirage.site.export.SiteReport`.
    """

    atlas: Atlas
    purpose: str
    non_commercial: bool
    rows: list[FigureRow] = field(default_factory=list)
    behind: list[Licence | str] = field(default_factory=list)
    stories: list[Licence] = field(default_factory=list)
    lost: int = 0
    unencoded: int = 0

    def leaves(self, what: Any, *, altered: bool = False) -> bool:
        """Whether a figure or what a licence is of may be shown on the site.

        Parameters
        ----------
        what : Figure or Licence
        altered : bool
            Whether a picture of it is changed.
        """
        way = "page", self.purpose
        return licensing.may_leave(what, *way, altered=altered, non_commercial=self.non_commercial).allowed

    def take(self, corpora: Sequence[str]) -> None:
        """Take the figures that may leave, of some corpora or of all.

        Parameters
        ----------
        corpora : sequence of str

        Raises
        ------
        mirage.errors.BadInput
            When there is none, or no corpus of a name.
        mirage.errors.Unavailable
            When it cannot be told which are hidden.
        """
        hidden = self.atlas.kept_back_keys()
        titles = {corpus.name: corpus.title for corpus in self.atlas.store.corpora()}
        corpora = [meant(each, titles, "corpus") for each in corpora]
        for row in (row for batch in self.atlas.store.each() for row in batch):
            if row.key in hidden or (corpora and row.figure.source.corpus not in corpora):
                continue
            if self.leaves(row.figure) and not row.figure.withdrawn:
                self.rows.append(row)
            else:
                self.behind.append(licensing.counted_as(row.figure))
        self.rows.sort(key=lambda row: row.key)
        if not self.rows:
            raise BadInput(_("No figure of this atlas may be put on a site. %(why)s", why=licensing.behind(self.behind)))

    def keep(self, shown: Mapping[str, Shown]) -> dict[str, Shown]:
        """Keep the figures that are encoded and have a picture; those as they are shown.

        Parameters
        ----------
        shown : mapping
            The figures whose pictures could be read, by id.

        Raises
        ------
        mirage.errors.BadInput
            When there is none.
        """
        encoded = self.atlas.store.vectors.of([row.key for row in self.rows], self.atlas.encoder_info.digest)
        kept = [row for row in self.rows if row.figure.id in shown and row.key in encoded]
        self.lost = len(self.rows) - len(shown)
        self.unencoded, self.rows = len(shown) - len(kept), kept
        if not kept:
            raise BadInput(_("No figure of this atlas is encoded and has a picture that can be read. Ask `mirage doctor`."))
        return {row.figure.id: shown[row.figure.id] for row in kept}

    def cases(self) -> tuple[dict[str, Case], dict[str, Case]]:
        """The cases of the figures by id, and those of them whose words may be told."""
        cases = self.atlas.store.cases({row.figure.case_id for row in self.rows if row.figure.case_id})
        told = {id: case for id, case in cases.items() if self.leaves(case.source.licence)}
        self.stories = [case.source.licence for id, case in cases.items() if id not in told]
        return cases, told

    def explained(self, shown: Mapping[str, Shown]) -> dict[str, Explanation]:
        """Explanations of what titles and diagnoses of the site name, where figures of the site hold all that is cited."""
        said = self.atlas.store.mentions.of([row.key for row in self.rows], (), ("title", "diagnosis"))
        named = {each.concept for told in said.values() for each in told if each.polarity == "affirmed"}
        # What a chest is, no sentence of a case says; and what is normal differs from organ to organ.
        named = {name for name in named if name != NORMAL and lexicon().kind(name) in ("disease", "finding")}
        made: dict[str, Explanation] = {}
        for name in sorted(named):
            try:
                explained = self.atlas.explain(name, explainer=explainers.DEFAULT)
            except MirageError:
                continue
            known = {
                each.number
                for each in explained.evidence
                if shown.keys() & set(each.figures) and self.leaves(each.source.licence)
            }
            if explained.claims and all(set(claim.cites) <= known for claim in explained.claims):
                made[name] = explained
        return made

    def questions(self, shown: Mapping[str, Shown]) -> list[tuple[Question, Shown, str]]:
        """Questions of a quiz, made as a server makes them, each with its figure and the right answer."""
        asked = questions([each.figure for each in shown.values()], self.atlas, kinds=("choose", "side"), count=_QUESTIONS)
        found = list[tuple[Question, Shown, str]]()
        for question in asked.questions:
            figure = shown.get(own(question.figure))
            right = next((each.text for each in question.choices if each.concept == question.asked), "")
            tinted = question.value if question.kind == "side" else 0
            if figure and right and (not tinted or self.leaves(figure.figure, altered=True)):
                found.append((question, figure, right))
        return found

    def examples(self) -> list[str]:
        """Words to search for, of which a figure of the site is the first that is found."""
        ids = {row.figure.id for row in self.rows}
        asked = self.atlas.examples(12)
        return [
            query.text for query in asked if (hits := self.atlas.search(query.text, k=1).hits) and hits[0].figure.id in ids
        ][:6]

    def pairs(self) -> list[tuple[str, str]]:
        """Words of two sides to compare, each of which finds a figure of the site."""
        ids = {row.figure.id for row in self.rows}
        known = [dual for dual in map(Dual.parse, EXAMPLES) if not dual.modified]
        own = [query.text for query in self.atlas.examples(6)]
        asked = [*((dual.a.text, dual.b.text) for dual in known), *zip(own[::2], own[1::2], strict=False)]
        found = list[tuple[str, str]]()
        for pair in asked:
            first = [self.atlas.search(words, k=1) for words in pair]
            if len(found) < _PAIRS and all(each.fits and each.hits[0].figure.id in ids for each in first):
                found.append(pair)
        return found

    def corpora(self) -> list[CorpusRecord]:
        """The corpora of the figures."""
        there = {row.figure.source.corpus for row in self.rows}
        return [corpus for corpus in self.atlas.store.corpora() if corpus.name in there]

    def licences(self) -> list[tuple[str, list[str], int]]:
        """The licences of the figures by name, each with where its texts are and how many have it, the most frequent first.

        Of one name sources may state several texts: what is in the public domain says so in its own words.
        """
        counted = Counter(str(row.figure.source.licence) for row in self.rows)
        texts = {name: dict[str, None]() for name in counted}
        for row in self.rows:
            licence = row.figure.source.licence
            if licence.url.startswith(("https://", "http://")):
                texts[str(licence)][licence.url] = None
        return [(name, list(texts[name]), count) for name, count in counted.most_common()]
