"""Starting runs: at most one per idempotency key.

The workspace starts one run per idempotency token. The record of a key in the shared cache
shows whether a run is a replay, and whether the key was used with other parameters.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import InitVar, asdict, dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from flask import current_app, has_request_context, request

from .cache import hash_json
from .clock import CLOCK_SKEW_SECONDS
from .errors import Conflict, InvalidRequest, LakeflowJobsError
from .pages import find_run_page, normalize_page_url
from .runs.params import find_computed
from .runs.progress_token import add_token, create_token, find_token_field
from .runs.run_parameters import ParameterMatch, compare_parameters, omit_parameters

if TYPE_CHECKING:
    from .record.recording import Actor
    from .runs.outcome import RunStatus
    from .sdk_types import Run
    from .state import AppState
    from .upstream.gateway import BoundUpstream
    from .watching.iterator import RunWatch

#: How long the record of a key is kept. The workspace keeps its own for longer.
KEY_TTL_SECONDS = 24 * 3600.0


class RunOptions(TypedDict, total=False):
    """The keyword arguments of :meth:`JobHandle.run_now`."""

    idempotency_key: str | None
    only: Sequence[str] | None
    queue: bool | None
    performance_target: str | None
    requested_by: str | None


class RunCalls(Protocol):
    """The calls of a job handle about one run."""

    def watch(self, run_id: int, *, timeout: float | None = None) -> RunWatch: ...
    def wait(self, run_id: int, *, timeout: float | None = None) -> RunStatus: ...
    def get_run(self, run_id: int) -> Run: ...


@dataclass(frozen=True)
class Triggered:
    """A run that was started.

    :param run_id: the run's id.
    :param number_in_job: the same number as ``run_id``; Databricks keeps it for old clients.
    :param replayed: an earlier trigger with the same idempotency key started this run.
    """

    run_id: int
    number_in_job: int | None
    replayed: bool
    handle: InitVar[RunCalls]
    find_page: InitVar[Callable[[int], str | None]]

    def __post_init__(self, handle: RunCalls, find_page: Callable[[int], str | None]) -> None:
        # Not fields: task queues pickle the result of a task, and views return it as JSON.
        object.__setattr__(self, "_calls", (handle, find_page))

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def __copy__(self) -> Triggered:
        return self

    def __deepcopy__(self, memo: object) -> Triggered:
        return self

    def _find_calls(self) -> tuple[RunCalls, Callable[[int], str | None]]:
        calls: tuple[RunCalls, Callable[[int], str | None]] | None = getattr(self, "_calls", None)
        if calls is None:
            raise RuntimeError(
                "A started run that was pickled cannot be followed."
                f" Use the handle of its job, such as current_jobs['etl'].wait({self.run_id})."
            )
        return calls

    def watch(self, *, timeout: float | None = None) -> RunWatch:
        """Follow the run, as :meth:`JobHandle.watch` does."""
        return self._find_calls()[0].watch(self.run_id, timeout=timeout)

    def wait(self, *, timeout: float | None = None) -> RunStatus:
        """Wait for the end of the run, as :meth:`JobHandle.wait` does."""
        return self._find_calls()[0].wait(self.run_id, timeout=timeout)

    @property
    def url(self) -> str | None:
        """The run's page: in the console if the app serves it, otherwise in the workspace.

        The app knows the console's address in a request, and with ``SERVER_NAME`` or a
        ``base_url`` for notifications. The page in the workspace takes a read of the run.
        """
        handle, find_page = self._find_calls()
        page = find_page(self.run_id)
        return page or normalize_page_url(handle.get_run(self.run_id).run_page_url)


class TokenUse(Enum):
    """The earlier use of an idempotency token."""

    NEW = "new"
    REPLAY = "replay"
    CONFLICT = "conflict"


class RunStarter:
    """Starts runs of one job with one identity."""

    def __init__(self, state: AppState, actor: Actor, handle: RunCalls) -> None:
        self._state = state
        self._actor = actor
        self._job = actor.job
        self._identity = actor.identity
        self._handle = handle

    @property
    def _upstream(self) -> BoundUpstream:
        return self._state.upstream.bind(self._identity, self._job)

    def start(
        self,
        fields: Mapping[str, Any],
        options: Mapping[str, Any],
        token: str | None = None,
        fingerprint: str | None = None,
    ) -> Triggered:
        """Start a run, and record it.

        :param fields: the fields of run-now that carry parameters.
        :param options: the other arguments of :meth:`.BoundUpstream.run_now`.
        :param token: the idempotency token; ``None``: a new one.
        :param fingerprint: a digest of the request, for the record.
        """
        sent_token = token or uuid.uuid4().hex
        recording = self._state.recording
        with recording.request_run(self._actor, sent_token, fields, fingerprint) as entry:
            response = self._upstream.run_now(
                self._add_progress_token(fields),
                token=sent_token,
                is_repeatable=token is not None,
                **options,
            )
            run_id = entry.run_id = int(response.run_id or 0)
        return self._triggered(run_id, response.number_in_job, replayed=False)

    def _triggered(self, run_id: int, number: int | None, *, replayed: bool) -> Triggered:
        return Triggered(run_id, number, replayed, self._handle, self._find_page)

    def _find_page(self, run_id: int) -> str | None:
        """Return the address of a run's page in the app; ``None`` without one."""
        app, base_url = self._state.app, self._job.notify.base_url
        if has_request_context() and current_app == app and request.host:
            base_url = request.url_root
        return find_run_page(app, self._job.key, run_id, base_url)

    def _add_progress_token(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a token with which the run may report its progress, if the job can receive one."""
        state, parameter = self._state, self._state.settings.progress_parameter
        field = find_token_field(self._job.task_type, fields)
        if parameter is None or field is None:
            return fields
        token = create_token(state.signing_keys, self._job.job_id, state.clock.now())
        return add_token(fields, field, parameter, token)

    def start_idempotent(
        self,
        key_parts: Sequence[str],
        params: Mapping[str, Any] | None,
        fields: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Triggered:
        """Start a run, or return the run that was started with the same key.

        :param key_parts: the caller's key and, if known, the caller.
        :param params: the parameters of the caller. Those that the schema adds may differ in a
            repeated call.
        :param fields: as for :meth:`start`.
        :param options: as for :meth:`start`.
        :raises Conflict: the key was used with other parameters or options.
        :raises InvalidRequest: the caller's key is empty.
        """
        if not all(key_parts):
            raise InvalidRequest("An idempotency key must not be empty. Omit it or choose one.")
        job, cache = self._job, self._state.cache
        # The name of a user is among the parts, if it is known. The token changes every hour.
        is_named = self._identity.is_user and self._actor.requested_by is not None
        identity = "user" if is_named else self._identity.key
        token = hash_json([*map(str, key_parts), job.key, job.job_id, identity])
        # Of these, only a member of an enumeration of the SDK is not JSON.
        computed = find_computed(job.schema, params, fields)
        compared = [omit_parameters(fields, computed), options]
        fingerprint = hash_json(compared, default=attrgetter("value"))
        record_key = f"idempotency:{token}"

        record = _parse_record(cache.get(record_key))
        is_known = record is not None
        if record is None:
            triggered = self._start_or_find(fields, options, computed, token, fingerprint)
            is_start = not triggered.replayed
            used = KeyRecord(triggered.run_id, fingerprint, is_start)
            if cache.add(record_key, used._asdict(), KEY_TTL_SECONDS):
                return triggered
            record = _parse_record(cache.get(record_key))
            if record is None:
                return triggered
            # The call that started the run is no replay, even if a repeated request was faster.
            is_overtaken = is_start and not record.is_start
            if is_overtaken and cache.add(f"{record_key}:start", True, KEY_TTL_SECONDS):
                return triggered
        if record.fingerprint != fingerprint:
            raise _conflict()
        run_id = record.run_id
        if is_known:  # otherwise the request to the workspace has recorded it
            self._state.recording.record_action(self._actor, "trigger", "replayed", run_id=run_id)
        return self._triggered(run_id, run_id, replayed=True)

    def _start_or_find(
        self,
        fields: Mapping[str, Any],
        options: Mapping[str, Any],
        computed: Set[str],
        token: str,
        fingerprint: str,
    ) -> Triggered:
        """Start a run for a key without a record, and find out from the run whether it is a replay.

        The workspace knows a token for longer than the cache, which may lose its entries.
        """
        clock = self._state.clock
        started_at = clock.monotonic()
        triggered = self.start(fields, options, token, fingerprint)
        try:
            run, server_time = self._upstream.get_run_and_server_time(triggered.run_id)
        except LakeflowJobsError:  # the run exists, and the caller needs its id
            return triggered
        is_local = self._state.settings.bundle is not None
        now = clock.now() if is_local or server_time is None else server_time
        requested_at = now - (clock.monotonic() - started_at)
        skew = 0.001 if is_local else CLOCK_SKEW_SECONDS
        ignored = {*computed, *filter(None, [self._state.settings.progress_parameter])}
        use = classify_token_use(run.value, fields, requested_at - skew, ignored=ignored)
        if use is TokenUse.CONFLICT:
            raise _conflict()
        number, is_replay = triggered.number_in_job, use is TokenUse.REPLAY
        return self._triggered(triggered.run_id, number, replayed=is_replay)


class KeyRecord(NamedTuple):
    """The first recorded use of an idempotency key.

    :param fingerprint: of the parameters and the options.
    :param is_start: whether that request started the run.
    """

    run_id: int
    fingerprint: str
    is_start: bool


def _parse_record(record: Any) -> KeyRecord | None:
    """Parse the record of a key; return ``None`` for another version's, with other fields."""
    match record:
        case {"run_id": int(run_id), "fingerprint": str(fingerprint), "is_start": bool(is_start)}:
            return KeyRecord(run_id, fingerprint, is_start)
        case _:
            return None


def classify_token_use(
    run: Run, fields: Mapping[str, Any], requested_at: float, *, ignored: Set[str]
) -> TokenUse:
    """Return how the token that a run was started with was used before.

    :param fields: the requested parameters, in the fields of run-now.
    :param requested_at: seconds since the epoch; a run that started earlier is a replay.
    :param ignored: the names of parameters that differ in each trigger, as the progress token does.
    """
    if compare_parameters(run, fields, ignored=ignored) is ParameterMatch.DIFFERENT:
        return TokenUse.CONFLICT
    return TokenUse.REPLAY if (run.start_time or 0) / 1000 < requested_at else TokenUse.NEW


def _conflict() -> Conflict:
    return Conflict(
        "This idempotency key was used before with other parameters or options. Use a new key for a"
        " new run."
    )
