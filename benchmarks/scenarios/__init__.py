"""The scenarios: what is measured, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..bench import Bench
from ..report import Group, Page, Row
from . import (
    clicking,
    document,
    emulators,
    ends,
    fanout,
    following,
    pages,
    reading,
    recording,
    reloading,
    serving,
    silence,
    throughput,
    timing,
    triggering,
    unanswered,
    viewing,
)

#: Name → scenario, in the order of the page.
SCENARIOS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "ends": ends.ends,
    "sharing": ends.sharing,
    "together": ends.together,
    "timing": timing.timing,
    "threads": fanout.threads,
    "push": fanout.push,
    "gevent": fanout.greenlets,
    "crowds": serving.crowds,
    "ending": serving.ending,
    "killing": serving.killing,
    "reloading": reloading.reloading,
    "unviewed": following.unviewed,
    "undisturbed": following.undisturbed,
    "triggering": triggering.triggering,
    "unanswered": unanswered.unanswered,
    "cancels": reading.cancels,
    "cold-reads": reading.cold_reads,
    "throughput": throughput.throughput,
    "servers": throughput.servers,
    "first-click": clicking.first_click,
    "on-behalf": reading.on_behalf,
    "pages": pages.pages,
    "viewing": viewing.viewing,
    "recording": recording.recording,
    "listing": recording.listing,
    "silence": silence.silence,
    "document": document.document,
    "emulators": emulators.emulators,
}

#: The questions of users, in the order of the page.
GROUPS = (
    Group(
        "How soon viewers know",
        "If a job's runs take a similar time, a viewer learns about an end about a second after it,"
        " with about as many reads of the workspace as polling costs.",
        ("ends", "timing"),
    ),
    Group(
        "How much the workspace has to answer",
        "More viewers, and more workers that share a cache, cost no further polls.",
        ("sharing", "together", "cold-reads"),
    ),
    Group(
        "How many viewers a process holds",
        "One process holds ten thousand viewers, and the rest of your app stays fast.",
        ("threads", "push", "gevent", "crowds"),
    ),
    Group(
        "What a restart costs",
        "A deploy ends every stream in order, and a killed worker costs no viewer the end.",
        ("ending", "killing"),
    ),
    Group(
        "Whether every end is delivered",
        "Without viewers, and while workers are killed, every end is recorded and delivered.",
        ("unviewed", "undisturbed"),
    ),
    Group(
        "Whether one click is one run",
        "Each trigger starts exactly one run and reports it, even if one connection in five"
        " breaks.",
        ("triggering", "unanswered"),
    ),
    Group(
        "How fresh reads are",
        "Every read shows a cancellation about a second after it.",
        ("cancels",),
    ),
    Group(
        "What a request costs",
        "One machine of two cores serves thousands of reads and hundreds of triggers a second, far"
        " above the rate limits of a workspace.",
        ("throughput", "on-behalf", "pages"),
    ),
    Group(
        "What a large run costs a browser",
        "A page of 200 tasks receives the tasks that have changed, and stays responsive.",
        ("viewing",),
    ),
    Group(
        "What the record costs",
        "A record costs a third of the triggers a second in SQLite, and 60 % of them in Postgres."
        " Pages of a long record stay fast.",
        ("recording", "listing"),
    ),
    Group(
        "What happens while the workspace is silent",
        "Requests end within their timeout, and the other routes of your app stay fast.",
        ("silence",),
    ),
    Group(
        "Whether the API keeps its contract",
        "Thousands of generated requests get only documented responses.",
        ("document",),
    ),
)

#: The pages of the documentation that are written, by their files.
PAGES: Mapping[str, Page] = {
    "benchmarks.md": Page(
        "Benchmarks",
        "All figures are from one run on one machine, with the peers beside the package. A ratio"
        " carries over to other machines better than a figure. The peer is AppKit unless a row"
        " names another one. Rows that miss their target stay. To measure again, run"
        " `tox -e benchmarks`. [Servers](server-benchmarks.md) and the [local"
        " workspace](local-benchmarks.md) have figures of their own.",
        "The workspace is a small server of the benchmarks' own, in a process beside the measured"
        " ones: its runs end and its calls fail on command, and it counts who requested what. It,"
        " the clients that load the servers and the servers share the machine's cores.",
        GROUPS,
    ),
    "server-benchmarks.md": Page(
        "Benchmarks of servers",
        "All figures are from one run on one machine. A ratio carries over to other machines better"
        " than a figure. Rows that miss their target stay. To measure again, run"
        " `python -m benchmarks reloading first-click servers`. [Servers](reference/servers.md)"
        " says how to set each of them up.",
        "The workspace, the clients and the servers share the machine's cores.",
        (
            Group(
                "What a reload under load costs",
                "No viewer misses the end of a run, even if the machine is overloaded and each"
                " worker is replaced three times.",
                ("reloading",),
            ),
            Group(
                "How quick the first click is",
                "A new process loads the SDK and logs in after its first page, so the first click"
                " takes as long as others.",
                ("first-click",),
            ),
            Group(
                "What another server brings",
                "granian answers more cached reads a second than gunicorn on the same cores.",
                ("servers",),
            ),
        ),
    ),
    "local-benchmarks.md": Page(
        "Benchmarks of the local workspace",
        "All figures are from one run on one machine, with the other emulators beside the [local"
        " workspace](reference/local.md). A ratio carries over to other machines better than a"
        " figure. The ratio is to the best of the others. Rows that miss their target stay. To"
        " measure again, run `python -m benchmarks emulators`. The [comparison](comparison.md)"
        " says what each of them is for.",
        "The emulators, the clients that load them and their tasks share the machine's cores.",
        (
            Group(
                "How it compares with other emulators",
                "How much each takes, how many runs it accepts, how it cancels and repairs, and"
                " how many runs it loses when it is killed.",
                ("emulators",),
            ),
        ),
    ),
}
