"""With a certificate configured every picture leaves with a signed C2PA manifest, or does not leave."""

from __future__ import annotations

import datetime
import importlib.util
import io
from pathlib import Path

import pytest
from cryptography import x509
from PIL import Image

from marks_maker import ID, drawn, read, record, resaved
from mirage.errors import BadInput, Unavailable
from mirage.generate import provenance
from mirage.generate.provenance import mark

pytestmark = pytest.mark.torch


def chain(folder: Path, *, days: int = 30, name: str = "leaf", alg: str = "ec") -> tuple[Path, Path]:
    """A root and a leaf made for signing, as C2PA wants them; the paths of the chain and of the key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common: str) -> x509.Name:
        pairs = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, "MIRAGE tests"), (NameOID.COUNTRY_NAME, "EU"))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])

    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=days)
    begin = min(now, end) - datetime.timedelta(days=60)
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1()) if alg == "ec" else rsa.generate_private_key(65537, 2048)

    def build(subject: str, public, ca: bool):
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if not ca:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        return made.sign(root_key, hashes.SHA256())

    leaf, root = build(name, key.public_key(), False), build("root", root_key.public_key(), True)
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (leaf, root)))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def configure(patch: pytest.MonkeyPatch, certificate: Path | str, key: Path | str) -> None:
    patch.setenv("MIRAGE_SIGN_CERTIFICATE", str(certificate))
    patch.setenv("MIRAGE_SIGN_KEY", str(key))


def said(data: bytes) -> tuple[bool, str]:
    found = next(mark for mark in read(data).marks if mark.kind == "c2pa")
    return found.found, found.said


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("alg", ["ec", "rsa"])
def test_a_signed_file_carries_all_other_marks_too(
    format: str, alg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, *chain(tmp_path, alg=alg))
    data = mark(drawn(), record(), format)
    told = read(data)
    assert {each.kind for each in told.marks if each.found} == {"band", "watermark", "xmp", "record", "c2pa"}
    assert told.ours
    assert told.record == record()
    assert "MIRAGE tests" in said(data)[1]
    assert "as it was signed" in said(data)[1]


def test_a_changed_file_no_longer_fits_its_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, *chain(tmp_path))
    data = bytearray(mark(drawn(), record(), "jpeg"))
    data[-2000] ^= 0x55
    found, words = said(bytes(data))
    assert found
    assert "does not fit" in words
    assert not said(resaved(bytes(data), kind="PNG"))[0]


@pytest.mark.parametrize("what", ["missing", "no pem", "expired", "other key", "half set"])
def test_no_file_leaves_unsigned_when_signing_is_configured(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = chain(tmp_path, days=-1 if what == "expired" else 30)
    if what == "missing":
        certificate = tmp_path / "none.pem"
    if what == "no pem":
        key.write_text("hello")
    if what == "other key":
        key = chain(tmp_path, name="other")[1]
    configure(monkeypatch, certificate, key)
    if what == "half set":
        monkeypatch.delenv("MIRAGE_SIGN_KEY")
    with pytest.raises(BadInput, match="No file was written") as raised:
        mark(drawn(), record())
    assert "sign_key" in str(raised.value) or str(certificate) in str(raised.value)


def test_without_the_package_signing_says_what_to_install_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, *chain(tmp_path))
    data = mark(drawn(), record())
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "c2pa" else find(name, *rest))
    with pytest.raises(Unavailable, match="pip install c2pa-python"):
        mark(drawn(), record())
    found, words = said(data)
    assert found
    assert "was not checked" in words
    assert read(data).ours


def test_another_makers_manifest_is_synthetic_and_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, *chain(tmp_path))
    file = io.BytesIO()
    drawn((300, 300)).save(file, "PNG")
    claim = provenance._claim(record())
    claim["claim_generator_info"] = [{"name": "Other", "version": "3"}]
    claim["assertions"] = claim["assertions"][:1]
    import c2pa

    certificate, key = chain(tmp_path)
    info = c2pa.C2paSignerInfo(b"es256", certificate.read_bytes(), key.read_bytes(), None)
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(claim) as builder:
        builder.sign(signer, "image/png", io.BytesIO(file.getvalue()), out)
    told = read(out.getvalue())
    assert told.synthetic
    assert not told.ours
    assert told.record is None
    assert Image.open(io.BytesIO(out.getvalue())).size == (300, 300)
    assert ID not in told.id
