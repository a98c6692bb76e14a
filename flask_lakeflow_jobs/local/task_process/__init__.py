"""The code that runs in a task's process.

Started by path and imported as ``task_process``, so that a task's process imports neither Flask
nor the rest of this package.
"""
