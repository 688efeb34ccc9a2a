"""Series, volumes and numbered pictures of a folder become stacks, and every file that does not is named."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_maker import make_dicom
from mirage.corpora.base import HasStacks, Item, Refused
from mirage.corpora.contract import faults
from mirage.corpora.folder import FolderCorpus
from mirage.errors import BadInput, BadPicture
from mirage.images.stacks import stack_of

AXIAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]
SERIES = "1.2.840.99.17.4242"


def slices(folder: Path, heights: Any, orientation: Any = AXIAL, start: int = 0, **tags: Any) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, z in enumerate(heights, start):
        pixels = np.full((6, 8), number, np.int16)
        pixels[0, 0] = 500
        given = {"SeriesInstanceUID": SERIES, "InstanceNumber": number, "ImageOrientationPatient": orientation,
                 "ImagePositionPatient": [z, 0, 0] if orientation is SAGITTAL else [0, 0, z],
                 "PixelSpacing": [1, 1], "BodyPartExamined": "CHEST"}  # fmt: skip
        path = folder / f"IM{number:04d}.dcm"
        path.write_bytes(make_dicom(pixels, **given | tags))
        paths.append(path)
    return paths


def nifti(path: Path, shape: tuple[int, ...] = (4, 5, 6), kind: Any = np.int16, affine: Any = None, **more: Any) -> Path:
    voxels = more.pop("voxels", np.arange(np.prod(shape)).reshape(shape).astype(kind))
    image = nib.Nifti1Image(voxels, np.diag([1.0, 2, 3, 1]) if affine is None else affine)
    for content in more.pop("extensions", ()):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, content))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.to_filename(path)
    return path


def entries(corpus: FolderCorpus) -> tuple[dict[str, Item], dict[str, Item], dict[str, str]]:
    """Stacks, single figures, and what was refused, by label."""
    stacks, singles, refused = {}, {}, {}
    for one in corpus.items():
        if isinstance(one, Refused):
            refused[one.label] = one.reason
        else:
            (stacks if one.stacked else singles)[one.label] = one
    return stacks, singles, refused


def test_a_series_is_one_figure_with_what_its_header_says(tmp_path: Path) -> None:
    slices(tmp_path / "chest", [0, 2, 4, 6])
    corpus = FolderCorpus(tmp_path)
    stacks, singles, refused = entries(corpus)
    (item,) = stacks.values()
    assert not singles
    assert not refused
    assert item.label == "chest/IM0000.dcm and 3 more slices"
    assert (item.figure.modality, item.figure.plane, item.figure.region) == ("CT", "axial", "thorax")
    assert isinstance(corpus, HasStacks)
    assert corpus.read_stack(item).voxels.shape == (4, 6, 8)
    assert corpus.read(item).image.size == (8, 6)
    assert faults(corpus) == []


def test_nothing_of_the_patient_or_of_the_series_identifiers_is_kept(tmp_path: Path) -> None:
    slices(tmp_path / "Roe^Jane", [0, 2, 6, 8])
    nifti(tmp_path / "Roe^Jane" / "Roe.nii.gz", (3, 4, 5, 2))
    corpus = FolderCorpus(tmp_path, name="teaching")
    for item in entries(corpus)[0].values():
        volume = corpus.read_stack(item)
        assert volume.notes
        assert not re.search("Roe|SECRET|Hospital|4242", f"{item.figure!r}{item.fingerprint}{volume.notes}")
        assert "4242" not in repr(item)


def test_none_keeps_every_slice_a_figure(tmp_path: Path) -> None:
    slices(tmp_path, [0, 2, 4])
    nifti(tmp_path / "a.nii.gz")
    stacks, singles, _ = entries(FolderCorpus(tmp_path, stacks="none"))
    assert not stacks
    assert list(singles) == ["IM0000.dcm", "IM0001.dcm", "IM0002.dcm"]
    with pytest.raises(BadInput, match="stacks is one of series, numbered, none"):
        FolderCorpus(tmp_path, stacks="all")


def test_a_localiser_among_axials_stands_alone(tmp_path: Path) -> None:
    slices(tmp_path, [0, 2, 4])
    slices(tmp_path, [9], SAGITTAL, start=7)
    stacks, singles, refused = entries(FolderCorpus(tmp_path))
    assert list(stacks) == ["IM0000.dcm and 2 more slices"]
    assert list(singles) == ["IM0007.dcm"]
    assert not refused


def test_two_orientations_are_two_stacks(tmp_path: Path) -> None:
    slices(tmp_path, [0, 2, 4])
    slices(tmp_path, [0, 3, 6, 9], SAGITTAL, start=10)
    stacks, _, _ = entries(corpus := FolderCorpus(tmp_path))
    planes = {corpus.read_stack(item).views[0]: item.figure.plane for item in stacks.values()}
    assert planes == {"axial": "axial", "sagittal": "sagittal"}


def test_a_file_at_a_place_that_is_taken_is_named(tmp_path: Path) -> None:
    paths = slices(tmp_path, [0, 2, 4])
    shutil.copy(paths[1], tmp_path / "copy.dcm")
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path))
    assert list(refused) == ["copy.dcm"]
    assert refused["copy.dcm"].startswith("It lies at the place of IM0001.dcm, a slice of its series, which was taken.")
    assert not singles
    assert corpus.read_stack(next(iter(stacks.values()))).voxels.shape[0] == 3


@pytest.mark.parametrize(
    ("heights", "said"), [([0, 2, 4, 6, 2], "1 slice at a place"), ([0, 2, 4] * 9, "24 slices at places")]
)
def test_frames_at_places_that_are_taken_are_told(heights: list[int], said: str, tmp_path: Path) -> None:
    def group(**tags: Any) -> Dataset:
        inner = Dataset()
        inner.update(tags)
        return inner

    def groups(name: str, **tags: Any) -> Dataset:
        return group(**{name: Sequence([group(**tags)])})

    shared = groups("PlaneOrientationSequence", ImageOrientationPatient=AXIAL)
    shared.PixelMeasuresSequence = Sequence([group(PixelSpacing=[1, 1])])
    frames = [groups("PlanePositionSequence", ImagePositionPatient=[0, 0, height]) for height in heights]
    pixels = np.stack([np.full((6, 8), number, np.int16) for number in range(len(heights))])
    (tmp_path / "a.dcm").write_bytes(
        make_dicom(
            pixels, SharedFunctionalGroupsSequence=Sequence([shared]), PerFrameFunctionalGroupsSequence=Sequence(frames)
        )
    )
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path))
    volume = corpus.read_stack(next(iter(stacks.values())))
    assert not singles | refused
    assert volume.voxels.shape[0] == len(set(heights))
    assert said in volume.notes[0]


def test_echoes_over_the_same_places_are_stacks_of_their_own(tmp_path: Path) -> None:
    slices(tmp_path, [0, 0, 2, 2, 4, 4])
    stacks, _, refused = entries(corpus := FolderCorpus(tmp_path))
    assert not refused
    assert [list(corpus.read_stack(item).voxels[:, 1, 1]) for item in stacks.values()] == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("heights", [[0, 2, 6, 8], [0, 2.0, 4.7, 6]])
def test_missing_and_uneven_slices_are_said_and_shown_in_one_plane(heights: list[float], tmp_path: Path) -> None:
    slices(tmp_path, heights)
    stacks, _, _ = entries(corpus := FolderCorpus(tmp_path))
    volume = corpus.read_stack(next(iter(stacks.values())))
    assert volume.views == ("axial",)
    assert re.search("lacks 1 slice|uneven distances", volume.notes[0])


def test_rules_for_single_files_hold_for_series(tmp_path: Path) -> None:
    slices(tmp_path, [0, 2, 4])
    slices(tmp_path, [6], start=3, BurnedInAnnotation="YES")
    slices(tmp_path, [8], start=4, SyntheticData="YES")
    (tmp_path / "IM0005.dcm").write_bytes(b"")
    (tmp_path / "IM0006.dcm").write_bytes(make_dicom(None))
    stacks, singles, refused = entries(FolderCorpus(tmp_path))
    assert list(stacks) == ["IM0000.dcm and 2 more slices"]
    assert not singles
    for number, word in ((3, "burned"), (4, "synthetic"), (5, "empty")):
        assert word in refused[f"IM000{number}.dcm"]
    assert "without a picture" in refused["IM0006.dcm"]
    assert list(entries(FolderCorpus(tmp_path, allow_burned_in=True))[0]) == ["IM0000.dcm and 3 more slices"]


def test_a_film_stays_sampled_frames(tmp_path: Path) -> None:
    film = np.stack([np.full((10, 10), n, np.uint8) for n in range(40)])
    (tmp_path / "cine.dcm").write_bytes(make_dicom(film, Modality="US"))
    stacks, singles, _ = entries(FolderCorpus(tmp_path, frames=4))
    assert not stacks
    assert len(singles) == 4


def test_a_row_gives_its_words_to_the_stack_of_a_folder_and_of_a_nifti_file(tmp_path: Path) -> None:
    slices(tmp_path / "one", [0, 2, 4])
    nifti(tmp_path / "b.nii.gz", kind=np.uint8)
    nifti(tmp_path / "b_seg.nii.gz", kind=np.uint8, voxels=np.ones((4, 5, 6), np.uint8))
    (tmp_path / "empty").mkdir()
    (tmp_path / "figures.csv").write_text(
        "file,id,caption,case,plane\none,first,A dissection,c1,\nb.nii.gz,,A liver,,coronal\nempty,,Nothing,,\n"
    )
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path))
    words = {label: (item.figure.caption, item.figure.plane) for label, item in stacks.items()}
    assert words == {"one/IM0000.dcm and 2 more slices": ("A dissection", "axial"), "b.nii.gz": ("A liver", "coronal")}
    assert not singles
    assert corpus.read_stack(stacks["b.nii.gz"]).labels is not None
    assert next(iter(stacks.values())).case is not None
    assert "line 4 of the table names a folder that holds no stack" in refused["empty"].lower()


def test_slices_with_rows_of_their_own_stay_figures(tmp_path: Path) -> None:
    slices(tmp_path, [0, 2, 4, 6])
    (tmp_path / "figures.csv").write_text("file,caption\nIM0002.dcm,The aorta\n")
    stacks, singles, _ = entries(FolderCorpus(tmp_path))
    assert {label: item.figure.caption for label, item in singles.items()} == {"IM0002.dcm": "The aorta"}
    assert list(stacks) == ["IM0000.dcm and 2 more slices"]


def test_ids_survive_a_move_and_the_fingerprint_tells_a_change(tmp_path: Path) -> None:
    paths = slices(tmp_path / "a" / "scans", [0, 2, 4])
    (before,) = entries(FolderCorpus(tmp_path / "a", name="x"))[0].values()
    shutil.move(tmp_path / "a", tmp_path / "b")
    (after,) = entries(FolderCorpus(tmp_path / "b", name="x"))[0].values()
    assert (before.figure.id, before.fingerprint) == (after.figure.id, after.fingerprint)
    there = tmp_path / "b" / "scans" / paths[1].name
    there.write_bytes(there.read_bytes() + b"\0\0")
    (changed,) = entries(FolderCorpus(tmp_path / "b", name="x"))[0].values()
    assert changed.figure.id == before.figure.id
    assert changed.fingerprint != before.fingerprint


# -- labels -------------------------------------------------------------------------------------------------------------


def marks(value: int = 3) -> Any:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 2:4] = value
    return labels


CARET = (
    b'<?xml version="1.0"?><CaretExtension><VolumeInformation Index="0"><LabelTable>'
    b'<Label Key="3" Red="0" Green="1"><![CDATA[kidney_left]]></Label>\n'
    b'<Label Key="4" Red="0" Green="1">x &amp; y</Label></LabelTable></VolumeInformation>'
)


@pytest.mark.parametrize("ending", ["_seg", "_labels", "_label"])
def test_labels_beside_a_volume_go_with_it_under_the_names_of_the_json(ending: str, tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / f"a{ending}.nii.gz", voxels=marks(), extensions=[CARET])
    (tmp_path / f"a{ending}.json").write_text(json.dumps({"3": "left kidney, as I say"}))
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path))
    volume = corpus.read_stack(stacks["a.nii.gz"])
    assert list(stacks) == ["a.nii.gz"]
    assert not singles | refused
    assert volume.labels is not None
    assert int((volume.labels == 3).sum()) == 2
    assert volume.label_names == ((3, "left kidney, as I say"),)


def test_names_of_labels_are_read_from_the_header(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii", voxels=marks(), extensions=[CARET])
    (item,) = entries(corpus := FolderCorpus(tmp_path))[0].values()
    assert corpus.read_stack(item).label_names == ((3, "left kidney"), (4, "x & y"))


def test_labels_of_another_shape_are_refused_in_words_that_name_both(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii.gz", (4, 4, 6))
    nifti(tmp_path / "b.nii.gz")
    nifti(tmp_path / "b_seg.nii.gz", affine=np.diag([1.0, 2, 4, 1]))
    stacks, _, refused = entries(corpus := FolderCorpus(tmp_path))
    assert refused["a_seg.nii.gz"] == (
        "a_seg.nii.gz has labels of 6 × 4 × 4 voxels, and a.nii.gz has 6 × 5 × 4. Resample them to it."
    )
    assert "lie elsewhere in the patient than b.nii.gz" in refused["b_seg.nii.gz"]
    assert corpus.read_stack(stacks["a.nii.gz"]).labels is None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: nifti(path, voxels=marks().astype(np.float32) / 2), "not whole numbers"),
        (lambda path: nifti(path, voxels=np.where(marks() > 0, np.nan, 0).astype(np.float32)), "not whole numbers"),
        (lambda path: nifti(path, voxels=-marks().astype(np.int8)), "labels below 0"),
        (lambda path: nifti(path, (8, 9, 7), np.int16), "marks 503 structures"),
        (lambda path: path.write_bytes(gzip.decompress(nifti(path, voxels=marks()).read_bytes())[:-30]), "cut short"),
    ],
)
def test_a_volume_whose_labels_cannot_be_used_is_taken_without_them(make: Any, said: str, tmp_path: Path) -> None:
    shape = (8, 9, 7) if "503" in said else (4, 5, 6)
    nifti(tmp_path / "a.nii.gz", shape)
    make(tmp_path / "a_seg.nii.gz")
    stacks, _, refused = entries(corpus := FolderCorpus(tmp_path))
    assert not refused
    volume = corpus.read_stack(stacks["a.nii.gz"])
    assert volume.labels is None
    assert volume.voxels.shape == shape[::-1]
    ((name, reason),) = volume.left_out
    assert name == "a_seg.nii.gz"
    assert said in reason
    assert volume.notes[-1] == "Its labels could not be used and were left out."


def test_of_labels_with_several_volumes_it_is_said_which_were_taken(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii.gz", voxels=np.stack([marks(), marks(2)], -1))
    (item,) = entries(corpus := FolderCorpus(tmp_path))[0].values()
    volume = corpus.read_stack(item)
    assert volume.labels is not None
    assert volume.labels.max() == 3
    assert "Of its labels: It holds 2 volumes; number 1 was taken." in volume.notes


def test_labels_are_what_their_header_scales_them_to(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    file = nifti(tmp_path / "a_seg.nii", voxels=marks(2))
    header = nib.Nifti1Header(file.read_bytes()[:348])
    header["scl_slope"], header["scl_inter"] = 2, 0
    file.write_bytes(header.binaryblock + file.read_bytes()[348:])
    stacks, _, refused = entries(corpus := FolderCorpus(tmp_path))
    volume = corpus.read_stack(stacks["a.nii.gz"])
    assert not refused
    assert volume.labels is not None
    meant = np.unique(np.asarray(nib.load(file).dataobj))  # type: ignore[attr-defined]
    assert np.unique(volume.labels).tolist() == meant.tolist() == [0, 4]


@pytest.mark.parametrize("names", ['{"1": null}', '{"1": {"a": 1}}', '{"1": " "}', '["liver"]'])
def test_names_of_labels_that_are_no_words_are_refused(names: str, tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii.gz", voxels=marks())
    (tmp_path / "a_seg.json").write_text(names)
    stacks, _, refused = entries(corpus := FolderCorpus(tmp_path))
    told = [*refused.values(), *(reason for _, reason in corpus.read_stack(stacks["a.nii.gz"]).left_out)]
    assert any("does not name the labels" in reason for reason in told)


def test_labels_with_large_numbers_are_numbered_anew_with_their_names(tmp_path: Path) -> None:
    labels = np.zeros((4, 5, 6), np.int32)
    labels[1, 2, 2:4], labels[0, 0, 0] = 2035, 17
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii.gz", voxels=labels)
    (tmp_path / "a_seg.json").write_text(json.dumps({"2035": "insula_left"}))
    (item,) = entries(corpus := FolderCorpus(tmp_path))[0].values()
    found = stack_of(corpus.read_stack(item)).labels
    assert [(one.value, one.name) for one in found] == [(1, "structure 17"), (2, "left insula")]


def test_volumes_in_other_formats_and_dicom_labels_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n")
    slices(tmp_path, [0, 2, 4], Modality="SEG")
    stacks, singles, refused = entries(FolderCorpus(tmp_path))
    assert not stacks | singles
    assert "Convert it to NIfTI" in refused["a.nrrd"]
    assert "DICOM SEG" in refused["IM0000.dcm"]


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"one": "kidney"}', "[" * 100_000])
def test_names_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz")
    nifti(tmp_path / "a_seg.nii.gz", voxels=marks())
    (tmp_path / "a_seg.json").write_text(text)
    assert "does not name the labels" in entries(FolderCorpus(tmp_path))[2]["a_seg.nii.gz"]


def test_names_of_labels_that_lie_elsewhere_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    nifti(folder / "a.nii.gz")
    nifti(folder / "a_seg.nii.gz", voxels=marks())
    (tmp_path / "theirs.json").write_text('{"1": "somebody else’s words"}')
    (folder / "a_seg.json").symlink_to(tmp_path / "theirs.json")
    assert "outside the folder" in entries(FolderCorpus(folder))[2]["a_seg.nii.gz"]


# -- numbered pictures --------------------------------------------------------------------------------------------------


def numbered(folder: Path, numbers: Any, size: tuple[int, int] = (8, 6), mode: str = "L") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.new(mode, size, number if mode == "L" else (number, 0, 9)).save(folder / f"IMG_{number}.png")


def test_numbered_pictures_are_a_stack_on_request_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 10, 9, 11])
    numbered(tmp_path / "other", [1, 2])
    Image.new("L", (5, 5)).save(tmp_path / "IMG_3.png")
    Image.new("L", (8, 6)).save(tmp_path / "cover.png")
    assert not entries(FolderCorpus(tmp_path))[0]
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path, stacks="numbered"))
    (item,) = stacks.values()
    volume = corpus.read_stack(item)
    assert list(volume.voxels[:, 0, 0]) == [1, 2, 9, 10, 11]
    assert (volume.views, volume.sides_known, volume.spacing_known) == (("axial",), False, False)
    assert item.figure.plane == ""
    assert "lacks 6 of the numbers" in volume.notes[1]
    assert sorted(singles) == ["IMG_3.png", "cover.png", "other/IMG_1.png", "other/IMG_2.png"]
    assert not refused
    assert faults(corpus) == []


def test_numbered_pictures_of_colour_and_of_a_plane_that_somebody_names(tmp_path: Path) -> None:
    numbered(tmp_path / "a", [1, 2, 3], mode="RGB")
    (tmp_path / "figures.csv").write_text("file,plane,caption\na,coronal,Sections\n")
    (item,) = entries(corpus := FolderCorpus(tmp_path, stacks="numbered"))[0].values()
    volume = corpus.read_stack(item)
    assert volume.views == ("coronal",)
    assert volume.slice("coronal", 2).shape == (6, 8, 3)
    assert tuple(volume.slice("coronal", 2)[0, 0]) == (3, 0, 9)


def test_a_picture_with_the_number_of_another_is_named_and_the_others_are_a_stack(tmp_path: Path) -> None:
    for name in ("1", "2", "02", "3"):
        Image.new("L", (8, 6), int(name) * 20 + len(name)).save(tmp_path / f"{name}.png")
    stacks, singles, refused = entries(corpus := FolderCorpus(tmp_path, stacks="numbered"))
    assert not singles
    ((label, reason),) = refused.items()
    assert (label, reason.startswith("It has the number of 02.png, which was taken.")) == ("2.png", True)
    assert corpus.read_stack(next(iter(stacks.values()))).voxels[:, 0, 0].tolist() == [21, 42, 61]


@pytest.mark.parametrize("how", ["series", "numbered"])
def test_of_a_stack_with_a_damaged_slice_it_is_said_which_and_that_the_others_can_be_added(how: str, tmp_path: Path) -> None:
    if how == "series":
        paths = slices(tmp_path, [0, 2, 4, 6, 8])
    else:
        paths = [tmp_path / f"{number}.png" for number in range(5)]
        for number, path in enumerate(paths):
            Image.effect_noise((40, 30), 50 + number).save(path)
    whole = paths[2].read_bytes()
    paths[2].write_bytes(whole[: -len(whole) // 3] if how == "numbered" else whole[:-40])
    (item,) = entries(corpus := FolderCorpus(tmp_path, stacks=how))[0].values()
    with pytest.raises(BadPicture) as caught:
        corpus.read_stack(item)
    assert str(caught.value).startswith(f"{paths[2].name} is damaged or cut short")
    assert str(caught.value).endswith("The other slices can be added without it.")
    paths[2].unlink()
    (item,) = entries(corpus := FolderCorpus(tmp_path, stacks=how))[0].values()
    volume = corpus.read_stack(item)
    assert volume.voxels.shape[0] == 4
    assert any("lacks 1" in note for note in volume.notes)


def test_numbered_pictures_keep_their_depth(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(np.full((6, 8), 1000 * number, np.uint16)).save(tmp_path / f"{number}.png")
    (item,) = entries(corpus := FolderCorpus(tmp_path, stacks="numbered"))[0].values()
    assert list(corpus.read_stack(item).voxels[:, 0, 0]) == [0, 1000, 2000]
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "1.png")
    (item,) = entries(corpus := FolderCorpus(tmp_path, stacks="numbered"))[0].values()
    with pytest.raises(BadPicture, match=r"1\.png is of another size or depth than 0\.png"):
        corpus.read_stack(item)


def test_words_say_what_a_nifti_file_does_not(tmp_path: Path) -> None:
    nifti(tmp_path / "hu.nii.gz", voxels=np.linspace(-1000, 1000, 120).reshape(4, 5, 6).astype(np.int16))
    nifti(tmp_path / "other.nii.gz", kind=np.uint8)
    (tmp_path / "figures.csv").write_text("file,modality\nhu.nii.gz,CT\nother.nii.gz,CT\n")
    stacks, _, _ = entries(corpus := FolderCorpus(tmp_path))
    assert corpus.read_stack(stacks["hu.nii.gz"]).modality == "CT"
    assert corpus.read_stack(stacks["other.nii.gz"]).modality == ""  # these are no Hounsfield units
    assert stacks["other.nii.gz"].figure.modality == "CT"


def test_a_nifti_file_of_one_slice_is_a_picture(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz", (9, 8, 1))
    stacks, singles, _ = entries(corpus := FolderCorpus(tmp_path))
    assert not stacks
    assert corpus.read(singles["a.nii.gz"]).image.size == (9, 16)


# -- bad input ----------------------------------------------------------------------------------------------------------


def broken_affine(path: Path) -> None:
    data = bytearray(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes())
    header = nib.Nifti1Header(bytes(data[:348]))
    header["sform_code"], header["qform_code"], header["srow_y"] = 1, 0, 0
    path.write_bytes(gzip.compress(header.binaryblock + bytes(data[348:])))


def twisted(path: Path) -> None:
    nifti(path)
    image = nib.load(path)
    image.set_qform(np.diag([-1.0, 2, 3, 1]), 1)  # type: ignore[attr-defined]
    image.set_sform(np.diag([1.0, 2, 3, 1]), 1)  # type: ignore[attr-defined]
    image.to_filename(path.with_name("twisted.nii.gz"))  # type: ignore[attr-defined]
    path.with_name("twisted.nii.gz").replace(path)


def not_gzip(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b" + b"nonsense" * 50)


def huge(path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    header = bytearray(image.to_bytes()[:352])
    fields = nib.Nifti1Header(bytes(header[:348]))
    fields["dim"][1:4] = 1024, 1024, 1024
    path.write_bytes(gzip.compress(fields.binaryblock + bytes(header[348:])))


def begins_nowhere(path: Path) -> None:
    data = bytearray(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes())
    data[108:112] = np.float32(np.nan).tobytes()
    path.write_bytes(gzip.compress(bytes(data)))


def begins_at_infinity(path: Path) -> None:
    data = bytearray(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes())
    data[108:112] = np.float32(np.inf).tobytes()
    path.write_bytes(gzip.compress(bytes(data)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (begins_nowhere, "begin at byte nan, which cannot be"),
        (begins_at_infinity, "begin at byte inf, which cannot be"),
        (broken_affine, "broken affine"),
        (twisted, "contradicts itself"),
        (not_gzip, "damaged or cut short"),
        (huge, "2,048 MB"),
    ],
)
def test_a_nifti_file_that_cannot_be_taken_is_named_with_its_reason(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "a.nii.gz")
    tracemalloc.start()
    stacks, singles, refused = entries(FolderCorpus(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not stacks | singles
    assert said in refused["a.nii.gz"]
    assert peak < 100 * 2**20


def test_a_truncated_nifti_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", (40, 40, 40))
    path.write_bytes(path.read_bytes()[:-200])
    (item,) = entries(corpus := FolderCorpus(tmp_path))[0].values()
    with pytest.raises(BadPicture, match=r"a\.nii\.gz is (damaged or )?cut short"):
        corpus.read_stack(item)


def test_a_series_of_2_gb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    for number, path in enumerate(slices(tmp_path, [0, 2, 4])):
        path.write_bytes(make_dicom(np.zeros((6, 8), np.int16), SeriesInstanceUID=SERIES, Rows=7000, Columns=7000,
                                    ImagePositionPatient=[0, 0, number], ImageOrientationPatient=AXIAL,
                                    PixelSpacing=[1, 1], BitsAllocated=32))  # fmt: skip
    (item,) = entries(corpus := FolderCorpus(tmp_path))[0].values()
    with pytest.raises(BadPicture, match="561 MB once unpacked, and the limit is 512 MB"):
        corpus.read_stack(item)


def test_four_dimensions_and_colours_are_read(tmp_path: Path) -> None:
    nifti(tmp_path / "four.nii.gz", (4, 5, 6, 3))
    colours = np.zeros((4, 5, 6), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    colours["G"] = 200
    nib.Nifti1Image(colours, np.eye(4)).to_filename(tmp_path / "rgb.nii.gz")
    stacks, _, _ = entries(corpus := FolderCorpus(tmp_path))
    four = corpus.read_stack(stacks["four.nii.gz"])
    assert four.voxels.shape == (6, 5, 4)
    assert "holds 3 volumes; number 1 was taken" in " ".join(four.notes)
    assert tuple(corpus.read_stack(stacks["rgb.nii.gz"]).voxels[0, 0, 0]) == (0, 200, 0)
    assert corpus.read(stacks["rgb.nii.gz"]).image.mode == "RGB"


# -- tables that name folders, and what is no stack ----------------------------------------------------------------------


@pytest.mark.parametrize("named", ["wrist", "wrist/", ".", "./"])
def test_a_table_in_the_folder_may_name_its_own_folder_as_the_stack(tmp_path: Path, named: str) -> None:
    numbered(tmp_path / "wrist", range(1, 6))
    (tmp_path / "wrist" / "figures.csv").write_text(f"file,caption\n{named},Colles fracture\n", "utf-8")
    stacks, singles, refused = entries(FolderCorpus(tmp_path / "wrist", stacks="numbered"))
    assert [one.figure.caption for one in stacks.values()] == ["Colles fracture"]
    assert not singles
    assert not refused


def test_tables_in_folders_within_are_read_with_ids_and_cases_of_their_own(tmp_path: Path) -> None:
    for name in ("wrist", "knee"):
        numbered(tmp_path / name, [1, 2])
        rows = "".join(f"00{n}.png,n{n},1,{name} {n},Fell on the {name}.\n" for n in (1, 2))
        (tmp_path / name / "figures.csv").write_text("file,id,case,caption,history\n" + rows, "utf-8")
    for path in tmp_path.rglob("*.png"):
        path.rename(path.with_name(f"00{int(re.sub('[^0-9]', '', path.stem))}.png"))
    _, singles, refused = entries(FolderCorpus(tmp_path))
    assert not refused
    captions = {label: one.figure.caption for label, one in singles.items()}
    assert captions == {f"{name}/00{n}.png": f"{name} {n}" for name in ("wrist", "knee") for n in (1, 2)}
    assert {one.case.history for one in singles.values() if one.case} == {"Fell on the wrist.", "Fell on the knee."}
    assert len({one.figure.case_id for one in singles.values()}) == 2


def test_a_table_in_a_folder_within_that_cannot_be_read_is_named_and_its_pictures_go_in(tmp_path: Path) -> None:
    numbered(tmp_path / "wrist", [1, 2])
    (tmp_path / "wrist" / "labels.csv").write_text("weight,height\n1,2\n", "utf-8")
    _, singles, refused = entries(FolderCorpus(tmp_path))
    assert len(singles) == 2
    assert "no column for the files" in refused["wrist/labels.csv"]


def test_why_a_folder_that_a_table_names_holds_no_stack_is_said(tmp_path: Path) -> None:
    numbered(tmp_path / "wrist", range(1, 6))
    for number, angle in enumerate((0.0, 0.3, 0.6, 0.9)):
        turned = [1, 0, 0, 0, float(np.cos(angle)), float(np.sin(angle))]
        slices(tmp_path / "turned", [number], turned, start=number, Modality="MR")
    (tmp_path / "few").mkdir()
    rows = "wrist,a\nturned,b\nfew,c\n"
    (tmp_path / "figures.csv").write_text("file,caption\n" + rows, "utf-8")
    corpus = FolderCorpus(tmp_path)
    _, _, refused = entries(corpus)
    assert "“numbered” is chosen" in refused["wrist"]
    assert "parallel to one another" in refused["turned"]
    assert "no picture" in refused["few"]
    assert "5 pictures have numbered names" in corpus.advice
    assert "“turned” holds no stack: of 4 DICOM files" in corpus.advice
    assert "numbered names" not in FolderCorpus(tmp_path, stacks="numbered").advice


def test_a_collection_says_how_many_stacks_it_has_and_the_licences_of_its_table(tmp_path: Path) -> None:
    numbered(tmp_path / "wrist", range(1, 6))
    numbered(tmp_path / "knee", [1])
    (tmp_path / "figures.csv").write_text("file,licence\nwrist,CC-BY-4.0\n", "utf-8")
    info = FolderCorpus(tmp_path, stacks="numbered", licence="CC0-1.0").info()
    assert info.summary == "Pictures of a folder."
    assert info.licence.name == "CC-BY-4.0, CC0-1.0; each figure names its own"
    only = FolderCorpus(tmp_path / "wrist", stacks="numbered").info()
    assert (only.summary, only.licence.name) == ("Pictures of a folder.", "")
