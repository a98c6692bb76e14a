"""Signals. The sender is the app, the payload are keyword arguments; receivers take ``**extra``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal, Namespace

from .concurrency import is_failure

if TYPE_CHECKING:
    from flask import Flask

_namespace = Namespace()

#: A run was started. ``job``: the job's key, ``run_id``, ``replayed``: the run is that of an
#: earlier trigger, ``user``: the name of the requester, or ``None``.
run_triggered = _namespace.signal("lakeflow-run-triggered")

#: The state of a watched run has changed. ``job``, ``run_id``, ``status``: a :class:`~.RunStatus`.
run_changed = _namespace.signal("lakeflow-run-changed")

#: A watched run has ended. ``job``, ``run_id``, ``status``: a :class:`~.RunStatus`.
run_finished = _namespace.signal("lakeflow-run-finished")

#: An ended run continues, because its failed tasks are repaired. ``job``, ``run_id``,
#: ``repair_id``, ``user``: the name of the requester, or ``None``.
run_repaired = _namespace.signal("lakeflow-run-repaired")

#: The cancellation of a run was accepted; it ends soon. ``job``, ``run_id``, ``user``.
run_canceled = _namespace.signal("lakeflow-run-canceled")

_log = logging.getLogger("flask_lakeflow_jobs")


def send(signal: NamedSignal, app: Flask, **payload: Any) -> None:
    """Call every receiver of a signal. Log failures of receivers; never raise them.

    Interrupts are raised at the end: the other receivers get the signal only now.
    """
    interrupt: BaseException | None = None
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except BaseException as error:
            if is_failure(error):  # the caller still needs the id of its run
                _log.exception("A receiver of %s failed.", signal.name)
            else:
                interrupt = error
    if interrupt is not None:
        raise interrupt
