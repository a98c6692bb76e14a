# mypy: ignore-errors
import argparse


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int)
    parser.add_argument("--unit")
    given = parser.parse_args()
    print(given.count, given.unit)
