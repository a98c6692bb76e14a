"""Tasks that use Spark, on Sail; tox -e spark runs them."""
