"""Databricks code on Sail, a Spark without Java that lacks some of it or has other results.

Code reaches Sail in three ways, and each is changed in one place: methods of pyspark in
``pyspark_patches``, SQL in ``sail_sql``, and in ``sail_requests`` the requests in which both end.

A package uses only those after it:

- ``session``: ``task_spark`` starts the session of a task, and ``sail`` the server. With
  ``new_catalogs``, a session knows catalogs that its task names. Only ``spark_submit`` runs Spark
  on a Java of the user.
- ``features``: the feature store, over tables of any Spark.
- ``statements``: ``sail_sql`` has the steps of each. It, ``sail_commands`` and ``show_commands``
  have tables of commands by their syntax, which ``sql_syntax`` reads. ``statement_rules`` has the
  rules that change the tree of a statement, in their order.
- ``streams``: each start reads what is new, and ends.
- ``tables``: Delta tables with their logs, histories and changes, what is written into tables and
  folders, and the catalog that later tasks read.
- ``frames``: calls, statistics and joins with the results of Databricks, and RDDs.
- ``files``: which of them a path names, their columns, and values that are not of their types.
- ``language``: names, literals and calls in SQL, plans of frames, and advice on errors of Sail.
"""
