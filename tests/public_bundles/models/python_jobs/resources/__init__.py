from databricks.bundles.core import Resources
from databricks.bundles.jobs import Job, NotebookTask, Task


def load_resources():
    resources = Resources()
    for day in ("monday", "tuesday"):
        task = Task(task_key=day, notebook_task=NotebookTask(notebook_path="src/day.py"))
        resources.add_job(day, Job(name=day, tasks=[task]))
    return resources
