"""Claims of deliveries: when another process takes one over, and when it does not."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.following import delivery
from flask_lakeflow_jobs.following.delivery import CLAIM_SECONDS, MAX_ATTEMPTS, ClaimWatch, Outbox
from flask_lakeflow_jobs.record.deliveries import Claim
from flask_lakeflow_jobs.record.store import Record
from tests.clocks import FakeClock
from tests.following.conftest import Harness
from tests.support import wait_until


class ClockAhead(FakeClock):
    """A clock with another time of day."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._ahead = seconds

    def now(self) -> float:
        return self._clock.now() + self._ahead


CLAIM = Claim("delivery", "running", 1)


@pytest.mark.parametrize(
    ("pauses", "is_abandoned"),
    [
        ([10.0] * 5, False),
        ([10.0] * 6, True),
        ([30.0, 30.0], True),
        ([31.0, 29.0], False),  # it may have been suspended, and the holder with it
        ([31.0, 30.0, 30.0], True),
        ([10.0] * 5 + [0.5, 9.5], True),
        ([10.0] * 5 + [9.5, 0.5], False),  # it has just checked
    ],
)
def test_claim_is_abandoned_after_it_was_seen_unchanged_for_long(
    clock: FakeClock, pauses: list[float], is_abandoned: bool
) -> None:
    watch = ClaimWatch(clock, CLAIM_SECONDS)
    for pause in pauses:
        assert watch.find_abandoned(lambda: [CLAIM]) == []
        clock.sleep(pause)
    assert watch.find_abandoned(lambda: [CLAIM]) == ([CLAIM] if is_abandoned else [])
    watch.begin_again()
    clock.sleep(CLAIM_SECONDS / 2)
    assert watch.find_abandoned(lambda: [CLAIM]) == []


class TestClaims:
    def test_claim_of_a_dead_process_is_taken_over_after_it_expired(self, harness: Harness) -> None:
        harness.connect("a")
        sent = harness.send()
        self.claim(harness, sent["a"])
        outbox = harness.outbox()
        waited = 0.0
        while (delay := outbox.deliver_due()) is not None:
            harness.clock.sleep(min(delay, 10.0))
            waited += min(delay, 10.0)
        assert harness.calls == [("a", sent["a"])]
        assert CLAIM_SECONDS <= waited <= CLAIM_SECONDS + 11.0

    def test_process_after_an_outage_leaves_expired_claims_to_their_holders(
        self, harness: Harness
    ) -> None:
        harness.connect("a")
        outbox = harness.outbox()
        self.use(harness, outbox)
        sent = harness.send()
        self.claim(harness, sent["a"])
        harness.record.is_available = False
        harness.clock.sleep(CLAIM_SECONDS * 2)
        with pytest.raises(DatabaseUnavailable):
            outbox.deliver_due()
        harness.record.is_available = True
        outbox.deliver_due()
        assert harness.calls == []
        self.use(harness, outbox)
        assert harness.calls == [("a", sent["a"])]

    @pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
    def test_claim_of_a_process_with_another_clock_is_left_to_it(
        self, harness: Harness, ahead: float
    ) -> None:
        """As long as it is renewed."""
        harness.connect("a")
        sent = harness.send()
        store = Record(harness.record.database, ClockAhead(harness.clock, ahead))
        assert store.claim_delivery(sent["a"], "running", CLAIM_SECONDS)
        outbox = harness.outbox()
        for _ in range(30):
            outbox.deliver_due()
            harness.clock.sleep(10.0)
            store.renew_claim(sent["a"], "running", CLAIM_SECONDS)
        assert harness.calls == []
        self.use(harness, outbox)
        assert harness.calls == [("a", sent["a"])]

    def test_result_that_cannot_be_written_is_written_later(self, harness: Harness) -> None:
        def stop_database() -> None:
            harness.record.is_available = False

        harness.connect("a", stop_database)
        harness.send()
        outbox = harness.outbox()
        with pytest.raises(DatabaseUnavailable):
            outbox.deliver_due()
        harness.record.is_available = True
        assert outbox.deliver_due() is None
        assert len(harness.calls) == 1
        assert harness.undelivered() == []

    @staticmethod
    def use(harness: Harness, outbox: Outbox) -> None:
        """Let a process see that the record works, for as long as a claim lasts."""
        for _ in range(8):
            outbox.deliver_due()
            harness.clock.sleep(10.0)

    @staticmethod
    def claim(harness: Harness, delivery_id: str) -> None:
        """Claim a delivery like a process that then dies."""
        for earlier in harness.record.list_claims():
            harness.record.end_claim(earlier)
        assert harness.record.claim_delivery(delivery_id, "dead", CLAIM_SECONDS)

    def test_delivery_that_is_always_interrupted_fails_at_the_limit(self, harness: Harness) -> None:
        harness.connect("a")
        sent = harness.send()
        for _ in range(MAX_ATTEMPTS):
            self.claim(harness, sent["a"])
        self.use(harness, harness.outbox())
        assert harness.calls == []
        ((_, _, has_failed, error),) = harness.undelivered()
        assert (has_failed, error) == (True, "Every attempt was interrupted.")

    def test_claim_is_renewed_while_its_receiver_runs(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "RENEWAL_SECONDS", 0.01)
        claims: set[int | None] = set()

        def wait_for_renewals() -> None:
            def read() -> bool:
                (row,) = harness.record.list_undelivered()
                claims.add(row.claimed_until)
                harness.clock.sleep(1.0)
                return len(claims) > 2

            wait_until(read, "renewals")

        harness.connect("a", wait_for_renewals)
        harness.send()
        harness.outbox().deliver_due()
        assert harness.undelivered() == []
