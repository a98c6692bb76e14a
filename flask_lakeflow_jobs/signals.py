"""Signals: the sender is the app, the payload is keywords, receivers take ``**extra``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal, Namespace

if TYPE_CHECKING:
    from flask import Flask

_namespace = Namespace()

#: A run was started. ``job``: its key, ``run_id``, ``replayed``: an earlier run was answered,
#: ``user``: the name of who asked, or ``None``.
run_triggered = _namespace.signal("lakeflow-run-triggered")

#: A watched run is in a new state. ``job``, ``run_id``, ``status``: a :class:`~.RunStatus`.
run_changed = _namespace.signal("lakeflow-run-changed")

#: A watched run has ended. ``job``, ``run_id``, ``status``: a :class:`~.RunStatus`.
run_finished = _namespace.signal("lakeflow-run-finished")

#: The cancellation of a run was accepted; it ends soon. ``job``, ``run_id``, ``user``.
run_canceled = _namespace.signal("lakeflow-run-canceled")

_log = logging.getLogger("flask_lakeflow_jobs")


def send(signal: NamedSignal, app: Flask, **payload: Any) -> None:
    """Tell every receiver; one that fails is logged and breaks nobody else.

    :param signal: one of this module's.
    :param app: the sender.
    :param payload: what the receivers get.
    """
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except (Exception, SystemExit):  # else the id of a run that was started is lost
            _log.exception("A receiver of %s failed.", signal.name)
