"""Waits until the file named by its argument is there."""

import pathlib
import sys
import time

gate = pathlib.Path(sys.argv[1])
print("waiting")
while not gate.exists():
    time.sleep(0.01)
