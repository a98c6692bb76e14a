# Streams that Sail refuses, and a part of the advice.

# %% no file and no schema
# Advice: .schema(
spark.readStream.json(source)

# %% kafka
# Advice: format kafka
spark.readStream.format('kafka').load()

# %% format of databricks
# Advice: or simulate the job
spark.readStream.format('pubsub').load()

# %% other machine
# Advice: Copy some
spark.readStream.json('s3://bucket/in')

# %% foreach
# Advice: foreachBatch
spark.readStream.schema('n INT').json(source).writeStream.foreach(print)

# %% batch
# Advice: needs a stream
spark.range(1).writeStream.start()

# %% sink
# Advice: kafka
put('a.json', '{"n": 1}')
spark.readStream.json(source).writeStream.format('kafka').option('checkpointLocation', checkpoint).start()

# %% groups without a watermark
# Advice: UNSUPPORTED_OPERATION] The output mode append is not supported
put_rows(1, ('a', 1))
spark.readStream.table(name + '_in').groupBy('k').count().writeStream.option('checkpointLocation', checkpoint).toTable(name)

# %% complete without groups
# Advice: The output mode complete is not supported
put_rows(1, ('a', 1))
spark.readStream.table(name + '_in').writeStream.outputMode('complete').option('checkpointLocation', checkpoint).toTable(name)

# %% groups that a table would keep
# Advice: Write with MERGE in foreachBatch
put_rows(1, ('a', 1))
spark.readStream.table(name + '_in').groupBy('k').count().writeStream.outputMode('update').toTable(name)

# %% outer join of streams
# Advice: inner join only
put_rows(1, ('a', 1))
rows = spark.readStream.table(name + '_in')
rows.join(rows, 'k', 'left').writeStream.option('checkpointLocation', checkpoint).toTable(name)

# %% file that is gone
# Advice: Put it back
put_rows(1, ('a', 1))
rows = spark.readStream.schema('k STRING').json(source).distinct()
for file in ('1', '2'):
    rows.writeStream.option('checkpointLocation', checkpoint).toTable(name)
    os.rename(f'{source}/1.json', f'{source}/2.json')

# %% window over rows
# Advice: NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING
rows = spark.readStream.table('dev.snippets.saved')
first = F.row_number().over(Window.orderBy('id'))
rows.withColumn('first', first).writeStream.format('noop').start()

# %% order of rows
# Advice: Sort each batch in foreachBatch
spark.readStream.table('dev.snippets.saved').orderBy('id').writeStream.format('noop').start()

# %% no checkpoint
# Advice: checkpointLocation must be specified
put_rows(1, ('a', 1))
spark.readStream.table(name + '_in').writeStream.toTable(name)

# %% time to begin at
# Advice: Give startingVersion
spark.readStream.option('startingTimestamp', '2024-01-01').table('dev.snippets.saved')


# %% table in the cloud
# Advice: Copy it into a volume
spark.readStream.format('delta').load('abfss://in@account.dfs.core.windows.net/t')
