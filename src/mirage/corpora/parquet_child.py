"""Reads parquet files of strangers in a process of its own, which may die: pyarrow aborts on some damaged ones.

A script of `mirage.images.child.Child`; it imports nothing of MIRAGE.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

_KEPT = 2  # row groups whose pictures are kept: the threads that ask for pictures are not far apart


def begin() -> dict[str, Any]:
    """What it is asked, by name."""
    from pyarrow import parquet  # noqa: PLC0415 - found where the parent finds it

    def opened(path: str) -> Any:
        return parquet.ParquetFile(path, pre_buffer=False)

    @lru_cache(maxsize=_KEPT)
    def pictures(path: str, group: int, stamp: tuple[int, int]) -> Any:
        with opened(path) as file:
            return file.read_row_group(group, columns=["image"], use_threads=False).column(0)

    def describe(path: str) -> tuple[Any, bytes]:
        with opened(path) as file:
            schema = file.schema_arrow
            kind = str(schema.field("image").type) if "image" in schema.names else ""
            rows, groups = file.metadata.num_rows, file.num_row_groups
            return {"columns": schema.names, "rows": rows, "groups": groups, "image": kind}, b""

    def rows(path: str, group: int, columns: list[str]) -> tuple[Any, bytes]:
        with opened(path) as file:
            told = file.metadata.row_group(group).to_dict()["columns"]
            size = sum(each["total_uncompressed_size"] for each in told if each["path_in_schema"].split(".")[0] == "image")
            values = file.read_row_group(group, columns=columns, use_threads=False).to_pylist()
            return {"size": size, "values": values}, b""

    def places(path: str, group: int, columns: list[str]) -> tuple[Any, bytes]:
        """Where the columns of a row group lie in the file."""
        with opened(path) as file:
            told = file.metadata.row_group(group).to_dict()["columns"]
        found = []
        for each in told:
            if each["path_in_schema"].split(".")[0] in columns:
                start = min(filter(None, (each["dictionary_page_offset"], each["data_page_offset"])))
                found.append((start, start + each["total_compressed_size"]))
        return {"places": found}, b""

    def picture(path: str, group: int, row: int) -> tuple[Any, bytes]:
        stat = os.stat(path)  # noqa: PTH116 - one module less to import
        found = pictures(path, group, (stat.st_size, stat.st_mtime_ns))[row].as_py()
        data = found.get("bytes") if isinstance(found, dict) else found
        named = str(found.get("path") or "") if isinstance(found, dict) else ""
        return {"there": found is not None, "path": named[:500]}, data if isinstance(data, bytes) else b""

    return {"describe": describe, "rows": rows, "places": places, "picture": picture, "forget": pictures.cache_clear}
