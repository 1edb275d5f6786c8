"""Rows A9, A10 and A14 where the firmware will live: real MicroPython on two emulated Picos, their memory in view."""

import numpy as np
import pytest
from Crypto.Cipher import AES
from settop.wire import call as wire

from tests.helpers.line_reader import recorded_calls
from tests.helpers.memory_scan import find_traces, traces_of
from tests.helpers.observed import dark_portions, key_times, whole_portions

pytestmark = pytest.mark.pico

IV = b"DVBTMCPTAESCISSA"
CHANGE_MS = 20
"""How long the terminal may take to see that a portion has begun, and to wipe: one packet and one turn of its loop."""


def portion_at(observed, number, at_ms):
    """The portion on air at an instant of the bench's clock as the terminal knows it; None before the first."""
    events = observed.run.terminals[number].station.events("portion")
    return max((int(e.value("index")) for e in events if e.at_ms <= at_ms), default=None)


def in_call_scans(observed, number=0):
    """(ms, portion on air, portions of which traces are in SRAM) for the snapshots taken while the programme runs."""
    traces = {portion: traces_of(key) for portion, key in observed.control_words.items()}
    for at_ms, ram, _ in observed.machines[number].snapshots:
        portion = portion_at(observed, number, at_ms)
        if portion is not None and portion == portion_at(observed, number, at_ms + CHANGE_MS):
            yield at_ms, portion, [p for p in traces if find_traces(ram, traces[p])]


@pytest.fixture(scope="module")
def scans(windows_on_pico):
    return [list(in_call_scans(windows_on_pico, number)) for number in range(2)]


def test_a14_memory_holds_the_running_key_and_the_next_one_at_most(scans, windows_on_pico):
    for number, found in enumerate(scans):
        assert len(found) > 40
        for at_ms, portion, held in found:
            assert set(held) <= {portion, portion + 1}, f"at {at_ms} ms, terminal {number}"


def test_a14_no_copy_of_a_key_outlives_its_portion(scans, windows_on_pico):
    for number, found in enumerate(scans):
        used = [p for p, _ in key_times(windows_on_pico.run.terminals[number], 0)]
        seen = {p for _, _, held in found for p in held}
        # The scan finds keys while they are in use: it is not blind.
        assert seen >= set(used[1:-1])
        for at_ms, portion, held in found:
            assert not [p for p in held if p < portion], f"at {at_ms} ms, terminal {number}"


def test_a14_hanging_up_wipes_the_key_that_was_ahead_at_once(scans, windows_on_pico):
    for number, found in enumerate(scans):
        terminal = windows_on_pico.run.terminals[number]
        hang_up = terminal.station.events("hanging_up")[0]
        last = int(hang_up.value("last_portion"))
        assert key_times(terminal, 0)[-1][0] == last + 1
        after = [held for at_ms, _, held in found if at_ms > hang_up.at_ms + CHANGE_MS]
        assert len(after) > 5
        assert all(last + 1 not in held for held in after)
        assert after[-1] == []


def test_a14_keys_of_the_call_are_gone_with_it(windows_on_pico):
    """Session keys: whoever finds one later could open a recording of the line."""
    for number in range(2):
        terminal, machine = windows_on_pico.run.terminals[number], windows_on_pico.machines[number]
        (trunk,) = [t for t in windows_on_pico.trunks if any(log in terminal.calls for log in t.calls)]
        (call,) = recorded_calls(machine.to_modem, trunk.sent, terminal.identity.device_key)
        assert call.of(wire.KEY)
        hung_up = terminal.station.events("hung_up")[0].at_ms
        during = next(ram for at_ms, ram, _ in machine.snapshots if at_ms > call.of(wire.KEY)[1].at_ms)
        after = next(ram for at_ms, ram, _ in machine.snapshots if at_ms > hung_up)
        assert find_traces(during, traces_of(call.secrets[1]))
        for secret in call.secrets:
            assert find_traces(after, traces_of(secret)) == []


def test_a14_flash_never_holds_a_control_word(windows_on_pico):
    for machine in windows_on_pico.machines:
        flash = machine.snapshots[-1][2]
        for key in windows_on_pico.control_words.values():
            assert find_traces(flash, traces_of(key)) == []


def sample(observed, portion):
    """(first block as it was before encryption, the same on air) of a full packet of a portion."""
    air = np.fromfile(observed.run.broadcast, dtype=np.uint8).reshape(-1, 188)
    span = observed.run.spans[portion]
    clear = np.fromfile(observed.original, dtype=np.uint8).reshape(-1, 188)
    for row in air[span.first_packet : span.first_packet + span.packets]:
        if row[3] & 0xF0 in (0x90, 0xD0):
            # The residue is broadcast in the clear: by it the original packet is known.
            (match,) = np.flatnonzero((clear[:, 180:] == row[180:]).all(axis=1) & (clear[:, 2] == row[2]))
            plain = bytes(a ^ b for a, b in zip(clear[match, 4:20].tobytes(), IV, strict=True))
            return plain, row[4:20].tobytes()
    raise AssertionError(f"portion {portion} has no full packet")


def opening_windows(memory, plain, on_air):
    """How many of all 16-octet windows of `memory` are the key that turns `plain` into `on_air`."""
    windows = {memory[at : at + 16] for at in range(len(memory) - 15)}
    return sum(AES.new(window, AES.MODE_ECB).encrypt(plain) == on_air for window in windows)


def test_a09_nothing_in_a_late_callers_memory_opens_what_was_on_air_before(windows_on_pico):
    observed, number = windows_on_pico, 1
    machine = observed.machines[number]
    joined = key_times(observed.run.terminals[number], 0)[0][0]
    assert joined >= 4
    _, ram, flash = next(s for s in machine.snapshots if (portion_at(observed, number, s[0]) or 0) == joined + 2)
    # What lay in flash before the terminal had an identity is the public firmware image.
    blank = machine.snapshots[0][2]
    changed = np.flatnonzero(np.frombuffer(flash, np.uint8) != np.frombuffer(blank, np.uint8))
    low, high = max(0, int(changed[0]) - 15), int(changed[-1]) + 16
    sectors = {at // 4096 for at in changed.tolist()}
    written = [flash[max(low, s * 4096 - 15) : min(high, (s + 1) * 4096 + 15)] for s in sorted(sectors)]
    memory = b"".join([ram, *written])
    # With the running portion's key there, the same search succeeds.
    assert opening_windows(memory, *sample(observed, joined + 2)) == 1
    for portion in (0, joined - 1):
        assert opening_windows(memory, *sample(observed, portion)) == 0
    for portion in range(joined):
        assert find_traces(memory, traces_of(observed.control_words[portion])) == []


def test_a10_two_picos_in_calls_of_their_own_each_clear_their_own_window(windows_on_pico):
    observed = windows_on_pico
    windows = []
    for terminal in observed.run.terminals:
        times = dict(key_times(terminal, observed.run.begin_ms))
        hang_up = terminal.station.events("hanging_up")[0].at_ms - observed.run.begin_ms
        spans = observed.run.spans
        inside = [s.index for s in spans if times.get(s.index, 1 << 60) <= s.started_ms <= hang_up]
        outside = [s.index for s in spans if s.index < min(times) or s.started_ms > hang_up]
        assert len(inside) >= 3
        assert whole_portions(terminal) == inside
        assert dark_portions(terminal) == outside
        assert terminal.analysis.damaged_packets == 0
        windows.append(set(inside))
    assert windows[0] & windows[1] and windows[0] - windows[1] and windows[1] - windows[0]


def test_a02_two_picos_receive_the_same_broadcast(windows_on_pico):
    assert len({machine.tuner.hexdigest() for machine in windows_on_pico.machines}) == 1
    for terminal in windows_on_pico.run.terminals:
        status = terminal.station.events("status")[0]
        assert (status.value("damaged"), status.value("resyncs")) == ("0", "0")
        assert int(status.value("packets")) > 0
