"""A signed C2PA manifest: written where a certificate is configured, and read from any file that has one.

Standard: C2PA Technical Specification 2.2, actions (c2pa.created with a digital source type) and validation. The package
``c2pa-python`` does the work; without it a manifest is still seen, and said to be unchecked.
"""

from __future__ import annotations

import importlib.util
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import BadInput, Unavailable
from mirage.images.marks.record import TRAINED, SyntheticRecord, source_type
from mirage.settings import Settings

_INSTALL = "Install it with: pip install c2pa-python"
# The package does not say which one a key is for, so they are tried in turn.
_ALGORITHMS = ("es256", "ps256", "es384", "ed25519", "es512", "ps384", "ps512")
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


def signed(data: bytes, media_type: str, record: SyntheticRecord) -> bytes:
    """Sign a file with a manifest; it stays as it is when no certificate is configured.

    Parameters
    ----------
    data : bytes
        The marked file.
    media_type : str
        Of the file, as ``image/png``.
    record : SyntheticRecord

    Raises
    ------
    mirage.errors.BadInput
        When the certificate or the key cannot be used.
    mirage.errors.Unavailable
        When ``c2pa-python`` is not installed.
    """
    settings = Settings.load()
    certificate, key = settings.sign_certificate, settings.sign_key
    if certificate is None and key is None:
        return data
    if certificate is None or key is None:
        missing = "sign_certificate" if certificate is None else "sign_key"
        raise BadInput(f"Signing needs both sign_certificate and sign_key, and {missing} is not set. No file was written.")
    chain, private = _pem(certificate, "sign_certificate", "CERTIFICATE"), _pem(key, "sign_key", "PRIVATE KEY")
    if importlib.util.find_spec("c2pa") is None:
        raise Unavailable(f"Signing is configured, and c2pa-python is not installed. {_INSTALL}. No file was written.")
    import c2pa  # noqa: PLC0415 - optional

    last = "no algorithm fits the key"
    for algorithm in _ALGORITHMS:
        try:
            info = c2pa.C2paSignerInfo(
                alg=algorithm.encode(), sign_cert=chain.encode(), private_key=private.encode(), ta_url=None
            )
            with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_claim(record)) as builder:
                out = io.BytesIO()
                builder.sign(signer, media_type, io.BytesIO(data), out)
            whole = out.getvalue()
            found = read(whole, media_type)
            if found is not None and found.ours:
                return whole
            last = found.said if found is not None else "the manifest is not in the file"
        except (c2pa.C2paError, ValueError) as error:
            last = str(error)
    raise BadInput(
        f"The image could not be signed with {certificate}: {last[:300]}. Check that the certificate chain is in order, "
        "not expired, made for signing (C2PA asks for extended key usage), and that sign_key is its key. "
        "No file was written."
    )


def _pem(path: Path, setting: str, what: str) -> str:
    try:
        text = path.expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        raise BadInput(f"The setting {setting} names {path}, which cannot be read: {why}. No file was written.") from None
    if f"{what}-----" not in text:
        raise BadInput(f"{path}, named by the setting {setting}, holds no {what.lower()} in PEM form. No file was written.")
    return text


def _claim(record: SyntheticRecord) -> dict[str, Any]:
    name, _, version = record.software.rpartition(" ")
    return {
        "claim_generator_info": [{"name": name or "MIRAGE", "version": version}],
        "title": f"Synthetic image {record.id}",
        "assertions": [
            {
                "label": "c2pa.actions",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": TRAINED,
                            "softwareAgent": {"name": name or "MIRAGE", "version": version},
                        }
                    ]
                },
            },
            {"label": ASSERTION, "data": {"record": record.print()}},
        ],
    }


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
        return C2paManifest(bool(seems), False, None, f"A C2PA manifest is there and was not checked. {_INSTALL}.")
    import c2pa  # noqa: PLC0415 - optional

    try:
        with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
            told = json.loads(reader.json())
            state = str(reader.get_validation_state() or "")
    except Exception as error:  # a stranger's manifest; the package raises more kinds than its own
        if "ManifestNotFound" in str(error):
            return None
        return C2paManifest(bool(seems), False, None, "A C2PA manifest is there, and it is damaged: it cannot be read.")
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
    issuer = str((active.get("signature_info") or {}).get("issuer") or "somebody unnamed")[:80]
    fits = state in ("Valid", "Trusted")
    ours = fits and maker == "MIRAGE" and synthetic
    what = "made by a generator" if synthetic else "nothing of a generator"
    holds = (
        "the file is as it was signed" + ("" if state == "Trusted" else "; who signed is not on a list of trusted signers")
        if fits
        else "the signature does not fit the file, or its certificate is not valid"
    )
    return C2paManifest(
        synthetic, ours, record if fits else None, f"{maker or 'Somebody'}, signed by {issuer}: {what}; {holds}."
    )


def _ascii(data: bytes) -> str:
    """What stands around the first source type in the bytes."""
    at = data.find(b"digitalsourcetype/")
    return data[at : at + 200].decode("latin-1") if at >= 0 else ""
