"""Waits until the file named by its argument exists, or its test has ended: the folder is gone."""

import pathlib
import sys
import time

gate = pathlib.Path(sys.argv[1])
print("waiting")
for number in range(2, 42):
    print(f"line {number}")
while gate.parent.exists() and not gate.exists():
    time.sleep(0.01)
print("over")
