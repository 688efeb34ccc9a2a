"""Creative Commons licences as tables of figures write them, read without adding anything to them."""

from __future__ import annotations

import re

from mirage.figure import Licence

# What to say of a collection whose figures have their own.
EACH_ITS_OWN = Licence("each figure's own, where one is stated")

_CODE = re.compile(r"(?i)\bCC[ _-]?(BY(?:[ _-](?:NC|ND|SA))*|0|ZERO)\b(?:[ _-]?v?(\d\.\d))?")
_LINK = re.compile(
    r"(?i)https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/(by(?:-(?:nc|nd|sa))*|zero)(?:/(\d\.\d))?[\w./-]*"
)
_NOTHING = re.compile(r"(?i)^(no[ -]?cc[ -]?code|none|unknown|not stated|not found|n/?a|nan|-)?$")


def licence_of(text: str) -> Licence:
    """The licence that some text states.

    Parameters
    ----------
    text : str
        ``CC BY-NC-ND``, ``CC-BY-4.0``, ``CC BY [Doe et al. (2020)]``, a licence's address; ``NO-CC CODE`` or nothing where
        there is none.

    Returns
    -------
    mirage.figure.Licence
        An empty one where nothing is stated. All Creative Commons licences permit passing the unaltered picture on (those
        with NC: without gain); any other text is kept as it is, and nothing is read into it. The address is that of the
        licence's text when its version is stated: without one, there is no telling which text is meant.
    """
    text = text.strip()
    if _NOTHING.match(text):
        return Licence()
    if link := _LINK.search(text):
        kind, parts, version = link[2].lower(), link[2].upper(), link[3] or ""
        name = "CC0" if kind == "zero" else f"CC {parts}"
        return Licence(f"{name} {version}".strip(), link[0].rstrip("."), allows_sharing=True)
    if code := _CODE.search(text):
        parts, version = re.sub(r"[ _]", "-", code[1].upper()), code[2] or ""
        if parts in ("0", "ZERO"):
            # There is one version only.
            return Licence("CC0", "https://creativecommons.org/publicdomain/zero/1.0/", allows_sharing=True)
        url = f"https://creativecommons.org/licenses/{parts.lower()}/{version}/" if version else ""
        return Licence(f"CC {parts} {version}".strip(), url, allows_sharing=True)
    return Licence(text[:200])
