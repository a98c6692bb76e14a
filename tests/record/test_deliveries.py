"""The outbox of the record."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_lakeflow_jobs.record.deliveries import AT_ONCE, Delivery
from flask_lakeflow_jobs.record.schema import deliveries, runs
from flask_lakeflow_jobs.record.store import Record
from tests.clocks import FakeClock
from tests.record.rows import add_run, end

MAIL = ("run_finished", "mail")


@pytest.fixture
def delivery(record: Record) -> Delivery:
    add_run(record)
    record.finish_run(end(), ["mail"], payload="{}")
    (delivery,) = record.list_due_deliveries()
    return delivery


def test_ends_and_repairs_in_one_millisecond_are_delivered_in_their_order(record: Record) -> None:
    add_run(record)
    expected = []
    for number in range(1, 9):
        record.finish_run(end(ended_at=number), ["b", "a"])
        record.reopen_run(end().job_id, end().run_id, number, number, ["a"])
        ended = ("run_finished", number)
        expected += [(*ended, "a"), (*ended, "b"), ("run_repaired", number, "a")]
    due = record.list_due_deliveries()
    assert [(each.signal, each.end_number, each.receiver) for each in due] == expected


def test_event_that_a_restored_record_has_lost_gets_the_same_delivery_ids(record: Record) -> None:
    def deliver() -> set[str]:
        add_run(record)
        record.finish_run(end(ended_at=1), ["a", "b"])
        record.reopen_run(end().job_id, end().run_id, 5, 1, ["a"])
        record.finish_run(end(ended_at=2), ["a"])
        return {each.delivery_id for each in record.list_due_deliveries()}

    before = deliver()
    with record.database.write() as connection:
        connection.execute(runs.delete())
    assert deliver() == before
    assert len(before) == 4


def test_ends_are_due_at_once_in_their_order_though_clocks_differ(
    record: Record, clock: FakeClock
) -> None:
    add_run(record)
    for number, skew in enumerate((90, -90, 0), 1):
        clock.sleep(skew)
        record.finish_run(end(ended_at=number), ["mail"])
        clock.sleep(-skew)
    assert [each.end_number for each in record.list_due_deliveries()] == [1, 2, 3]


def test_deliveries_of_other_receivers_are_left_out(record: Record) -> None:
    add_run(record)
    record.finish_run(end(), ["mail", "chat"])
    (due,) = record.list_due_deliveries(addresses=[MAIL])
    assert due.receiver == "mail"
    assert record.next_delivery_at([MAIL]) == AT_ONCE
    assert record.next_delivery_at([("run_repaired", "mail")]) is None


def test_delivery_that_is_tried_again_keeps_no_newer_one_waiting(
    record: Record, delivery: Delivery
) -> None:
    record.claim_delivery(delivery.delivery_id, "a", 30)
    record.retry_delivery(delivery.delivery_id, "a", "It raised.", 0)
    add_run(record, 8)
    record.finish_run(end(8), ["mail"])
    assert [each.run_id for each in record.list_due_deliveries()] == [8, 7]


def test_claim_delivery_claimed_by_another_returns_false(
    record: Record, delivery: Delivery
) -> None:
    assert record.claim_delivery(delivery.delivery_id, "a", 30)
    assert not record.claim_delivery(delivery.delivery_id, "b", 30)
    assert record.list_due_deliveries() == []


def test_end_claim_after_a_renewal_has_no_effect(
    record: Record, delivery: Delivery, clock: FakeClock
) -> None:
    record.claim_delivery(delivery.delivery_id, "a", 30)
    (claim,) = record.list_claims()
    assert claim.claimed_until == round((clock.now() + 30) * 1000)
    clock.sleep(29)
    record.renew_claim(delivery.delivery_id, "a", 30)
    record.end_claim(claim)
    (renewed,) = record.list_claims()
    assert (renewed.claimed_by, renewed.claimed_until > claim.claimed_until) == ("a", True)


def test_result_of_a_process_that_lost_its_claim_does_not_end_that_of_another(
    record: Record, delivery: Delivery
) -> None:
    record.claim_delivery(delivery.delivery_id, "paused", 30)
    record.end_claim(*record.list_claims())
    assert record.next_delivery_at([MAIL]) == AT_ONCE
    record.claim_delivery(delivery.delivery_id, "b", 30)
    record.retry_delivery(delivery.delivery_id, "paused", "It raised.", 0)
    record.fail_delivery(delivery.delivery_id, "paused", "It raised ten times.")
    (undelivered,) = record.list_undelivered()
    assert (undelivered.claimed_by, undelivered.attempts, undelivered.failed_at) == ("b", 2, None)
    record.complete_delivery(delivery.delivery_id)
    assert record.list_undelivered() == []


def test_complete_delivery_is_never_due_again(
    record: Record, delivery: Delivery, clock: FakeClock
) -> None:
    record.claim_delivery(delivery.delivery_id, "a", 30)
    record.complete_delivery(delivery.delivery_id)
    clock.sleep(3_600)
    assert not record.claim_delivery(delivery.delivery_id, "b", 30)
    assert record.list_undelivered() == record.list_due_deliveries() == []
    with record.database.read() as connection:
        assert connection.execute(sa.select(deliveries.c.payload)).all() == [(None,)]


def test_retry_delivery_is_due_after_delay(
    record: Record, delivery: Delivery, clock: FakeClock
) -> None:
    record.claim_delivery(delivery.delivery_id, "a", 90)
    record.retry_delivery(delivery.delivery_id, "a", "It raised.", 60)
    assert record.next_delivery_at([MAIL]) == round((clock.now() + 60) * 1000)
    clock.sleep(59)
    assert record.list_due_deliveries() == []
    clock.sleep(1)
    (due,) = record.list_due_deliveries()
    assert (due.last_error, due.claimed_by) == ("It raised.", None)


def test_fail_delivery_stays_undelivered(
    record: Record, delivery: Delivery, clock: FakeClock
) -> None:
    record.claim_delivery(delivery.delivery_id, "a", 30)
    record.fail_delivery(delivery.delivery_id, "a", "It raised ten times.")
    clock.sleep(3_600)
    assert record.list_due_deliveries() == []
    assert not record.claim_delivery(delivery.delivery_id, "b", 30)
    (undelivered,) = record.list_undelivered()
    assert undelivered.last_error == "It raised ten times."
