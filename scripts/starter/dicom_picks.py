"""Which DICOM frames are taken, and what their headers and documentation say of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pick:
    """One frame to take.

    Attributes
    ----------
    name, file, origin : str
        Our name, the file in the package, the key of its origin.
    caption, title, modality, modality_detail, plane, region, diagnosis : str
    frame : int
    window : tuple of float or None
        Centre and width, from the header where it has them; None for pictures that are 8-bit already.
    crop : tuple of int or None
        Left, top, right, bottom: what remains, free of burned-in names, dates and numbers.
    turn : str
        "mirror" or "flip" where the stored order of pixels is not the usual way of hanging.
    """

    name: str
    file: str
    origin: str
    caption: str
    title: str
    modality: str
    modality_detail: str = ""
    plane: str = ""
    region: str = ""
    diagnosis: str = ""
    frame: int = 0
    window: tuple[float, float] | None = None
    crop: tuple[int, int, int, int] | None = None
    turn: str = ""


PICKS = (
    Pick(
        "chest-pa", "data_store/data/RG1_UNCR.dcm", "nema",
        "Chest X-ray, posteroanterior (PA) view. Computed radiography of the thorax. "
        "Round opacities lie in both lungs (described by MIRAGE; the publisher says nothing of them). "
        "The patient's left is on the right of the picture.",
        "Chest X-ray, PA", "XR", "Computed radiography", "frontal", "thorax", window=(15000, 30000),
    ),
    Pick(
        "lower-leg-ap", "data_store/data/RG3_UNCR.dcm", "nema",
        "X-ray of the right lower leg, anteroposterior (AP) view. Computed radiography. "
        "Study description: non-ossifying fibroma of distal tibia. "
        "The patient's right is on the left of the picture.",
        "Lower leg X-ray, AP", "XR", "Computed radiography", "frontal", "lower leg",
        "Non-ossifying fibroma of distal tibia", window=(550, 1024), turn="mirror",
        crop=(395, 0, 1500, 1760),
    ),
    Pick(
        "shoulder-t1", "data_store/data/MR2_UNCR.dcm", "nema",
        "Oblique T1-weighted MRI of the shoulder, spin echo, 1.5 T, slice thickness 6 mm.",
        "Shoulder MRI, T1-weighted", "MR", "T1-weighted spin echo", "oblique", "shoulder",
        window=(1000, 2000),
    ),
    Pick(
        "bone-scan", "data_store/data/JPEG-LL.dcm", "nema",
        "Whole-body bone scan (bone scintigraphy), nuclear medicine, emission image.",
        "Whole-body bone scan", "NM", "Bone scintigraphy", "", "whole body", window=(45, 90),
    ),
    Pick(
        "lymph-node-power-doppler", "data_store/data/US1_UNCR.dcm", "nema",
        "Ultrasound of a lymph node with power Doppler: flow shown in orange and yellow. "
        "Small parts examination; the picture is labelled lymph node.",
        "Lymph node, power Doppler ultrasound", "US", "Power Doppler", "", "small parts",
        crop=(14, 108, 624, 382),
    ),
    Pick(
        "ct-perfusion-1", "data_store/data/eCT_Supplemental.dcm", "nema-mf",
        "Axial CT perfusion of the brain: colour map of regional cerebral blood flow (RCBF), frame 1 of 2. "
        "Radiological convention: the patient's left is on the right of the picture.",
        "CT perfusion, regional cerebral blood flow", "CT", "Perfusion, RCBF", "axial", "brain",
        turn="mirror",
    ),
    Pick(
        "ct-perfusion-2", "data_store/data/eCT_Supplemental.dcm", "nema-mf",
        "Axial CT perfusion of the brain: colour map of regional cerebral blood flow (RCBF), frame 2 of 2. "
        "Radiological convention: the patient's left is on the right of the picture.",
        "CT perfusion, regional cerebral blood flow", "CT", "Perfusion, RCBF", "axial", "brain",
        frame=1, turn="mirror",
    ),
    Pick(
        "abdomen-ct", "data_store/data/explicit_VR-UN.dcm", "pancreas-ct",
        "Axial CT of the abdomen from a study of the pancreas, soft tissue window (centre 40, width 400 HU). "
        "Radiological convention: the patient's left is on the right of the picture; the front is up.",
        "Abdomen, axial CT", "CT", "", "axial", "abdomen", window=(40, 400), turn="flip",
    ),
    Pick(
        "echo-aorta", "data_store/data/JPGLosslessP14SV1_1s_1f_8b.dcm", "pydicom",
        "Ultrasound of the heart: adult echocardiogram. "
        "Calipers on the picture measure the diameter of the ascending aorta: 3.3 cm.",
        "Echocardiogram, ascending aorta", "US", "Echocardiography", "", "heart", crop=(14, 50, 1010, 758),
    ),
    Pick(
        "echo-frame-001", "data_store/data/color3d_jpeg_baseline.dcm", "pydicom",
        "Ultrasound of the heart: echocardiogram, frame 1 of 120.",
        "Echocardiogram", "US", "Echocardiography", "", "heart", crop=(84, 40, 596, 414),
    ),
    Pick(
        "echo-frame-021", "data_store/data/color3d_jpeg_baseline.dcm", "pydicom",
        "Ultrasound of the heart: echocardiogram, frame 21 of 120.",
        "Echocardiogram", "US", "Echocardiography", "", "heart", frame=20, crop=(84, 40, 596, 414),
    ),
    *(
        Pick(
            f"echo-colour-{number:03d}",
            "deid-data-0.0.20/deid_data/data/ultrasounds/ultrasound-multiframe.dcm", "deid-data",
            "Ultrasound of the heart: adult echocardiogram with colour Doppler, flow shown in red and blue, "
            f"frame {number} of 30.",
            "Echocardiogram, colour Doppler", "US", "Colour Doppler", "", "heart", frame=number - 1,
            crop=(11, 58, 788, 592),
        )
        for number in (1, 10, 22)
    ),
    Pick(
        "tee-colour-doppler", "data_store/data/color-pl.dcm", "pydicom",
        "Transesophageal echocardiogram (TEE) with colour Doppler: flow shown in red and blue.",
        "Transesophageal echocardiogram, colour Doppler", "US", "Colour Doppler", "", "heart",
    ),
    Pick(
        "pelvis-ultrasound", "data_store/data/gdcm-US-ALOKA-16.dcm", "gdcm",
        "Ultrasound of the pelvis, two views side by side.",
        "Pelvis, ultrasound", "US", "B-mode", "", "pelvis", crop=(30, 26, 640, 418),
    ),
)  # fmt: skip
