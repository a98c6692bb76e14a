"""The rows in some files of a Delta table."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import unquote

from pyspark.sql import functions

from ..language.connect_plans import union_frames


def read_table_files(
    session: Any, location: str, files: list[dict[str, Any]], fields: list[Any]
) -> Any:
    """Return the rows of files, with the columns of a table.

    :param files: as commits add and remove them; at least one.
    """
    if any(file.get("deletionVector") for file in files):
        raise ValueError(
            f"Files in {location} have deletion vectors, which the local workspace does not read. "
            "Set delta.enableDeletionVectors to false for a local run."
        )
    groups: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        groups.setdefault(json.dumps(file.get("partitionValues") or {}), []).append(file)
    frames = []
    for values, group in groups.items():
        paths = [os.path.join(location, unquote(each["path"])) for each in group]
        frame = session.read.parquet(*paths)
        for name, value in json.loads(values).items():
            frame = frame.withColumn(name, functions.lit(value))
        missing = {each.name for each in fields} - {*frame.columns}
        for name in missing:  # added to the table later
            frame = frame.withColumn(name, functions.lit(None))
        frames.append(frame.select(*(frame[e.name].cast(e.dataType) for e in fields)))
    return union_frames(frames)
