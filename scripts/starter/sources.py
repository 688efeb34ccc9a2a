"""The volumes: read, freed of faces and surroundings, labelled."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import numpy as np
import pydicom

from . import own_labels
from .faces import halved, without_face, without_surroundings
from .scan import Array, Scan, placed, read_label_map, read_nifti, read_nrrd

REFERENCE = "totalsegmentator-2.18.0/tests/reference_files"
IN_AORTA = (
    *("aorta", "aorta_true_lumen", "aorta_false_lumen", "brachiocephalic_trunk", "common_carotid_artery_left"),
    *("subclavian_artery_left", "celiac_trunk", "superior_mesenteric_artery", "vertebrae_T12"),
    *("annulus_proper", "sinotubular_junction"),
)
IN_LUNGS = ("pul_annulus", "pul_bifurcation", "pul_left_start", "pul_right_start")


def aorta(folder: Path) -> Scan:
    """Chest CT angiogram, 1.5 mm, with true and false lumen labelled."""
    reference = folder / REFERENCE
    voxels, affine = read_nifti(reference / "aorta_report/example_ct.nii.gz")
    masks, lungs = reference / "aorta_report/test_result/models", reference / "pulmonary_report/models"
    # Later ones lie over earlier ones where they overlap.
    paths = [lungs / "heart.nii.gz", lungs / "pulmonary_artery.nii.gz", *(masks / f"{name}.nii.gz" for name in IN_AORTA)]
    paths += [lungs / f"{name}.nii.gz" for name in IN_LUNGS]
    labels = {path.name[:-7]: placed(*read_nifti(path), voxels.shape, affine) > 0 for path in paths}
    scan = Scan(voxels, affine, {name: mask for name, mask in labels.items() if mask.any()})
    scan.labels["stent_graft"] = own_labels.aortic_wire(scan)
    scan = without_surroundings(without_face("aorta", scan))
    # The lumens cover the aorta, so that nothing but ragged edges would remain of its own label.
    return own_labels.with_airways(scan).without(["aorta"])


def abdomen(folder: Path) -> Scan:
    """Abdomen and pelvis CT, 3 mm. Labels with errors that are easily seen are left out."""
    reference = folder / REFERENCE
    voxels, affine = read_nifti(reference / "example_ct.nii.gz")
    scan = read_label_map(reference / "example_seg_fast_force_split.nii.gz", Scan(voxels.astype(np.int16), affine))
    scan.labels["metal_implant"] = scan.voxels > own_labels.METAL
    for side in ("left", "right"):
        scan.labels[f"renal_calcification_{side}"] = own_labels.kidney_spots(scan, side)
    return without_surroundings(scan.without(["pancreas", "rib_*", "vertebrae_T11", "costal_cartilages"]))


def upper_abdomen(folder: Path) -> Scan:
    """Upper abdomen CT, 20 slices of 2 mm. Of the headers nothing is read but geometry and rescale values."""
    files = (pydicom.dcmread(path) for path in (folder / REFERENCE / "example_ct_dicom").iterdir())
    slices = sorted(files, key=lambda item: float(item.ImagePositionPatient[2]))
    steps = np.diff([float(item.ImagePositionPatient[2]) for item in slices])
    if np.ptp(steps) > 1e-3 or any(list(map(float, item.ImageOrientationPatient)) != [1, 0, 0, 0, 1, 0] for item in slices):
        raise SystemExit("The slices of the upper abdomen are not even. Not used.")
    first = slices[0]
    voxels = np.stack([item.pixel_array.T for item in slices], axis=-1).astype(np.int32)
    voxels = (voxels * float(first.RescaleSlope) + float(first.RescaleIntercept)).astype(np.int16)
    row, column = map(float, first.PixelSpacing)
    affine = np.diag([column, row, float(steps.mean()), 1.0])
    affine[:3, 3] = list(map(float, first.ImagePositionPatient))
    scan = read_label_map(folder / REFERENCE / "example_seg_dicom.nii.gz", Scan(voxels, affine))
    return without_surroundings(scan.without(["vertebrae_*", "adrenal_gland_right", "rib_*", "costal_cartilages"]))


def abdomen_mri(folder: Path) -> Scan:
    """Upper abdomen MRI, 20 slices of 3 mm; the labels that are good enough to point at."""
    reference = folder / REFERENCE
    scan = read_label_map(reference / "example_seg_mr.nii.gz", Scan(*read_nifti(reference / "example_mr_sm.nii.gz")))
    kept = {"liver", "spleen", "kidney_left", "kidney_right", "aorta", "inferior_vena_cava", "stomach", "vertebrae"}
    kept |= {"autochthon_left", "autochthon_right"}
    return scan.without(scan.labels.keys() - kept)


def average_brain_ct(folder: Path) -> Scan:
    """Average CT of the brain, cut out of the skull."""
    path = folder / "totalsegmentator-2.18.0/totalsegmentator/resources/ct_brain_atlas_1mm.nii.gz"
    scan = Scan(*read_nifti(path))
    where = [np.flatnonzero((scan.voxels != 0).any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    start, end = (tuple(int(found[place]) + more for found in where) for place, more in ((0, -2), (-1, 3)))
    inner = scan.part(tuple(max(0, low) for low in start), end)
    return Scan(np.rint(inner.voxels).astype(np.int16), inner.affine)


def radiomics(folder: Path, name: str, label: str) -> Scan:
    """Read one example of pyradiomics, freed of the face."""
    data = folder / "pyradiomics-3.0.1/data"
    voxels, affine = read_nrrd(data / f"{name}_image.nrrd")
    mask = placed(*read_nrrd(data / f"{name}_label.nrrd"), voxels.shape, affine) > 0
    return without_face(name, Scan(voxels.astype(np.int16), affine, {label: mask}))


def brain1(folder: Path) -> Scan:
    """Head MRI above the orbits, with a marked lesion."""
    return radiomics(folder, "brain1", "brain_lesion")


def brain2(folder: Path) -> Scan:
    """Head MRI above the orbits, blanked in front, with a marked region."""
    return radiomics(folder, "brain2", "brain_region")


def lung1(folder: Path) -> Scan:
    """Chest CT with a marked nodule, halved in-plane."""
    return own_labels.with_airways(halved(without_surroundings(radiomics(folder, "lung1", "lung_nodule"))))


def lung2(folder: Path) -> Scan:
    """Chest CT with a marked mass, halved in-plane."""
    return own_labels.with_airways(halved(without_surroundings(radiomics(folder, "lung2", "lung_mass"))))


def aneurysm(folder: Path) -> Scan:
    """Abdominal aorta with a stent graft. The file has neither spacing nor sides: see the notes of its stack.

    It is stored from the pelvis up, front first. That rows run from the patient's right to left is read off the anatomy: the
    vena cava and the head of the pancreas lie on the side of small x, the left kidney on the other.
    """
    levels = np.ascontiguousarray(ssdf_array(folder / "visvis/visvisResources/stent_vol.ssdf").transpose(2, 1, 0))
    labels = {"aneurysm_sac": sac_in(levels), "stent_graft": own_labels.largest_piece(levels >= 13)}
    return Scan(levels, np.eye(4), labels)


def sac_in(levels: Array) -> Array:
    """The drawn outline, without slices beyond the volume."""
    return own_labels.sac(levels.shape)


def ssdf_array(path: Path) -> Array:
    """Read the one array of a text SSDF file: ``vol = array 256x128x128 uint8 <base64 of zlib>``."""
    found = re.search(r"^vol = array ([\dx]+) (\w+) (\S+)$", path.read_text("ascii", errors="replace"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{path.name} holds no volume.")
    shape, kind, data = found.groups()
    blocks = b"".join(zlib.decompress(base64.b64decode(block)) for block in data.split(";") if block)
    return np.frombuffer(blocks, kind).reshape([int(length) for length in shape.split("x")])
