"""Rows A5, A8, A10, A11 and A13 in runs of their own: lines that drop, callers that join late, any set-up delay."""

import pytest
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.plan import CallPlan, LinePlan

from tests.helpers.observed import (
    call_plan,
    cheap_broadcast,
    dark_portions,
    first_ms,
    key_times,
    octets_between,
    viewable,
    whole_portions,
)

ES_PIDS = (0x100, 0x101)


def test_a05_dropped_line_that_stays_down_ends_the_keys(source, play, tmp_path):
    """The line drops in portion 5 and the redial meets a busy centre: another terminal has its only trunk by then."""
    plan = CallPlan(
        runtime="cpython",
        input=source,
        portion_seconds=1.0,
        terminals=("T1", "T2"),
        line=LinePlan(setup_ms=300, trunks=1),
        actions=(
            ActionPlan(0.5, "T1", "call"),
            ActionPlan(5.4, "T1", "drop_line"),
            ActionPlan(6.2, "T2", "call"),
        ),
    )
    observed = play(plan, tmp_path)
    first, machine = observed.terminal("T1"), observed.machines[0]
    lost = first_ms(machine.from_modem, b"NO CARRIER")
    assert len(first.calls) == 1
    assert len(first.station.events("dialling")) >= 2
    assert len(first.station.events("connected")) == 1
    assert len(observed.terminal("T2").calls) == 1
    assert b"\x7e" not in octets_between(machine.from_modem, lost + 1)
    keys = [portion for portion, at_ms in key_times(first, 0) if at_ms >= lost]
    assert keys == []
    # What was delivered stays: at most the running portion and the next one.
    assert max(whole_portions(first)) <= 6
    assert not set(range(7, 13)) - set(dark_portions(first))


@pytest.mark.parametrize("dial_s", [2.6, 3.0, 3.3, 4.1])
def test_a08_picture_clears_within_a_portion_of_the_connection(dial_s, target, play, tmp_path):
    if not target.virtual and dial_s in (3.0, 3.3):
        target.skip("a broadcast takes its time here; of four instants to dial at, two are tried")
    source = cheap_broadcast(tmp_path / "in.ts", 10)
    observed = play(call_plan(source, dial_s, None, portion_seconds=2.0, line=LinePlan(setup_ms=300)), tmp_path)
    machine = observed.machines[0]
    connected = first_ms(machine.from_modem, b"CONNECT")
    clear = first_opened_ms(machine)
    assert connected < clear <= connected + 2_000 + target.slack_ms
    part = observed.first.analysis.portions[key_times(observed.first, 0)[0][0]]
    assert part.clear_equal_original
    if connected < observed.run.begin_ms + part.portion.started_ms + 1_000 - target.compute_ms:
        # Time enough for the running portion: it clears in its middle, not at the next change.
        assert part.key_delivered_ms <= connected - observed.run.begin_ms + 1_000 + target.slack_ms
        assert (
            connected < observed.run.begin_ms + part.portion.started_ms
            or 0 < part.clear_packets < part.scrambled_packets
        )


def first_opened_ms(machine):
    """When the first packet of a scrambled PID came out. A serial line brings packets in pieces of any length."""
    stream = b""
    for at_ms, data in machine.output:
        stream += data
        while len(stream) >= 188:
            packet, stream = stream[:188], stream[188:]
            if (packet[1] & 0x1F) << 8 | packet[2] in ES_PIDS:
                return at_ms
    raise AssertionError("nothing came out")


def test_a10_five_calls_of_different_lengths(source, play, tmp_path):
    names = tuple(f"T{n}" for n in range(1, 6))
    actions = [ActionPlan(0.3 + 0.5 * n, name, "call") for n, name in enumerate(names)]
    actions += [ActionPlan(5.5 + 1.3 * n, name, "hang_up") for n, name in enumerate(names)]
    line = LinePlan(setup_ms=300, trunks=5)
    plan = CallPlan("cpython", input=source, portion_seconds=1.0, terminals=names, actions=tuple(actions), line=line)
    observed = play(plan, tmp_path)
    ends = []
    for n, name in enumerate(names):
        terminal = observed.terminal(name)
        whole = whole_portions(terminal)
        assert whole == list(range(whole[0], whole[-1] + 1))
        assert whole[-1] == int(5.5 + 1.3 * n)
        ends.append(whole[-1])
        assert terminal.analysis.damaged_packets == 0
    assert ends == sorted(set(ends))


def test_a11_after_a_dropped_line_nothing_is_charged_twice(source, play, tmp_path):
    plan = call_plan(source, 0.5, 10.5, portion_seconds=1.0, line=LinePlan(setup_ms=100))
    actions = (*plan.actions, ActionPlan(5.4, "T1", "drop_line"))
    observed = play(CallPlan("cpython", input=source, portion_seconds=1.0, actions=actions, line=plan.line), tmp_path)
    terminal = observed.first
    first, second = terminal.records
    assert (first.reason, second.reason) == ("line lost", "goodbye")
    charged = [portion for record in terminal.records for portion in set(record.delivered) - set(record.withdrawn)]
    assert sum(record.price for record in terminal.records) == 20 + 5 * len(set(charged))
    assert viewable(terminal) <= set(charged)


def test_a13_set_up_delay_changes_nothing_but_the_number_of_lost_portions(target, play, tmp_path):
    """Delays up to half a minute; two where time is dear, and short ones where it is real."""
    delays_ms, seconds = ((500, 2_000, 9_000, 30_000), 39) if target.name == "cpython" else ((500, 3_500), 9)
    if target.name == "pico":
        delays_ms, seconds = (500, 9_000), 16
    source = cheap_broadcast(tmp_path / "in.ts", seconds, packets_per_s=20)
    lost = []
    for setup_ms in delays_ms:
        plan = call_plan(source, 0.5, seconds - 1.5, portion_seconds=1.0, line=LinePlan(setup_ms=setup_ms))
        observed = play(plan, tmp_path / str(setup_ms))
        terminal = observed.first
        whole, keys = whole_portions(terminal), [portion for portion, _ in key_times(terminal, 0)]
        assert keys == list(range(keys[0], seconds))
        assert whole == list(range(whole[0], seconds - 1))
        assert whole[0] - keys[0] in (0, 1)
        assert terminal.analysis.damaged_packets == 0
        assert terminal.calls[0].traffic.round_trips == 2
        lost.append(whole[0])
    print("first whole portion for each delay:", lost)
    assert lost == sorted(lost)
    later_s = (delays_ms[-1] - delays_ms[0]) / 1000
    assert later_s - 1 < lost[-1] - lost[0] < later_s + 1
