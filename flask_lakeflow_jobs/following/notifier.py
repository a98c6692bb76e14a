"""Messages to people about ends of runs, through Apprise."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask

from ..config.keys import NOTIFY
from ..config.notify import NotifyRule, NotifyUrl, describe_url
from ..errors import ConfigurationError
from ..pages import find_run_page, normalize_page_url
from ..runs.durations import duration_of, format_duration
from ..runs.outcome import SUCCESSES, Outcome
from ..runs.redaction import redact_text
from ..text import MAX_ERROR_CHARS, clean_line
from .job_selection import find_job
from .receivers import DeliveryDeclined
from .root_causes import read_root_cause

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.recorded_runs import RecordedRuns
    from ..runs.outcome import RunStatus
    from ..upstream.gateway import Upstream

#: The places in mentions: Slack, Zulip and others alert those whom the text behind them names.
_BEFORE_MENTION = re.compile(
    r"(?<=@)(?=\*|everyone|here|(?:channel|all|room)\b|&?\d+>)|(?<=!)(?=\w)|(?<=<)(?=users/)",
    re.IGNORECASE,
)

#: The HTTP status of a refusal, in the log of Apprise.
_HTTP_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")

#: No message is sent about an earlier end. After a time in which no process followed, those of all
#: its ends would flood people.
MAX_MESSAGE_AGE_MS = 86_400_000

TOO_OLD = "No message is sent, because the run ended more than a day ago."

#: What names of receivers begin with, so that none is that of a function.
RECEIVER_PREFIX = "notify:"


class NotifyFailed(Exception):
    """A service did not accept a message. Nothing in it reveals the URL."""


@dataclass(frozen=True)
class EndMessage:
    """The facts of a message about the end of a run.

    :param requested_by: empty if it is not known.
    :param error: the root cause in one line; empty if there is none.
    :param url: the page of the run; empty if there is none.
    """

    job: str
    run_id: int
    outcome: Outcome
    requested_by: str = ""
    duration: str = ""
    error: str = ""
    url: str = ""

    @property
    def title(self) -> str:
        return f"{self.job}: {self.outcome.label}"

    def format(self, template: str | None) -> str:
        """Return the text, in the words of a template if there is one."""
        if template is not None:
            return template.format(**{**vars(self), "outcome": self.outcome.label})
        took = f" after {self.duration}" if self.duration else ""
        lines = [f"Run {self.run_id} of {self.job} ended{took}: {self.outcome.label}."]
        if self.requested_by:
            lines.append(f"Requested by {self.requested_by}.")
        return "\n".join([*lines, *filter(None, [self.error, self.url])])


class Notifier:
    """Sends messages, as receivers of the outbox: one per URL.

    :param upstream: opens the calls to the workspace.
    :param jobs: by key, each with the rule for its messages.
    """

    def __init__(
        self,
        app: Flask,
        record: RecordedRuns,
        upstream: Callable[[], Upstream],
        jobs: Mapping[str, Job],
        clock: Clock,
    ) -> None:
        self._app = app
        self._record = record
        self._clock = clock
        self._upstream = upstream
        self._jobs = jobs
        self._urls = {url.name: url for job in jobs.values() for url in job.notify.urls}

    def select(self, payload: Mapping[str, Any]) -> Sequence[str]:
        job = self._jobs.get(payload["job"])
        if job is None or payload["status"].outcome not in job.notify.outcomes:
            return []
        return [f"{RECEIVER_PREFIX}{url.name}" for url in job.notify.urls]

    def find(self) -> Mapping[str, Callable[..., Any]]:
        return {
            f"{RECEIVER_PREFIX}{name}": partial(self._send, url) for name, url in self._urls.items()
        }

    def _send(
        self, url: NotifyUrl, _app: Flask, *, job: str, run_id: int, status: RunStatus, **_: Any
    ) -> None:
        ended_at = status.run.end_time
        if ended_at and self._clock.now() * 1000 - ended_at > MAX_MESSAGE_AGE_MS:
            raise DeliveryDeclined(TOO_OLD)
        message = self.build_message(job, run_id, status)
        found = self._find_job(job, status)
        text = message.format(found.notify.template if found else None)
        send_message(url, message.title, text, is_success=message.outcome in SUCCESSES)

    def _find_job(self, key: str, status: RunStatus) -> Job | None:
        return find_job(self._jobs, key, int(status.run.job_id or 0))

    def build_message(self, key: str, run_id: int, status: RunStatus) -> EndMessage:
        """Build the message about an end, from the record and the workspace.

        :param key: of the job, when the end was recorded.
        """
        job = self._find_job(key, status)
        row = self._record.get_run(int(status.run.job_id or 0), run_id)
        cause = read_root_cause(self._upstream, job, status) if job else ""
        error = cause or (row and row.error) or ""
        overrides = job.secret_overrides if job else {}
        return EndMessage(
            job=key,
            run_id=run_id,
            outcome=status.outcome,
            requested_by=_without_mentions(clean_line((row and row.requested_by) or "")),
            duration=format_duration(duration_of(status.run)),
            error=_without_mentions(clean_line(redact_text(error, overrides), MAX_ERROR_CHARS)),
            url=self._find_page(job, run_id) or normalize_page_url(status.run.run_page_url) or "",
        )

    def _find_page(self, job: Job | None, run_id: int) -> str | None:
        """Return the address of a run's page, unless the app has the job by another id now."""
        if job is None or job is not self._jobs.get(job.key):
            return None
        return find_run_page(self._app, job.key, run_id, job.notify.base_url)


def _without_mentions(text: str) -> str:
    """Return a text with an invisible character in each mention, so that it is none.

    An error may quote what a user sent as a parameter. A template may have mentions.
    """
    return _BEFORE_MENTION.sub("\u200b", text)


def check_urls(name: str, rule: NotifyRule) -> None:
    """Check that Apprise knows the service of each URL.

    :param name: the setting, for messages.
    :raises ConfigurationError: it does not, or it is not installed.
    """
    for number, url in enumerate(rule.urls, 1):
        if _open(url) is None:
            raise ConfigurationError(
                f"{describe_url(name, number, len(rule.urls))} is not one that Apprise accepts"
                f" ({clean_line(url.scheme, 30)}). For a webhook, begin it with json:// or jsons://."
                " For others, see https://appriseit.com/services/."
            )


def send_message(url: NotifyUrl, title: str, text: str, *, is_success: bool = True) -> None:
    """Send a message.

    :raises NotifyFailed: the service did not accept it.
    """
    service = _open(url)  # check_urls() has opened it
    from apprise import LogCapture, NotifyFormat, NotifyType  # an extra

    capture: Any = LogCapture  # Apprise does not declare its types
    kind = NotifyType.SUCCESS if is_success else NotifyType.FAILURE
    try:
        with capture(level=logging.WARNING) as log:
            is_sent = service.notify(
                body=text, title=title, notify_type=kind, body_format=NotifyFormat.TEXT
            )
    except Exception as error:  # its text may quote the URL
        raise NotifyFailed(f"{url.name} failed: {type(error).__name__}.") from None
    if not is_sent:
        # Apprise only logs why. The rest of its text may quote the URL.
        found = _HTTP_STATUS.search(log.getvalue())
        status = f" (HTTP {found[1]})" if found else ""
        raise NotifyFailed(f"{url.name} did not accept the message{status}.")


def _open(url: NotifyUrl) -> Any:
    """Return Apprise with one service; ``None`` if it does not accept the URL."""
    try:
        from apprise import Apprise  # an extra, which takes half a second
        from apprise.logger import logger
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{NOTIFY.name} requires {error.name}: pip install 'flask-lakeflow-jobs[notify]'."
        ) from None
    apprise = Apprise()
    logger.disabled, was_disabled = True, logger.disabled  # it would quote a URL that it rejects
    try:
        is_known = apprise.add(url.text)
    finally:
        logger.disabled = was_disabled
    return apprise if is_known else None
