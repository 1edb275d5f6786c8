"""Rows A3 to A6 and A9 to A11: the call, and what it is good for while it lasts, in runs that these tests share."""

from collections import Counter

from settop.wire import call as wire

from tests.helpers.line_reader import frames, recorded_calls
from tests.helpers.observed import (
    dark_portions,
    first_ms,
    key_times,
    octets_between,
    viewable,
    whole_portions,
)

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


# --- A11: the bill ------------------------------------------------------------------------------------------------


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
