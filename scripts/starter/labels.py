"""CerebrA's labels in the words that captions use."""

from __future__ import annotations

import csv
from pathlib import Path

# CerebrA's name -> (group, the name that captions use). Labels that share a name are counted together.
# The lobes of the cortical labels are those of the Desikan-Killiany-Tourville protocol that CerebrA follows.
STRUCTURES: dict[str, tuple[str, str]] = {
    "Thalamus": ("deep", "thalamus"),
    "Caudate": ("deep", "caudate nucleus"),
    "Putamen": ("deep", "putamen"),
    "Pallidum": ("deep", "globus pallidus"),
    "Accumbens Area": ("deep", "nucleus accumbens"),
    "Basal Forebrain": ("deep", "basal forebrain"),
    "Hippocampus": ("deep", "hippocampus"),
    "Amygdala": ("deep", "amygdala"),
    "Ventral Diencephalon": ("deep", "ventral diencephalon"),
    "Optic Chiasm": ("deep", "optic chiasm and tracts"),
    "Brainstem": ("hind", "brainstem"),
    "Cerebellum Gray Matter": ("hind", "cerebellum"),
    "Cerebellum White Matter": ("hind", "cerebellum"),
    "Vermal lobules I-V": ("hind", "cerebellar vermis"),
    "Vermal lobules VI-VII": ("hind", "cerebellar vermis"),
    "Vermal lobules VIII-X": ("hind", "cerebellar vermis"),
    "Lateral Ventricle": ("ventricles", "lateral ventricle"),
    "Inferior Lateral Ventricle": ("ventricles", "temporal horn of the lateral ventricle"),
    "Third Ventricle": ("ventricles", "third ventricle"),
    "Fourth Ventricle": ("ventricles", "fourth ventricle"),
    "Superior Frontal": ("frontal", "superior frontal gyrus"),
    "Rostral Middle Frontal": ("frontal", "middle frontal gyrus (rostral)"),
    "Caudal Middle Frontal": ("frontal", "middle frontal gyrus (caudal)"),
    "Pars Opercularis": ("frontal", "inferior frontal gyrus (pars opercularis)"),
    "Pars Triangularis": ("frontal", "inferior frontal gyrus (pars triangularis)"),
    "Pars Orbitalis": ("frontal", "inferior frontal gyrus (pars orbitalis)"),
    "Lateral Orbitofrontal": ("frontal", "lateral orbitofrontal cortex"),
    "Medial Orbitofrontal": ("frontal", "medial orbitofrontal cortex"),
    "Precentral": ("frontal", "precentral gyrus"),
    "Paracentral": ("frontal", "paracentral lobule"),
    "Postcentral": ("parietal", "postcentral gyrus"),
    "Superior Parietal": ("parietal", "superior parietal lobule"),
    "Inferior Parietal": ("parietal", "inferior parietal lobule"),
    "Supramarginal": ("parietal", "supramarginal gyrus"),
    "Precuneus": ("parietal", "precuneus"),
    "Superior Temporal": ("temporal", "superior temporal gyrus"),
    "Middle Temporal": ("temporal", "middle temporal gyrus"),
    "Inferior temporal": ("temporal", "inferior temporal gyrus"),
    "Transverse Temporal": ("temporal", "transverse temporal gyrus"),
    "Fusiform": ("temporal", "fusiform gyrus"),
    "Parahippocampal": ("temporal", "parahippocampal gyrus"),
    "Entorhinal": ("temporal", "entorhinal cortex"),
    "Cuneus": ("occipital", "cuneus"),
    "Lingual": ("occipital", "lingual gyrus"),
    "Pericalcarine": ("occipital", "pericalcarine cortex"),
    "Lateral Occipital": ("occipital", "lateral occipital cortex"),
    "Rostral Anterior Cingulate": ("cingulate", "anterior cingulate cortex (rostral)"),
    "Caudal Anterior Cingulate": ("cingulate", "anterior cingulate cortex (caudal)"),
    "Posterior Cingulate": ("cingulate", "posterior cingulate cortex"),
    "Isthmus Cingulate": ("cingulate", "isthmus of the cingulate gyrus"),
    "Insula": ("insula", "insula"),
}

GROUP_OF = {name: group for group, name in STRUCTURES.values()}
GROUP_TITLES = {
    "deep": "Deep structures",
    "hind": "Brainstem and cerebellum",
    "ventricles": "Ventricles",
    "frontal": "Frontal lobe",
    "parietal": "Parietal lobe",
    "temporal": "Temporal lobe",
    "occipital": "Occipital lobe",
    "cingulate": "Cingulate cortex",
    "insula": "Insula",
}


def read_labels(table: Path) -> dict[int, str]:
    """Read ``CerebrA_LabelDetails.csv``: label number (right and left) to the name that captions use."""
    names: dict[int, str] = {}
    with table.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.reader(lines):
            if row[0].strip().isdigit():
                _, name = STRUCTURES[row[1].strip()]
                names[int(row[2])] = names[int(row[3])] = name
    return names
