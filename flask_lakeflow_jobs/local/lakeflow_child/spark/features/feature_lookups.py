"""Features that are looked up in tables, and the training sets that they make.

Names and arguments are those of the package ``databricks-feature-engineering``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4


class TableKeys(NamedTuple):
    """The columns that identify a row of a table of features.

    :param primary: those without the time, in the order of ``lookup_key``; none if they are not
        known.
    :param times: the time since which the features of a row hold: at most one.
    """

    primary: list[str]
    times: list[str]


def list_names(names: str | Iterable[str] | None) -> list[str]:
    """Return names as a list, where one of them may stand for itself."""
    return [names] if isinstance(names, str) else list(names or ())


@dataclass
class FeatureLookup:
    """Features of the rows of a table that have some keys, perhaps those at some time."""

    table_name: str
    lookup_key: str | Sequence[str]
    feature_names: str | Sequence[str] | None = None
    rename_outputs: Mapping[str, str] | None = None
    timestamp_lookup_key: str | Sequence[str] | None = None
    lookback_window: timedelta | None = None
    default_values: Mapping[str, Any] | None = None

    def add_to(self, frame: Any, table: Any, keys: TableKeys) -> Any:
        """Add the features to a frame, as far as it does not have them.

        :param table: the frame of the table.
        """
        from pyspark.sql import Window, functions

        column, renamed = functions.col, self.rename_outputs or {}
        wanted = [*list_names(self.lookup_key), *list_names(self.timestamp_lookup_key)]
        times = keys.times[: len(list_names(self.timestamp_lookup_key))]
        found = [*(keys.primary or list_names(self.lookup_key)), *times]
        names = list_names(self.feature_names) or [
            each for each in table.columns if each not in [*keys.primary, *keys.times]
        ]
        outputs = {renamed.get(each, each): each for each in names}
        added = [each for each in outputs if each not in frame.columns]
        # Names of their own, as both may have the others.
        own = {f"lakeflow_key_{number}": each for number, each in enumerate(found)}
        sought = {f"lakeflow_sought_{number}": each for number, each in enumerate(wanted)}
        features = table.select(
            *(column(each).alias(name) for name, each in own.items()),
            *(column(outputs[name]).alias(name) for name in added),
        )
        rows = frame.select(*(column(each).alias(name) for name, each in sought.items()))
        pairs = list(zip(sought, own, strict=True))
        conditions = [column(mine) == column(other) for mine, other in pairs]
        if times:
            mine, other = pairs[-1]
            conditions[-1] = column(other) <= column(mine)
            if self.lookback_window is not None:
                seconds = self.lookback_window.total_seconds()
                age = column(mine).cast("double") - column(other).cast("double")
                conditions.append(age <= seconds)
        latest = rows.distinct().join(features, _all(conditions))
        if times:
            window = Window.partitionBy(*sought).orderBy(column(pairs[-1][1]).desc())
            latest = latest.withColumn("lakeflow_rank", functions.row_number().over(window))
            latest = latest.filter("lakeflow_rank = 1")
        matches = [column(each) == column(name) for name, each in sought.items()]
        joined = frame.join(latest.select(*sought, *added), _all(matches), "left")
        defaults = {
            name: each for name, each in (self.default_values or {}).items() if name in added
        }
        filled = joined.select(*frame.columns, *added)
        return filled.fillna(defaults) if defaults else filled


@dataclass
class FeatureFunction:
    """A feature that a function of Unity Catalog computes of columns, bound in their order."""

    udf_name: str
    input_bindings: Mapping[str, str] | None = None
    output_name: str | None = None

    def add_to(self, frame: Any, *_: Any) -> Any:
        """Add the feature to a frame."""
        arguments = ", ".join(f"`{each}`" for each in (self.input_bindings or {}).values())
        name = self.output_name or self.udf_name
        view = f"lakeflow_rows_{uuid4().hex}"
        frame.createOrReplaceTempView(view)
        return frame.sparkSession.sql(
            f"SELECT *, {self.udf_name}({arguments}) AS `{name}` FROM {view}"
        )


def _all(conditions: Sequence[Any]) -> Any:
    combined = conditions[0]
    for each in conditions[1:]:
        combined = combined & each
    return combined


class TrainingSet:
    """Rows with their features.

    :param frame: with all columns.
    :param lookups: with which a model gets the same features of other rows.
    :param labels: the columns that a model predicts.
    :param excluded: the columns that no model gets.
    """

    def __init__(
        self,
        frame: Any,
        lookups: Sequence[FeatureLookup | FeatureFunction],
        labels: Sequence[str],
        excluded: Sequence[str],
    ) -> None:
        self._frame = frame.drop(*excluded)
        self._lookups = lookups
        self._labels = labels

    def load_df(self) -> Any:
        """Return the frame, without the columns that are excluded."""
        return self._frame

    def describe(self) -> dict[str, Any]:
        """Return what a model needs to score other rows, as JSON."""
        return {
            "columns": [each for each in self._frame.columns if each not in self._labels],
            "lookups": [_describe_lookup(each) for each in self._lookups],
        }


def _describe_lookup(lookup: FeatureLookup | FeatureFunction) -> dict[str, Any]:
    described = dict(vars(lookup))
    if (window := described.get("lookback_window")) is not None:
        described["lookback_window"] = window.total_seconds()
    return described


def read_lookup(described: Mapping[str, Any]) -> FeatureLookup | FeatureFunction:
    """Return the lookup that a model keeps."""
    if "udf_name" in described:
        return FeatureFunction(**described)
    window = described["lookback_window"]
    return FeatureLookup(
        **{**described, "lookback_window": None if window is None else timedelta(seconds=window)}
    )
