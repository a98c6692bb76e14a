"""Features that are looked up in tables, and the training sets that they make.

Names and arguments are those of the package ``databricks-feature-engineering``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import and_
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
        :raises ValueError: the lookup and the table have different numbers of keys.
        """
        from pyspark.sql.functions import col

        if len(self._sought) != len(self._found(keys)):
            raise ValueError(
                f"The lookup has the keys {', '.join(self._sought)}, and {self.table_name} has "
                f"{', '.join(self._found(keys))}. Name one for each of them in lookup_key and "
                "timestamp_lookup_key. Keys of time are known of tables that create_table creates."
            )
        outputs = self._choose_outputs(table.columns, keys)
        added = [each for each in outputs if each not in frame.columns]
        # Names of their own, as both frames may have those of the other.
        sought = {f"lakeflow_sought_{number}": each for number, each in enumerate(self._sought)}
        found = {f"lakeflow_found_{number}": each for number, each in enumerate(self._found(keys))}
        rows = frame.select(*(col(each).alias(name) for name, each in sought.items())).distinct()
        features = table.select(
            *(col(each).alias(name) for name, each in found.items()),
            *(col(outputs[name]).alias(name) for name in added),
        )
        matched = self._match(rows, features, list(zip(sought, found, strict=True)))
        same = [col(each) == col(name) for name, each in sought.items()]
        joined = frame.join(matched.select(*sought, *added), reduce(and_, same), "left")
        filled = joined.select(*frame.columns, *added)
        defaults = {
            name: each for name, each in (self.default_values or {}).items() if name in added
        }
        return filled.fillna(defaults) if defaults else filled

    @property
    def _sought(self) -> list[str]:
        """The columns of a frame that find the rows of the table, the time last."""
        return [*list_names(self.lookup_key), *list_names(self.timestamp_lookup_key)]

    def _found(self, keys: TableKeys) -> list[str]:
        """Return the columns of the table in the same order."""
        times = keys.times if self.timestamp_lookup_key else []
        return [*(keys.primary or list_names(self.lookup_key)), *times]

    def _choose_outputs(self, columns: Sequence[str], keys: TableKeys) -> dict[str, str]:
        """Return the columns of the features, by the names that they get."""
        own = [each for each in columns if each not in [*keys.primary, *keys.times]]
        renamed = self.rename_outputs or {}
        return {renamed.get(each, each): each for each in list_names(self.feature_names) or own}

    def _match(self, rows: Any, features: Any, pairs: list[tuple[str, str]]) -> Any:
        """Join keys with their features: of several times, those of the last one until then."""
        from pyspark.sql import Window
        from pyspark.sql.functions import col, row_number

        conditions = [col(sought) == col(found) for sought, found in pairs]
        if not self.timestamp_lookup_key:
            return rows.join(features, reduce(and_, conditions))
        sought, found = pairs[-1]
        conditions[-1] = col(found) <= col(sought)
        if self.lookback_window is not None:
            age = col(sought).cast("double") - col(found).cast("double")
            conditions.append(age <= self.lookback_window.total_seconds())
        window = Window.partitionBy(*(name for name, _ in pairs)).orderBy(col(found).desc())
        joined = rows.join(features, reduce(and_, conditions))
        return joined.withColumn("lakeflow_rank", row_number().over(window)).filter(
            "lakeflow_rank = 1"
        )


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
