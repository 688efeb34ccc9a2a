"""Evidence written for tests. It is about made-up cases and states nothing that a source of ours says."""

from __future__ import annotations

from mirage.explain.evidence import Evidence, Side
from mirage.explain.explainers import ExplanationRequest
from mirage.figure import Source

SOURCE = Source("test", "Written for the tests")


def passage(
    number: int,
    text: str,
    kind: str = "caption",
    *,
    case: str = "",
    side: Side = "",
    title: str = "Example cyst",
    modality: str = "MR",
) -> Evidence:
    return Evidence(
        number, kind, text, (f"test:{number}",), SOURCE, case=case or f"case{number}", title=title, diagnosis=title,
        modality=modality, side=side,
    )  # fmt: skip


CYST = (
    passage(
        1, "Axial T2-weighted image shows a well-defined hyperintense example cyst in the left temporal lobe.", case="one"
    ),
    passage(2, "3.5 cm lesion without enhancement. It follows the signal of CSF on all sequences.", "findings", case="one"),
    passage(3, "Example cyst\nEpidermoid cyst\nAbscess\nCystic glioma", "differential", case="one"),
    passage(
        4,
        "About Example cyst:\nExample cysts are benign, congenital fluid collections within the arachnoid. "
        "Dr. Smith saw this patient twice.\n"
        "Example cysts are most often located in the middle cranial fossa, e.g. beside the temporal lobe.\n"
        "Smith J, Jones B. Radiology 1999; 12:34-56.\nWhat is the most likely diagnosis?",
        "discussion",
        case="one",
    ),
    passage(
        5,
        "Coronal T1-weighted image of another example cyst, hypointense, with mass effect on the frontal lobe.",
        case="two",
    ),
)


def request(question: str = "example cyst MRI", **more: object) -> ExplanationRequest:
    return ExplanationRequest(question, CYST, **more)  # type: ignore[arg-type]
