"""The terminal's dialler against scripted modems: what it sends and understands; it never waits for ever."""

import random

from kit import raises
from settop.errors import LocalError
from settop.modem.dte import Dte
from settop.modem.results import parse_result
from settop.modem.states import TABLE

OK = b"\r\nOK\r\n"
SETUP = b"ATH0E0Q0V1X4S0=0S7=60\r"


def idle():
    dte = Dte()
    dte.start(0)
    assert dte.data_to_send() == b"ATZ\r"
    dte.receive(b"ATZ\r" + OK, 10)
    assert dte.data_to_send() == SETUP
    dte.receive(SETUP + OK, 20)
    assert dte.next_event() == ("ok",)
    assert dte.state == "idle"
    return dte


def online(now_ms=100):
    dte = idle()
    dte.dial("5550100", now_ms)
    assert dte.data_to_send() == b"ATDT5550100\r"
    dte.receive(b"\r\nCONNECT 2400\r\n", now_ms)
    assert dte.next_event() == ("connect", 2400)
    return dte


def events(dte):
    found = []
    while True:
        event = dte.next_event()
        if event is None:
            return found
        found.append(event)


def run(dte, now_ms, limit_ms=10_000_000):
    """Fires every timer; the modem says nothing. Returns (what was sent, when the last timer came)."""
    sent = []
    for _ in range(1000):
        due = dte.next_timer()
        if due is None or due > limit_ms:
            return sent, now_ms
        now_ms = max(due, now_ms)
        dte.poll(now_ms)
        out = dte.data_to_send()
        if out:
            sent.append((now_ms, out))
    raise AssertionError("timers without end")


def test_every_result_ends_dialling_with_its_event():
    for said, event in (
        (b"\r\nBUSY\r\n", ("busy",)),
        (b"\r\nNO CARRIER\r\n", ("no_carrier",)),
        (b"\r\nNO ANSWER\r\n", ("no_answer",)),
        (b"\r\nNO DIALTONE\r\n", ("no_dialtone",)),
        (b"\r\nNO DIAL TONE\r\n", ("no_dialtone",)),
        (b"\r\nERROR\r\n", ("error",)),
        (b"7\r", ("busy",)),
        (b"3\r", ("no_carrier",)),
        (b"8\r", ("no_answer",)),
        (b"6\r", ("no_dialtone",)),
        (b"4\r", ("error",)),
        (b"\r\nCONNECT\r\n", ("connect", 0)),
        (b"\r\nCONNECT 9600/ARQ/V34\r\n", ("connect", 9600)),
        (b"1\r", ("connect", 0)),
        (b"10\r", ("connect", 2400)),
    ):
        for size in (1, 3, 100):
            dte = idle()
            dte.dial("123", 50)
            line = b"ATDT123\r" + said  # with echo
            for at in range(0, len(line), size):
                dte.receive(line[at : at + size], 60)
            assert events(dte) == [event], said


def test_dialling_sets_an_unknown_modem_up_first():
    dte = Dte()
    dte.dial("123", 0)
    assert dte.data_to_send() == b"ATZ\r"
    dte.receive(OK, 1)
    assert dte.data_to_send() == SETUP
    dte.receive(OK, 2)
    assert dte.data_to_send() == b"ATDT123\r"
    assert events(dte) == [("ok",)]


def test_numeric_answers_from_power_on_are_understood():
    dte = Dte()
    dte.start(0)
    dte.receive(b"0\r", 1)
    dte.data_to_send()
    dte.receive(b"0\r", 2)
    assert events(dte) == [("ok",)]


def test_a_modem_that_does_not_answer_is_reported():
    dte = Dte(reply_ms=2000, tries=4)
    dte.dial("123", 0)
    sent, _ = run(dte, 0)
    assert [out for _, out in sent] == [b"ATZ\r+++", b"\rATZ\r", b"+++"]
    assert [at_ms for at_ms, _ in sent] == [2000, 4000, 6000]
    assert events(dte) == [("no_modem",)]
    assert dte.state == "off"
    assert dte.next_timer() is None


def test_a_modem_left_online_by_a_restart_is_brought_back():
    dte = Dte()
    dte.start(0)
    dte.data_to_send()
    dte.receive(b"data of the old call", 1500)
    dte.poll(2000)
    assert dte.data_to_send() == b"+++"
    dte.receive(b"\xff" * 200 + OK, 3000)
    assert dte.data_to_send() == SETUP  # begins with H0
    dte.receive(OK, 3010)
    assert dte.state == "idle"


def test_a_refused_set_up_is_an_error():
    dte = Dte(setup="E0W9")
    dte.dial("123", 0)
    dte.receive(OK, 1)
    dte.data_to_send()
    dte.receive(b"\r\nERROR\r\n", 2)
    assert events(dte) == [("error",)]
    assert dte.state == "off"


def test_bad_numbers_and_calls_in_the_wrong_state_are_local_errors():
    dte = idle()
    for number in ("", "12a3x", "555 0100", "1;2", "1\r2", "1" * 41, "+49"):
        with raises(LocalError):
            dte.dial(number, 0)
    with raises(LocalError):
        dte.send(b"x", 0)
    with raises(LocalError):
        dte.start(0)
    dte.dial("123", 0)
    with raises(LocalError):
        dte.dial("456", 0)
    with raises(LocalError):
        dte.answer(0)
    assert dte.data_to_send() == b"ATDT123\r"


def test_data_after_connect_are_data_even_in_the_same_read():
    for rest in (b"\n\r\nOK\r\nBUSY\r\n", b"\nx", b"\n\n"):
        dte = idle()
        dte.dial("123", 0)
        dte.receive(b"\r\nCONNECT 1200\r" + rest, 10)
        dte.poll(1000)
        assert dte.take_data() == rest[1:]
        assert events(dte) == [("connect", 1200)]


def test_numeric_connect_has_no_line_feed_to_swallow():
    dte = idle()
    dte.dial("123", 0)
    dte.receive(b"5\r\nabc", 10)
    assert dte.take_data() == b"\nabc"


def test_no_carrier_in_the_data_is_found_however_it_is_split():
    stream = b"abc\r\r\nNO CARR\r\nNO CARRIER\r\n\r\nRING\r\n"
    for first in range(len(stream) + 1):
        dte = online()
        dte.receive(stream[:first], 200)
        dte.receive(stream[first:], 210)
        assert dte.take_data() == b"abc\r\r\nNO CARR"
        assert events(dte) == [("no_carrier",), ("ring",)]
        assert dte.state == "idle"


def test_data_that_begin_like_no_carrier_are_let_go_in_time():
    dte = online()
    dte.receive(b"end\r\nNO", 200)
    assert dte.take_data() == b"end"
    assert dte.next_timer() == 400
    dte.poll(400)
    assert dte.take_data() == b"\r\nNO"


def test_random_data_come_through_unchanged():
    random.seed(4)
    for _ in range(30):
        dte = online()
        sent = b"".join([random.choice([b"\r", b"\n", b"NO", b" ", b"OK", b"CARRIER", b"x"]) for _ in range(60)])
        sent = sent.replace(b"\r\nNO CARRIER\r\n", b"")
        at = 0
        while at < len(sent):
            size = random.randrange(1, 9)
            dte.receive(sent[at : at + size], 200)
            at += size
        dte.poll(10_000)
        assert dte.take_data() == sent
        assert dte.state == "online"


def test_hanging_up_is_silence_escape_silence_and_ath():
    dte = online()
    dte.send(b"bye", 1000)
    assert dte.data_to_send() == b"bye"
    dte.hang_up(1010)
    with raises(LocalError):
        dte.send(b"more", 1020)
    assert dte.data_to_send() == b""
    assert dte.next_timer() == 2200
    dte.receive(b"tail\r\nOK\r\n", 1500)  # data: nothing was asked yet
    dte.poll(2200)
    assert dte.data_to_send() == b"+++"
    dte.receive(b"more\r\n", 2300)
    dte.receive(b"\r\nOK\r\n", 3210)
    assert dte.take_data() == b"tail\r\nOK\r\nmore\r\n"
    assert dte.data_to_send() == b"ATH0\r"
    dte.receive(b"\r\nOK\r\n", 3300)
    assert events(dte) == [("hung_up",)]
    assert dte.next_timer() is None


def test_silence_before_the_hang_up_counts():
    dte = online(100)
    dte.hang_up(5000)
    dte.poll(dte.next_timer())
    assert dte.data_to_send() == b"+++"
    assert dte.next_timer() >= 6200


def test_the_other_end_going_first_ends_the_hang_up():
    for at in (0, 1):
        dte = online()
        dte.hang_up(1000)
        for _ in range(at):
            dte.poll(dte.next_timer())
        dte.data_to_send()
        now_ms = dte.next_timer() - 1
        dte.receive(b"\r\nNO CARRIER\r\n", now_ms)
        # The line may carry these bytes as data, to keep the call up: it is put down whatever was said.
        assert events(dte) == []
        assert dte.data_to_send() == b"ATH0\r"
        dte.receive(b"\r\nOK\r\n", now_ms + 1)
        assert events(dte) == [("hung_up",)]
        assert dte.state == "idle"


def test_hanging_up_a_modem_that_is_deaf_ends_in_bounded_time():
    for begin in (online, lambda: _dialling()):
        dte = begin()
        dte.hang_up(1000)
        _, end_ms = run(dte, 1000)
        assert events(dte) == [("hung_up",)]
        assert end_ms < 60_000
        assert dte.state == "off"
        dte.dial("123", end_ms)  # and starts again with a reset
        assert dte.data_to_send().endswith(b"ATZ\r")


def _dialling():
    dte = idle()
    dte.dial("123", 100)
    return dte


def test_hanging_up_while_dialling_stops_the_modem():
    dte = _dialling()
    dte.data_to_send()
    dte.hang_up(200)
    assert dte.data_to_send() == b"\r"
    dte.receive(b"\r\nNO CARRIER\r\n", 210)
    assert dte.data_to_send() == b"ATH0\r"
    dte.receive(OK, 220)
    assert events(dte) == [("hung_up",)]


def test_a_connection_that_wins_the_race_against_hang_up_is_closed():
    dte = _dialling()
    dte.hang_up(200)
    dte.receive(b"\r\nCONNECT 2400\r\n", 201)
    assert events(dte) == []
    dte.data_to_send()
    dte.poll(1401)
    assert dte.data_to_send() == b"+++"


def test_a_modem_that_never_finishes_dialling_is_stopped_as_no_answer():
    dte = Dte(call_ms=90000)
    dte.dial("123", 0)
    dte.receive(OK, 0)
    dte.receive(OK, 0)
    dte.data_to_send()
    dte.poll(90000)
    assert dte.data_to_send() == b"\r"
    dte.receive(b"\r\nNO CARRIER\r\n", 90001)
    dte.receive(OK, 90002)
    assert events(dte) == [("ok",), ("no_answer",)]


def test_hanging_up_before_the_modem_is_ready_forgets_the_number():
    dte = Dte()
    dte.dial("123", 0)
    dte.hang_up(10)
    assert events(dte) == [("hung_up",)]
    dte.data_to_send()
    dte.receive(OK, 20)
    dte.receive(OK, 30)
    assert dte.data_to_send() == SETUP
    assert dte.state == "idle"


def test_ring_and_answer():
    dte = idle()
    dte.receive(b"\r\nRING\r\n", 100)
    assert events(dte) == [("ring",)]
    dte.answer(200)
    assert dte.data_to_send() == b"ATA\r"
    dte.receive(b"\r\nCONNECT 2400\r\n", 300)
    assert events(dte) == [("connect", 2400)]


def test_data_never_look_like_an_escape():
    dte = online(100)
    dte.send(b"+++", 5000)
    assert dte.data_to_send() == b"++"
    assert dte.next_timer() == 6200
    dte.send(b"next", 5500)
    assert dte.data_to_send() == b""
    dte.poll(6200)
    assert dte.data_to_send() == b"+next"


def test_pluses_in_the_middle_of_data_are_not_held():
    dte = online(100)
    dte.send(b"a+++b++++", 5000)
    assert dte.data_to_send() == b"a+++b++++"


def test_single_pluses_that_add_up_to_an_escape_are_held():
    dte = online(100)
    for at_ms in (3000, 3400, 3800):
        dte.send(b"+", at_ms)
    assert dte.data_to_send() == b"++"
    dte.poll(5000)
    assert dte.data_to_send() == b"+"


def test_a_held_plus_goes_before_the_escape():
    dte = online(100)
    dte.send(b"+++", 5000)
    dte.hang_up(5001)
    sent = b""
    now_ms = 5001
    while dte.state != "escaping":
        now_ms = dte.next_timer()
        dte.poll(now_ms)
        sent += dte.data_to_send()
    assert sent == b"++" + b"+" + b"+++"
    assert now_ms >= 6200 + 1200


def test_the_state_table_has_one_row_per_input_and_reaches_every_state():
    assert len({row[:2] for row in TABLE}) == len(TABLE)
    for _, _, action, then in TABLE:
        assert not action or hasattr(Dte, "_" + action), action
        assert then in [row[0] for row in TABLE]


def test_random_bytes_from_the_modem_never_break_it():
    random.seed(5)
    words = (
        b"\r\n",
        b"OK",
        b"CONNECT 2400",
        b"RING",
        b"NO CARRIER",
        b"BUSY",
        b"0\r",
        b"3\r",
        b"ERROR",
        b"\xff\x00",
        b"x" * 90,
    )
    dte = Dte()
    now_ms = 0
    for _ in range(3000):
        now_ms += random.randrange(700)
        dte.receive(random.choice(words) + bytes([random.randrange(256) for _ in range(random.randrange(3))]), now_ms)
        dte.poll(now_ms)
        pick = random.randrange(12)
        try:
            if pick == 0:
                dte.dial("5550100", now_ms)
            elif pick == 1:
                dte.hang_up(now_ms)
            elif pick == 2:
                dte.send(b"+" * random.randrange(5), now_ms)
            elif pick == 3:
                dte.answer(now_ms)
        except LocalError:
            pass
        assert len(dte.data_to_send()) < 200
        dte.take_data()
        while dte.next_event():
            pass


def test_lines_that_are_no_result_are_none():
    for line in (b"", b"ATDT1", b"OKAY", b"CONNECTED", b"9", b"00", b"+CREG: 1"):
        assert parse_result(line) is None
    assert parse_result(b"CONNECT 99999999999999999999")[0] == "connect"
