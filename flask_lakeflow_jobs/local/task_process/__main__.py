"""Entry point of a task's process: import this folder as ``task_process`` and run the task.

In place of a task's file, ``--sail`` and a lifeline serve Spark; ``--run``, a lifeline and a
command run another program.
"""

from __future__ import annotations

import os
import sys

# Python put this folder first on the path: `python <this folder> <task file> <lifeline>`.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
module = {"--sail": "spark.serve", "--run": "supervisor"}.get(sys.argv[1], "main")
entry = __import__(f"task_process.{module}", fromlist=["_"])
del sys.path[0]
if module == "spark.serve":
    entry.serve(int(sys.argv[2]))
elif module == "supervisor":
    entry.run_supervised(int(sys.argv[2]), sys.argv[3:])
else:
    entry.main(sys.argv[1], int(sys.argv[2]))
