"""The client of the feature store, over tables of Spark and the MLflow of the workspace.

Names and arguments are those of the package ``databricks-feature-engineering``, which works with
the service only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

from ...json_files import read_json, write_json
from ...sql_syntax import split_name, unquote_part
from ..language.connect_plans import name_frame
from ..language.sql_names import complete_path, quote_part
from .feature_lookups import (
    FeatureFunction,
    FeatureLookup,
    TableKeys,
    TrainingSet,
    list_names,
    read_lookup,
)

_SUBMODULES = ("client", "entities", "feature_function", "feature_lookup")
#: Where the metadata of a model has its training set.
_TRAINING_SET = "lakeflow_training_set"


@dataclass
class FeatureTable:
    """A table of features."""

    name: str
    primary_keys: list[str]
    timestamp_keys: list[str]
    features: list[str]
    description: str


class FeatureEngineeringClient:
    """Tables of features, training sets, and models that look up their features.

    Its arguments name services, of which there is one here.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        from pyspark.sql import SparkSession

        self._session: Any = SparkSession.getActiveSession()

    def __getattr__(self, name: str) -> Any:
        _refuse(name)

    def create_table(
        self,
        name: str,
        primary_keys: str | Sequence[str],
        df: Any = None,
        *,
        timestamp_keys: str | Sequence[str] | None = None,
        timeseries_columns: str | Sequence[str] | None = None,
        timeseries_column: str | None = None,
        partition_columns: str | Sequence[str] | None = None,
        schema: Any = None,
        description: str = "",
        **_: Any,
    ) -> FeatureTable:
        """Create a table, unless it exists, and keep its keys.

        :raises ValueError: there are neither rows nor a schema.
        """
        if df is None and schema is None:
            raise ValueError(f"The table {name} has no columns. Pass df or schema.")
        if not self._session.catalog.tableExists(_quote(name)):
            rows = df if df is not None and not df.isStreaming else None
            if rows is None:
                rows = self._session.createDataFrame([], schema or df.schema)
            rows.write.partitionBy(*list_names(partition_columns)).saveAsTable(_quote(name))
        times = list_names(timestamp_keys or timeseries_columns or timeseries_column)
        primary = [each for each in list_names(primary_keys) if each not in times]
        kept = {"primary": primary, "times": times, "description": description or ""}
        write_json(self._find_file(name), kept)
        return self.get_table(name)

    def write_table(
        self,
        name: str,
        df: Any,
        mode: str = "merge",
        checkpoint_location: str | None = None,
        **_: Any,
    ) -> Any:
        """Write rows into a table.

        :param mode: ``merge`` replaces the rows with their keys, ``overwrite`` replaces all rows.
        :return: the query that writes a stream; otherwise ``None``.
        :raises ValueError: the keys of the table are not known.
        """
        if df.isStreaming:
            stream = df.writeStream.foreachBatch(lambda rows, _: self.write_table(name, rows, mode))
            if checkpoint_location:
                stream = stream.option("checkpointLocation", checkpoint_location)
            return stream.trigger(availableNow=True).start()
        if mode == "overwrite":
            return df.write.mode("overwrite").saveAsTable(_quote(name))
        keys = self._read_keys(name)
        if not keys.primary:
            raise ValueError(
                f"The keys of {name} are not known here. Create the table with create_table, or "
                "write it with mode='overwrite'."
            )
        known = {each.lower() for each in self.read_table(name).columns}
        new = [each for each in df.schema.fields if each.name.lower() not in known]
        if new:
            columns = ", ".join(f"`{each.name}` {each.dataType.simpleString()}" for each in new)
            self._session.sql(f"ALTER TABLE {_quote(name)} ADD COLUMNS ({columns})")
        with name_frame(df) as view:
            merge = _write_merge(_quote(name), view, df.columns, [*keys.primary, *keys.times])
            self._session.sql(merge)
        return None

    def read_table(self, name: str) -> Any:
        """Return the frame of a table."""
        return self._session.table(_quote(name))

    def get_table(self, name: str) -> FeatureTable:
        """Return what is known of a table.

        :raises ValueError: there is none of this name, as on Databricks.
        """
        self._require(name)
        keys = self._read_keys(name)
        description = read_json(self._find_file(name), {}).get("description", "")
        return FeatureTable(name, *keys, self.read_table(name).columns, description)

    def drop_table(self, name: str) -> None:
        """Drop a table, with its keys.

        :raises ValueError: there is none of this name, as on Databricks.
        """
        self._require(name)
        self._session.sql(f"DROP TABLE {_quote(name)}")
        if os.path.exists(file := self._find_file(name)):
            os.unlink(file)

    def _require(self, name: str) -> None:
        if not self._session.catalog.tableExists(_quote(name)):
            raise ValueError(
                f"There is no table {name}. Create it in an earlier task, or correct its name."
            )

    def create_training_set(
        self,
        df: Any,
        feature_lookups: Iterable[FeatureLookup | FeatureFunction],
        label: str | Sequence[str] | None = None,
        exclude_columns: Sequence[str] | None = None,
        **_: Any,
    ) -> TrainingSet:
        """Add features to rows."""
        lookups = list(feature_lookups)
        frame = self._add_features(df, lookups)
        return TrainingSet(frame, lookups, list_names(label), list_names(exclude_columns))

    def log_model(
        self,
        model: Any,
        artifact_path: str | None = None,
        *,
        flavor: Any,
        training_set: TrainingSet | None = None,
        metadata: Mapping[str, Any] | None = None,
        infer_input_example: bool = False,
        **options: Any,
    ) -> Any:
        """Log a model with MLflow, and with what it needs to score other rows.

        :param infer_input_example: has no effect.
        """
        if artifact_path is not None:
            options["artifact_path"] = artifact_path
        if training_set is not None:
            metadata = {**(metadata or {}), _TRAINING_SET: training_set.describe()}
        if flavor.__name__ == "mlflow.pyfunc":
            return flavor.log_model(python_model=model, metadata=metadata, **options)
        return flavor.log_model(model, metadata=metadata, **options)

    def score_batch(self, model_uri: str, df: Any, result_type: Any = "double", **_: Any) -> Any:
        """Return rows with their features and the ``prediction`` of a model.

        :raises ValueError: the model was logged without a training set.
        """
        import mlflow
        import numpy as np
        import pyarrow as pa

        described = (mlflow.models.get_model_info(model_uri).metadata or {}).get(_TRAINING_SET)
        if described is None:
            raise ValueError(
                f"The model {model_uri} has no training set. Log it with log_model and its "
                "training_set."
            )
        rows = self._add_features(df, [read_lookup(each) for each in described["lookups"]])
        table = rows.toArrow()
        features = table.select(described["columns"]).to_pandas()
        predicted = np.asarray(mlflow.pyfunc.load_model(model_uri).predict(features))
        column = pa.array(predicted.reshape(len(features), -1)[:, 0])
        scored = self._session.createDataFrame(table.append_column("prediction", column))
        return scored.withColumn("prediction", scored["prediction"].cast(result_type))

    def _add_features(self, frame: Any, lookups: Iterable[FeatureLookup | FeatureFunction]) -> Any:
        for each in lookups:
            if isinstance(each, FeatureFunction):
                frame = each.add_to(frame)
            else:
                table = self.read_table(each.table_name)
                frame = each.add_to(frame, table, self._read_keys(each.table_name))
        return frame

    def _read_keys(self, name: str) -> TableKeys:
        _ = self.read_table(name).columns  # which says so if there is none
        kept = read_json(self._find_file(name), {})
        return TableKeys(kept.get("primary", []), kept.get("times", []))

    def _find_file(self, name: str) -> str:
        """Return the file that keeps the keys of a table."""
        path = complete_path(split_name(_quote(name)), 3, self._session.sql)
        file = quote(".".join(path).lower(), safe="") + ".json"
        return os.path.join(os.environ["LAKEFLOW_LOCAL_DATA"], "features", file)


def _quote(name: str) -> str:
    """Quote the parts of a name, which may be such as ``dev.my-features``, as the package does."""
    return ".".join(quote_part(unquote_part(part)) for part in name.split("."))


def _write_merge(name: str, view: str, columns: Sequence[str], keys: Sequence[str]) -> str:
    """Return the statement that merges the view of new rows into a table."""
    same = " AND ".join(f"old.`{each}` = new.`{each}`" for each in keys)
    names = [f"`{each}`" for each in columns]
    own = {key.lower() for key in keys}
    changed = [f"`{each}`" for each in columns if each.lower() not in own]
    update = ", ".join(f"{each} = new.{each}" for each in changed)
    return (
        f"MERGE INTO {name} AS old USING {view} AS new ON {same} "
        f"{f'WHEN MATCHED THEN UPDATE SET {update} ' if update else ''}"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
        f"VALUES ({', '.join(f'new.{each}' for each in names)})"
    )


def _refuse(name: str) -> NoReturn:
    """Refuse what the package has beside this, such as an online store."""
    if name.startswith("_") or name in _SUBMODULES:
        raise AttributeError(name)
    raise NotImplementedError(
        f"The feature store of the local workspace has no {name}. Leave it out for a local run, or "
        "simulate the job (its tag 'local_simulation')."
    )


def build_feature_modules() -> dict[str, dict[str, Any]]:
    """Return the names of the modules that bundles import."""
    names = {
        "FeatureEngineeringClient": FeatureEngineeringClient,
        "FeatureStoreClient": FeatureEngineeringClient,
        "FeatureLookup": FeatureLookup,
        "FeatureFunction": FeatureFunction,
        "__getattr__": _refuse,
        "__path__": [],
    }
    modules = ("databricks.feature_engineering", "databricks.feature_store")
    parts = ("", ".client", ".entities", ".entities.feature_lookup", ".entities.feature_function")
    return {f"{module}{part}": names for module in modules for part in parts}
