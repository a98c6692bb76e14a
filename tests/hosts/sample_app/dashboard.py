"""A Dash page with a button that starts a run, and a text that follows it."""

from __future__ import annotations

from dash import Dash, Input, Output, State, dcc, html
from flask import Flask

from flask_lakeflow_jobs import authorize, current_jobs


def start(_clicks: int, day: str) -> tuple[str, bool]:
    """Start a run, and return its id, which JavaScript has as a text, and start the timer."""
    user = authorize("run", "etl")
    run = current_jobs["etl"].run_now({"startDate": day}, requested_by=user)
    return str(run.run_id), False


def show(_ticks: int, run_id: str) -> tuple[str, bool]:
    """Return the state of the run, and stop the timer at its end."""
    authorize("view", "etl")
    status = current_jobs["etl"].status(run_id)
    return f"Run {run_id}: {status.outcome.label}", status.is_terminal


def init_app(app: Flask) -> None:
    """Add the dashboard to the app."""
    dash = Dash(__name__, server=False, url_base_pathname="/dashboard/")
    dash.layout = html.Div(
        [
            dcc.DatePickerSingle(id="day", date="2025-01-01"),
            html.Button("Run", id="run"),
            html.P(id="state"),
            dcc.Store(id="run-id"),
            dcc.Interval(id="timer", interval=1000, disabled=True),
        ]
    )
    dash.callback(
        Output("run-id", "data"),
        Output("timer", "disabled"),
        Input("run", "n_clicks"),
        State("day", "date"),
        prevent_initial_call=True,
    )(start)
    dash.callback(
        Output("state", "children"),
        Output("timer", "disabled", allow_duplicate=True),
        Input("timer", "n_intervals"),
        State("run-id", "data"),
        prevent_initial_call=True,
    )(show)
    dash.init_app(app)
