"""The call service with the real keyring, opener and player, and the real centre behind a modem: who has which key.

What is looked at is what comes out at the decoder, and what is in the keyring.
"""

import random
import sys
from pathlib import Path

import pytest
from headend.callcentre.core import CentreCall, Timing
from settop.keystore.identity import Identity
from settop.player.player import Player
from settop.services.call.opener import CallOpener
from settop.services.call.service import CallService
from testbed.machines.cpython import use_shims

from tests.helpers.call_pair import DEVICE_KEY, TERMINAL_ID, Air, MemoryLedger, MemoryRecords

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
import small_stream as air  # noqa: E402
from player_rig import Sink, Tuner  # noqa: E402

PORTION_MS = 2000
STEP_MS = 10
ECM_EVERY_MS = 100


class Modem:
    """Answers every command with OK and every call at once, and carries octets to the centre and back."""

    def __init__(self, centre):
        self.centre = centre
        self.coming = bytearray()
        self.connected = False
        self.part = b""

    def any(self):
        return len(self.coming)

    def readinto(self, view):
        count = min(len(view), len(self.coming))
        view[:count] = self.coming[:count]
        del self.coming[:count]
        return count

    def write(self, data):
        if self.connected:
            self.centre.receive(bytes(data), self.now_ms)
            return len(data)
        *lines, self.part = (self.part + bytes(data)).split(b"\r")
        for line in lines:
            self.connected = line.startswith(b"ATD")
            self.coming += b"\r\nCONNECT 2400\r\n" if self.connected else b"\r\nOK\r\n"
        return len(data)

    def carry(self, now_ms):
        self.now_ms = now_ms
        self.centre.poll(now_ms)
        out = self.centre.data_to_send()
        if self.connected:
            self.coming += out

    def cut(self):
        self.connected = False
        self.coming += b"\r\nNO CARRIER\r\n"


class Bench:
    """A programme in portions of 2 s with a packet of each portion's every 50 ms. `seen`: portions of which something
    came out at the decoder; `held`: (ms, portion on air, what the keyring held)."""

    def __init__(self):
        self.air = Air(PORTION_MS, programmes=(air.PROGRAMME_ID,))
        self.ledger = MemoryLedger()
        self.modem = Modem(self.centre())
        self.tuner, self.sink = Tuner(), Sink()
        self.player = Player(self.tuner, self.sink)
        self.opener = CallOpener()
        self.player.add_opener(self.opener)
        self.said = []
        self.call = CallService(
            self.modem,
            self.opener,
            lambda: None,
            lambda: Identity(TERMINAL_ID, DEVICE_KEY),
            random.Random(3).randbytes,
            lambda event, text: self.said.append((event, text)),
            MemoryRecords({"number": b"5550100"}),
        )
        self.now_ms = 0
        self.rng = air.Rng(1)
        self.clear = {}
        self.held = []
        self._counters = [0, 0]
        self.ecms = True

    def centre(self):
        return CentreCall(self.ledger, self.air.schedule, Timing(lead_max_ms=PORTION_MS), random.Random(4).randbytes)

    def run(self, until_ms):
        while self.now_ms < until_ms:
            self.air.advance(self.now_ms)
            self._broadcast()
            self.modem.carry(self.now_ms)
            self.player.step(self.now_ms)
            while (event := self.player.next_event()) is not None:
                self.call.on_event(event, self.now_ms)
            self.call.step(self.now_ms)
            self.held.append((self.now_ms, self.opener.portion, tuple(self.opener.keyring.held())))
            self.now_ms += STEP_MS
        return self

    def _broadcast(self):
        now_ms = self.now_ms
        portion = now_ms // PORTION_MS
        broadcast = self.air.broadcasts[air.PROGRAMME_ID]
        if now_ms % ECM_EVERY_MS == 0:
            self.tuner.data += b"".join(air.section_packets(0, air.pat(((1, air.PMT_PID),))))
            self.tuner.data += b"".join(air.section_packets(air.PMT_PID, air.pmt()))
            if self.ecms:
                left_ms = PORTION_MS - now_ms % PORTION_MS
                self.tuner.data += air.ecm_packet(
                    portion, left_ms, self._counters[0], air.PROGRAMME_ID, broadcast.broadcast_id
                )
                self._counters[0] += 1
        if now_ms % 50 == 0:
            one = air.stream_packet(self.rng, self._counters[1])
            self._counters[1] += 1
            self.clear[one] = portion
            self.tuner.data += air.scrambled(one, self.air.key(air.PROGRAMME_ID, portion), portion & 1)

    @property
    def seen(self):
        """Portions by packets that came out clear."""
        out = bytes(self.sink.got)
        packets = [out[at : at + 188] for at in range(0, len(out), 188)]
        assert all(one in self.clear or one[3] & 0xC0 == 0 for one in packets)
        stream = [one for one in packets if (one[1] & 0x1F) << 8 | one[2] == air.ES_PID]
        assert all(one in self.clear for one in stream), "a packet came out that was never sent"
        return sorted({self.clear[one] for one in stream})

    def dial(self):
        self.call.dial(None, self.now_ms)
        return self


def test_keys_come_while_the_call_lasts_and_only_two_are_held_at_a_time():
    bench = Bench().run(500).dial().run(8_900)
    assert bench.seen == [0, 1, 2, 3, 4]
    for now_ms, running, held in bench.held:
        assert all(running <= portion <= running + 1 for portion in held), (now_ms, running, held)
    assert max(len(held) for _, _, held in bench.held) == 2


def test_hang_up_lets_the_running_portion_play_out_and_leaves_the_next_one_dark():
    # In the last half second of portion 2 the key of portion 3 is there already.
    bench = Bench().run(500).dial().run(5_900)
    assert bench.opener.keyring.held() == [2, 3]
    bench.call.hang_up(bench.now_ms)
    assert bench.opener.keyring.held() == [2]
    assert ("hanging_up", "last_kept=2") in bench.said
    bench.run(9_000)
    assert bench.seen == [0, 1, 2] and bench.opener.keyring.held() == []


def test_a_hang_up_while_the_tuner_sees_nothing_wipes_everything():
    bench = Bench().run(500).dial().run(3_000)
    bench.ecms = False
    bench.run(4_800)  # the portion is over, and nothing says which one followed
    assert bench.opener.portion is None
    bench.call.hang_up(bench.now_ms)
    assert bench.opener.keyring.held() == [] and ("hanging_up", "last_kept=none") in bench.said


def test_a_key_that_comes_opens_the_very_next_packet():
    """Nobody has to tell the player: the keyring does."""
    bench = Bench().run(300)
    assert bench.seen == []
    bench.opener.keyring.install(0, bytearray(bench.air.key(air.PROGRAMME_ID, 0)))
    bench.run(400)
    assert bench.seen == [0]
    bench.opener.keyring.wipe()
    before = len(bench.sink.got)
    bench.run(1_000)
    assert bench.sink.got[before:].count(bytes((0x47, air.ES_PID >> 8, air.ES_PID & 0xFF))) <= 1  # on its way


def test_keys_that_come_while_the_tuner_sees_nothing_do_not_pile_up():
    bench = Bench().run(500).dial().run(2_500)
    bench.ecms = False
    bench.run(14_000)
    late = [held for now_ms, _, held in bench.held if now_ms > 5_000]
    assert late and max(len(held) for held in late) <= 2


def test_a_line_that_drops_keeps_what_was_delivered_and_a_redial_goes_on():
    bench = Bench().run(500).dial().run(2_900)
    held = bench.opener.keyring.held()
    bench.modem.cut()
    bench.modem.centre = bench.centre()
    bench.run(3_000)
    assert bench.opener.keyring.held() == held
    bench.run(8_900)
    assert bench.seen == [0, 1, 2, 3, 4]
    assert [event for event, _ in bench.said].count("line_lost") == 1


@pytest.mark.parametrize("tuned_away_ms", [200, 2_300])
def test_tuning_away_and_back_asks_for_the_programme_again_in_the_same_call(tuned_away_ms):
    """The keys are wiped when the viewer tunes away; back again, the service asks once more by itself."""
    bench = Bench().run(500).dial().run(2_500)
    asked = bench.call._asked
    bench.opener.tune((air.ECM_PID, 99))  # nothing is on air there
    assert bench.opener.keyring.held() == []
    bench.run(2_500 + tuned_away_ms)
    bench.opener.tune((air.ECM_PID, air.PROGRAMME_ID))
    bench.run(8_500)
    assert bench.call._asked == asked and bench.seen[-1] == 4
