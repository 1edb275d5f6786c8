# runtimes: cpython unix
"""Dial-up: a call as the network's line. Whoever answers, whatever becomes of it: an end in time, no octet changed."""

from network_rig import OK, Modem, Network
from settop.modem.results import HOLD_MS
from settop.net.link import Link
from settop.services.network.dial_up import (
    AHEAD_MS,
    CALLS,
    HOUR_MS,
    JOIN_MS,
    LONGEST_MS,
    MIN_AHEAD_OCTETS,
    UNHEARD,
    DialUp,
)
from settop.services.network.dial_up_states import TABLE

CONNECT = (b"ATD", b"\r\nCONNECT 2400\r\n")
GONE = b"\r\nNO CARRIER\r\n"


def half(count):
    return b"\x80" * count


class Bench:
    """A terminal's dial-up and link, turn by turn."""

    def __init__(self, *answers, tries=4):
        self.modem = Modem()
        self.modem.answers += answers
        self.network = Network()
        self.told = []
        self.now_ms = 1000
        self.dial = DialUp(self.modem, self.network, self.tell)
        self.dial.number = "5550200"
        self.link = Link(self.dial, half, up_ms=180000, first_ms=4000, tries=tries, pace=4)

    def tell(self, event, text):
        self.told.append((event + " " + text).rstrip())

    def want(self):
        self.dial.step(self.now_ms)
        self.link.want(self.now_ms)
        return self

    def leave(self):
        self.dial.step(self.now_ms)
        self.link.leave(self.now_ms)

    def turn(self):
        self.dial.step(self.now_ms)
        due_ms = self.link.step(self.now_ms)
        event = self.link.next_event()
        while event is not None:
            self.told.append(" ".join([str(word) for word in event]))
            if event[0] in ("retry", "failed"):
                self.dial.network_down()
            event = self.link.next_event()
        other_ms = self.dial.next_timer()
        return other_ms if due_ms is None or (other_ms is not None and other_ms < due_ms) else due_ms

    def run(self, until, turns=5000):
        """Turns until that is so, time going from timer to timer."""
        for _ in range(turns):
            due_ms = self.turn()
            if until():
                return self
            if not self.modem.incoming:
                assert due_ms is not None, "nothing will ever happen: " + self.dial.state
                self.now_ms = max(self.now_ms, due_ms)
        raise AssertionError("no end: %s %s" % (self.dial.state, self.told))

    def online(self):
        self.run(lambda: self.dial.state == "joining")
        self.network.state = "up"
        self.turn()
        assert (self.dial.state, self.link.state) == ("online", "up")
        return self


def test_a_call_brings_the_link_up_and_is_ended_when_nobody_wants_it():
    bench = Bench(CONNECT).want().online()
    assert bench.network.said == ["call"] and bench.told == ["dialling number=5550200", "connected rate=2400", "up"]
    bench.told.clear()
    bench.leave()
    bench.run(lambda: bench.dial.state == "idle")
    assert bench.network.said == ["call", "down"] and bench.told == ["down", "hung_up"]
    assert bench.modem.take().endswith(b"+++ATH0\r") and bench.dial.network_state() == "down"


def test_every_way_in_which_a_call_comes_to_nothing_is_told_and_tried_again_a_few_times():
    for said, reason in (
        (b"\r\nBUSY\r\n", "busy"),
        (b"\r\nNO ANSWER\r\n", "no_answer"),
        (b"\r\nNO DIALTONE\r\n", "no_dialtone"),
        (GONE, "no_carrier"),
        (b"\r\nERROR\r\n", "error"),
    ):
        bench = Bench((b"ATD", said)).want()
        bench.run(lambda bench=bench: bench.link.state == "failed")
        once = ["dialling number=5550200", "call_failed reason=" + reason]
        waits = [["retry 4500"], ["retry 9000"], ["retry 18000"], ["failed"]]
        assert bench.told == [word for wait in waits for word in once + wait]
        assert bench.dial.state == "idle" and bench.turn() is None and bench.network.said == []


def test_a_number_that_nobody_answers_ends_in_time_even_where_the_modem_says_nothing():
    bench = Bench(tries=1).want()
    bench.run(lambda: bench.link.state == "failed")
    assert "call_failed reason=no_answer" in bench.told and bench.now_ms < 180000
    bench.run(lambda: bench.dial.state == "idle")


def test_without_a_modem_that_is_said():
    bench = Bench(tries=2)
    bench.modem.answers = []
    bench.want().run(lambda: bench.link.state == "failed")
    assert bench.told.count("call_failed reason=no_modem") == 2


def test_a_call_centre_that_answers_is_hung_up_on():
    bench = Bench(CONNECT, tries=2).want()
    bench.run(lambda: bench.dial.state == "joining")
    began_ms = bench.now_ms
    bench.run(lambda: bench.dial.state == "leaving")
    assert bench.now_ms == began_ms + JOIN_MS
    bench.run(lambda: bench.link.state == "failed")
    bench.run(lambda: bench.dial.state == "idle")
    assert bench.told.count("error 5550200 answers, but gives no address") == 2 == bench.told.count("hung_up")
    assert bench.network.said == ["call", "down"] * 2


def test_ppp_that_fails_ends_the_call_at_once():
    bench = Bench(CONNECT).want()
    bench.run(lambda: bench.dial.state == "joining")
    bench.network.state = "failed"
    bench.turn()
    assert (bench.dial.state, bench.link.state) == ("leaving", "backing_off")
    bench.network.state = "down"
    bench.run(lambda: bench.dial.state == "joining")
    assert bench.told.count("hung_up") == 1


def test_a_carrier_that_is_lost_is_told_and_dialled_again():
    bench = Bench(CONNECT).want().online()
    bench.told.clear()
    bench.modem.incoming += GONE
    bench.run(lambda: bench.link.state == "backing_off")
    assert bench.told == ["call_failed reason=no_carrier", "down", "retry 4500"]
    assert bench.network.said == ["call", "down"] and bench.dial.state == "leaving"
    bench.network.state = "down"
    bench.told.clear()
    bench.online()
    assert bench.told == ["hung_up", "dialling number=5550200", "connected rate=2400", "up"]


def test_a_provider_that_says_no_carrier_is_hung_up_on_by_the_modems_word():
    for online in (True, False):
        bench = Bench(CONNECT, tries=1).want()
        bench.run(lambda bench=bench: bench.dial.state == "joining")
        if online:
            bench.online()
        bench.modem.take()
        bench.modem.answers = [(b"+++", OK + GONE + OK), (b"ATH", OK)]
        bench.modem.incoming += GONE
        bench.run(lambda bench=bench: bench.dial.state == "idle")
        assert bench.modem.take().endswith(b"+++ATH0\r") and bench.told[-1] == "hung_up"


def test_no_state_is_for_ever_and_no_word_of_the_modem_leaves_a_call_open():
    pairs = [row[:2] for row in TABLE]
    for state in ("dialling", "joining", "leaving", "returning"):
        assert LONGEST_MS[state] and (state, "timeout") in pairs
    for state in ("idle", "failed"):
        assert (state, "connect", "hang_up", "leaving") in TABLE
    for row in TABLE:
        if row[0] in ("joining", "online") and row[1] != "ppp_up":
            assert row[3] == "leaving"


def test_a_modem_that_says_nothing_at_all_any_more_is_told_and_reset_before_the_next_call():
    bench = Bench(CONNECT, tries=1).want().online()
    bench.modem.answers = []
    bench.leave()
    bench.run(lambda: bench.dial.state == "idle")
    assert bench.told[-2:] == ["error " + UNHEARD, "hung_up"]
    bench.modem.take()
    bench.want()
    bench.turn()
    assert bench.modem.take() == b"ATZ\r"


def test_an_end_of_a_call_that_never_comes_is_not_waited_for():
    for again in (False, True):
        bench = Bench(CONNECT).want().online()
        bench.leave()
        if again:
            bench.want()
        bench.network.state = "down"
        bench.modem.answers = []
        bench.dial._dte.poll = lambda now_ms: None
        bench.dial._dte.receive = lambda data, now_ms: None
        bench.now_ms += LONGEST_MS["leaving"]
        bench.turn()
        assert bench.dial.state == ("dialling" if again else "idle")
        assert "error " + UNHEARD in bench.told and (bench.modem.take().endswith(b"ATZ\r") or not again)


def test_a_dialling_that_never_ends_is_ended():
    bench = Bench().want()
    bench.dial._dte.poll = lambda now_ms: None
    bench.now_ms += LONGEST_MS["dialling"]
    bench.turn()
    assert bench.dial.state == "leaving" and "call_failed reason=no_answer" in bench.told


def test_a_call_that_comes_up_behind_a_failure_is_hung_up():
    bench = Bench((b"ATD", b"\r\nBUSY\r\n")).want()
    bench.run(lambda: bench.dial.state == "failed" or bench.link.state == "backing_off")
    bench.dial.state = "failed"
    bench.modem.incoming += CONNECT[1]
    bench.turn()
    assert bench.dial.state == "leaving"
    bench.run(lambda: "hung_up" in bench.told)


def test_calls_that_are_lost_again_and_again_are_so_many_in_an_hour():
    bench = Bench(CONNECT).want()
    for count in range(1, CALLS + 1):
        bench.online()
        assert bench.told.count("dialling number=5550200") == count
        bench.now_ms += 60000
        bench.network.state = "down"
        bench.turn()
    bench.run(lambda: bench.dial.hopeless != "")
    assert "12 calls within an hour" in bench.dial.hopeless
    assert bench.told.count("dialling number=5550200") == CALLS and "call_failed reason=too_many" in bench.told
    bench.dial.hopeless = ""
    bench.leave()
    bench.run(lambda: bench.dial.state == "idle")
    bench.now_ms += HOUR_MS
    bench.want()
    assert len(bench.dial.calls) == 1


def test_ppp_that_ends_below_a_call_ends_the_call():
    for word in ("down", "failed"):
        bench = Bench(CONNECT).want().online()
        bench.network.state = word
        bench.turn()
        assert (bench.dial.state, bench.link.state) == ("leaving", "backing_off")


def test_who_wants_it_again_while_the_call_is_being_ended_is_dialled_for_behind_it():
    bench = Bench(CONNECT).want().online()
    bench.leave()
    assert bench.dial.state == "leaving"
    bench.want()
    assert bench.dial.state == "returning" and bench.dial.network_state() == "down"
    bench.network.state = "down"
    bench.told.clear()
    bench.online()
    assert bench.told == ["down", "hung_up", "dialling number=5550200", "connected rate=2400", "up"]


def test_who_leaves_while_it_dials_ends_the_call():
    bench = Bench((b"\r", GONE)).want()
    bench.run(lambda: b"ATDT" in bench.modem.out)
    bench.leave()
    bench.run(lambda: bench.dial.state == "idle")
    assert bench.told[-1] == "hung_up" and bench.network.said == []


def test_an_image_without_ppp_says_so_and_hangs_up():
    bench = Bench(CONNECT).want()
    bench.network.broken = True
    bench.run(lambda: bench.dial.hopeless != "")
    assert bench.dial.state == "leaving"
    bench.run(lambda: bench.dial.state == "idle")


def test_octets_pass_as_they_are_and_no_carrier_in_a_page_is_text():
    bench = Bench(CONNECT).want().online()
    page = bytes(range(256)) + GONE + OK + b"+++~"
    bench.modem.incoming += page
    got = b""
    while bench.modem.incoming or bench.network.line.any():
        bench.turn()
        view = memoryview(bytearray(100))
        count = bench.network.line.readinto(view)
        got += bytes(view[:count])
    assert got == page and bench.link.state == "up"
    bench.modem.take()
    sent = 0
    while sent < len(page):
        sent += bench.network.line.write(page[sent:])
        bench.now_ms += 100
        bench.turn()
    assert bench.modem.take() == page.replace(b"+++", b"++\x7d\x0b")


def unescaped(data):
    """What a receiver of PPP makes of it (RFC 1662 4.2)."""
    out, escaped = bytearray(), False
    for octet in data:
        if octet == 0x7D and not escaped:
            escaped = True
        else:
            out.append(octet ^ 0x20 if escaped else octet)
            escaped = False
    return bytes(out)


def test_what_is_sent_is_no_escape_for_a_modem_that_needs_no_guard_time():
    said = b"~" + b"+++ATH0\r" * 20 + b"~}+}\x0b+}]++"
    for size in (1, 2, 3, 100, 600):
        bench = Bench(CONNECT).want().online()
        bench.modem.take()
        sent = bytearray()
        at = 0
        while at < len(said):
            at += bench.network.line.write(said[at : at + size])
            bench.now_ms += 100
            bench.turn()
            sent += bench.modem.take()
        assert b"+++" not in sent and unescaped(sent) == unescaped(said), size
        assert bench.link.state == "up"


def test_a_plus_sign_or_two_stay_as_they_are_as_nobody_undoes_an_escape_of_control_characters_before_lcp_is_through():
    bench = Bench(CONNECT).want().online()
    bench.modem.take()
    said = b"~+a++b}+++c+~"
    assert bench.network.line.write(said) == len(said)
    bench.turn()
    assert bench.modem.take() == said.replace(b"}+++", b"}++}\x0b")


def test_octets_that_grow_are_no_more_than_the_modem_has_room_for():
    bench = Bench(CONNECT).want().online()
    bench.modem.take()
    for page in (bytes(100) + b"+" * 1000, bytes(101) + b"+" * 1000):
        bench.now_ms += 10000
        bench.turn()
        count = bench.network.line.write(page)
        bench.turn()
        sent = bench.modem.take()
        assert count == len(unescaped(sent)) and MIN_AHEAD_OCTETS - 1 <= len(sent) <= MIN_AHEAD_OCTETS
        assert unescaped(sent) == page[:count]


def test_the_modem_is_given_no_more_than_its_line_carries():
    bench = Bench(CONNECT).want().online()
    bench.modem.take()
    line, began_ms = bench.network.line, bench.now_ms
    assert line.write(bytes(5000)) == MIN_AHEAD_OCTETS and line.write(bytes(5000)) == 0
    for _ in range(1000):
        bench.now_ms += 1
        bench.turn()
        line.write(bytes(5000))
    bench.turn()
    passed_ms = bench.now_ms - began_ms
    assert len(bench.modem.take()) == MIN_AHEAD_OCTETS + 240 * passed_ms // 1000
    bench.now_ms += 5 * AHEAD_MS
    bench.turn()
    assert line.write(bytes(5000)) == MIN_AHEAD_OCTETS


def test_a_uart_that_takes_a_part_gets_the_rest_later():
    bench = Bench(CONNECT).want().online()
    bench.modem.take()
    bench.modem.room = 100
    assert bench.network.line.write(bytes(range(250))) == 250
    bench.modem.answers = []
    bench.turn()
    bench.modem.room = 0
    bench.turn()
    bench.modem.room = 7
    bench.turn()
    assert bench.modem.take() == bytes(range(250))


def test_what_comes_while_the_call_is_being_ended_is_dropped_and_takes_no_heap():
    bench = Bench(CONNECT).want().online()
    line = bench.network.line
    bench.leave()
    for _ in range(20):
        bench.modem.incoming += bytes(200)
        bench.turn()
    assert line.any() == 0 and line.write(b"late") == 4 and bench.dial._dte.take_data() == b""


def test_what_the_board_does_not_take_stays_in_the_uart():
    bench = Bench(CONNECT).want().online()
    line = bench.network.line
    while line.any() < 1024:
        bench.modem.incoming = bytes(700)
        bench.turn()
    held = line.any()
    bench.modem.incoming = bytes(700)
    bench.turn()
    assert (line.any(), len(bench.modem.incoming)) == (held, 700)
    line.readinto(memoryview(bytearray(held)))
    bench.turn()
    assert (line.any(), bench.modem.incoming) == (700, b"")


def test_the_table_has_one_row_for_a_state_and_an_input_and_every_action_is_there():
    pairs = [row[:2] for row in TABLE]
    assert len(pairs) == len(set(pairs))
    for row in TABLE:
        assert not row[2] or hasattr(DialUp, "_" + row[2])
    assert HOLD_MS < JOIN_MS
