# Databricks notebook source
# MAGIC %md
# MAGIC # Delays out of New York
# MAGIC The last task of the `etl` job. It puts the three views together, keeps the result for the
# MAGIC `report` job and hands it back as the value of the notebook, which is what the app shows.

# COMMAND ----------

# ruff: noqa: F821 (Databricks gives every notebook `dbutils`)
import json
import os
from pathlib import Path

folder = Path(dbutils.widgets.get("folder"))


def load(name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


# COMMAND ----------


def view(column, names):
    """Turn the sums of each group into what a reader asks: how long and how likely is a delay?"""
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
carriers = view("carrier", names["carrier"])
airports = view("origin", names["origin"])
hours = view("hour", {})

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
# MAGIC The result gets its final name in one step, so that a `report` that looks meanwhile finds it
# MAGIC whole or not at all. The flights themselves have served their purpose.

# COMMAND ----------

draft = folder / "summary.json.draft"
draft.write_text(json.dumps(result), encoding="utf-8")
os.replace(draft, folder / "summary.json")
for name in ("flights.csv", "clean.csv"):
    (folder / name).unlink(missing_ok=True)

dbutils.notebook.exit(json.dumps(result))
