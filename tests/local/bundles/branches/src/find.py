import sys

from databricks.sdk.runtime import dbutils

regions = [{"name": name} for name in sys.argv[1:]]
dbutils.jobs.taskValues.set("regions", regions)
dbutils.jobs.taskValues.set("count", len(regions))
