"""The circuit breaker as a state machine: every history of answers and failures."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from integration_flow.core.circuit import Circuit, Policy, begin_probe, failed, permission, succeeded

NOW = datetime(2026, 1, 31, 12, 0)
POLICY = Policy(threshold=3, pause_seconds=60, longest_seconds=300)


def after_failures(count, policy=POLICY):
    circuit = Circuit()
    for _number in range(count):
        circuit = failed(circuit, policy, NOW)
    return circuit


def test_it_opens_after_so_many_failures_in_a_row():
    assert after_failures(2).state == "closed"
    assert after_failures(3) == Circuit("open", 3, 1, NOW, NOW + timedelta(seconds=60))
    interrupted = failed(succeeded(after_failures(2), NOW), POLICY, NOW)
    assert (interrupted.state, interrupted.failures) == ("closed", 1)


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest():
    circuit, pauses = after_failures(3), []
    for _round in range(5):
        pauses.append((circuit.probe_at - NOW).total_seconds())
        circuit = failed(begin_probe(circuit), POLICY, NOW)
    assert pauses == [60, 120, 240, 300, 300]
    assert circuit.opened_at == NOW, "since the first failure, not since the last probe"


def test_one_answer_to_a_probe_closes_it_and_forgets_all():
    assert succeeded(begin_probe(after_failures(9)), NOW) == Circuit()


def test_an_answer_that_was_under_way_does_not_close_it_but_is_worth_a_probe():
    late = succeeded(after_failures(3), NOW + timedelta(seconds=5))
    assert (late.state, late.probe_at) == ("open", NOW + timedelta(seconds=5))
    assert permission(late, NOW + timedelta(seconds=5)) == "probe"


def test_failures_that_were_under_way_do_not_prolong_it():
    opened = after_failures(3)
    later = failed(opened, POLICY, NOW + timedelta(seconds=30))
    assert (later.probe_at, later.rounds, later.failures) == (opened.probe_at, 1, 4)


@pytest.mark.parametrize("seconds", [10, 600])
def test_what_the_system_asks_for_counts_if_it_is_longer(seconds):
    circuit = failed(after_failures(2), POLICY, NOW, retry_after=seconds)
    assert (circuit.probe_at - NOW).total_seconds() == max(60, seconds)
    circuit = failed(after_failures(3), POLICY, NOW, retry_after=seconds)
    assert (circuit.probe_at - NOW).total_seconds() == max(60, seconds)


def test_threshold_zero_never_opens():
    assert after_failures(1000, Policy(threshold=0)).state == "closed"


@pytest.mark.parametrize("values", [
    {"threshold": -1}, {"pause_seconds": 0}, {"pause_seconds": 100, "longest_seconds": 99}], ids=str)
def test_policies_without_sense_are_refused(values):
    with pytest.raises(ValueError, match="circuit"):
        Policy(**values)


@given(st.integers(1, 5000))
def test_no_pause_is_longer_than_the_longest_however_often_it_fails(rounds):
    circuit = failed(Circuit("half_open", rounds, rounds, NOW, NOW), POLICY, NOW)
    assert circuit.probe_at - NOW == timedelta(seconds=300 if rounds > 2 else 60 * 2 ** rounds)


class Histories(RuleBasedStateMachine):
    """Two workers with calls under way, a lock that one of them can hold, and a clock."""

    def __init__(self):
        super().__init__()
        self.circuit = Circuit()
        self.now = NOW
        self.prober = None
        self.failed_in_row = 0

    @rule(seconds=st.integers(0, 400))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(worker=st.sampled_from("ab"))
    def probe(self, worker):
        if permission(self.circuit, self.now) == "probe" and self.prober is None:
            self.prober = worker
            self.circuit = begin_probe(self.circuit)

    @rule()
    def prober_dies(self):
        self.prober = None

    @rule(ok=st.booleans(), retry_after=st.none() | st.integers(0, 1000))
    def call_ends(self, ok, retry_after):
        """Of the prober, or of somebody whose call was under way all the time."""
        before = self.circuit
        if ok:
            self.circuit = succeeded(before, self.now)
            if before.state != "open":
                self.failed_in_row = 0
                assert self.circuit == Circuit()
        else:
            self.failed_in_row += 1
            self.circuit = failed(before, POLICY, self.now, retry_after=retry_after)
            if before.state != "closed":
                assert self.circuit.state == "open", "no failure ever closes it"
        if self.circuit.state != "half_open":
            self.prober = None

    @invariant()
    def state_and_moments_agree(self):
        circuit = self.circuit
        if circuit.state == "closed":
            assert circuit.probe_at is None and circuit.opened_at is None and circuit.failures < POLICY.threshold
            assert circuit.rounds == 0 and permission(circuit, self.now) == "all"
        else:
            assert circuit.probe_at is not None and circuit.opened_at is not None and circuit.rounds > 0
            assert circuit.failures >= POLICY.threshold
            assert permission(circuit, self.now) != "all"

    @invariant()
    def it_never_stays_open_for_ever(self):
        """Whatever happened, within a day the next call may be tried."""
        assert permission(self.circuit, self.now + timedelta(days=1)) != "none"


TestHistories = Histories.TestCase
