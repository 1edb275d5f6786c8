"""The call service against a modem whose every byte the test writes: what the viewer's button and the line may do."""

from settop.keystore.identity import Identity
from settop.services.call.opener import CallOpener
from settop.services.call.service import REDIALS, CallService


class Line:
    """A UART that a test feeds."""

    def __init__(self):
        self.coming = bytearray()
        self.sent = bytearray()

    def any(self):
        return len(self.coming)

    def readinto(self, view):
        count = min(len(view), len(self.coming))
        view[:count] = self.coming[:count]
        self.coming = self.coming[count:]
        return count

    def write(self, data):
        self.sent.extend(data)
        return len(data)


class Opener(CallOpener):
    """A tuner that sees portion 7 of a programme, or nothing."""

    def __init__(self, portion=7):
        super().__init__()
        self.seen = portion

    portion = property(lambda self: self.seen)
    programme_id = 1
    broadcast_id = bytes(8)


class Records:
    """What is kept, in a dictionary."""

    def __init__(self, kept):
        self.kept = kept

    def load(self, name):
        return bytearray(self.kept[name]) if name in self.kept else None

    def store(self, name, data, counted=False):
        self.kept[name] = bytes(data)


class Bench:
    def __init__(self, portion=7, number=b"123"):
        self.line = Line()
        self.said = []
        self.now_ms = 0
        self.opener = Opener(portion)
        identity = Identity(bytes(8), bytes(32))
        self.call = CallService(
            self.line,
            self.opener,
            lambda: None,
            lambda: identity,
            lambda n: bytes(n),
            lambda event, text: self.said.append(event),
            Records({"number": number}),
        )

    def hear(self, data, wait_ms=20):
        """Let the modem say something, then time pass; returns what the terminal sent to it."""
        self.line.coming.extend(data)
        end_ms = self.now_ms + wait_ms
        while True:
            self.call.step(self.now_ms)
            if self.now_ms >= end_ms:
                break
            self.now_ms += 10
        sent = bytes(self.line.sent)
        self.line.sent = bytearray()
        return sent

    def dial(self):
        self.call.dial(None, self.now_ms)
        self.hear(b"")
        self.hear(b"\r\nOK\r\n")
        return self.hear(b"\r\nOK\r\n")

    def connect(self):
        self.dial()
        return self.hear(b"\r\nCONNECT 2400\r\n")


def test_provisioned_number_is_dialled():
    assert Bench().dial() == b"ATDT123\r"


def test_number_that_is_kept_is_dialled():
    assert Bench(number=b"456#").dial() == b"ATDT456#\r"


def test_provisioned_number_is_read_before_the_call():
    bench = Bench()
    bench.hear(b"")
    del bench.call._records.kept["number"]
    assert bench.dial() == b"ATDT123\r"


def test_hello_follows_connect():
    assert Bench().connect()[:4] == b"\x7e\xff\x03\x01"


def test_connect_that_nobody_asked_for_is_put_down():
    bench = Bench()
    bench.connect()
    bench.call.hang_up(bench.now_ms)
    bench.hear(b"\r\nNO CARRIER\r\n", 3000)
    bench.hear(b"\r\nOK\r\n", 100)
    assert bench.call.state == "idle"
    sent = bench.hear(b"\r\nCONNECT 2400\r\n", 8000)
    assert bench.call.state == "idle"
    assert b"\x7e\xff\x03" not in sent  # not a word of the protocol
    assert b"+++" in sent


def test_remote_hang_up_while_leaving_is_reported_once():
    bench = Bench()
    bench.connect()
    bench.call.hang_up(bench.now_ms)
    bench.hear(b"\r\nNO CARRIER\r\n", 3000)
    bench.hear(b"\r\nOK\r\n", 3000)
    assert [event for event in bench.said if event in ("hung_up", "call_failed")] == ["hung_up"]


def test_first_attempt_that_fails_is_not_repeated():
    bench = Bench()
    bench.dial()
    bench.hear(b"\r\nBUSY\r\n", 20_000)
    assert bench.said[-1] == "call_failed"
    assert bench.said.count("dialling") == 1


def test_lost_line_is_dialled_again_and_not_for_ever():
    bench = Bench()
    bench.connect()
    bench.hear(b"\r\nNO CARRIER\r\n", 1200)
    for _ in range(2 * REDIALS):
        if bench.call.state == "dialling":
            bench.hear(b"\r\nBUSY\r\n")
        bench.hear(b"", 1200)
    assert bench.said.count("dialling") == 1 + REDIALS
    assert bench.said[-1] == "call_failed"


def test_hang_up_while_waiting_to_redial_ends_it():
    bench = Bench()
    bench.connect()
    bench.hear(b"\r\nNO CARRIER\r\n")
    assert bench.call.state == "waiting"
    bench.call.hang_up(bench.now_ms)
    bench.hear(b"", 20_000)
    assert bench.call.state == "idle"
    assert bench.said.count("dialling") == 1


def test_tuner_without_a_programme_ends_the_call_and_is_not_dialled_again():
    bench = Bench(portion=None)
    bench.connect()
    bench.hear(b"", 8_100)
    assert bench.said.count("error") == 1
    assert bench.call.state == "leaving"
    assert bench.said.count("dialling") == 1


def test_bytes_of_one_call_do_not_reach_the_next():
    bench = Bench()
    bench.connect()
    # A frame of the old call arrives in the same read as the end of the line.
    bench.hear(b"\x7e\xff\x03\x20" + bytes(20) + b"\r\nNO CARRIER\r\n", 1200)
    bench.hear(b"")
    refused = bench.call.refused
    bench.hear(b"\r\nOK\r\n")
    bench.hear(b"\r\nOK\r\n")
    bench.hear(b"\r\nCONNECT 2400\r\n", 100)
    assert bench.call.state == "talking"
    assert bench.call.refused == refused


def test_a_service_that_is_stopped_wipes_the_keys_that_were_still_to_be_taken():
    bench = Bench()
    bench.connect()
    bench.opener.keyring.install(7, bytearray(range(1, 17)))
    late = bytearray(range(1, 17))
    bench.call._core._events.append(("key", 8, late))
    bench.call.stop()
    assert bench.opener.keyring.held() == [] and not any(late)
