"""The changes of the record's runs, from the request to the end."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..runs import RETENTION_MS
from .base import insert_action
from .deliveries import AT_ONCE
from .prepared import ADD_TRIGGER, BEGIN_RUN, COMPLETE_RUN
from .recorded_runs import RecordedRuns
from .schema import deliveries, runs
from .values import Action, RecordedRun, RequestedRun, RowState, RunEnd

#: How much longer unfinished runs are kept than others. After that, nobody can know how a run has
#: ended that nobody viewed.
UNFINISHED_EXTRA_MS = RETENTION_MS

#: The values of a row before there is a run.
_OF_NO_RUN = {
    **dict.fromkeys(("run_id", "started_at", "ended_at", "duration", "outcome")),
    **dict.fromkeys(("attempts", "repairs", "ends"), 0),
    **dict.fromkeys(("error", "page_url", "last_repair_id")),
    "state": RowState.REQUESTED.value,
}


class RunChanges(RecordedRuns):
    """Changes the runs of the record."""

    def begin_run(self, request: RequestedRun, at: int | None = None) -> str:
        """Record that a run is about to be requested, and return the token of the request.

        A token that is recorded already keeps its row: the workspace starts one run for it.

        :param at: milliseconds since the epoch; ``None``: now.
        """
        requested_at = self._now() if at is None else at
        self._write_prepared((BEGIN_RUN, {**vars(request), "requested_at": requested_at}))
        return request.token

    def complete_run(
        self,
        token: str,
        job_id: int,
        run_id: int,
        trigger: Action | None = None,
        at: int | None = None,
    ) -> int:
        """Record the run that the workspace has started for a request, and return its id.

        :param token: that of the request.
        :param trigger: the action that caused it. It was a replay if the token had a run before.
        :param at: when, in milliseconds since the epoch; ``None``: now.
        """
        values = {"token": token, "job_id": job_id, "run_id": run_id}
        steps = [(COMPLETE_RUN, values)]
        if trigger is not None:
            action = {**vars(trigger), "at": self._now() if at is None else at, "token": token}
            steps.insert(0, (ADD_TRIGGER, action))
        if not self._write_prepared(*steps):
            self._write(lambda connection: _move_run(connection, token, job_id, run_id))
        return run_id

    def fail_run(
        self, token: str, error: str, requested_at: int, action: Action | None = None
    ) -> None:
        """Record that no run was started for a request.

        An earlier request with the same token stays open: it may have started a run.

        :param error: one line, without secrets.
        :param requested_at: when this request began, in milliseconds since the epoch.
        :param action: recorded in the same transaction.
        """

        def fail(connection: sa.Connection) -> None:
            insert_action(connection, action, self._now())
            connection.execute(runs.update().where(is_open).values(values))

        is_this = (runs.c.token == token) & (runs.c.requested_at == requested_at)
        is_open = is_this & (runs.c.state == RowState.REQUESTED.value)
        values = {"state": RowState.NOT_STARTED.value, "error": error, "ended_at": self._now()}
        self._write(fail)

    def add_found_run(
        self,
        job_key: str,
        job_id: int,
        run_id: int,
        *,
        started_at: int,
        requested_by: str | None = None,
        page_url: str | None = None,
    ) -> None:
        """Record a run that was started elsewhere, unless the record has it.

        :param started_at: milliseconds since the epoch; counts as the time of the request.
        """
        statement = (
            self._insert(runs)
            .values(
                job_key=job_key,
                job_id=job_id,
                run_id=run_id,
                state=RowState.STARTED.value,
                source="found",
                requested_at=started_at,
                started_at=started_at,
                identity="app",
                requested_by=requested_by,
                page_url=page_url,
            )
            .on_conflict_do_nothing(index_elements=["job_id", "run_id"])
        )
        self._execute(statement)

    def finish_run(
        self, end: RunEnd, receivers: Sequence[str] = (), *, payload: str | None = None
    ) -> bool:
        """Record the end of a run and, in the same transaction, what is to be delivered.

        A repaired run ends again. An end that is not later than the recorded one changes nothing.

        :param receivers: the names of the receivers of ``run_finished``.
        :param payload: the keyword arguments for them as JSON, redacted.
        :return: whether this call was the first for this end of a recorded run.
        """
        # after a repair, a process may still see the end from before it
        is_new = sa.or_(runs.c.ends == 0, runs.c.ended_at < end.ended_at)
        values: dict[str, Any] = {
            **{name: value for name, value in vars(end).items() if value is not None},
            "error": end.error,
            "duration": end.duration,
            "state": RowState.ENDED.value,
            "ends": runs.c.ends + 1,
        }
        if end.params is not None:  # those of the request stay until a repair
            of_request = sa.case((runs.c.ends == 0, runs.c.params))
            values["params"] = sa.func.coalesce(of_request, end.params)
        update = (
            runs.update()
            .where(runs.c.job_id == end.job_id, runs.c.run_id == end.run_id, is_new)
            .values(values)
            .returning(runs.c.id, runs.c.ends)
        )
        event = (end.job_id, end.run_id, end.ended_at)
        return self._update_and_deliver(update, "run_finished", event, receivers, payload)

    def abandon_run(self, job_id: int, run_id: int, error: str) -> bool:
        """Record that the end of an unfinished run will never be known. Nothing is delivered.

        :param error: one line.
        :return: whether the record has the run without an end.
        """
        update = runs.update().where(runs.c.job_id == job_id, runs.c.run_id == run_id)
        values = {
            "state": RowState.ENDED.value,
            "outcome": "unknown",
            "error": error,
            "ended_at": self._now(),
            "duration": None,
            "ends": runs.c.ends + 1,
        }
        is_unfinished = runs.c.state == RowState.STARTED.value
        return self._execute(update.where(is_unfinished).values(values)) > 0

    def explain_end(self, job_id: int, run_id: int, ended_at: int, error: str) -> None:
        """Record why a run failed, unless it has ended again since.

        :param ended_at: the end, in milliseconds since the epoch.
        """
        update = runs.update().where(runs.c.job_id == job_id, runs.c.run_id == run_id)
        self._execute(update.where(runs.c.ended_at == ended_at).values(error=error))

    def reopen_run(
        self,
        job_id: int,
        run_id: int,
        repair_id: int,
        ended_at: int,
        receivers: Sequence[str],
        *,
        payload: str | None = None,
    ) -> bool:
        """Record that an ended run continues, because it is repaired; once for each repair.

        :param ended_at: the end before the repair, in milliseconds since the epoch. A later one is
            that of the repair, and stays.
        :param receivers: the names of the receivers of ``run_repaired``.
        :return: whether the record has the run.
        """
        has_ended = (runs.c.state == RowState.ENDED.value) & (runs.c.ended_at > ended_at)
        update = (
            runs.update()
            .where(runs.c.job_id == job_id, runs.c.run_id == run_id)
            .where(runs.c.last_repair_id.is_distinct_from(repair_id))
            .values(
                repairs=runs.c.repairs + 1,
                last_repair_id=repair_id,
                state=sa.case((has_ended, runs.c.state), else_=RowState.STARTED.value),
                outcome=sa.case((has_ended, runs.c.outcome)),
                error=sa.case((has_ended, runs.c.error)),
            )
            .returning(runs.c.id, runs.c.repairs)
        )
        event = (job_id, run_id, repair_id)
        is_new = self._update_and_deliver(update, "run_repaired", event, receivers, payload)
        return is_new or self.get_run(job_id, run_id) is not None

    def continue_run(self, ended: RecordedRun) -> None:
        """Record that an ended run is active again, because it was repaired elsewhere.

        A later end stays.

        :param ended: the run, read before the workspace reported it as active.
        """
        statement = (
            runs.update()
            .where(runs.c.id == ended.id, runs.c.ends == ended.ends)
            .where(runs.c.state == RowState.ENDED.value)
            .values(state=RowState.STARTED.value, outcome=None, error=None)
        )
        self._execute(statement)

    def _update_and_deliver(
        self,
        update: sa.Executable,
        signal: str,
        event: tuple[int, ...],
        receivers: Sequence[str],
        payload: str | None,
    ) -> bool:
        """Update a run and, in the same transaction, add a delivery for each receiver.

        The id of a delivery depends on what happened. So it is the same if the database is restored
        from a copy, or if a failover loses its last transactions.

        :param update: returns the row and the number of the event.
        :param event: the ids and times that identify it.
        :return: whether there is such a run.
        """

        def write(connection: sa.Connection) -> bool:
            if (row := connection.execute(update).one_or_none()) is None:
                return False
            row_id, number = row
            for receiver in dict.fromkeys(receivers):
                name = f"{[*event, number, signal, receiver]}"
                delivery = deliveries.insert().values(
                    delivery_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
                    run=row_id,
                    end_number=number,
                    signal=signal,
                    receiver=receiver,
                    payload=payload,
                    created_at=self._now(),
                    next_attempt_at=AT_ONCE,
                )
                connection.execute(delivery)
            return True

        return self._write(write)

    def prune(self, before: int) -> int:
        """Delete runs that were requested earlier, with their deliveries.

        Runs that have started and not ended stay for 60 days more.

        :param before: milliseconds since the epoch.
        :return: how many runs were deleted.
        """
        is_finished = runs.c.state != RowState.STARTED.value
        is_lost = runs.c.requested_at < before - UNFINISHED_EXTRA_MS
        return self._delete(runs, (runs.c.requested_at < before) & (is_finished | is_lost))


def _move_run(connection: sa.Connection, token: str, job_id: int, run_id: int) -> None:
    """Move a run into its request's row, from another row that has it.

    That is one that a list of runs added before the response arrived, or a request to which the run
    was ascribed until then.
    """
    is_this = runs.c.token == token
    row_id = connection.scalar(sa.select(runs.c.id).where(is_this, runs.c.run_id.is_(None)))
    is_same_run = (runs.c.job_id == job_id) & (runs.c.run_id == run_id)
    found = connection.execute(sa.select(runs).where(is_same_run)).one_or_none()
    if row_id is None or found is None:
        return
    connection.execute(deliveries.update().where(deliveries.c.run == found.id).values(run=row_id))
    is_found = runs.c.id == found.id
    if found.source == "found":
        connection.execute(runs.delete().where(is_found))
    else:
        connection.execute(runs.update().where(is_found).values(_OF_NO_RUN))
    values = {name: getattr(found, name) for name in _OF_NO_RUN}
    connection.execute(runs.update().where(is_this).values(values))
