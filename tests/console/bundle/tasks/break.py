"""Fails."""


def launch() -> None:
    raise ValueError("the boat is leaking")


print("about to launch")
launch()
