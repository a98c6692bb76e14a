"""The lease of the process that follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_lakeflow_jobs.following.follower import LEASE_SECONDS, FollowerLease
from tests.clocks import FakeClock
from tests.records import SwitchableRecord
from tests.run_documents import build_job

ETL = build_job("etl")
JOBS = {"etl": ETL}


def test_lease_is_held_by_one_until_it_expires(record: SwitchableRecord, clock: FakeClock) -> None:
    first, second = FollowerLease(record, JOBS, clock), FollowerLease(record, JOBS, clock)
    assert (first.renew(), second.renew()) == (True, False)
    clock.sleep(LEASE_SECONDS - 1)
    assert (first.is_held, second.renew()) == (True, False)
    clock.sleep(1)
    assert (first.is_held, second.renew(), first.renew()) == (False, True, False)
    second.release()
    assert (second.is_held, first.renew()) == (False, True)


def test_process_that_knows_other_jobs_follows_them_at_the_same_time(
    record: SwitchableRecord, clock: FakeClock
) -> None:
    lease = FollowerLease(record, JOBS, clock)
    assert lease.renew()
    assert not FollowerLease(record, {"etl": ETL}, clock).renew()
    others = [
        {**JOBS, "more": build_job("more", 9)},
        {"etl": replace(ETL, follow="all")},
        {"etl": replace(ETL, job_id=9)},
        {"renamed": ETL},
    ]
    assert all(FollowerLease(record, jobs, clock).renew() for jobs in others)


def test_lease_lasts_to_its_end_while_the_record_is_unavailable(
    record: SwitchableRecord, clock: FakeClock
) -> None:
    lease = FollowerLease(record, JOBS, clock)
    lease.renew()
    record.is_available = False
    clock.sleep(LEASE_SECONDS - 1)
    assert lease.renew()
    clock.sleep(1)
    assert not lease.renew()
    lease.release()


def test_unexpected_error_of_the_record_does_not_end_the_lease(
    record: SwitchableRecord, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = FollowerLease(record, JOBS, clock)
    lease.renew()
    monkeypatch.setattr(record, "attempt", lambda _: 1 // 0)
    assert lease.renew()
    clock.sleep(LEASE_SECONDS)
    assert not lease.renew()


def test_record_that_cannot_be_reached_is_reported_once_and_counts_as_failing(
    record: SwitchableRecord, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    lease = FollowerLease(record, JOBS, clock)
    record.is_available = False
    assert not lease.renew()
    assert not lease.renew()
    assert record.is_failing
    assert caplog.text.count("Runs and actions are not recorded") == 1
    record.is_available = True
    assert lease.renew()
    assert not record.is_failing
