# mypy: ignore-errors
import tally

print(tally.__name__, "is found at the bundle's root")
