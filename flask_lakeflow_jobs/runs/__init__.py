"""Pure rules over documents of the Jobs API, version 2.2."""

#: The most runs that the Jobs API returns in one page of a list.
RUNS_PER_PAGE = 25

#: How long Databricks keeps ended runs, in milliseconds.
RETENTION_MS = 60 * 86_400_000
