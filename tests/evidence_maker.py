"""Evidence in the tests' own words."""

from __future__ import annotations

from mirage.explain.evidence import Evidence
from mirage.figure import Source

_SOURCE = Source("test", "Written for the tests")


def passage(number: int, text: str, **known: str) -> Evidence:
    """One passage; its case is its number unless given."""
    kind = known.pop("kind", "findings")
    case = known.pop("case", f"case-{number}")
    return Evidence(number, kind, text, (f"figure-{number}",), _SOURCE, case=case, **known)


KIDNEY = passage(
    1,
    "Axial contrast-enhanced CT shows a 3.6 cm heterogeneous mass in the upper pole of the left kidney. "
    "There is no evidence of renal vein invasion. The right kidney is unremarkable. "
    "Two small calcifications are seen within the mass.",
    title="Renal cell carcinoma", diagnosis="Renal cell carcinoma", modality="CT", plane="axial", region="genitourinary",
)  # fmt: skip
BRAIN = passage(
    2,
    "Sagittal T1-weighted MRI with gadolinium demonstrates a homogeneously enhancing, dural-based mass along the falx. "
    "The lesion compresses the adjacent frontal lobe and is surrounded by vasogenic edema. No hemorrhage is seen. "
    "The ventricles are not dilated.",
    title="Meningioma of the falx", diagnosis="Meningioma", modality="MR", plane="sagittal", region="brain",
)  # fmt: skip
CHEST = passage(
    3,
    "CT of the chest reveals a cavitary lesion in the right upper lobe with a thick, irregular wall. "
    "There is a small right pleural effusion. The patient denied hemoptysis. Mediastinal lymph nodes measure up to 14 mm.\n"
    "About tuberculosis:\nPost-primary tuberculosis most often involves the apical segments of the upper lobes. "
    "Between 20 and 45% of patients have cavities.",
    title="Pulmonary tuberculosis", diagnosis="Tuberculosis", modality="CT", plane="axial", region="thorax",
)  # fmt: skip
HIP = passage(
    4,
    "Coronal T1-weighted image shows a low-signal serpiginous line in both femoral heads. "
    "The joint space is preserved without collapse of the articular surface. A 45-year-old man on steroids.",
    title="Avascular necrosis of the femoral heads", diagnosis="Avascular necrosis", modality="MR", plane="coronal",
    region="musculoskeletal",
)  # fmt: skip
APPENDIX = passage(
    5,
    "• Dilated appendix measuring 12 mm with periappendiceal fat stranding\n• Appendicolith at the base\n"
    "• No abscess or free air",
    title="Acute appendicitis", diagnosis="Appendicitis", modality="CT", plane="axial", region="gastrointestinal",
)  # fmt: skip
EVERY = (KIDNEY, BRAIN, CHEST, HIP, APPENDIX)
