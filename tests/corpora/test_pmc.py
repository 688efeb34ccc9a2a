"""PubMed Central, as a stand-in on this machine answers for it, faults included."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from live_server import LOGIN, Place, Reply, of_json
from mirage.atlas import Atlas
from mirage.corpora.base import Infers, Item, Refused
from mirage.corpora.live import pmc_look, pmc_source, xml
from mirage.corpora.live.base import Standing
from mirage.corpora.live.client import Client, Rate
from mirage.corpora.live.pmc import PmcCorpus
from mirage.errors import BadInput, NoNetwork, Unavailable
from mirage.jobs.change import add_corpus
from mirage.licensing import may_leave
from mirage.storage.preview import preview_source
from pmc_maker import BY, CC, Paper, fig, hold, picture, pmc_settings


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("EUTILS_RATE", "EUTILS_RATE_WITH_KEY", "BUCKET_RATE"):
        monkeypatch.setattr(pmc_source, name, Rate(4, 0.001))
    monkeypatch.setattr(Client, "pause", 0.001)
    hold(served)
    return served


def opened(place: Place, cache: Path, **more: Any) -> PmcCorpus:
    given = more.pop("given", {})
    return PmcCorpus(more.pop("query", "aortic dissection"), settings=pmc_settings(place, cache, **given), **more)


def got(corpus: PmcCorpus) -> tuple[list[Item], list[Refused]]:
    corpus.prepare()
    entries = list(corpus.items())
    return [each for each in entries if isinstance(each, Item)], [each for each in entries if isinstance(each, Refused)]


def licensed(kind: str, rest: str = "/4.0/") -> str:
    return f'<license xlink:href="{CC}/{kind}{rest}"><license-p>Open access.</license-p></license>'


def said(words: str) -> str:
    return f"<license><license-p>{words}</license-p></license>"


# -- what comes -------------------------------------------------------------------------------------------------------------


def test_each_figure_has_link_author_and_licence_as_the_source_has_them(place: Place, tmp_path: Path) -> None:
    kinds = ["by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd"]
    papers = [
        Paper(n, licence=licensed(kind), metadata={"license_code": f"CC {kind.upper()}"}, authors=((f"Ann{n}", "Lee"),))
        for n, kind in enumerate(kinds, start=1)
    ]
    cc0 = "<license><ali:license_ref>http://creativecommons.org/publicdomain/zero/1.0/</ali:license_ref></license>"
    papers.append(Paper(7, licence=cc0, metadata={"license_code": "CC0"}))
    hold(place, *papers)
    corpus = opened(place, tmp_path, licences=tuple(pmc_source.FILTERS))
    items, refused = got(corpus)
    assert (len(items), refused) == (14, [])
    for item, (n, kind) in zip(items[::2], enumerate(kinds, start=1), strict=False):
        source = item.figure.source
        assert (source.url, source.url_of) == (f"https://pmc.ncbi.nlm.nih.gov/articles/PMC{n}/", "article")
        assert (source.licence.name, source.licence.url) == (f"CC {kind.upper()} 4.0", f"{CC}/{kind}/4.0/")
        assert source.attribution.startswith(f"Figure 1 of Ann{n} Lee. Acute aortic dissection in a young man")
        assert source.attribution.endswith(f"Journal of Cases, 2021. doi 10.1234/case.{n}. PMC{n} at PubMed Central")
        assert item.case is not None
        assert item.case.source.licence == source.licence
    last = items[-1].figure.source.licence
    assert (last.name, last.url) == ("CC0 1.0", "http://creativecommons.org/publicdomain/zero/1.0/")
    assert may_leave(last, "slide", "pass-on").allowed
    assert isinstance(corpus, Infers)


def test_a_case_has_its_passages_and_the_words_that_speak_of_its_figures(place: Place, tmp_path: Path) -> None:
    body = (
        "<sec><title>Case</title><sec><title>Patient information</title><p>A man, 34.</p></sec>"
        "<sec><title>Clinical findings</title><p>Blood pressure was low.</p></sec>"
        '<sec><title>Imaging</title><p>CT (<xref ref-type="fig" rid="F1 F2">Figs. 1, 2</xref>) showed a flap.</p></sec>'
        "<sec><title>Treatment</title><p>He had surgery.</p></sec></sec>"
        '<sec><title>Discussion</title><p>Rare.</p><p>As in <xref rid="F2">Figure 2</xref>, it spares the arch.</p></sec>'
    )
    hold(place, Paper(1, body=body))
    (item, other), _ = got(opened(place, tmp_path))
    assert item.case == other.case
    assert item.case is not None
    assert item.case.passages == {
        "history": "A man, 34.",
        "exam": "Blood pressure was low.",
        "findings": "CT (Figs. 1, 2) showed a flap.\nAs in Figure 2, it spares the arch.",
        "treatment": "He had surgery.",
        "discussion": "We report a dissection.\nRare.",
    }
    assert (item.figure.modality, item.figure.plane, item.figure.inferred) == ("CT", "axial", ("modality", "plane"))
    assert item.figure.diagnosis == ""


def test_a_compound_figure_is_kept_whole_and_said(place: Place, tmp_path: Path) -> None:
    captions = {
        "(A) Axial CT. (B) Sagittal CT.": "A–B",
        "A: axial CT; B: coronal; C: sagittal.": "A–C",
        "CT (a–d) before and (e, f) after.": "A–F",
        "Hepatitis B and vitamin A, no parts.": "",
        "Stanford type B. Axial CT (arrow).": "",
    }
    figures = tuple(fig(n, caption) for n, caption in enumerate(captions, start=1))
    hold(place, Paper(1, figures=figures))
    offer = opened(place, tmp_path).offer()
    told = ["".join(each.warnings) for each in offer.figures]
    assert [said.partition("parts ")[2].partition(",")[0] for said in told] == list(captions.values())
    items, _ = got(opened(place, tmp_path))
    assert len(items) == len(captions)
    assert items[0].notes == ("It is a compound figure with the parts A–B, kept whole.",)
    assert items[0].compound, "so that no plane of one part is inferred from how the whole looks"
    assert "(its parts A–B in one picture) of " in items[0].figure.source.attribution


def test_an_offer_shows_what_would_come_and_only_what_was_chosen_is_added(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1), Paper(2))
    steps: list[tuple[str, int, int | None]] = []
    before = time.time()
    offer = opened(place, tmp_path).offer(lambda *told: steps.append(told))
    assert (offer.unit, offer.total, offer.looked_at, offer.left_out) == ("articles", 2, 2, ())
    assert [each.id for each in offer.figures] == ["pmc:PMC1-F1", "pmc:PMC1-F2", "pmc:PMC2-F1", "pmc:PMC2-F2"]
    assert all(each.thumbnail[8:12] == b"WEBP" and each.size and each.group for each in offer.figures)
    assert {what for what, *_ in steps} == {"asking", "fetching"}
    assert before - 1 < offer.asked < time.time() + 1
    asked = len(place.asked)
    items, refused = got(opened(place, tmp_path, only=("pmc:PMC2-F1", "pmc:PMC9-F1")))
    assert [item.figure.id for item in items] == ["pmc:PMC2-F1"]
    assert [(each.label, "any more" in each.reason) for each in refused] == [("pmc:PMC9-F1", True)]
    assert len(place.asked) == asked


def test_the_small_picture_that_the_source_has_is_the_thumbnail(place: Place, tmp_path: Path) -> None:
    media = {"case-g1.gif": picture(1, "GIF", 20), "case-g1.jpg": picture(2, side=300)}
    hold(place, Paper(1, figures=(fig(1),), media=media))
    (offered,) = opened(place, tmp_path).offer().figures
    assert offered.thumbnail
    assert offered.size == len(media["case-g1.jpg"])
    assert place.paths(".jpg") == []


def test_so_many_figures_and_no_more_and_pages_are_turned(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pmc_look, pmc_source):
        monkeypatch.setattr(module, "PAGE", 5)
    hold(place, *(Paper(n, figures=() if n < 7 else (fig(1), fig(2))) for n in range(1, 12)))
    items, refused = got(opened(place, tmp_path, most=3))
    assert [item.figure.id for item in items] == ["pmc:PMC7-F1", "pmc:PMC7-F2", "pmc:PMC8-F1"]
    assert {each.reason for each in refused} == {"It is an article without figures."}
    searches = [query for path, query in place.asked if "esearch" in path]
    assert [query["retstart"] for query in searches] == ["0", "5"]
    assert searches[0]["term"] == '(aortic dissection) AND ("cc by license"[filter] OR "cc0 license"[filter])'
    assert searches[0]["tool"] == "mirage-atlas"


def test_a_newer_version_is_the_one_that_is_taken_with_a_list_or_without(place: Place, tmp_path: Path) -> None:
    for lists in (True, False):
        hold(place, Paper(1, version=2), lists=lists)
        place.routes["/bucket/metadata/PMC1.1.json"] = of_json(Paper(1).entry())
        items, _ = got(opened(place, tmp_path / str(lists)))
        assert len(items) == 2
        assert all("PMC1.2/" in path for path in place.paths(".jpg"))


def test_an_entry_with_no_more_than_is_documented_is_enough(place: Place, tmp_path: Path) -> None:
    paper = Paper(1)
    entry = paper.entry()
    told = {name: entry[name] for name in ("license_code", "is_retracted", "doi", "xml_url", "media_urls")}
    told["media_urls"] = [
        {"url": f"{pmc_source.BUCKET}/PMC1.1/{name}", "md5": hashlib.md5(data).hexdigest()}
        for name, data in paper.files.items()
    ]
    hold(place, paper, lists=False)
    place.routes["/bucket/metadata/PMC1.1.json"] = of_json(told)
    items, refused = got(opened(place, tmp_path))
    assert (len(items), refused) == (2, [])


# -- what stays out ---------------------------------------------------------------------------------------------------------

_OWN = f'<permissions>{licensed("by-nc-nd")}</permissions><graphic xlink:href="case-g2"/>'
_LEFT_OUT: dict[str, tuple[Paper, str, int]] = {
    "retracted": (Paper(1, metadata={"is_retracted": True}), "marked as retracted", 0),
    "retracted by its title": (Paper(1, title="RETRACTED: A case"), "marked as retracted", 0),
    "retracted by a notice": (
        Paper(1, front='<related-article related-article-type="retraction-forward"/>'), "marked as retracted", 0
    ),
    "retraction notice": (Paper(1, kind="retraction"), "marked as retracted", 0),
    "retraction not stated": (Paper(1, metadata={"is_retracted": None}), "retracted or not", 0),
    "no licence": (Paper(1, metadata={"license_code": None}), "without a stated licence", 0),
    "empty licence": (Paper(1, metadata={"license_code": ""}), "without a stated licence", 0),
    "NO-CC CODE": (Paper(1, metadata={"license_code": "NO-CC CODE"}), "without a stated licence", 0),
    "not asked for": (
        Paper(1, licence=licensed("by-nc"), metadata={"license_code": "CC BY-NC"}), "was not asked for", 0
    ),
    "stricter in the article": (Paper(1, licence=licensed("by-nc")), "CC BY-NC 4.0, a licence that", 0),
    "stricter in the list": (Paper(1, metadata={"license_code": "CC BY-NC-ND"}), "CC BY-NC-ND, a licence that", 0),
    "neither is stricter": (
        Paper(1, licence=licensed("by-sa"), metadata={"license_code": "CC BY-NC"}), "another in the text", 0
    ),
    "all rights reserved": (Paper(1, licence=said("All rights reserved.")), "does not understand", 0),
    "in German": (Paper(1, licence=said("Nicht kommerziell.")), "does not understand", 0),
    "not open": (Paper(1, metadata={"is_pmc_openaccess": False}), "outside of open access", 0),
    "no text": (Paper(1, metadata={"xml_url": None}), "whose text", 0),
    "text elsewhere": (Paper(1, metadata={"xml_url": "http://169.254.169.254/PMC1.1/x.xml"}), "whose text", 0),
    "without figures": (Paper(1, figures=()), "without figures", 0),
    "a table": (Paper(1, figures=(fig(1), fig(2, fig_type="table"))), "a table", 1),
    "a table by its label": (
        Paper(1, figures=(fig(1), fig(2).replace("<label>Figure 2", "<label>Table 2"))), "a table", 1
    ),
    "no graphic": (Paper(1, figures=(fig(1), fig(2, inside="<p/>"))), "without a picture", 1),
    "a video": (Paper(1, figures=(fig(1), fig(2, inside='<media xlink:href="a.mp4"/>'))), "a video", 1),
    "by permission": (
        Paper(1, figures=(fig(1), fig(2, "CT. Reproduced with permission from Roe et al."))), "by permission", 1
    ),
    "terms other": (Paper(1, figures=(fig(1), fig(2, inside=_OWN))), "terms other", 1),
    "no file": (Paper(1, figures=(fig(1), fig(2, graphic="lost"))), "does not give out", 1),
    "a file elsewhere": (
        Paper(1, figures=(fig(1),), metadata={"media_urls": ["s3://pmc-oa-opendata/PMC2.1/case-g1.jpg", "s3://other/x"]}),
        "does not give out", 0,
    ),
    "a path that leads out": (
        Paper(1, figures=(fig(1),), metadata={"media_urls": ["s3://pmc-oa-opendata/PMC1.1/../case-g1.jpg"]}),
        "does not give out", 0,
    ),
    "a TIFF of 60 MB": (
        Paper(1, figures=(fig(1),), media={"case-g1.tif": picture(1, "TIFF")}, listed={"case-g1.tif": 60_000_000}),
        "more than 30 MB", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(_LEFT_OUT))
def test_what_may_not_come_stays_out_and_is_counted(place: Place, tmp_path: Path, name: str) -> None:
    paper, why, come = _LEFT_OUT[name]
    hold(place, paper)
    offer = opened(place, tmp_path).offer()
    assert len(offer.figures) == come
    ((told, count),) = offer.left_out
    assert (why in told, count) == (True, 1)
    _, refused = got(opened(place, tmp_path))
    assert [each.reason.endswith(".") for each in refused] == [True]
    told = {each.id: bool(each.said) for each in offer.standings}
    if why == "marked as retracted":
        assert told == {"pmc:PMC1": True}
        assert (offer.standings[0].said[-1], offer.standings[0].url) == (".", "https://pmc.ncbi.nlm.nih.gov/articles/PMC1/")
    else:  # of what was not read, nothing is known
        assert told in ({}, {"pmc:PMC1": False})
        assert not (told and why in ("retracted or not", "outside of open access", "whose text"))


def test_a_patients_permission_is_no_other_owner(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1, figures=(fig(1, "Photograph, published with the permission of the patient."),)))
    assert len(opened(place, tmp_path).offer().figures) == 1


@pytest.mark.parametrize(
    ("licence", "code", "name", "url"),
    [
        (licensed("by", "/3.0/de/deed.de"), "CC BY", "CC BY 3.0 DE", f"{CC}/by/3.0/de/deed.de"),
        (licensed("by", "/4.0/deed.es"), "CC BY", "CC BY 4.0", f"{CC}/by/4.0/deed.es"),
        (licensed("by", "/2.5/"), "CC BY", "CC BY 2.5", f"{CC}/by/2.5/"),
        (said(f"Licencia en {CC}/by/4.0/."), "CC BY", "CC BY 4.0", f"{CC}/by/4.0/"),
        (said("Reconocimiento"), "CC BY", "CC BY", ""),
        ("", "CC BY", "CC BY", ""),
        (BY.replace("Open.", "For commercial or non-commercial use."), "CC BY", "CC BY 4.0", f"{CC}/by/4.0/"),
    ],
)
def test_a_licence_in_another_version_or_language(
    place: Place, tmp_path: Path, licence: str, code: str, name: str, url: str
) -> None:
    hold(place, Paper(1, licence=licence, metadata={"license_code": code}))
    offered = opened(place, tmp_path).offer().figures[0]
    assert (offered.licence.name, offered.licence.url) == (name, url)
    assert may_leave(offered.licence, "slide", "pass-on").allowed


def test_where_list_and_article_differ_the_stricter_is_taken_and_said(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1, licence=licensed("by-nc")))
    offered = opened(place, tmp_path, licences=("CC BY", "CC BY-NC")).offer().figures[0]
    assert offered.licence.name == "CC BY-NC 4.0"
    assert "list says CC BY, and the article CC BY-NC 4.0: the stricter" in offered.warnings[0]


def test_mark_up_in_names_and_titles_is_text(place: Place, tmp_path: Path) -> None:
    hold(
        place,
        Paper(
            1,
            authors=(("<script>alert(1)</script>Eve", '<a href="javascript:x">Müller</a>'),),
            title="A <italic>case</italic> of &lt;b&gt;dissection&lt;/b&gt; &amp; more",
        ),
    )
    figure = opened(place, tmp_path).offer().figures[0]
    assert figure.attribution.startswith("Figure 1 of Eve Müller. A case of dissection & more. Journal")
    assert "<" not in figure.attribution + figure.title


# -- a source that errs -----------------------------------------------------------------------------------------------------

_BOMB = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><article><front><article-meta/></front>&b;</article>'
_OUT = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><article><front><article-meta/></front>&x;</article>'


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (_BOMB, "declares entities"),
        (_OUT, "declares entities"),
        ("<a>" * 5_000, "nested deeper"),
        ("<article><front>", "not well-formed"),
        ("<html><body>x</body></html>", "log-in"),
        ("<book/>", "no article"),
        ('<?xml version="1.0" encoding="klingon"?><article/>', "encoding|well-formed"),
        ("<article>" + "<x/>" * 1_001 + "</article>", "more than 1,000"),
    ],
)
def test_hostile_xml_is_told_and_the_other_articles_come(
    place: Place, tmp_path: Path, document: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml, "_ELEMENTS", 1_000)
    hold(place, Paper(1, xml=document), Paper(2))
    corpus = opened(place, tmp_path)
    if why == "log-in":
        with pytest.raises(NoNetwork, match="log-in"):
            corpus.prepare()
        return
    items, refused = got(corpus)
    assert len(items) == 2
    assert refused[0].label == "PMC1"
    assert any(part in refused[0].reason for part in why.split("|"))


def test_xml_with_named_characters_of_its_dtd_is_read(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1, abstract="10&nbsp;mm &plusmn; 2"))
    (item, _), _ = got(opened(place, tmp_path))
    assert item.case is not None
    assert "10 mm ± 2" in item.case.discussion


_FAULTS: dict[str, tuple[str, Reply, type[Exception], str]] = {
    "a log-in page of the bucket": ("metadata", Reply(LOGIN), NoNetwork, "log-in"),
    "another shape": ("esearch", of_json({"result": []}), Unavailable, "it lacks 'esearchresult'"),
    "a fault of the search": ("esearch", of_json({"esearchresult": {"ERROR": "It failed"}}), Unavailable, "It failed"),
    "ids that are none": (
        "esearch", of_json({"esearchresult": {"count": "1", "idlist": ["../x"]}}), Unavailable, "otherwise than it documents"
    ),
    "too busy": ("PMC1.1.xml", Reply(b"", 503), Unavailable, "too busy"),
    "another shape of metadata": ("metadata", of_json({"article": {}}), Unavailable, "otherwise than it documents"),
    "metadata of another article": ("metadata", of_json(Paper(9).entry()), Unavailable, "tells of PMC9.1 in place"),
    "a redirect into a private network": (
        "metadata", Reply(b"", 302, {"Location": "http://10.0.0.1/"}), Unavailable, "private network"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(_FAULTS))
def test_a_source_that_errs_is_told_apart_and_it_goes_on_later(place: Place, tmp_path: Path, name: str) -> None:
    part, reply, kind, why = _FAULTS[name]
    hold(place, Paper(1))
    place.faults[part] = [reply] * 9
    with pytest.raises(kind, match=why):
        opened(place, tmp_path).prepare()
    place.faults.clear()
    assert len(got(opened(place, tmp_path))[0]) == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(picture(99)), "not the file"),
        (Reply(b"", 404), "does not give out"),
        (Reply(b"x" * 31_000_000, promised=-1), "at most 30.0 MB"),
    ],
)
def test_a_picture_that_is_not_the_one_stated_is_left_out(place: Place, tmp_path: Path, reply: Reply, why: str) -> None:
    hold(place, Paper(1))
    place.faults["case-g1.jpg"] = [reply] * 3
    items, refused = got(opened(place, tmp_path))
    assert [item.figure.id for item in items] == ["pmc:PMC1-F2"]
    assert refused[0].label == "PMC1, Figure 1"
    assert why in refused[0].reason


def test_a_picture_of_the_same_size_and_another_content_is_left_out(place: Place, tmp_path: Path) -> None:
    paper = Paper(1)
    hold(place, paper)
    right = paper.files["case-g1.jpg"]
    place.faults["case-g1.jpg"] = [Reply(right[:-3] + b"abc")] * 3
    _, refused = got(opened(place, tmp_path))
    assert "MD5" in refused[0].reason


def test_what_has_to_be_known_of_an_article_goes_along_with_its_figures(place: Place, tmp_path: Path) -> None:
    hold(
        place,
        Paper(1, front='<related-article related-article-type="expression-of-concern"/>'),
        Paper(2, licence=licensed("by-nc")),
        Paper(3, licence=said("All rights reserved.")),
    )
    items, refused = got(opened(place, tmp_path, licences=("CC BY", "CC BY-NC")))
    ends = ["An expression of concern about the article was published.", "the stricter of them is taken."]
    for item, end in zip(items, (ends[0], ends[0], ends[1], ends[1]), strict=True):
        assert item.figure.source.attribution.endswith(end)
        assert item.case.source.attribution.endswith(end)
    assert refused[0].reason.endswith("does not understand: “reserved” in “all rights reserved”.")


def test_an_author_of_a_megabyte_and_a_search_without_end_are_bounded(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1, authors=(("A" * 500_000, "B" * 500_000),)))
    again = {"esearchresult": {"count": "999999", "idlist": ["1"] * 100}}
    place.routes["/eutils/esearch.fcgi"] = of_json(again)
    offer = opened(place, tmp_path).offer()
    assert [each.id for each in offer.figures] == ["pmc:PMC1-F1", "pmc:PMC1-F2"]
    assert len(offer.figures[0].attribution) < 1_000
    assert len(place.paths("esearch")) == 2


def test_what_was_retracted_since_is_found_when_it_is_asked_anew(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1), Paper(2))
    assert len(got(opened(place, tmp_path))[0]) == 4
    hold(place, Paper(1, metadata={"is_retracted": True}), Paper(2))
    assert len(got(opened(place, tmp_path))[0]) == 4
    assert place.asked == []
    asked = opened(place, tmp_path, refresh=True)
    items, refused = got(asked)
    assert [item.figure.case_id for item in items] == ["pmc:PMC2"] * 2
    assert [each.reason for each in refused] == ["It is an article marked as retracted."]
    said = "PubMed Central’s list says that the article was retracted."
    assert [(each.id, each.said) for each in asked.standings] == [("pmc:PMC1", said), ("pmc:PMC2", "")]
    # Of another query that does not find it, too.
    hold(place, Paper(2), Paper(3))
    place.routes |= {"/bucket/metadata/PMC2.1.json": of_json(Paper(2, metadata={"is_retracted": True}).entry())}
    hidden = place.routes["/eutils/esearch.fcgi"]
    place.routes["/eutils/esearch.fcgi"] = of_json({"esearchresult": {"count": "1", "idlist": ["3"]}})
    assert callable(hidden)
    asked = opened(place, tmp_path, query="pneumothorax", refresh=True)
    _, refused = got(asked)
    assert [(each.label, each.reason) for each in refused] == [("PMC2", said)]
    assert [(each.id, each.said) for each in asked.standings] == [("pmc:PMC3", ""), ("pmc:PMC2", said)]
    # What was found retracted before is looked at again, too, and may stand again.
    place.routes |= {"/bucket/metadata/PMC2.1.json": of_json(Paper(2).entry())}
    again = {each.id: each.said for each in opened(place, tmp_path, query="pneumothorax").offer(again=True).standings}
    assert again == {"pmc:PMC3": "", "pmc:PMC2": ""}


def test_a_plan_that_is_cleared_away_meanwhile_keeps_nobody_from_asking_anew(place: Place, tmp_path: Path) -> None:
    hold(place, Paper(1))
    got(opened(place, tmp_path))
    (tmp_path / "pmc" / "plans" / "gone.json").symlink_to(tmp_path / "nowhere")
    assert len(opened(place, tmp_path).offer(again=True).figures) == 2


def test_what_an_atlas_has_of_a_retracted_article_is_told_with_the_way_to_take_it_out(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in pmc_settings(place, tmp_path / "cache").model_dump(include={"live_cache", "live_addresses"}).items():
        monkeypatch.setenv(f"MIRAGE_{name.upper()}", json.dumps(value) if isinstance(value, dict) else str(value))
    told: list[dict[str, Any]] = []
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        for retracted in (False, True):
            hold(place, Paper(1, metadata={"is_retracted": retracted}), Paper(2))
            given = {"query": "aortic dissection", "refresh": retracted}
            add_corpus(atlas, "pmc", given, lambda **more: told.append(more), lambda: False)
            message = told[-1]["message"]
            assert ("retracted" in message) == retracted
        source = PmcCorpus("pneumothorax", settings=pmc_settings(place, tmp_path / "cache"))
        both = ("pmc:PMC1-F1", "pmc:PMC1-F2")
        assert preview_source(atlas, source, again=True).withdrawn == both
        marked = [atlas.figure(own).withdrawn for own in both]
        assert {(word.said, word.url) for word in marked if word} == {
            ("PubMed Central’s list says that the article was retracted.", "https://pmc.ncbi.nlm.nih.gov/articles/PMC1/")
        }
        assert atlas.figure("pmc:PMC2-F1").withdrawn is None
        # Asked for only what stands, the mark stays; when the list says no more that it was retracted, it is lifted.
        hold(place, Paper(2))
        add_corpus(atlas, "pmc", {"query": "other words"}, lambda **more: told.append(more), lambda: False)
        assert [atlas.figure(own).withdrawn for own in both] == marked
        hold(place, Paper(1), Paper(2))
        add_corpus(atlas, "pmc", given, lambda **more: told.append(more), lambda: False)
        assert [atlas.figure(own).withdrawn for own in both] == [None, None]
        assert "2 figures that were marked as withdrawn are not withdrawn any more" in told[-1]["message"]
        # An answer of before, which is still kept, neither marks nor lifts.
        assert not atlas.store.withdrawals.heed("pmc", [Standing("pmc:PMC1", 1.0)]).lifted
    assert "2 figures of this atlas were withdrawn at the source" in message
    assert (
        "“Remove” on their pages takes them out (in the command: `mirage remove figure pmc:PMC1-F1 pmc:PMC1-F2`)." in message
    )
    assert "2 of 2 articles that fit were looked at" in message


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"query": "x" * 1001}, "1,001 characters"), ({"most": 5001}, "from 1 to"), ({"licences": ("MIT",)}, "not 'MIT'"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_told(place: Place, tmp_path: Path, given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        opened(place, tmp_path, **given)


def test_the_documented_rate_is_kept(served: Place, tmp_path: Path) -> None:
    hold(served, *(Paper(n, figures=()) for n in range(1, 6)))
    for query in ("one", "two", "three", "four", "five"):
        opened(served, tmp_path, query=query).prepare()
    assert len(served.paths("esearch")) == 5
    assert served.broken("esearch", 3, 1.0) == 0
    assert served.broken("bucket", 10, 1.0) == 0
