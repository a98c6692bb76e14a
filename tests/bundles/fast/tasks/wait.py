"""Waits until the file named by its argument exists, or its test has ended: the folder is gone."""

import pathlib
import sys
import time

gate = pathlib.Path(sys.argv[1])
print("waiting")
while gate.parent.exists() and not gate.exists():
    time.sleep(0.01)
