"""Rows A3 to A6, A8, A10, A11 and A13: the call, and what it is good for while it lasts."""

from collections import Counter

import pytest
from settop.wire import call as wire
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.plan import CallPlan, LinePlan

from tests.helpers.line_reader import frames, recorded_calls
from tests.helpers.observed import (
    call_plan,
    cheap_broadcast,
    dark_portions,
    first_ms,
    key_times,
    octets_between,
    whole_portions,
)

ES_PIDS = (0x100, 0x101)


LAST_PORTION = {"T1": 8, "T2": 10}
"""In which the callers of `windows` press the button: T1 at 8.5 s, T2 at 10.4 s."""


def callers(observed):
    """(number, name) of the terminals of `windows` that call; a target with one board has the first alone."""
    return [(n, terminal.name) for n, terminal in enumerate(observed.run.terminals) if terminal.name in LAST_PORTION]


def bystander(observed, target):
    """(terminal, its machine) of the one that never calls."""
    if "T3" not in [terminal.name for terminal in observed.run.terminals]:
        target.skip(f"the run that is shared has {len(observed.run.terminals)} terminals, and all of them call")
    return observed.terminal("T3"), observed.machines[2]


def trunk_of(observed, name):
    """The centre's line that took the (only) call of a terminal."""
    logs = observed.terminal(name).calls
    (trunk,) = [trunk for trunk in observed.trunks if any(log in logs for log in trunk.calls)]
    return trunk


def read_calls(observed, name):
    """The calls of a terminal as they crossed the line, read with its device key."""
    number = [terminal.name for terminal in observed.run.terminals].index(name)
    terminal, trunk = observed.run.terminals[number], trunk_of(observed, name)
    sent = [entry for entry in trunk.sent if any(c.connected_ms <= entry[0] <= c.ended_ms for c in terminal.calls)]
    return recorded_calls(observed.machines[number].to_modem, sent, terminal.identity.device_key)


# --- A3: the terminal calls ---------------------------------------------------------------------------------------


def test_a03_terminal_dials_and_the_centre_answers(windows):
    machine, trunk = windows.machines[0], trunk_of(windows, "T1")
    dialled = first_ms(machine.to_modem, b"ATDT5550199\r")
    rang = first_ms(trunk.heard, b"RING")
    answered = first_ms(trunk.sent, b"ATA\r")
    connected = first_ms(machine.from_modem, b"CONNECT")
    assert windows.run.begin_ms + 400 <= dialled < rang <= answered < connected
    assert frames(machine.to_modem)[0][1][0] == wire.HELLO
    assert frames(machine.to_modem)[0][0] >= connected


def test_a03_centre_never_dials(windows, long_call, dense_call):
    for observed in (windows, long_call, dense_call):
        for trunk in observed.trunks:
            sent = octets_between(trunk.sent).upper()
            assert sent.startswith(b"AT")
            assert b"ATD" not in sent


def test_a03_terminal_whose_viewer_does_nothing_neither_dials_nor_is_called(windows, target):
    _, machine = bystander(windows, target)
    assert b"ATD" not in octets_between(machine.to_modem)
    assert b"RING" not in octets_between(machine.from_modem)


# --- A4, A6: keys in sequence and in step -------------------------------------------------------------------------


def test_a04_keys_cross_the_line_in_sequence(windows, long_call):
    for observed, name in (*((windows, name) for _, name in callers(windows)), (long_call, "T1")):
        (call,) = read_calls(observed, name)
        portions = [message.portion for message in call.of(wire.KEY)]
        assert len(portions) >= 5
        assert portions == list(range(portions[0], portions[0] + len(portions)))
        assert [portion for portion, _ in key_times(observed.terminal(name), 0)] == portions


def test_a04_no_key_leaves_before_the_terminal_has_asked(windows):
    for _, name in callers(windows):
        (call,) = read_calls(windows, name)
        kinds = [message.kind for message in call.messages]
        assert kinds[:4] == [wire.HELLO, wire.CHALLENGE, wire.REQUEST, wire.KEY]


def test_a06_over_a_hundred_keys_come_ahead_of_their_portions_and_within_the_lead(long_run, target):
    """Over a hundred on CPython, fewer where time is real or dear; there a key may also take longer to be taken."""
    long_call = long_run.observed
    starts = {span.index: span.started_ms for span in long_call.run.portions}
    times = key_times(long_call.first, long_call.run.begin_ms)
    # The first two come at once on joining, whenever that is; from then on they keep step.
    leads = {portion: starts[portion] - at_ms for portion, at_ms in times[2:]}
    print("lead in ms: how many keys", sorted(Counter(lead // 50 * 50 for lead in leads.values()).items()))
    assert len(leads) >= long_run.keys
    assert min(leads.values()) >= (500 - target.compute_ms if target.virtual else 1)
    assert max(leads.values()) <= 900
    whole = whole_portions(long_call.first)
    assert len(whole) >= long_run.keys
    assert set(whole) >= set(leads) - {times[-1][0]}


def test_a06_centre_follows_the_broadcaster_and_not_the_terminal(long_run, target):
    """Not before its time either on the line: the centre holds a key back until its lead."""
    long_call = long_run.observed
    starts = {span.index: span.started_ms + long_call.run.begin_ms for span in long_call.run.portions}
    (call,) = read_calls(long_call, "T1")
    sent = [(message.portion, message.at_ms) for message in call.of(wire.KEY)]
    assert len(sent) >= long_run.keys
    for portion, at_ms in sent[2:]:
        assert starts[portion] - 900 <= at_ms < starts[portion] - (500 if target.virtual else 0)


# --- A5: during the communication only ----------------------------------------------------------------------------


def test_a05_hang_up_leaves_the_next_portion_dark(windows):
    for _, name in callers(windows):
        last = LAST_PORTION[name]
        parts = windows.terminal(name).analysis.portions
        assert parts[last].clear_packets == parts[last].scrambled_packets > 0
        assert [part.clear_packets for part in parts[last + 1 :]] == [0] * (12 - last)


def test_a05_keys_in_hand_for_later_portions_are_not_charged(windows):
    (record,) = windows.terminal("T1").records
    assert 9 in record.delivered
    assert 9 in record.withdrawn
    assert max(set(record.delivered) - set(record.withdrawn)) == 8


def test_a05_no_key_crosses_the_line_after_the_call(windows, target):
    for number, name in callers(windows):
        trunk, machine = trunk_of(windows, name), windows.machines[number]
        (call,) = read_calls(windows, name)
        goodbye = call.of(wire.GOODBYE)[0].at_ms
        assert all(message.at_ms < goodbye for message in call.of(wire.KEY))
        over = windows.terminal(name).station.events("hung_up")[0].at_ms
        assert goodbye < over < windows.run.begin_ms + 13_000 + target.slack_ms
        assert b"\x7e" in octets_between(trunk.sent, to_ms=over)
        assert b"\x7e" not in octets_between(trunk.sent, over)
        assert b"\x7e" not in octets_between(machine.from_modem, over)


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


# --- A8: joining mid-programme ------------------------------------------------------------------------------------


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


# --- A9 on the line (in memory: test_a_on_pico) -------------------------------------------------------------------


def test_a09_late_caller_is_sent_no_key_of_an_earlier_portion(windows, target):
    target.need_terminals(2)
    (call,) = read_calls(windows, "T2")
    asked_ms = call.of(wire.REQUEST)[0].at_ms - windows.run.begin_ms
    on_air = max(span.index for span in windows.run.portions if span.started_ms <= asked_ms)
    assert on_air >= 5
    assert min(message.portion for message in call.of(wire.KEY)) >= on_air
    assert set(dark_portions(windows.terminal("T2"))) >= set(range(on_air))


# --- A10: several calls, each on its own timing -------------------------------------------------------------------


def assert_own_windows(observed, target):
    for terminal in observed.run.terminals[:2]:
        times = key_times(terminal, observed.run.begin_ms)
        hang_up = terminal.station.events("hanging_up")[0].at_ms - observed.run.begin_ms
        spans = observed.run.portions
        inside = [s.index for s in spans if dict(times).get(s.index, 1 << 60) <= s.started_ms <= hang_up]
        outside = [s.index for s in spans if s.index < times[0][0] or s.started_ms > hang_up]
        assert len(inside) >= 3
        whole = whole_portions(terminal)
        if target.name != "cpython":
            # The portion joined may be whole, too: its key can come before its first packets have left a buffer.
            whole, inside = ([index for index in these if index != times[0][0]] for these in (whole, inside))
        assert whole == inside
        assert dark_portions(terminal) == outside
    first, second = (set(whole_portions(terminal)) for terminal in observed.run.terminals[:2])
    assert first & second and first - second and second - first


def test_a10_two_calls_at_once_each_clear_their_own_window(windows, target):
    target.need_terminals(2)
    assert_own_windows(windows, target)
    logs = [windows.terminal(name).calls[0] for name in ("T1", "T2")]
    assert logs[1].connected_ms < logs[0].ended_ms


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


# --- A11: the bill ------------------------------------------------------------------------------------------------


def viewable(terminal):
    return {part.index for part in terminal.analysis.portions if part.clear_packets}


def test_a11_call_record_says_what_could_be_watched(windows, target):
    begin = windows.run.begin_ms
    for _, name in callers(windows):
        terminal = windows.terminal(name)
        (record,), (log,) = terminal.records, terminal.calls
        charged = set(record.delivered) - set(record.withdrawn)
        assert charged == viewable(terminal)
        assert record.price == 20 + 5 * len(charged)
        assert log.connected_ms <= record.started_ms < record.ended_ms == log.ended_ms
        assert record.reason == "goodbye"
        assert record.ended_ms - begin < (8_500 if name == "T1" else 10_400) + 1_000 + target.slack_ms


def test_a11_who_does_not_call_has_no_record(windows, target):
    terminal, _ = bystander(windows, target)
    assert terminal.records == ()


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


# --- A13: any set-up delay ----------------------------------------------------------------------------------------


def test_a13_set_up_delay_changes_nothing_but_the_number_of_lost_portions(target, play, tmp_path):
    """Delays up to half a minute; where time is real, two short ones."""
    delays_ms, seconds = ((500, 2_000, 9_000, 30_000), 39) if target.virtual else ((500, 3_500), 9)
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
