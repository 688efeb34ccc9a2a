"""Dropped pictures: read in memory, answered as an embedding, kept nowhere."""

import html
import io
import logging
import re
import struct
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from serving import picture

from mirage.images import read_picture
from mirage.query import PictureTerm
from mirage.web import uploads
from parts import PATIENCE


def embed(client, data: bytes, name: str = "a.png"):
    return client.post("/api/embed", files={"file": (name, data, "application/octet-stream")})


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Watch:
    """Notes every file that this process has open and every entry of the temporary folder, while it runs."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.there: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.is_set():
            for entry in Path("/proc/self/fd").iterdir():
                try:
                    target = str(entry.readlink())
                except OSError:
                    continue
                if target.startswith("/") and not target.startswith(("/dev", "/proc")):
                    self.open.add(target)
            self.there |= {entry.name for entry in Path(tempfile.gettempdir()).iterdir()}
            self.looks += 1
            time.sleep(0.0005)

    def look_twice(self) -> None:
        """Wait until it has looked from beginning to end, however busy the machine is."""
        seen = self.looks
        while self.looks < seen + 2:
            time.sleep(0.01)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see which files are open")
def test_a_picture_of_5_mb_never_touches_the_disk(client, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = picture(size=(2600, 2400))
    assert len(data) > 5_000_000
    for path in ("/api/embed", "/search"):  # what this loads and compiles is no upload
        assert client.post(path, files={"file": ("a.png", picture())}).status_code == 200

    # The watch does see a spooled upload: the very thing that Starlette does above 1 MB.
    with Watch() as control, tempfile.SpooledTemporaryFile(max_size=1_000_000) as spooled:
        spooled.write(data)
        control.look_twice()
    assert any(target.startswith(str(tmp_path)) for target in control.open)

    with Watch() as before:
        client.get("/api/atlas")
        before.look_twice()
    started = time.time()
    with Watch() as during:
        while during.looks < 20:
            assert embed(client, data).status_code == 200
            assert client.post("/search", files={"file": ("a.png", data)}).status_code == 200
    assert during.there == set()
    opened = {target for target in during.open - before.open if not _older(target, started)}
    assert {target for target in opened if "/atlas/" not in target} == set()


def _older(target: str, moment: float) -> bool:
    """Whether it is a file that nobody has written to since."""
    try:
        return Path(target).stat().st_mtime < moment
    except OSError:
        return False


def test_a_dropped_picture_finds_itself_and_stays_out_of_every_address(site, client, a_figure):
    data = site.atlas.picture(a_figure).read_bytes()
    answer = client.post("/search", files={"file": ("scan.png", data)})
    assert answer.status_code == 200
    assert answer.url.path == "/search"
    assert not answer.url.query
    assert not answer.history
    first = re.search(r'<li class="card" id="hit-1"[^>]*>.*?href="/figure/([^"]+)"', answer.text, re.DOTALL)[1]
    assert first == a_figure
    token = html.unescape(re.search(r'name="picture" value="([^"]+)"', answer.text)[1])
    assert PictureTerm.parse(token).print() == token
    assert re.search(r'<form id="search" action="/search" method="post"', answer.text)
    addresses = re.findall(r'(?:href|src|action)="([^"]+)"', answer.text)
    assert not [address for address in addresses if "picture=" in address or token in address]


def test_words_filters_and_weights_join_a_dropped_picture(site, client, a_figure):
    token = embed(client, site.atlas.picture(a_figure).read_bytes()).json()["picture"]
    sent = {"picture": token, "picture_weight": "0.5", "q": "coronal", "more": "", "more_weight": "1", "plane": "coronal"}
    page = client.post("/search", data=sent).text
    assert re.search(r'name="plane" value="coronal" form="search" checked', page)
    assert 'name="picture_weight" form="search" value="0.5"' in page
    body = {
        "terms": [{"text": "coronal"}, {"picture": token, "weight": 0.5}],
        "filters": {"plane": ["coronal"]},
    }
    groups = client.post("/api/search", json=body).json()["groups"]
    shown = re.findall(r'<a class="shot" href="/figure/([^"]+)"', page)
    assert [name for name in shown if name in {group["figures"][0]["figure"] for group in groups}] == [
        group["figures"][0]["figure"] for group in groups
    ]
    assert set(shown) <= {figure["figure"] for group in groups for figure in group["figures"]}
    without = client.post("/search", data={**sent, "picture": ""})
    assert without.url.query.decode() == "q=coronal&plane=coronal"


def _exif() -> bytes:
    image = Image.new("L", (80, 60), 120)
    exif = image.getexif()
    exif[0x010E] = "JANE DOE 1950-01-01"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_metadata_and_file_names_are_in_no_answer_and_no_log(client, caplog):
    caplog.set_level(logging.DEBUG)
    data = _exif()
    assert b"JANE DOE" in data
    for answer in (
        embed(client, data, "JANE_DOE.jpg"),
        client.post("/search", files={"file": ("JANE_DOE.jpg", data)}),
    ):
        assert answer.status_code == 200
        assert "JANE" not in answer.text
    token = embed(client, data).json()["picture"]
    assert "JANE" not in caplog.text
    assert token not in caplog.text


def _animated() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("L", (40, 40), shade) for shade in (0, 90, 200)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def _cmyk() -> bytes:
    file = io.BytesIO()
    Image.new("CMYK", (40, 40), (10, 90, 0, 30)).save(file, "JPEG")
    return file.getvalue()


def _deep() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("I;16").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [("a.gif", _animated), ("a.jpg", _cmyk), ("a.png", _deep), ("really-a-jpeg.png", _cmyk)],
)
def test_unusual_pictures_are_read(client, name, make):
    assert embed(client, make(), name).status_code == 200


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.png", b"", "empty"),
        ("cut.png", picture(size=(300, 300))[:5000], "cut short"),
        ("cut.jpg", picture(size=(300, 300), kind="JPEG")[:3000], "cut short"),
        ("huge.png", png(20_000, 20_000, zlib.compress(b"\0" * 1000)), "400 megapixels"),
        ("bomb.png", png(60_000, 60_000, zlib.compress(b"\0" * 50_000_000, 9)), "megapixels"),
        ("page.png", b"<!doctype html><html><body>hello</body></html>", "not a picture"),
        ("notes.jpg", b"just words", "not a picture"),
        ("archive.png", b"PK\x03\x04" + b"\0" * 100, "not a picture"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name_and_the_reason(client, name, data, says):
    answer = embed(client, data, name)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert name in answer.json()["detail"]
    page = client.post("/search", files={"file": (name, data)})
    assert page.status_code == 422
    assert says in html.unescape(page.text)
    assert 'id="search"' in page.text


def test_a_picture_above_the_limit_is_refused_whether_or_not_its_size_is_declared(client):
    data = b"\x89PNG\r\n\x1a\n" + b"\0" * 21_000_000

    def undeclared():
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        yield head
        for start in range(0, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]
        yield b"\r\n--b--\r\n"

    chunked = client.post("/api/embed", content=undeclared(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    for answer in (embed(client, data), chunked):
        assert answer.status_code == 413
        assert "20 MB" in answer.json()["detail"]


@pytest.mark.parametrize("address", ["https://example.org/cat.png", "/etc/passwd", "data:image/png;base64,AAAA"])
def test_an_address_is_refused_because_nothing_is_fetched(client, address):
    for answer in (
        client.post("/api/embed", data={"file": address}),
        client.post("/api/embed", files={"file": (None, address)}),
        client.post("/search", data={"file": address}),
    ):
        assert answer.status_code == 422
        assert "Nothing is fetched from the network" in answer.text


def test_a_form_without_a_picture_two_pictures_and_a_torn_form_are_told_apart(client):
    assert "Choose a file" in client.post("/api/embed", files={"file": ("", b"")}).json()["detail"]
    two = [("file", ("a.png", picture())), ("file", ("b.png", picture()))]
    assert "One picture at a time" in client.post("/api/embed", files=two).json()["detail"]
    torn = client.post("/api/embed", content=b"--b\r\nrubbish", headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert torn.status_code in (400, 422)
    assert torn.json()["detail"]
    assert client.post("/api/embed", json={"file": "x"}).status_code == 400


def test_searching_goes_on_while_pictures_are_decoded(client, site, monkeypatch):
    decoding, goes_on = threading.Event(), threading.Event()

    def slowly(*given, **options):
        decoding.set()
        assert goes_on.wait(PATIENCE)
        return read_picture(*given, **options)

    monkeypatch.setattr(uploads, "read_picture", slowly)
    with site.client() as other, ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(embed, other, picture()) for _ in range(2)]
        try:
            assert decoding.wait(PATIENCE)
            assert client.get("/api/search?q=brain").json()["hits"]
            assert client.get("/").status_code == 200
        finally:
            goes_on.set()
    assert [each.result().status_code for each in sent] == [200, 200]
