"""APScheduler starts a run every night, in whichever process comes first."""

from __future__ import annotations

from datetime import date, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from flask_lakeflow_jobs import Triggered, current_jobs


def load_day_before(app: Flask, day: date) -> Triggered:
    """Start the load of the day before. All processes use the same key, so one run starts."""
    start = (day - timedelta(days=1)).isoformat()
    with app.app_context():
        return current_jobs["etl"].run_now(
            {"startDate": start}, idempotency_key=f"nightly-{start}", requested_by="schedule"
        )


def build_scheduler(app: Flask) -> BackgroundScheduler:
    """Return the scheduler. Start it in each worker, after the server has forked."""
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(
        lambda: load_day_before(app, date.today()), "cron", hour=4, misfire_grace_time=3600
    )
    return scheduler
