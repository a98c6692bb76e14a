import sys

name, execution = sys.argv[1:]
if name == "south" and execution == "1":
    raise ConnectionError("the south does not answer at first")
print(f"{name} done")
