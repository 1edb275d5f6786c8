"""The dialler for any octets: what a page says is no result code, what the modem says behind it is one."""

from settop.modem.binary import BinaryDte
from settop.modem.results import HOLD_MS

OK = b"\r\nOK\r\n"
GONE = b"\r\nNO CARRIER\r\n"


def online():
    dte = BinaryDte()
    dte.dial("5550200", 0)
    for said in (OK, OK, b"\r\nCONNECT 2400\r\n"):
        dte.data_to_send()
        dte.receive(said, 0)
    assert events(dte) == [("ok",), ("connect", 2400)] and dte.state == "online"
    return dte


def events(dte):
    found = []
    while True:
        event = dte.next_event()
        if event is None:
            return found
        found.append(event)


def test_no_carrier_within_data_is_data_however_it_is_cut():
    page = b"~it said" + GONE + b"and went on" + OK + b"~"
    for size in (1, 2, 7, len(page)):
        dte = online()
        now_ms = 100
        for at in range(0, len(page), size):
            dte.receive(page[at : at + size], now_ms)
            now_ms += HOLD_MS - 1
            dte.poll(now_ms)
        assert dte.take_data() == page and events(dte) == [] and dte.state == "online"


def test_no_carrier_that_nothing_follows_ends_the_call():
    for cut in range(len(GONE)):
        dte = online()
        dte.receive(b"last~" + GONE[:cut], 100)
        dte.receive(GONE[cut:], 150)
        assert events(dte) == [] and dte.next_timer() == 150 + HOLD_MS
        dte.poll(150 + HOLD_MS - 1)
        assert events(dte) == []
        dte.poll(150 + HOLD_MS)
        assert events(dte) == [("no_carrier",)] and dte.state == "quiet"
        assert dte.take_data() == b"last~" and leaves(dte) == b"+++ATH0\r"


def leaves(dte, said=b""):
    """What the modem is told until the call is over; `said`: what comes as data whenever it is told something."""
    told, now_ms = b"", 1000
    for _ in range(50):
        now_ms = dte.next_timer() or now_ms
        dte.poll(now_ms)
        out = dte.data_to_send()
        told += out
        if said:
            dte.receive(said, now_ms)
        if out.endswith(b"ATH0\r"):
            assert events(dte) == []
            dte.receive(OK, now_ms)
            assert events(dte) == [("hung_up",)] and dte.state == "idle"
            return told
    raise AssertionError("it is not hung up: " + dte.state)


def test_a_call_that_another_one_says_is_over_is_ended_by_the_modems_word():
    dte = online()
    dte.receive(GONE, 100)
    dte.poll(100 + HOLD_MS)
    assert events(dte) == [("no_carrier",)] and dte.state == "quiet"
    for now_ms in (400, 800):  # said again, it ends nothing
        dte.receive(GONE, now_ms)
        dte.poll(now_ms + HOLD_MS)
        assert dte.state == "quiet" and dte.data_to_send() == b""
    assert leaves(dte, GONE) == b"+++ATH0\r"


def test_an_ok_that_the_other_end_says_brings_no_command_before_the_modem_listens():
    dte = online()
    dte.hang_up(100)
    while dte.state != "escaping":
        dte.poll(dte.next_timer())
    escaped_ms = 1200
    assert dte.data_to_send() == b"+++"
    dte.receive(OK, escaped_ms)
    dte.poll(escaped_ms + HOLD_MS)
    assert dte.data_to_send() == b"" and dte.next_timer() == escaped_ms + 1200
    dte.poll(escaped_ms + 1199)
    assert dte.data_to_send() == b""
    dte.poll(escaped_ms + 1200)
    assert dte.data_to_send() == b"ATH0\r" and dte.state == "releasing"


def test_a_modem_without_a_call_is_asked_once_and_says_so():
    dte = online()
    dte.receive(GONE, 100)
    dte.poll(100 + HOLD_MS)
    events(dte)
    assert leaves(dte) == b"+++ATH0\r" and dte._sent_ms < 5000


def test_the_beginning_of_a_result_code_is_let_go_in_time():
    dte = online()
    dte.receive(b"text\r\nNO CARR", 100)
    assert dte.take_data() == b"text"
    dte.poll(100 + HOLD_MS)
    assert dte.take_data() == b"\r\nNO CARR" and dte.next_timer() is None


def test_ok_counts_behind_an_escape_alone():
    dte = online()
    dte.receive(OK, 100)
    dte.poll(100 + HOLD_MS)
    assert dte.take_data() == OK and events(dte) == []
    dte.hang_up(1000)
    while dte.state != "escaping":
        dte.poll(dte.next_timer())
    assert dte.data_to_send() == b"+++"
    dte.receive(OK, 3000)
    dte.poll(3000 + HOLD_MS)
    assert dte.state == "releasing" and dte.data_to_send() == b"ATH0\r"
    dte.receive(OK, 4000)
    assert events(dte) == [("hung_up",)] and dte.state == "idle"


def test_a_call_after_a_lost_one_begins_with_nothing_of_it():
    dte = online()
    dte.receive(b"\r\nNO CARRIER\r", 100)
    dte.receive(b"\n", 110)
    dte.poll(110 + HOLD_MS)
    assert events(dte) == [("no_carrier",)] and leaves(dte)
    dte.dial("5550200", 10000)
    dte.receive(b"\r\nCONNECT 1200\r", 12000)
    dte.receive(b"\n~first", 12001)
    assert dte.take_data() == b"~first" and events(dte) == [("connect", 1200)]
