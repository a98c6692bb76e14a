"""Pure rules over documents of the Jobs API, version 2.2."""

#: The most runs that the Jobs API returns in one page of a list.
RUNS_PER_PAGE = 25
