"""What an article says of its licence, read word by word: what is not understood does not count as agreeing.

The statements that publishers print beside a licence of Creative Commons are made of few words. So a text agrees with a
licence where nothing is left of it once the phrases that its licence is known by, the line of copyright and those words are
taken out; every other word may be a restriction, in whatever language.
"""

from __future__ import annotations

import re
from collections.abc import Set

from mirage.corpora.live.jats import cc_licence
from mirage.corpora.live.jats_rights import fold, words_of
from mirage.locales import number
from mirage.wording import _

MOST = 10_000  # characters
_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)?"
_AROUND = 5  # words that are told before and after the one that is not understood

# Phrases of several words that agree with CC BY, though a word of them alone might not.
_AGREE = (
    r"the images or other third[- ]party material in this (?:article|chapter)",
    r"(?:,? ?)unless (?:indicated|stated|noted) otherwise(?: in (?:a|the) credit line(?: to the (?:material|data))?)?",
    r"(?:,? ?)unless otherwise (?:indicated|stated|noted)(?: in (?:a|the) credit line(?: to the (?:material|data))?)?",
    r"if (?:the )?material is not included (?:in|under) the (?:article's )?creative commons licen[sc]e,?"
    r"(?: and your intended use is not permitted by statutory regulation or exceeds the permitted use,?)? "
    r"(?:you|users) (?:will )?need to obtain permission (?:directly )?from the (?:copyright|licen[sc]e) holder"
    r"(?: to reproduce the material)?",
    r"(?:and )?(?:to )?indicate(?:d)? (?:if|whether|any) changes(?: were made)?|"
    r"(?:if|any|whether) changes (?:were|are) made",
    r"no use, distribution,? or reproduction is permitted which does not comply with (?:these terms|these conditions)",
    r"(?:for |to be used for )?any (?:lawful )?purpose,? even commercially|even commercially|auch fur kommerzielle zwecke|"
    r"auch kommerziell|sogar kommerziell|meme (?:a des fins commerciales|commerciale)|y? ?a? ?fines comerciales|"
    r"incluso (?:con|para) (?:fines|finalidad) comercial(?:es)?|para cualquier finalidad, incluso comercial|"
    r"para qualquer (?:fim|finalidade),? mesmo (?:que )?comercial|mesmo (?:para fins )?comercia(?:l|is)|anche (?:a|per) "
    r"fini commerciali|anche commerciali",
    r"(?:for )?(?:both )?commercial (?:and|or|and/or) non-? ?commercial(?: (?:use|purposes?))?|"
    r"(?:for )?(?:both )?non-? ?commercial (?:and|or|and/or) commercial(?: (?:use|purposes?))?",
    r"(?:including )?for commercial purposes, provided",
    r"(?:without|with no) (?:any )?(?:further )?(?:restrictions?|permission)(?: from the (?:publisher|authors?))?,? "
    r"provided|"
    r"without (?:any )?restrictions?|ohne einschrankung(?:en)?|sans restrictions?|sin restricciones|sem restricoes",
    r"as long as|so long as|solange|sofern|a condition (?:que|d')|siempre (?:y cuando|que)|desde que|a condizione che",
    r"(?:you|users|readers|anyone) (?:must|should) (?:give appropriate credit|attribute|cite)",
    r"(?:the )?(?:work|article|paper) is (?:properly|appropriately|correctly)",
    r"under no circumstances is the endorsement implied",
    r"the use, distribution,? (?:and|or) reproduction in other forums is permitted|as specified on the sage and open "
    r"access pages?",
    r"in accordance with accepted academic practice",
    r"authors? retains? (?:the )?(?:unrestricted )?(?:copyright|ownership of the copyright|all rights)"
    r"(?: (?:of|for|to) (?:this|their|the) (?:article|work|content))?",
    r"a copy of (?:this|the) licen[sc]e|a full copy of (?:this|the) licen[sc]e",
    r"(?:free of |without )(?:all|any) copyright",
    r"and may be freely reproduced, distributed, transmitted, modified, built upon, or otherwise used by anyone",
    r"to the extent possible under law",
    r"no rights reserved",
    r"(?:permit|allow|enable|let)(?:s|ing)? (?:others|users|anyone|readers) to|"
    r"(?:users|readers) (?:are )?(?:free|allowed|permitted) to",
    r"rights? (?:and|&) permissions?|copyright (?:and|&) licen[sc]e",
    r"public domain(?: dedication| mark| waiver)*",
)
# What a licence asks for besides, and how it is said.
_ASK = {
    "NC": r"\b(?:non?|nicht|nao)[- ]?(?:commercial\w*|comercial\w*|kommerziell\w*|commerciale?\w*)|\bno[nt] (?:be )?"
    r"(?:used )?for commercial (?:use|purposes?)|\bnc\b|\bpas d'utilisation commerciale|\bcommercial re-?use\b|"
    r"\bfor personal use only\b",
    "ND": r"\bno[- ]?deriv\w*(?: works?)?|\bnd\b|\bno (?:modifications? or adaptations?) are made|\bsin obras? derivadas?|"
    r"\b(?:sem derivacoes|keine bearbeitung\w*|pas de modification|non opere derivate)|\bwithout modification|"
    r"\b(?:is |it is )?(?:not|un)[- ]?(?:be )?(?:altered|changed|modified)(?:,? transformed,?)?(?: or built upon)?"
    r"(?: in any way)?|\bunmodified\b|\bin whole\b",
    "SA": r"\bshare[- ]?alike|\bsa\b|\bcompartir[- ]?igual|\bcompartilha[- ]?igual|\bweitergabe unter gleichen bedingungen|"
    r"\bpartage dans les memes conditions|\b(?:under|by|with) (?:the )?(?:same|identical) (?:licen[sc]e|terms)(?: as the "
    r"original)?|\bif you remix, transform,? or build upon (?:the|this) (?:material|work)(?:, you must)?|"
    r"\bnew creations are licensed",
}
_WORDS = frozenset(
    # English
    "a an and any anyone are article articles as at author authors available be been before both by can cc ccby cited "
    "citation content copy copying copyright creative commons common credit credited data derived distribute "
    "distributed distribution edition format free freely from full give given has have here i if in indicate "
    "information international is it its journal legal legalcode deed licence licences license licensed licensee "
    "licenses licensing link made make material may medium mining mix of on online open oa openaccess access or "
    "origin original originally other others our page paper per permits permit permitted permitting perpetual print "
    "properly provide provided provides public publication publicly published publisher read reproduce reproduced "
    "reproducing reproduction remix resource redistribute redistribution whether indication reuse re use reusing see "
    "share shared sharing site source sources terms "
    "text that the their then these this through to transform tweak adapt adaptation adapting adaption adapted under "
    "universal unported unrestricted upon build building built used using version versions via view visit website web "
    "which will with work works worldwide www you your irrevocable appropriate appropriately attribute attributed "
    "attribution acknowledge acknowledged acknowledgement doi digital object identifier details detail et al "
    "condition conditions allow allows allowing allowed manuscript generic gold waiver applies apply dedication zero "
    "correctly for purpose purposes also all granted grants right rights holder holders retain retained owner owners "
    "owned owns bibliographic bibliographical citing cite noted journals abstract well download downloaded display "
    "included including includes governed accordance proper creativecommons org http https licens ccbylicense vor am "
    "tdm v unlimited choice reports report letter letters where when "
    # German
    "dieser dieses diese einen einem artikel beitrag werk ist wird wurde unter der die das den dem des einer eine ein "
    "lizenz "
    "lizenziert namensnennung veroffentlicht steht creative commons mit von im in und oder open access zu zur zum "
    "erlaubt nutzung vervielfaltigung bearbeitung verbreitung wiedergabe jeglichem medium format sie ursprunglichen "
    "autor autoren quelle ordnungsgemass nennen link beifugen angeben ob anderungen vorgenommen wurden welche fur "
    "frei zuganglich bedingungen verfugbar lizenzvertrag international internationalen teilen angemessene angabe "
    "urheber offener zugang autors unterliegt finden online "
    # French
    "œuvre l'article l'auteur cet article est distribue publie sous la le les l licence d de du des une un en acces "
    "libre et ou dans ce cette "
    "oeuvre mise a disposition selon termes qui permet permettant l'utilisation utilisation reproduction diffusion "
    "distribution tout support format condition auteur auteurs source original originale correctement cites citee "
    "cite que soit soient paternite attribution partage adaptation internationale c'est d'une d'attribution d'acces "
    # Spanish, Portuguese, Italian
    "trabalho corretamente distribuita distribuida article's author's journal's work's quest'opera "
    "este articulo es un una de acceso abierto bajo licencia distribuido publicado la el los las en y o que permite "
    "uso distribucion reproduccion cualquier medio se cite siempre obra original reconocimiento atribucion "
    "internacional esta terminos condiciones autor autores fuente citada citado adecuadamente con del al por su sus "
    "correctamente debidamente artigo acesso aberto sob os as do da dos das nos no na termos licenca atribuicao "
    "qualquer meio desde seja fonte um uma em e permitindo reproducao distribuicao distribuir irrestrito irrestrita "
    "originais devidamente citados questo articolo accesso aperto distribuito licenza attribuzione internazionale "
    "pubblicato sotto i il lo gli che consente l'uso distribuzione riproduzione qualsiasi mezzo purche opera "
    "originale sia citata correttamente secondo termini della delle dei di compartida creativa".split()
)
_PUBLISHERS = frozenset(
    "a academic academy ag american asia asian asociacion association author authors b basel behalf bentham "
    "biochemical biomed bioscientifica blackwell bmc bmj british bv cambridge canadian center central centre century "
    "chinese club co college company corporation council cureus department division dove e "
    "editorial elsevier european faculty federation for foundation francis frontiers future gmbh group "
    "her hindawi his hospital hosting house inc indian informa institute international ios iran italia japan "
    "japanese jmir john karger kgaa kluwer korea korean laboratory libraries library limited lippincott llc llp ltd "
    "macmillan mary masson mdpi media medical medicina medicine medknow ministry national nature new nova of on "
    "oxford pensoft periodicals plc plos press production pty publications publishers publishing "
    "pvt royal s sage saudi school science sciences scientific secretariat services sl sociedad sociedade "
    "societa societe society sons spain spandidos springer sur switzerland taylor the their thieme trust "
    "tubingen uk union universidad universidade universita universitat universite university us usa v vch verlag "
    "weinheim wien wiley wilkins williams wolters world y york".split()
)
_HOLDS = re.compile(
    r"\b(?:copyright|\(c\)|published|publishing|licensee|licensed to|"
    r"produced|production|hosting|behalf|the authors?)\b|©|\(c\)"
)
# Words that restrict where they stand in a line of copyright, whose other words are names.
_NEVER = re.compile(
    r"reserv|riserv|\brecht|rechte|vorbehalt|derecho|diritt|direit|droit|\bonly\b|\bnur\b|\bsolo\b|"
    r"\buso\b|\busage|\buse\b|gebrauch|"
    r"\bnutz|nutzung|commercial|kommerz|comercia|\bperson|\bnot?\b|\bnon\b|\bnicht|\bkein|\bsin\b|\bsans\b|\bsem\b|\bpas\b|"
    r"permi|prohib|interd|verbot|forbid|restric|limit(?!ed)|exclu(?!sive licen)|\balter|modif|deriv|\bn[cd]\b|\bsa\b"
)
_ADDRESS = re.compile(r"(?i)(?:https?://|www\.)\S+|\b(?:[a-z0-9-]+\.)+(?:org|com|net|edu|de|uk|eu|ch|fr)(?:/\S*)?")
_PLAIN = re.compile(
    r"(?i)^(?:https?://)?(?:www\.)?(?:creativecommons\.org/?(?:licen[sc]es/?)?|(?:dx\.)?doi\.org/\S*|"
    r"budapestopenaccessinitiative\.org\S*)$"
)
_LINE = re.compile(r"(?<!\b[A-Za-z])(?<!\bal)(?<!\bltd)(?<!\bLtd)(?<!\bInc)(?<!\bCo)[.;:]+(?=\s|$)")


def not_understood(terms: str, asks: Set[str], names: str) -> str:
    """What is said of a licence and is not known to agree with it: the first such word, among those that stand around it.

    Empty where all agrees. Nothing but letters is in it, whatever the article says.

    Parameters
    ----------
    terms : str
        All that an article says of its licence.
    asks : set of str
        What the licence asks for, of BY, NC, ND and SA.
    names : str
        Authors and journal, whose names a line of copyright may give.
    """
    if len(terms) > MOST:
        return _("a text of more than %(most)s characters", most=number(MOST))
    known = words_of(names)
    for line in _LINE.split(_ADDRESS.sub(_without, fold(terms))):
        said = line.casefold().replace("(s)", "s")
        for phrase in _AGREE:
            said = re.sub(phrase, " ", said)
        for flag in asks & _ASK.keys():
            said = re.sub(_ASK[flag], " ", said)
        holds = bool(_HOLDS.search(said)) and not _NEVER.search(said)
        capital = {each.casefold() for each in re.findall(r"\w[\w']*", line) if each[0].isupper()}
        names_here = known | _PUBLISHERS | capital if holds else _PUBLISHERS & capital
        words = list(map(str, re.findall(_WORD, said)))
        if strange := next((each for each in words if each not in _WORDS and each not in names_here), ""):
            around = re.findall(_WORD, line.casefold())
            place = around.index(strange) if strange in around else 0
            near = " ".join(around[max(0, place - _AROUND) : place + _AROUND + 1])
            if near == strange or strange not in around:
                return f"“{strange}”"
            return _("“%(strange)s” in “%(near)s”", strange=strange, near=near)
    return ""


def _without(found: re.Match[str]) -> str:
    """Nothing in place of an address of Creative Commons, which is read by itself; of others, a word that is not known."""
    address = str(found[0]).strip("()[]<>.,;:'\"")
    known = cc_licence(address) is not None or _PLAIN.match(address)
    return " " if known else f" {re.sub('[^A-Za-z]+', '', address)} address "
