"""Two systems on one player: who is left is shut, its keys go in their time, and one's mistake is its own."""

import small_stream as air
from player_rig import Rig, content
from settop.errors import RemoteError
from settop.services.call.opener import CallOpener

OTHER_ECM = 0x1FE0


class Other:
    """Recognises descriptor 0x80; `fails`: what its messages raise."""

    portion = programme_id = broadcast_id = None

    def __init__(self):
        self.pid = OTHER_ECM
        self.fails = None
        self.messages = 0

    def attach(self, player, slots):
        self.slots = slots

    def recognise(self, descriptor):
        return ((self.pid, 1), None) if descriptor[0] == 0x80 else None

    def take_up(self, ca):
        pass

    def leave(self, chosen):
        pass

    tune = take_up

    def on_message(self, packet, now_ms):
        self.messages += 1
        if self.fails is not None:
            raise self.fails

    def stall(self, gap_ms):
        pass

    def look(self, now_ms, fed):
        pass

    def open_run(self, slot, count, parity, now_ms):
        return self.slots.pass_over(slot, count)

    def holds_key(self):
        return False

    def missing(self):
        return 0


def rig():
    """The call's is service 1, the other system's service 2; portion 0 is on air, with its key and the next one's."""
    made = Rig((0, 1)).tune(0, 1000)
    made.other = Other()
    made.player.add_opener(made.other)
    pat = air.section_packets(0, air.pat(((1, air.PMT_PID), (2, 0x1002)), version=1), 1)
    pmt = air.section_packets(0x1002, air.pmt(2, ((0x1B, 0x200),), b"\x80\x00", pcr=0x200))
    made.flush(pat + pmt)
    assert made.keyring.held() == [0, 1]
    return made


def test_the_viewer_who_goes_over_to_another_system_leaves_no_key_behind():
    one = rig()
    one.player.tune(2)
    assert one.player.opener is one.other
    assert one.keyring.held() == [] and one.opener.portion is None
    one.wait(100)
    assert one.events[-1] == ("lost_portion",)


def test_tables_that_lead_to_another_system_shut_at_once_and_keys_go_when_they_are_over():
    one = rig()
    clear, sent = content(air.Rng(2), 4, 0)
    gone = air.section_packets(0, air.pat(((2, 0x1002),), version=2), 2)
    one.flush(gone)
    assert one.player.opener is one.other
    back = air.section_packets(0, air.pat(((1, air.PMT_PID), (2, 0x1002)), version=3), 3)
    one.flush(back + air.section_packets(air.PMT_PID, air.pmt(version=5), 4))
    assert one.player.opener is one.opener
    assert one.flush(sent)[:188].count(clear[0]) == 0  # nothing opens before an ECM says which portion it is
    assert one.flush([air.ecm_packet(0, 600, 5)] + content(air.Rng(2), 4, 0)[1])[-188:] == clear[-1]
    one.flush(gone)
    one.wait(3000)
    assert one.keyring.held() == [1] and one.events[-1] == ("lost_portion",)


def test_a_message_pid_that_is_psis_own_is_recognised_for_nobody():
    for pid in (0, 0x11, 0x1FFF):
        one = Rig()
        one.other = Other()
        one.other.pid = pid
        one.player.add_opener(one.other)
        pat = air.section_packets(0, air.pat(((2, 0x1002),)))
        one.flush(pat + air.section_packets(0x1002, air.pmt(2, ((0x1B, 0x200),), b"\x80\x00", pcr=0x200)))
        assert one.player.programmes.ca is None
        one.flush(air.section_packets(0, air.pat(((1, air.PMT_PID),), version=1), 1))
        assert one.player.programmes.has(1)


def test_a_message_that_its_opener_fails_on_is_refused_and_the_player_plays_on():
    one = rig()
    one.player.tune(2)
    for error in (ValueError("x"), KeyError(1), RemoteError("x")):
        one.other.fails = error
        before = one.player.refused
        one.flush(air.ecm_packet(0, 1000, one.other.messages, pid=OTHER_ECM))
        assert one.player.refused == before + 1
    assert one.other.messages == 3


def test_one_second_core_serves_one_descrambler():
    from settop.ts.second_core import SecondCore

    helper = SecondCore()
    helper._kept = ()
    assert not helper.begin(b"", b"") and not helper.ended
    assert CallOpener(helper).missing() != 0
