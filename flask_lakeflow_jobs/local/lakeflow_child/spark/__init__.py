"""Databricks code on Sail, a Spark without Java that lacks some of it or has other results.

``task_spark`` starts the session of a task, and ``sail`` the server. ``new_catalogs`` and
``spark_catalog`` give a session the catalogs and the tables of the workspace. From then on, code
reaches Sail in three ways, and each is changed in one place:

- Methods of pyspark: ``pyspark_patches`` lists all changes. Functions and statistics are in
  ``frames``. Files are read in ``files``, tables written in ``tables``, and streams read and
  written in ``streams``.
- SQL: ``sail_sql`` in ``statements`` runs each statement. ``sail_commands`` and ``show_commands``
  have a table of commands by their syntax, which ``sql_syntax`` reads. Rules for queries are in
  ``sql_queries`` and ``query_columns``, and those for tables in ``sql_changes``, ``sql_writes`` and
  ``alter_tables``.
- Requests to the server: ``sail_requests`` corrects names, texts, joins and the order of rows in
  all of them, with ``frame_joins``.

``language`` has the text of SQL, the plans of frames, and advice on what Sail refuses.

``delta_log`` reads and writes the logs of tables. Only ``spark_submit`` runs Spark on a Java of the
user.
"""
