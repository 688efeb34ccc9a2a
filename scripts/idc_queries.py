"""Ask the installed index of the Imaging Data Commons twenty queries, as students and teachers put them; nothing is fetched.

``python scripts/idc_queries.py`` prints for each how many series fit, the first of them, and the seconds that it took.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time

from mirage.corpora.live.idc_choice import Filters, choose
from mirage.corpora.live.idc_index import Index, installed
from mirage.corpora.live.idc_words import wanted

QUERIES = (
    "lung nodule CT", "lung cancer", "NSCLC PET", "kidney cancer CT arterial phase", "liver metastases",
    "hepatocellular carcinoma MRI", "prostate MRI T2", "prostate DWI", "breast MRI", "mammography MLO", "FLAIR glioma",
    "GBM T1 post contrast", "vestibular schwannoma MRI", "COVID-19 chest x-ray", "normal CT abdomen", "PET/CT lymphoma",
    "sarcoma thigh MRI", "pediatric CT", "chest CT without contrast", "aortic dissection",
)  # fmt: skip
SHOWN = 3


def main(queries: tuple[str, ...]) -> None:
    began = time.perf_counter()
    index = Index(installed())
    held = len(index.collections)
    print(f"index {index.version}: {held} collections, opened in {time.perf_counter() - began:.1f} s")
    took, spent = [], time.process_time()
    for query in queries:
        began = time.perf_counter()
        choice = choose(index, wanted(query), Filters(), 10)
        took.append(time.perf_counter() - began)
        print(f"{query}: {choice.total:,} fit, {took[-1]:.1f} s")
        for one in choice.series[:SHOWN]:
            print(f"    {one.collection} | {one.dicom_modality} {one.part} | {one.description} | {one.study}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    each = (time.process_time() - spent) / len(queries)
    seconds = f"median {statistics.median(took):.1f} s, longest {max(took):.1f} s, {each:.1f} s of the processor each"
    print(f"{seconds}; at most {peak:.0f} MB of memory")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or QUERIES)
