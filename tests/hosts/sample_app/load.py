"""The work of the jobs, which the tests simulate."""
