"""How the starter atlas is built: archives from an index, faces removed, labels measured."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
pytest.importorskip("scipy")
if not SCRIPTS.is_dir():
    pytest.skip("the scripts are not here", allow_module_level=True)
sys.path.insert(0, str(SCRIPTS))

from starter.faces import halved, without_face  # noqa: E402
from starter.names import listed, plain  # noqa: E402
from starter.packages import Package, unpacked  # noqa: E402
from starter.scan import Scan, placed  # noqa: E402
from starter.slices import Sections, named_in, painted  # noqa: E402
from starter.subjects import SUBJECTS, Mark, Series  # noqa: E402


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A simple index over HTTP with one source archive, whose build would fail if it were run."""
    folder = tmp_path / "simple" / "thing"
    folder.mkdir(parents=True)
    with tarfile.open(tmp_path / "thing-1.0.tar.gz", "w:gz") as archive:
        for name, data in (("thing-1.0/setup.py", b"raise SystemExit('run')"), ("thing-1.0/data.txt", b"voxels")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    (folder / "index.html").write_text(
        '<a href="../../thing-0.9.tar.gz#sha256=00">old</a> <a href="../../thing-1.0.tar.gz#sha256=11">new</a>'
    )
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        yield tmp_path
        server.shutdown()


def test_a_source_archive_is_fetched_by_its_link_and_nothing_of_it_is_run(index: Path) -> None:
    digest = hashlib.sha256((index / "thing-1.0.tar.gz").read_bytes()).hexdigest()
    folder = unpacked(Package("thing", "1.0", digest, client="link"), index / "cache")
    assert (folder / "thing-1.0" / "data.txt").read_text() == "voxels"


def test_an_archive_that_is_not_the_pinned_one_is_not_kept(index: Path) -> None:
    with pytest.raises(SystemExit, match="is not the file with SHA-256 0000"):
        unpacked(Package("thing", "1.0", "0" * 64, client="link"), index / "cache")
    assert not list((index / "cache").rglob("*.tar.gz"))
    with pytest.raises(SystemExit, match=r"has no thing-2\.0\.tar\.gz"):
        unpacked(Package("thing", "2.0", "0" * 64, client="link"), index / "cache")


def test_a_head_loses_what_lies_below_and_before_the_orbits() -> None:
    scan = Scan(np.ones((20, 100, 25), np.int16), np.diag([1.0, 1.0, 6.5, 1.0]), {"lesion": np.ones((20, 100, 25), bool)})
    safe = without_face("brain2", scan)
    assert safe.voxels.shape == (20, 100, 17)
    assert safe.affine[2, 3] == 8 * 6.5, "what is left lies where it lay"
    for k, row in enumerate((68, 64, 52, 44)):
        assert not safe.voxels[:, :row, k].any()
        assert safe.voxels[:, row:, k].all()
    assert scan.voxels.all(), "the source is not written into"


def test_halving_keeps_places_and_what_labels_cover() -> None:
    voxels = np.arange(8 * 6 * 2, dtype=np.int16).reshape(8, 6, 2)
    mask = np.zeros(voxels.shape, bool)
    mask[:4] = True
    small = halved(Scan(voxels, np.diag([0.5, 0.5, 5.0, 1.0]), {"half": mask}))
    assert small.voxels.shape == (4, 3, 2)
    assert small.spacing == (1.0, 1.0, 5.0)
    assert small.voxels[0, 0, 0] == round(float(voxels[:2, :2, 0].mean()))
    assert (small.affine @ [0, 0, 0, 1])[:2].tolist() == [0.25, 0.25], "the middle of the first four"
    assert small.labels["half"][:2].all()
    assert not small.labels["half"][2:].any()


def test_labels_off_the_grid_are_refused() -> None:
    affine, moved = np.eye(4), np.eye(4)
    moved[:3, 3] = (2, 1, 0)
    full = placed(np.ones((2, 2, 2)), moved, (6, 6, 6), affine)
    assert full.sum() == 8
    assert full[2:4, 1:3, :2].all()
    moved[0, 3] = 2.4
    with pytest.raises(SystemExit, match="between the voxels"):
        placed(np.ones((2, 2, 2)), moved, (6, 6, 6), affine)


def test_later_labels_lie_over_earlier_ones_and_those_wholly_covered_are_dropped() -> None:
    under, over = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    under[0], over[:2] = True, True
    values, numbers = painted(Scan(np.zeros((4, 4, 4)), np.eye(4), {"under": under, "over": over}))
    assert numbers == {"over": 2}
    assert (values == 2).sum() == over.sum()


def test_a_structure_is_shown_by_its_area_and_the_share_of_its_largest_section() -> None:
    seen = Sections({"large": np.array([1000.0, 40, 60]), "tiny": np.array([0.0, 8, 3]), "small": np.array([25.0, 19, 0])})
    assert seen.shares(0, {}) == {"large": 1.0, "small": 1.0}
    assert seen.shares(1, {}) == {"tiny": 1.0, "small": 0.76}, "a twentieth of the largest section is the least"
    assert seen.shares(2, {}) == {"tiny": 0.38, "large": 0.06}
    ill, wire = Mark("A nodule.", diagnosis="Lung nodule"), Mark("Wire.")
    assert "large" not in seen.shares(2, {"large": ill}), "a scrap of what is ill is not seen for what it is"
    assert seen.shares(1, {"small": wire})["small"] == 0.76


def test_a_window_names_what_it_is_for() -> None:
    chest = next(subject for subject in SUBJECTS if subject.name == "aortic-dissection")
    areas = {"aorta_false_lumen": np.array([300.0]), "lung_upper_lobe_left": np.array([900.0]), "sternum": np.array([400.0])}
    named = {window: list(named_in(chest, Series("axial", window, 1, 1), Sections(areas), 0)) for window in chest.windows}
    assert named["angiography"][0] == "aorta_false_lumen", "what is ill stands first"
    assert named["lung"] == ["lung_upper_lobe_left"]
    assert named["bone"] == ["sternum"]


def test_labels_are_named_and_gathered_in_a_students_words() -> None:
    assert plain("kidney_left") == "left kidney"
    assert plain("rib_right_10") == "rib right 10"
    assert (
        listed(["liver", "vertebrae_L1", "spleen", "vertebrae_L2"], 8) == "liver, spine (vertebra L1, vertebra L2), spleen"
    )
    assert listed(["liver", "spleen", "colon"], 2) == "liver, spleen"
