"""``python -m benchmarks``: all scenarios, or those that are named."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from .bench import Bench
from .machine import busy, describe
from .report import Row, document, not_measured, table
from .scenarios import PAGES, SCENARIOS
from .servers import NotInstalled
from .stats import mean

DOCS = Path(__file__).parent.parent / "docs"


def main() -> int:
    """Measure, and write the pages of which everything was measured."""
    options = _parse()
    _allow_many_sockets()
    bench = Bench(options.scratch, options.quick)
    measured: dict[str, list[Row]] = {}
    loads: list[float] = []
    names = options.names or list(SCENARIOS)
    folder = options.output or (None if options.quick else DOCS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # now, not after the first scenario
    for name in names:
        began = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        loads.append(busy())
        measured[name] = _measure(name, bench)
        print(
            table(measured[name]),
            f"\n{time.monotonic() - began:.0f} s\n",
            file=sys.stderr,
            flush=True,
        )
        if folder is not None:  # as far as it goes, since all of it takes long
            machine = {**describe(bench.scratch / "peers"), "other load": _describe_load(loads)}
            for file, page in PAGES.items():
                if page.scenarios <= {*names} and name in page.scenarios:
                    text = document(page, measured, machine, quick=bench.quick)
                    (folder / file).write_text(text)
    return 0


def _describe_load(loads: list[float]) -> str:
    return (
        f"{mean(loads):.0%} of the processors' time on average in the second before a scenario,"
        f" {max(loads):.0%} at most"
    )


def _measure(name: str, bench: Bench) -> list[Row]:
    try:
        return SCENARIOS[name](bench)
    except NotInstalled as missing:
        return [not_measured(name, missing)]
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return [not_measured(name, f"the scenario failed ({error})")]


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        choices=[*SCENARIOS, []],
        help=f"of a scenario: {', '.join(SCENARIOS)} (default: all). A page of docs is"
        " written if all its scenarios are named",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: see that all works")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write the pages there")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / f"lakeflow-benchmarks-{os.getuid()}",
        help="where the peers are installed (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
