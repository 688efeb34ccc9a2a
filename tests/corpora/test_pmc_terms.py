"""What articles print beside their licence: which of it agrees with CC BY, and what stays out because it may not."""

from __future__ import annotations

import pytest

from mirage.corpora.live.jats import read_article
from mirage.corpora.live.pmc_licence import FILTERS, NOT_UNDERSTOOD, Stated, licence_of

CC = "creativecommons.org/licenses"
BY = f"http://{CC}/by/4.0/"


def stated(words: str = "", address: str = "", code: str = "CC BY", holder: str = "© 2020 The Authors") -> Stated:
    """What is taken of an article that prints so; a line of copyright in place of the usual one where it is given."""
    href = f' xlink:href="{address}"' if address else ""
    article = read_article(
        '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><journal-meta><journal-title>Journal of Cases'
        "</journal-title></journal-meta><article-meta><contrib-group><contrib><name><surname>van der Berg</surname>"
        f"<given-names>Ann</given-names></name></contrib></contrib-group><permissions><copyright-statement>{holder}"
        f'</copyright-statement><license license-type="open-access"{href}><license-p>{words}</license-p></license>'
        "</permissions></article-meta></front></article>".encode()
    )
    return licence_of(code, article, FILTERS)


_SPRINGER = (
    "Open Access This article is licensed under a Creative Commons Attribution 4.0 International License, which "
    "permits use, "
    "sharing, adaptation, distribution and reproduction in any medium or format, as long as you give appropriate "
    "credit to the "
    "original author(s) and the source, provide a link to the Creative Commons licence, and indicate if changes were "
    "made. The "
    "images or other third party material in this article are included in the article’s Creative Commons licence, unless "
    "indicated otherwise in a credit line to the material. If material is not included in the article’s Creative Commons "
    "licence and your intended use is not permitted by statutory regulation or exceeds the permitted use, you will need to "
    f"obtain permission directly from the copyright holder. To view a copy of this licence, visit {BY}."
)
_DATA = (
    " The Creative Commons Public Domain Dedication waiver (http://creativecommons.org/publicdomain/zero/1.0/) "
    "applies to the "
    "data made available in this article, unless otherwise stated in a credit line to the data."
)
_AGREES = [
    "", "Open access.", _SPRINGER, _SPRINGER + _DATA,
    # BMC before 2020
    "Open Access This article is distributed under the terms of the Creative Commons Attribution 4.0 International License "
    f"({BY}), which permits unrestricted use, distribution, and reproduction in any medium, provided you give appropriate "
    "credit to the original author(s) and the source, provide a link to the Creative Commons license, and indicate if "
    "changes "
    "were made." + _DATA,
    # BioMed Central before 2015
    "This is an Open Access article distributed under the terms of the Creative Commons Attribution License "
    "(http://creativecommons.org/licenses/by/2.0), which permits unrestricted use, distribution, and reproduction in any "
    "medium, provided the original work is properly cited.",
    # PLOS
    "This is an open access article distributed under the terms of the Creative Commons Attribution License "
    f"({BY}), which permits unrestricted use, distribution, and reproduction in any medium, provided the original "
    f"author and "
    "source are credited.",
    # MDPI
    "Licensee MDPI, Basel, Switzerland. This article is an open access article distributed under the terms and "
    "conditions of "
    f"the Creative Commons Attribution (CC BY) license (https://{CC}/by/4.0/).",
    # Frontiers
    "This is an open-access article distributed under the terms of the Creative Commons Attribution License (CC BY). "
    "The use, "
    "distribution or reproduction in other forums is permitted, provided the original author(s) and the copyright "
    "owner(s) are "
    "credited and that the original publication in this journal is cited, in accordance with accepted academic practice. No "
    "use, distribution or reproduction is permitted which does not comply with these terms.",
    # Wiley
    f"This is an open access article under the terms of the http://{CC}/by/4.0/ License, which permits use, "
    f"distribution and "
    "reproduction in any medium, provided the original work is properly cited.",
    # Oxford University Press
    f"This is an Open Access article distributed under the terms of the Creative Commons Attribution License ({BY}), which "
    "permits unrestricted reuse, distribution, and reproduction in any medium, provided the original work is properly "
    "cited.",
    # Hindawi
    "This is an open access article distributed under the Creative Commons Attribution License, which permits unrestricted "
    "use, distribution, and reproduction in any medium, provided the original work is properly cited.",
    # Elsevier
    f"This is an open access article under the CC BY license (http://{CC}/by/4.0/).",
    # Cureus
    "This is an open access article distributed under the terms of the Creative Commons Attribution License, which permits "
    "unrestricted use, distribution, and reproduction in any medium, provided the original author and source are credited.",
    # SAGE
    "This article is distributed under the terms of the Creative Commons Attribution 4.0 License "
    "(http://www.creativecommons."
    "org/licenses/by/4.0/) which permits any use, reproduction and distribution of the work without further permission "
    "provided the original work is attributed as specified on the SAGE and Open Access pages.",
    # Thieme, BMJ, Public Library, public agencies
    "This is an open access article published by Thieme under the terms of the Creative Commons Attribution License, "
    f"permitting unrestricted use, distribution, and reproduction so long as the original work is properly cited. ({BY})",
    "This is an open access article distributed in accordance with the Creative Commons Attribution 4.0 Unported (CC "
    "BY 4.0) "
    "license, which permits others to copy, redistribute, remix, transform and build upon this work for any purpose, "
    "provided "
    f"the original work is properly cited, a link to the licence is given, and indication of whether changes were "
    "made. See: "
    f"https://{CC}/by/4.0/.",
    "This work is licensed under a Creative Commons Attribution 3.0 Unported License.",
    "For commercial or non-commercial use.", "for any purpose, even commercially",
    # The names that Creative Commons gives it elsewhere, and how journals say it there
    "Dieses Werk ist lizenziert unter einer Creative Commons Namensnennung 4.0 International Lizenz.",
    "Dieser Artikel ist unter der Creative Commons Namensnennung 4.0 International Lizenz veröffentlicht, welche die "
    "Nutzung, "
    "Vervielfältigung, Bearbeitung, Verbreitung und Wiedergabe in jeglichem Medium und Format erlaubt, sofern Sie den/die "
    "ursprünglichen Autor(en) und die Quelle ordnungsgemäß nennen, einen Link zur Creative Commons Lizenz beifügen "
    "und angeben, "
    "ob Änderungen vorgenommen wurden.",
    "Cet article est distribué sous les termes de la licence Creative Commons Attribution 4.0 International.",
    "Cette œuvre est mise à disposition selon les termes de la Licence Creative Commons Attribution 4.0 International.",
    "Esta obra está bajo una Licencia Creative Commons Atribución 4.0 Internacional.",
    "Este es un artículo de acceso abierto bajo la licencia Creative Commons Reconocimiento (CC BY).",
    "Este é um artigo publicado em acesso aberto (Open Access) sob a licença Creative Commons Attribution, que permite uso, "
    "distribuição e reprodução em qualquer meio, sem restrições desde que o trabalho original seja corretamente citado.",
    "Quest'opera è distribuita con Licenza Creative Commons Attribuzione 4.0 Internazionale.",
]  # fmt: skip
_HOLDERS = [
    "© 2020 The Author(s)", "Copyright © 2020, van der Berg et al.", "© 2020 by the authors.",
    "Copyright: © 2020 A. van der Berg",
    "© The Author(s) 2020. Published by Oxford University Press.", "Copyright © 2020 Elsevier Ltd.",
    "© 2020 The Authors. Clinical Case Reports published by John Wiley &amp; Sons Ltd.",
    "Copyright © 2020 Association of Radiologists of Utrecht.", "© 2020 Smith and Müller; licensee BioMed Central Ltd.", "",
]  # fmt: skip
_MORE = [
    "Alle Rechte vorbehalten.", "Tous droits réservés.", "Todos los derechos reservados.", "Tutti i diritti riservati",
    "Todos os direitos reservados", "All rights reserved.", "Keine kommerzielle Nutzung", "Nichtkommerzielle Nutzung",
    "Die kommerzielle Nutzung ist nicht gestattet.", "not for commercial use", "commercial use is prohibited",
    "personal use only", "may not be altered", "This article may be used for research and educational purposes only",
    "非商用", "転載禁止", "CC BY\u2011NC 4.0", "CC BY NC", "Creative Commons Attribution-NonCommercial",
    "for non-commercial purposes only, any purpose", "Uso no comercial", "Pas d’utilisation commerciale", "for private use",
    "without modification", "Non Commercial (unported, v3.0)", "Permission of the publisher is required.",
    "Niet commercieel",
    "Только для личного использования", "Commercial use requires a licence.", "Not to be re-used.", "Share alike.",
    "See https://www.elsevier.com/open-access/userlicense/1.0/", "www.karger.com/Services/OpenAccessLicense",
    "x " * 6_000, "use " * 6_000,
]  # fmt: skip


@pytest.mark.parametrize("words", _AGREES)
@pytest.mark.parametrize("address", ["", BY])
def test_what_publishers_print_beside_it_agrees(words: str, address: str) -> None:
    found = stated(words, address)
    assert (found.licence.name.startswith("CC BY"), found.refusal, found.warning) == (True, "", "")


@pytest.mark.parametrize("holder", _HOLDERS)
def test_a_line_of_copyright_agrees(holder: str) -> None:
    assert stated("Open.", BY, holder=holder).refusal == ""


@pytest.mark.parametrize("words", _MORE)
@pytest.mark.parametrize("where", ["alone", "with an address", "after a statement", "in the line of copyright"])
def test_what_may_restrict_stays_out_in_whatever_language(words: str, where: str) -> None:
    found = {
        "alone": lambda: stated(words),
        "with an address": lambda: stated(words, BY),
        "after a statement": lambda: stated(f"{_SPRINGER} {words}", BY),
        "in the line of copyright": lambda: stated("Open.", BY, holder=f"© 2020 Elsevier, {words}"),
    }[where]()
    assert (found.refusal, found.licence.name) == (NOT_UNDERSTOOD, "")


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ("All rights reserved.", "“reserved” in “all rights reserved”"),
        ("Open access. Nur zur Ansicht.", "“nur” in “nur zur ansicht”"),
        ("Verboten<break/>", "“verboten”"),
        ("Open access " * 900, "a text of more than 10,000 characters"),
    ],
)  # fmt: skip
def test_the_words_that_were_not_understood_are_told(terms: str, told: str) -> None:
    assert stated(terms, BY).words == told


@pytest.mark.parametrize(
    "address",
    [
        f"https://{CC}/nc-sa/1.0/", "https://www.elsevier.com/open-access/userlicense/1.0/",
        "http://www.karger.com/Services/OpenAccessLicense", f"https://{CC}/by-xx/4.0/", "https://example.org/by/4.0",
    ],
)  # fmt: skip
def test_an_address_that_is_not_known_stays_out(address: str) -> None:
    assert stated("Open.", address).refusal == NOT_UNDERSTOOD


@pytest.mark.parametrize(
    "address", [f"{CC}/by-nc/4.0", f"//{CC}/by-nc/4.0/", f"http://{CC}/by_nc/4.0", f"https://{CC}/by-nc/4.0/deed.de"]
)
def test_an_address_is_read_however_it_is_set(address: str) -> None:
    for found in (stated("Open.", address), stated(f"See {address}"), stated(holder=f"© 2020 The Authors. {address}")):
        assert found.licence.name == "CC BY-NC 4.0"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("BY-NC", "which permits non-commercial use, distribution and reproduction in any medium, provided the "
         "original work is "
         "properly cited."),
        ("BY-NC-ND", "This is an open access article under the CC BY-NC-ND license."),
        ("BY-NC-ND", "which permits use and distribution in any medium, provided the original work is properly cited, "
         "the use is "
         "non-commercial and no modifications or adaptations are made."),
        ("BY-SA", "Creative Commons Attribution-ShareAlike 4.0 International License"),
    ],
)  # fmt: skip
def test_what_a_stricter_licence_asks_for_agrees_with_it_alone(kind: str, words: str) -> None:
    found = stated(words, f"http://{CC}/{kind.lower()}/4.0/", f"CC {kind}")
    assert (found.licence.name, found.refusal) == (f"CC {kind} 4.0", "")
    assert stated(words).refusal == NOT_UNDERSTOOD
