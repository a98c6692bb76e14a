# Databricks notebook source
# MAGIC %md
# MAGIC # Delays out of New York
# MAGIC Last task of the `etl` job. It combines the three groupings, stores the result for the
# MAGIC `report` job and returns it as the value of the notebook, which the app shows.

# COMMAND ----------

# ruff: noqa: F821 (Databricks gives every notebook `dbutils`)
import json
import os
from pathlib import Path

folder = Path(dbutils.widgets.get("folder"))


def load(name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


# COMMAND ----------


def compute_means(column, names):
    """Return the mean delays and the share of late flights of each group."""
    return [
        {
            "key": key,
            "name": names.get(key, key),
            "flights": sums["flights"],
            "departureDelay": round(sums["departure"] / sums["flights"], 1),
            "arrivalDelay": round(sums["arrival"] / sums["flights"], 1),
            "lateShare": round(sums["late"] / sums["flights"], 3),
        }
        for key, sums in load(f"by_{column}.json").items()
    ]


names = load("names.json")
carriers = compute_means("carrier", names["carrier"])
airports = compute_means("origin", names["origin"])
hours = compute_means("hour", {})

# COMMAND ----------

dropped = load("dropped.json")
sums = load("by_origin.json").values()
counted = sum(group["flights"] for group in sums)


def overall(measure, digits):
    return round(sum(group[measure] for group in sums) / counted, digits) if counted else None


result = {
    "startDate": dbutils.widgets.get("startDate"),
    "endDate": dbutils.widgets.get("endDate"),
    "scheduled": counted + sum(dropped.values()),
    "counted": counted,
    "dropped": dropped,
    "departureDelay": overall("departure", 1),
    "arrivalDelay": overall("arrival", 1),
    "lateShare": overall("late", 3),
    "byCarrier": carriers,
    "byHour": hours,
    "byAirport": airports,
}

# COMMAND ----------

# MAGIC %md
# MAGIC The result is renamed in one step, so that a concurrent `report` never reads a partial file.
# MAGIC The flights are no longer needed.

# COMMAND ----------

draft = folder / "summary.json.draft"
draft.write_text(json.dumps(result), encoding="utf-8")
os.replace(draft, folder / "summary.json")
for name in ("flights.csv", "clean.csv"):
    (folder / name).unlink(missing_ok=True)

dbutils.notebook.exit(json.dumps(result))
