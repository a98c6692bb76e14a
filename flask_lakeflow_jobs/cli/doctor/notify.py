"""The check that sends a test message to everyone who is notified of ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...config.jobs import Job
from ...config.keys import NOTIFY
from ...following.notifier import NotifyFailed, send_message
from .findings import Finding

TITLE = "Test of flask-lakeflow-jobs"
TEXT = "This is a test. Messages about the ends of runs arrive here. Jobs: {jobs}."


def send_tests(jobs: Mapping[str, Job]) -> Iterator[Finding]:
    """Send a test message to each URL, once."""
    urls = dict.fromkeys(url for job in jobs.values() for url in job.notify.urls)
    if not urls:
        yield Finding.error(
            "notify", "Nobody is notified of ends.", f"Set {NOTIFY.name} to a URL of Apprise."
        )
    for url in urls:
        keys = [key for key, job in jobs.items() if url in job.notify.urls]
        try:
            send_message(url, TITLE, TEXT.format(jobs=", ".join(keys)))
        except NotifyFailed as error:
            yield Finding.error(
                "notify", str(error), f"Check the URL in {NOTIFY.name}, or in 'notify' of the job."
            )
        else:
            yield Finding.ok("notify", f"{url.name} accepted a test message.")
