# Tables of features, training sets and models that look up their features.

# %% tables of features
from databricks.feature_engineering import FeatureEngineeringClient, FeatureLookup

fe = FeatureEngineeringClient()
rows = spark.createDataFrame([(1, "a", 2.0), (2, "b", 3.0)], "id INT, s STRING, x DOUBLE")
for _ in range(2):
    table = fe.create_table(name="dev.snippets.fs_features", primary_keys=["id"], df=rows, description="d")
assert (table.primary_keys, table.features, table.description) == (["id"], ["id", "s", "x"], "d"), table
more = spark.createDataFrame([(2, 5.0, 7), (3, 6.0, 8)], "id INT, x DOUBLE, y INT")
fe.write_table(name="dev.snippets.fs_features", df=more, mode="merge")
found = [tuple(row) for row in fe.read_table(name="dev.snippets.fs_features").orderBy("id").collect()]
assert found == [(1, "a", 2.0, None), (2, "b", 5.0, 7), (3, None, 6.0, 8)], found
fe.create_table("dev.snippets.fs_keys", "id", schema=more.select("id").schema)
fe.write_table("dev.snippets.fs_keys", more.select("id"))
fe.write_table("dev.snippets.fs_keys", more.select("id").limit(1))
assert fe.read_table("dev.snippets.fs_keys").count() == 2
fe.write_table("dev.snippets.fs_keys", more.select("id").limit(1), mode="overwrite")
assert fe.read_table("dev.snippets.fs_keys").count() == 1
spark.sql("CREATE TABLE dev.snippets.fs_keyless (id INT)")
for act, remedy in {
    lambda: fe.write_table("dev.snippets.fs_keyless", more.select("id")): "Create the table with create_table",
    lambda: fe.create_table("dev.snippets.fs_nothing", "id"): "Pass df or schema",
    lambda: fe.publish_table("dev.snippets.fs_keys"): "simulate the job",
}.items():
    try:
        act()
    except Exception as error:
        assert remedy in str(error), error
    else:
        raise AssertionError(remedy)
fe.drop_table("dev.snippets.fs_keys")
assert not spark.catalog.tableExists("dev.snippets.fs_keys")
for call in (fe.drop_table, fe.get_table):
    try:
        call("dev.snippets.fs_keys")
    except ValueError as error:
        assert "no table dev.snippets.fs_keys" in str(error), error
    else:
        raise AssertionError(call)

# %% names that need quotes
from databricks.feature_engineering import FeatureEngineeringClient, FeatureLookup

fe = FeatureEngineeringClient()
rows = spark.createDataFrame([(1, 2.0)], "id INT, x DOUBLE")
for name in ("dev.snippets.fs-quoted", "dev.snippets.`fs-quoted`"):
    table = fe.create_table(name=name, primary_keys=["id"], df=rows)
    assert (table.name, table.primary_keys) == (name, ["id"]), table
fe.write_table("dev.snippets.fs-quoted", spark.createDataFrame([(1, 3.0, 4)], "id INT, x DOUBLE, y INT"))
found = fe.create_training_set(rows.select("id"), [FeatureLookup("dev.snippets.fs-quoted", "id")], label=None).load_df()
assert [tuple(row) for row in found.collect()] == [(1, 3.0, 4)], found.collect()
fe.drop_table("dev.snippets.fs-quoted")
assert not spark.catalog.tableExists("dev.snippets.`fs-quoted`")

# %% features of a stream
from databricks.feature_store import FeatureStoreClient

fs = FeatureStoreClient()
spark.sql("CREATE TABLE dev.snippets.fs_incoming AS SELECT 1 AS id, 2 AS n")
stream = spark.readStream.table("dev.snippets.fs_incoming")
fs.create_table(name="dev.snippets.fs_streamed", primary_keys="id", df=stream)
assert fs.read_table("dev.snippets.fs_streamed").count() == 0, "rows of the stream"
fs.write_table("dev.snippets.fs_streamed", stream, checkpoint_location="/Volumes/dev/raw/in/features-checkpoint").awaitTermination()
found = [tuple(row) for row in fs.read_table("dev.snippets.fs_streamed").collect()]
assert found == [(1, 2)], found

# %% training sets
from datetime import datetime, timedelta

from databricks import feature_store
from databricks.feature_engineering import FeatureEngineeringClient, FeatureFunction
from databricks.feature_store.entities.feature_lookup import FeatureLookup

fs = feature_store.FeatureStoreClient()
day = lambda number: datetime(2024, 1, number)
rates = spark.createDataFrame([("a", day(1), 1.0), ("a", day(3), 3.0), ("b", day(1), 5.0)], "zone STRING, at TIMESTAMP, rate DOUBLE")
fs.create_table(name="dev.snippets.fs_rates", primary_keys=["zone"], timestamp_keys=["at"], df=rates)
fs.create_table(name="dev.snippets.fs_names", primary_keys=["zone"], df=spark.createDataFrame([("a", "A", 1)], "zone STRING, name STRING, size INT"))
spark.sql("CREATE OR REPLACE FUNCTION dev.snippets.fs_twice(x DOUBLE) RETURNS DOUBLE RETURN x * 2")
trips = spark.createDataFrame([(1, "a", day(2), 10.0), (2, "a", day(4), 20.0), (3, "b", day(9), 30.0), (4, "c", day(9), 40.0)], "id INT, pickup STRING, t TIMESTAMP, fare DOUBLE")
lookups = [
    FeatureLookup(table_name="dev.snippets.fs_rates", lookup_key="pickup", timestamp_lookup_key="t", rename_outputs={"rate": "r"}, lookback_window=timedelta(days=5)),
    FeatureLookup(table_name="dev.snippets.fs_names", feature_names=["name"], lookup_key=["pickup"], default_values={"name": "?"}),
    FeatureFunction(udf_name="dev.snippets.fs_twice", input_bindings={"x": "r"}, output_name="rr"),
]
training = fs.create_training_set(trips, feature_lookups=lookups, label="fare", exclude_columns=["t", "id"])
found = training.load_df()
assert found.columns == ["pickup", "fare", "r", "name", "rr"], found.columns
rows = sorted(map(tuple, found.collect()), key=lambda row: row[1])
assert rows == [("a", 10.0, 1.0, "A", 2.0), ("a", 20.0, 3.0, "A", 6.0), ("b", 30.0, None, "?", None), ("c", 40.0, None, "?", None)], rows
try:
    fs.create_training_set(trips, [FeatureLookup(table_name="dev.snippets.fs_names", lookup_key="pickup", timestamp_lookup_key="t")])
except ValueError as error:
    assert "The lookup has the keys pickup, t, and dev.snippets.fs_names has zone." in str(error), error
else:
    raise AssertionError
given = fs.create_training_set(trips.withColumn("r", F.lit(0.5)), lookups, label=None).load_df()
assert {row.r for row in given.collect()} == {0.5}

# %% what the feature store lacks here
from databricks.feature_store import client, entities

assert client.FeatureStoreClient and entities.feature_lookup.FeatureLookup
try:
    from databricks.feature_engineering import OnlineStore
except NotImplementedError as error:
    assert "has no OnlineStore. Leave it out" in str(error), error
else:
    raise AssertionError

# %% tables that tasks of a run write at the same time
from threading import Barrier, Thread

from databricks.feature_engineering import FeatureEngineeringClient

fe, both = FeatureEngineeringClient(), Barrier(2)
own_sql, failures = spark.sql, []

def run_together(statement, *arguments, **named):
    if statement.startswith("MERGE"):
        both.wait(60)
    return own_sql(statement, *arguments, **named)

def write_side(side):
    try:
        fe.write_table(name=f"dev.snippets.fs_{side}", df=own_sql(f"SELECT 1 AS id, 2 AS {side}"))
    except BaseException as error:
        failures.append(error)

for side in ("left", "right"):
    fe.create_table(name=f"dev.snippets.fs_{side}", primary_keys=["id"], df=own_sql(f"SELECT 0 AS id, 0 AS {side}"))
spark.sql = run_together
try:
    threads = [Thread(target=write_side, args=(side,)) for side in ("left", "right")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
finally:
    spark.sql = own_sql
assert not failures, failures
assert [spark.table(f"dev.snippets.fs_{side}").count() for side in ("left", "right")] == [2, 2]

# %% features of a table that does not exist
from databricks.feature_engineering import FeatureEngineeringClient, FeatureLookup

fe = FeatureEngineeringClient()
rows = spark.createDataFrame([(1,)], "id INT")
lookup = FeatureLookup(table_name="dev.snippets.fs_none", lookup_key="id", timestamp_lookup_key="at")
for use in (
    lambda: fe.write_table(name="dev.snippets.fs_none", df=rows),
    lambda: fe.create_training_set(df=rows, feature_lookups=[lookup], label=None),
):
    try:
        use()
    except Exception as error:
        assert "TABLE_OR_VIEW_NOT_FOUND" in str(error), error
    else:
        raise AssertionError

# %% models that look up their features
import json
import sys
import types

from databricks.feature_engineering import FeatureEngineeringClient, FeatureLookup

logged = {}
model = types.SimpleNamespace(predict=lambda frame: [[row.x * 10, 0] for row in frame.itertuples()])
mlflow, flavor = types.ModuleType("mlflow"), types.ModuleType("mlflow.sklearn")
flavor.log_model = lambda model, **options: logged.update(json.loads(json.dumps(options)))
mlflow.models = types.SimpleNamespace(get_model_info=lambda uri: types.SimpleNamespace(metadata=logged["metadata"]))
mlflow.pyfunc = types.SimpleNamespace(load_model=lambda uri: model)
sys.modules["mlflow"] = mlflow
fe = FeatureEngineeringClient()
features = spark.createDataFrame([(1, 2.0), (2, 3.0)], "id INT, x DOUBLE")
fe.create_table(name="dev.snippets.fs_scored", primary_keys=["id"], df=features)
lookups = [FeatureLookup(table_name="dev.snippets.fs_scored", lookup_key="id")]
training = fe.create_training_set(df=features.select("id", (F.col("x") > 2).alias("y")), feature_lookups=lookups, label="y", exclude_columns=["id"])
fe.log_model(model=model, artifact_path="m", flavor=flavor, training_set=training, registered_model_name="dev.snippets.m")
assert (logged["artifact_path"], logged["registered_model_name"]) == ("m", "dev.snippets.m"), logged
frame = spark.createDataFrame([(1, "q"), (2, "r")], "id INT, s STRING")
scored = fe.score_batch(model_uri="models:/dev.snippets.m/1", df=frame, result_type="int")
assert scored.dtypes == [("id", "int"), ("s", "string"), ("x", "double"), ("prediction", "int")], scored.dtypes
assert sorted(map(tuple, scored.collect())) == [(1, "q", 2.0, 20), (2, "r", 3.0, 30)]
logged["metadata"] = None
try:
    fe.score_batch(model_uri="models:/m/1", df=frame)
except ValueError as error:
    assert "Log it with log_model" in str(error), error
else:
    raise AssertionError
del sys.modules["mlflow"]
