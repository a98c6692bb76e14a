import sys

print(f"loading {sys.argv[1]}")
