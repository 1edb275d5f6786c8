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
LOCK = b"RCLK2\0\0\0"  # a lock key's block (settop.keystore.blocks), and where the key begins in it
LOCK_AT = 12
CHANGE_MS = 20
"""How long the terminal may take to see that a portion has begun, and to wipe: one packet and one turn of its loop."""


class KeyScan:
    """Finds which portions' keys a memory image gives away, all of them in one pass over it."""

    HEAD = 8  # octets; no trace is shorter

    def __init__(self, control_words):
        self._traces = {}
        for portion, key in control_words.items():
            for trace in traces_of(key):
                self._traces.setdefault(trace[: self.HEAD], []).append((trace, portion))
        self._heads = np.sort(np.frombuffer(b"".join(self._traces), "<u8"))

    def portions_in(self, memory):
        found = set()
        for shift in range(self.HEAD):
            words = np.frombuffer(memory, "<u8", (len(memory) - shift) // self.HEAD, shift)
            near = np.searchsorted(self._heads[:-1], words)
            for index in np.flatnonzero(self._heads[near] == words).tolist():
                at = shift + self.HEAD * index
                traces = self._traces[memory[at : at + self.HEAD]]
                found.update(portion for trace, portion in traces if memory.startswith(trace, at))
        return sorted(found)


def portion_at(observed, number, at_ms):
    """The portion on air at an instant of the bench's clock as the terminal knows it; None before the first."""
    events = observed.run.terminals[number].station.events("portion")
    return max((int(e.value("index")) for e in events if e.at_ms <= at_ms), default=None)


def in_call_scans(observed, number=0):
    """(ms, portion on air, portions of which traces are in SRAM) for the snapshots taken while the programme runs."""
    scan = KeyScan(observed.control_words)
    for at_ms, ram, _ in observed.machines[number].snapshots:
        portion = portion_at(observed, number, at_ms)
        if portion is not None and portion == portion_at(observed, number, at_ms + CHANGE_MS):
            yield at_ms, portion, scan.portions_in(ram)


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
        last = int(hang_up.value("last_kept"))
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


def test_a14_memory_does_not_hold_the_lock_key_behind_its_provisioning(windows_on_pico):
    """From there on it is read from flash for one derivation at a time: when a record is opened or stored."""
    for number, machine in enumerate(windows_on_pico.machines):
        (provisioned,) = windows_on_pico.run.terminals[number].station.events("provisioned")
        _, _, flash = machine.snapshots[-1]
        locks = [
            flash[at + LOCK_AT : at + LOCK_AT + 32] for at in range(0, len(flash), 4096) if flash[at:].startswith(LOCK)
        ]
        assert len(locks) == 1
        found = {
            at_ms: find_traces(ram, (locks[0], locks[0][:16], locks[0][16:])) for at_ms, ram, _ in machine.snapshots
        }
        # The scan finds it while it is drawn and stored: it is not blind.
        assert any(found.values())
        behind = [traces for at_ms, traces in found.items() if at_ms > provisioned.at_ms]
        assert len(behind) > 40 and not any(behind)


def test_a14_flash_never_holds_a_control_word(windows_on_pico):
    scan = KeyScan(windows_on_pico.control_words)
    for machine in windows_on_pico.machines:
        assert scan.portions_in(machine.snapshots[-1][2]) == []


def sample(observed, portion):
    """(first block as it was before encryption, the same on air) of a full packet of a portion."""
    air = np.fromfile(observed.run.broadcast, dtype=np.uint8).reshape(-1, 188)
    span = observed.run.portions[portion]
    clear = np.fromfile(observed.original, dtype=np.uint8).reshape(-1, 188)
    for row in air[span.first_packet : span.first_packet + span.packets]:
        if row[3] & 0xF0 in (0x90, 0xD0):
            # The residue is broadcast in the clear: by it the original packet is known.
            (match,) = np.flatnonzero((clear[:, 180:] == row[180:]).all(axis=1) & (clear[:, 2] == row[2]))
            plain = bytes(a ^ b for a, b in zip(clear[match, 4:20].tobytes(), IV, strict=True))
            return plain, row[4:20].tobytes()
    raise AssertionError(f"portion {portion} has no full packet")


def opening_windows(memory, samples):
    """For each (plain, on air) of `samples`, how many different 16-octet windows of `memory` are a key between them."""
    plains = b"".join(plain for plain, _ in samples)
    expected = [on_air for _, on_air in samples]
    found = [0] * len(samples)
    for window in {memory[at : at + 16] for at in range(len(memory) - 15)}:
        sealed = AES.new(window, AES.MODE_ECB).encrypt(plains)
        for number, on_air in enumerate(expected):
            found[number] += sealed[16 * number : 16 * number + 16] == on_air
    return found


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
    samples = [sample(observed, portion) for portion in (joined + 2, 0, joined - 1)]
    assert opening_windows(memory, samples) == [1, 0, 0]
    for portion in range(joined):
        assert find_traces(memory, traces_of(observed.control_words[portion])) == []


def test_a10_two_picos_in_calls_of_their_own_each_clear_their_own_window(windows_on_pico):
    observed = windows_on_pico
    windows = []
    for terminal in observed.run.terminals:
        times = dict(key_times(terminal, observed.run.begin_ms))
        hang_up = terminal.station.events("hanging_up")[0].at_ms - observed.run.begin_ms
        spans = observed.run.portions
        inside = [s.index for s in spans if times.get(s.index, 1 << 60) <= s.started_ms <= hang_up]
        outside = [s.index for s in spans if s.index < min(times) or s.started_ms > hang_up]
        assert len(inside) >= 3
        # The portion joined may be whole too: its key can come before its first packets have left the tuner's buffer.
        assert [index for index in whole_portions(terminal) if index != min(times)] == [
            i for i in inside if i != min(times)
        ]
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
