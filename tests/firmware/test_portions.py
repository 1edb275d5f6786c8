"""The portion on air by itself: its state table, without keys, packets or a clock of its own."""

import small_stream as air
from kit import raises
from settop.errors import RemoteError
from settop.player import portion_states as states
from settop.player.portions import NEW_BROADCAST, NEW_PORTION, NOTHING, OPEN_AGAIN, Portions
from settop.wire.ecm import Ecm

RUN = b"broadcst"


def ecm(portion, remaining_ms=1000, run=RUN, programme=1):
    return Ecm(programme, run, portion, remaining_ms)


def running(portion=3):
    portions = Portions()
    assert portions.hear(ecm(portion), 0) == NEW_BROADCAST
    return portions


def test_every_transition_is_reached_and_leads_where_the_table_says():
    """Random ECMs, changes and times: each move that is made is one of the table's, and each of those is made."""
    made = set()

    class Watched(Portions):
        def _move(self, event):
            before = self.state
            Portions._move(self, event)
            made.add((before, event, self.state))
            assert (self.portion is None) <= (self.state in (states.NOWHERE, states.SHUT))

    rng = air.Rng(77)
    for _ in range(air.times(400)):
        portions = Watched()
        now_ms = 0
        for _ in range(60):
            now_ms += rng.below((40, 700)[rng.below(2)])
            what = rng.below(8)
            if what < 4:
                portion = (portions.portion or portions.floor) + (0, 0, 1, 1, 5, -1)[rng.below(6)]
                run = RUN if rng.below(8) else b"anothers"
                try:
                    portions.hear(ecm(max(0, portion), (300, 1000)[rng.below(2)], run), now_ms)
                except RemoteError:
                    pass
            elif what == 4:
                portions.turn(now_ms)
            elif what == 5:
                portions.is_over(now_ms, rng.below(2))
            elif rng.below(2) == 0:
                portions.doubt()
            elif rng.below(8) == 0:
                portions.tune()
    wanted = set(states.TABLE)
    assert made <= wanted
    assert not wanted - made or air.times(400) < 400, wanted - made


def test_the_running_portion_opens_and_the_next_one_only_when_it_is_due():
    portions = running()
    assert portions.running() == 3
    assert portions.turn(700) is None and portions.state == states.RUNNING
    assert portions.turn(900) == 4 and portions.state == states.TURNED
    assert portions.running() is None
    assert portions.hear(ecm(4), 1010) == NEW_PORTION
    assert portions.running() == 4


def test_what_was_not_expected_shuts_until_it_is_cleared_up():
    portions = running()
    with raises(RemoteError):
        portions.hear(ecm(9), 100)
    assert portions.is_shut() and portions.running() is None and portions.turn(990) is None
    assert portions.hear(ecm(3, 800), 200) == OPEN_AGAIN
    assert portions.running() == 3
    assert portions.hear(ecm(3, 700), 300) == NOTHING


def test_a_doubt_does_not_open_again_what_the_next_parity_had_shut():
    portions = running()
    assert portions.turn(950) == 4
    portions.doubt()
    assert portions.state == states.TURNED_SHUT
    assert portions.hear(ecm(3, 30), 970) == OPEN_AGAIN
    assert portions.state == states.TURNED and portions.running() is None


def test_a_portion_that_is_over_is_told_once():
    portions = running()
    assert not portions.is_over(1390, True)
    assert portions.is_over(1410, True) and not portions.is_over(1420, True)
    assert portions.portion is None and portions.floor == 4 and portions.state == states.NOWHERE


def test_a_stall_gives_the_packets_that_waited_as_much_time():
    portions = running()
    portions.stall(500)
    assert not portions.is_over(1800, True)
    assert portions.is_over(1800, False)
