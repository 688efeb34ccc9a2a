"""Labels as their publishers write them, in the words of a student."""

from __future__ import annotations

NAMES = {
    "aneurysm_sac": "aneurysm sac", "annulus_proper": "aortic valve (annulus)",
    "aorta_false_lumen": "false lumen of the aortic dissection",
    "aorta_true_lumen": "true lumen of the aorta", "brain_lesion": "enhancing lesion",
    "brain_region": "region marked by the publisher", "celiac_trunk": "coeliac trunk",
    "metal_implant": "metal implant (screw and nail)", "pul_annulus": "pulmonary valve (annulus)",
    "pul_bifurcation": "bifurcation of the pulmonary trunk", "pul_left_start": "origin of the left pulmonary artery",
    "pul_right_start": "origin of the right pulmonary artery", "portal_vein_and_splenic_vein": "portal and splenic veins",
    "renal_calcification_left": "dense spots in the left kidney",
    "renal_calcification_right": "dense spots in the right kidney", "spinal_cord": "spinal cord and canal",
    "vertebrae_S1": "first sacral vertebra (S1)",
    "stent_graft": "stent graft", "own_trachea": "trachea", "gallbladder": "gallbladder",
    "vertebrae": "vertebrae",
    "small_bowel": "small bowel", "colon": "colon",
}  # fmt: skip
PAIRED = {
    "autochthon": "deep back muscles (erector spinae)", "iliac_vena": "iliac vein", "hip": "hip bone",
    "lung_upper_lobe": "upper lobe of the lung", "lung_lower_lobe": "lower lobe of the lung", "femur": "femur",
    "humerus": "humerus", "own_lung": "lung",
}  # fmt: skip


# Structures that captions gather under the name of what they are part of, where a slice shows some of them.
GROUPS = {
    "spine": ("vertebrae", "vertebrae_T11", "vertebrae_T12", *(f"vertebrae_L{number}" for number in range(1, 6))),
    "branches of the aortic arch": ("brachiocephalic_trunk", "common_carotid_artery_left", "subclavian_artery_left"),
}


def listed(labels: list[str], most: int) -> str:
    """Name structures in the order given, those of a group together where its first one stands."""
    parts, told = list[str](), set[str]()
    for label in labels[:most]:
        if label in told:
            continue
        group = next((group for group, members in GROUPS.items() if label in members), "")
        members = [other for other in labels[:most] if group and other in GROUPS[group]] or [label]
        told.update(members)
        names = ", ".join(plain(member) for member in members)
        parts.append(f"{group} ({names})" if group else names)
    return ", ".join(parts)


def plain(label: str) -> str:
    """Return what a student calls a label: "left kidney"."""
    if label in NAMES:
        return NAMES[label]
    if label.startswith("vertebrae_"):
        return f"vertebra {label[10:]}"
    stem, _, side = label.rpartition("_")
    if side in ("left", "right"):
        return f"{side} {PAIRED.get(stem, stem.replace('_', ' '))}"
    return label.replace("_", " ")
