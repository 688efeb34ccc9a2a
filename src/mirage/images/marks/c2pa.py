"""What the signed C2PA manifest of a file says; `mirage.generate.provenance` writes them.

Standard: C2PA Technical Specification 2.2, actions and validation. The package
``c2pa-python`` does the work; without it a manifest is still seen, and said to be unchecked.
"""

from __future__ import annotations

import importlib.util
import io
import json
from dataclasses import dataclass
from typing import Any

from mirage.images.marks.record import SyntheticRecord, source_type
from mirage.installed import to_install
from mirage.wording import _

ASSERTION = "org.mirage.record"


@dataclass(frozen=True, slots=True)
class C2paManifest:
    """What a file's C2PA manifest says.

    Attributes
    ----------
    synthetic : bool
        Whether its actions, or what can be seen of them, name a generator's source type.
    ours : bool
        Whether MIRAGE made the claim, and the signature fits the file.
    record : SyntheticRecord or None
    said : str
        One sentence for people.
    """

    synthetic: bool
    ours: bool
    record: SyntheticRecord | None
    said: str


def present(data: bytes) -> bool:
    """Whether a file seems to hold a manifest: a JUMBF box labelled c2pa."""
    return b"jumb" in data and b"c2pa" in data


def read(data: bytes, media_type: str) -> C2paManifest | None:
    """Read and check a file's manifest.

    Parameters
    ----------
    data : bytes
    media_type : str
        Of the file, as ``image/png``.

    Returns
    -------
    C2paManifest or None
        None when the file has none.
    """
    if not present(data):
        return None
    seems = source_type(_ascii(data))
    if importlib.util.find_spec("c2pa") is None:
        said = _(
            "A C2PA manifest is there and was not checked. Install what checks it with: %(install)s.",
            install=to_install("c2pa-python"),
        )
        return C2paManifest(bool(seems), False, None, said)
    import c2pa  # noqa: PLC0415 - optional

    try:
        with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
            told = json.loads(reader.json())
            state = str(reader.get_validation_state() or "")
    except Exception as error:  # a stranger's manifest; the package raises more kinds than its own
        if "ManifestNotFound" in str(error):
            return None
        return C2paManifest(bool(seems), False, None, _("A C2PA manifest is there, and it is damaged: it cannot be read."))
    active = told.get("manifests", {}).get(told.get("active_manifest", ""), {})
    return _told(active, state)


def _told(active: dict[str, Any], state: str) -> C2paManifest:
    synthetic, record = False, None
    for assertion in active.get("assertions", ()):
        label, content = str(assertion.get("label", "")), assertion.get("data")
        if label.startswith("c2pa.actions"):
            synthetic = synthetic or bool(source_type(json.dumps(content)))
        elif label == ASSERTION and isinstance(content, dict):
            try:
                record = SyntheticRecord.parse(str(content.get("record", "")))
            except (ValueError, TypeError):
                record = None
    maker = str((active.get("claim_generator_info") or [{}])[0].get("name", "") or active.get("claim_generator", ""))[:80]
    issuer = str((active.get("signature_info") or {}).get("issuer") or _("somebody unnamed"))[:80]
    fits = state in ("Valid", "Trusted")
    ours = fits and maker == "MIRAGE" and synthetic
    what = _("made by a generator") if synthetic else _("nothing of a generator")
    if not fits:
        holds = _("the signature does not fit the file, or its certificate is not valid")
    elif state == "Trusted":
        holds = _("the file is as it was signed")
    else:
        holds = _("the file is as it was signed; who signed is not on a list of trusted signers")
    said = _(
        "%(maker)s, signed by %(issuer)s: %(what)s; %(holds)s.",
        maker=maker or _("Somebody"),
        issuer=issuer,
        what=what,
        holds=holds,
    )
    return C2paManifest(synthetic, ours, record if fits else None, said)


def _ascii(data: bytes) -> str:
    """What stands around the first source type in the bytes."""
    at = data.find(b"digitalsourcetype/")
    return data[at : at + 200].decode("latin-1") if at >= 0 else ""
