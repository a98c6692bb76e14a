"""Fail."""


def clean() -> None:
    raise ValueError("row 7 has no date")


print("cleaning")
clean()
