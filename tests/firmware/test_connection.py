"""One connection, plain and under TLS: what it says when it is refused, reset, silent, or not the one it should be."""

from certificates import SELF_SIGNED, SELF_SIGNED_DATES, SIGNED, SIGNED_DATES
from kit import raises
from net_rig import Net, Select, Tls
from settop.errors import LocalError
from settop.net import tls as words
from settop.net.connection import LOST, NO_ANSWER, UNREACHABLE, Connection
from settop.net.sockets import Sockets
from settop.net.tls import Trust
from settop.net.validity import validity

IN_2026 = 1780000000
IN_2025 = 1750000000
HERE = "10.0.2.2"
AUTHORITY = SELF_SIGNED


class Line:
    """A connection and the other end's socket."""

    def __init__(self, trust=None, tls=None):
        self.net = Net()
        self.tls = tls
        self.connection = Connection(Sockets(self.net, Select(), tls), HERE, 443, 0, trust, "shop.example")
        self.other = self.net.made[0]
        self.buffer = memoryview(bytearray(64))

    def open(self):
        self.other.accepted = True
        self.connection.step(0)
        assert self.connection.state == "open"
        return self

    def read(self):
        return bytes(self.buffer[: self.connection.read(self.buffer)])

    def end(self):
        return self.connection.state, self.connection.failure, self.connection.again


def secured(chain=(SIGNED,), complaint="", now_s=IN_2026, exact=False, clock=None, **how):
    """A connection whose handshake was tried, and its trust."""
    trust = Trust(AUTHORITY, now_s, exact, **how)
    line = Line(trust, Tls(chain, complaint, clock)).open()
    line.connection.send(b"hello")
    return line, trust


def test_a_plain_connection_carries_octets_both_ways():
    line = Line()
    assert line.connection.state == "connecting" and line.connection.send(b"x") == 0 and line.read() == b""
    assert line.connection.step(5000) == 10000
    line.open()
    assert line.connection.step(5000) is None
    assert line.connection.send(b"hello") == 5 and line.other.sent == b"hello"
    assert line.read() == b""
    line.other.incoming = b"back"
    assert line.read() == b"back" and line.read() == b"" and line.connection.state == "open"
    line.other.room = 2
    assert line.connection.send(b"hello") == 2 and line.connection.send(b"llo") == 0
    assert line.connection.state == "open"


def test_the_end_is_told_behind_the_last_octets():
    line = Line().open()
    line.other.incoming = b"last"
    line.other.ended = True
    assert line.read() == b"last" and line.connection.state == "open"
    assert line.read() == b"" and line.connection.state == "ended"
    line.connection.close()
    line.connection.close()
    assert line.connection.state == "ended" and line.other.closed


def test_a_server_that_refuses_resets_or_is_silent_is_told_apart():
    line = Line()
    line.other.refused = True
    line.connection.step(1)
    line.connection.send(b"x")
    assert line.end() == ("failed", UNREACHABLE, True) and line.other.closed
    line = Line().open()
    line.connection.send(b"x")
    line.other.reset = True
    line.read()
    assert line.end() == ("failed", LOST, True)
    line = Line()
    line.connection.step(9999)
    assert line.connection.state == "connecting"
    line.connection.step(10000)
    assert line.end() == ("failed", NO_ANSWER, True) and line.other.closed
    line.connection.step(20000)


def test_a_network_that_is_not_there_is_told():
    class Nowhere(Net):
        def socket(self, family, kind):
            raise OSError(19, "")

    connection = Connection(Sockets(Nowhere(), Select()), "10.0.2.2", 80, 0)
    assert (connection.state, connection.failure, connection.again) == ("failed", UNREACHABLE, True)


def test_a_connection_that_is_closed_moves_nothing():
    line = Line().open()
    line.connection.close()
    assert line.connection.state == "closed" and line.other.closed
    assert line.connection.send(b"x") == 0 and line.read() == b"" and line.connection.step(99999) is None


def test_under_tls_the_server_is_looked_at_before_an_octet_goes_out():
    trust = Trust(AUTHORITY, IN_2026)
    line = Line(trust, Tls((SELF_SIGNED, SIGNED)))
    line.tls.waits = 3
    line.open()
    for _ in range(3):
        assert line.connection.send(b"hello") == 0 and line.other.sent == b""
    assert line.connection.send(b"hello") == 5 and line.other.sent == b"hello"
    assert line.tls.names == ["shop.example"] and line.tls.contexts[0].authority == AUTHORITY
    line.other.incoming = b"back" * 10
    line.other.ended = True
    assert line.read() == b"back" * 10 and line.read() == b"" and line.connection.state == "ended"
    assert line.connection.step(99999) is None


def test_a_handshake_without_end_is_given_up():
    trust = Trust(AUTHORITY, IN_2026)
    line = Line(trust, Tls((SIGNED,)))
    line.tls.waits = 1000
    line.open()
    assert line.connection.step(5) == 10000
    line.connection.send(b"x")
    line.connection.step(10000)
    assert line.end() == ("failed", NO_ANSWER, True)


def test_an_expired_certificate_is_refused_whatever_the_boards_clock_says():
    for now_s, exact in ((SIGNED_DATES[1] + 1, False), (SIGNED_DATES[1] + 1, True), (2**33, False)):
        line, trust = secured(now_s=now_s, exact=exact)
        assert line.end() == ("failed", words.EXPIRED, False) and line.other.sent == b"" and line.other.closed
        assert trust.now_s == now_s
    line, _ = secured(now_s=SIGNED_DATES[1])
    assert line.connection.state == "open"


def test_an_expired_certificate_anywhere_in_the_chain_is_refused():
    line, _ = secured((SIGNED, SELF_SIGNED), now_s=SIGNED_DATES[1] + 1)
    assert line.end() == ("failed", words.EXPIRED, False)


def test_a_certificate_that_is_damaged_is_refused():
    line, _ = secured((SIGNED[:50],))
    assert line.end() == ("failed", words.DAMAGED, False)


def test_a_certificate_from_the_future_is_refused_where_the_time_is_known():
    line, _ = secured(now_s=SIGNED_DATES[0] - 1, exact=True)
    assert line.end() == ("failed", words.NOT_YET, False)


def test_where_only_a_time_that_has_been_is_known_a_younger_certificate_moves_it():
    line, trust = secured(now_s=IN_2025)
    assert line.connection.state == "open" and trust.now_s == SIGNED_DATES[0]
    line, trust = secured(now_s=IN_2026)
    assert trust.now_s == IN_2026
    line, trust = secured(now_s=SIGNED_DATES[0], exact=True)
    assert trust.now_s == SIGNED_DATES[0]


def test_a_chain_of_which_one_had_expired_when_another_began_is_refused():
    assert SIGNED_DATES[0] < SELF_SIGNED_DATES[0] < SIGNED_DATES[1]
    old = SIGNED.replace(b"261231235959Z", b"260131235959Z")
    for chain in ((SELF_SIGNED, old), (old, SELF_SIGNED)):
        line, trust = secured(chain, now_s=1000)
        assert line.end() == ("failed", words.EXPIRED, False) and trust.now_s == 1000


def test_a_stranger_or_another_name_moves_no_time():
    for complaint, fault in (
        ("The certificate is not correctly signed by the trusted CA\n", words.STRANGER),
        ("The certificate Common Name (CN) does not match with the expected CN\n", words.OTHER_NAME),
        ("The certificate validity has expired\n", words.EXPIRED),
        ("self-signed certificate", words.STRANGER),
        ("Hostname mismatch, certificate is not valid for 'shop.example'.", words.OTHER_NAME),
        ("The certificate is signed with an unacceptable hash.\n", words.REFUSED),
        ("The certificate validity starts in the future\nThe certificate is not correctly signed\n", words.STRANGER),
    ):
        line, trust = secured(complaint=complaint, now_s=1000)
        assert line.end() == ("failed", fault, False), complaint
        assert trust.now_s == 1000 and line.other.sent == b"" and line.other.closed


class BoardClock:
    """A board's clock that begins in 2021, and Mbed TLS that goes by it."""

    def __init__(self, *dates):
        self.now_s = 1609459200
        self.dates = dates or SIGNED_DATES
        self.beside = ""  # what else is wrong

    def set(self, now_s, back_s=0):
        was_s = self.now_s - back_s
        self.now_s = max(was_s, now_s)
        return self.now_s - was_s

    def complaint(self):
        if self.now_s > self.dates[1]:
            return "\nThe certificate validity has expired\n" + self.beside
        return "\nThe certificate validity starts in the future\n" + self.beside if self.now_s < self.dates[0] else None


class Board:
    """Tries of one trust, one after the other; the board's clock goes with it."""

    def __init__(self, now_s=IN_2025, authority=AUTHORITY):
        self.clock = BoardClock()
        self.trust = Trust(authority, now_s, set_clock=self.clock.set)
        self.tls = Tls(clock=self.clock.complaint)

    def says(self, chain=(SIGNED,), dates=SIGNED_DATES, complaint="", alert=0, beside=""):
        self.clock.dates, self.clock.beside = dates, beside
        self.tls.chain, self.tls.complaint, self.tls.keyless = list(chain), complaint, alert
        line = Line(self.trust, self.tls).open()
        line.connection.send(b"hello")
        return (line.connection.state, line.connection.failure, line.connection.again)


def far(year):
    """SIGNED, from 1 January of that year on, and (from, until)."""
    first = b"\x18\x0f" + year + b"0101000000Z"
    last = b"\x18\x0f" + year + b"1231235959Z"
    short = b"\x17\x0d260101000000Z\x17\x0d261231235959Z"
    start = SIGNED.index(short)
    data = bytearray(SIGNED[:start] + first + last + SIGNED[start + len(short) :])
    for at in (3, 6, start - 1):  # the three elements that hold them are four octets longer
        data[at] += 4
    return bytes(data), validity(data)


def test_a_board_whose_clock_was_never_set_gets_there_with_a_second_try():
    board = Board()
    assert board.says() == ("failed", words.NOT_YET, True)
    assert board.trust.now_s == IN_2025 == board.clock.now_s
    assert board.says() == ("open", "", True)
    assert board.trust.now_s == SIGNED_DATES[0] and board.clock.now_s == IN_2025
    board.says()
    assert board.clock.now_s == SIGNED_DATES[0]


def test_a_time_that_only_a_server_without_the_key_claims_is_forgotten():
    board = Board()
    chain, dates = far(b"2060")
    for _ in range(3):
        assert board.says((chain,), dates) == ("failed", words.NOT_YET, True)
        assert board.says((chain,), dates, alert=-0x7780) == ("failed", words.FAILED, True)
        assert board.trust.now_s == IN_2025 == board.clock.now_s
    for complaint, fault in (("not correctly signed", words.STRANGER), ("Common Name (CN)", words.OTHER_NAME)):
        board.says((chain,), dates)
        assert board.says((chain,), dates, complaint) == ("failed", fault, False)
        assert board.trust.now_s == IN_2025 == board.clock.now_s
    board.says((chain,), dates)
    assert board.says() == ("failed", words.EXPIRED, True)
    assert board.says()[1] == words.NOT_YET and board.says()[0] == "open"
    assert board.trust.now_s == SIGNED_DATES[0]


def test_whatever_else_is_wrong_with_a_chain_from_the_future_it_claims_nothing():
    board = Board()
    for _ in range(2):
        said = board.says(beside="The certificate is signed with an unacceptable hash.\n")
        assert said == ("failed", words.NOT_YET, False)
    assert board.says()[1] == words.NOT_YET and board.trust.now_s == IN_2025


def test_a_step_of_the_time_has_a_limit_and_beyond_it_a_certificate_counts_for_itself_alone():
    board = Board()
    chain, dates = far(b"2060")
    board.says((chain,), dates)
    assert board.says((chain,), dates)[0] == "open" and board.says((chain,), dates)[0] == "open"
    assert board.trust.now_s == IN_2025 == board.clock.now_s
    assert board.says() == ("failed", words.EXPIRED, True)
    board.says()
    assert board.says()[0] == "open" and board.trust.now_s == SIGNED_DATES[0]
    first_s = SIGNED_DATES[0]
    for known_s, then_s in ((first_s - words.FURTHEST_S, first_s), (first_s - words.FURTHEST_S - 1, None)):
        line, trust = secured(now_s=known_s)
        assert line.connection.state == "open" and trust.now_s == (then_s or known_s)


def test_nothing_is_known_to_be_later_than_the_end_of_the_authority():
    _, trust = secured((SELF_SIGNED,), now_s=IN_2026)
    assert trust.now_s == SELF_SIGNED_DATES[0]
    trust = Trust(SIGNED, IN_2026)
    trust.proven(SIGNED_DATES[1])
    assert trust.now_s == SIGNED_DATES[1]
    trust.proven(SIGNED_DATES[1] + 1)
    assert trust.now_s == SIGNED_DATES[1]


def test_a_board_whose_clock_cannot_be_set_says_what_is_wrong():
    clock = BoardClock()
    line, _ = secured(now_s=1700000000, clock=clock.complaint)
    assert line.end() == ("failed", words.NOT_YET, False)
    line, _ = secured(now_s=1700000000, clock=clock.complaint, set_clock=lambda now_s, back_s=0: 0)
    assert line.end() == ("failed", words.NOT_YET, True)
    line.connection = Connection(Sockets(line.net, Select(), line.tls), HERE, 443, 0, line.connection._trust, "shop")
    line.other = line.net.made[1]
    line.open().connection.send(b"x")
    assert line.end() == ("failed", words.NOT_YET, False)


def test_other_failures_of_a_handshake_may_do_better():
    line = Line(Trust(AUTHORITY, IN_2026), Tls((SIGNED,))).open()
    line.tls.alert = -0x7780  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE
    line.connection.send(b"x")
    assert line.end() == ("failed", words.FAILED, True)


def test_an_authority_that_is_none_is_ours_to_answer_for():
    for data in (b"", b"an authority", SIGNED[:100]):
        with raises(LocalError):
            Trust(data, IN_2026)


def test_no_exception_passes_through_the_handshake():
    class Odd:
        def __len__(self):
            raise MemoryError

    trust = Trust(AUTHORITY, IN_2026)
    assert trust._look(Odd(), 0) != 0 and trust.fault == words.DAMAGED


def test_a_stranger_moves_no_time_through_a_handshake_beside_its_own():
    far = SIGNED.replace(b"260101000000Z", b"400101000000Z").replace(b"261231235959Z", b"491231235959Z")
    trust = Trust(AUTHORITY, IN_2025)
    tls = Tls((SIGNED,))
    tls.late = 2
    good, bad = Line(trust, tls).open(), Line(trust, tls).open()
    assert good.connection.send(b"x") == 0
    tls.chain, tls.complaint = [far], "The certificate is not correctly signed by the trusted CA"
    bad.connection.send(b"x")
    assert bad.end() == ("failed", words.STRANGER, False)
    good.connection.send(b"x")
    good.connection.send(b"x")
    assert good.connection.state == "open" and good.other.sent and trust.now_s == SIGNED_DATES[0]


def test_one_context_serves_all_connections_of_a_trust():
    trust = Trust(AUTHORITY, IN_2026)
    tls = Tls((SIGNED,))
    for _ in range(3):
        line = Line(trust, tls).open()
        line.connection.send(b"x")
        assert line.connection.state == "open"
        line.connection.close()
    assert len(tls.contexts) == 1 and tls.handshakes == 3
