"""What the call keeps: its number, and the token that its next call shows."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.services.call.core import CallTerminal
from settop.services.call.kept import load_number, load_token, store_token
from settop.services.call.service import CallService
from settop.wire import call as wire

TERMINAL_ID = HEX("0102030405060708")
TOKEN = HEX("d0d1d2d3d4d5d6d7")
RECORD = b"\x01" + TERMINAL_ID + TOKEN


class Records:
    """In a dictionary; `fault` is raised instead of doing anything."""

    def __init__(self, kept=None, fault=None):
        self.kept = kept or {}
        self.fault = fault
        self.given = None

    def load(self, name):
        if self.fault is not None:
            raise self.fault
        self.given = bytearray(self.kept[name]) if name in self.kept else None
        return self.given

    def store(self, name, data):
        if self.fault is not None:
            raise self.fault
        self.kept[name] = bytes(data)


def report_into(said):
    return lambda event, text: said.append((event, text))


def test_token_comes_back_as_it_was_stored():
    records, said = Records(), []
    assert store_token(records, TERMINAL_ID, bytearray(TOKEN), report_into(said))
    assert records.kept == {"token": RECORD}
    assert load_token(records, TERMINAL_ID, report_into(said)) == bytearray(TOKEN)
    assert not any(records.given), "the record is wiped"
    assert said == []


def test_terminal_that_never_had_a_token_shows_zeros():
    said = []
    for records in (Records(), Records({"token": b"\x01" + b"previous" + TOKEN})):
        assert load_token(records, TERMINAL_ID, report_into(said)) == bytearray(8)
        # So that the call, which has less memory, finds a record.
        assert records.kept == {"token": b"\x01" + TERMINAL_ID + bytes(8)}
        assert load_token(records, TERMINAL_ID, report_into(said)) == bytearray(8)
    assert said == []


def test_token_that_cannot_be_read_is_told_and_counts_as_none():
    broken = [Records({"token": record}) for record in (b"", RECORD[:-1], RECORD + b"x", b"\x02" + RECORD[1:])] + [
        Records(fault=fault) for fault in (RemoteError("rolled back"), OSError(5), LocalError("closed"))
    ]
    for records in broken:
        said = []
        assert load_token(records, TERMINAL_ID, report_into(said)) == bytearray(8)
        assert len(said) == 1 and said[0][0] == "error" and "token" in said[0][1]


def test_token_that_cannot_be_stored_is_told():
    for fault in (RemoteError("did not read back"), OSError(28), MemoryError(), LocalError("not provisioned")):
        said = []
        assert not store_token(Records(fault=fault), TERMINAL_ID, bytearray(TOKEN), report_into(said))
        assert len(said) == 1 and said[0][0] == "error"


def test_number_is_the_kept_one():
    assert load_number(Records({"number": b"123*#A"})) == "123*#A"
    with raises(RemoteError) as caught:
        load_number(Records())
    assert "provision" in str(caught.value)


class Core:
    """A call that has brought a token."""

    def __init__(self):
        self.stored = 0

    def token_stored(self):
        self.stored += 1


def service(records):
    class Identity:
        terminal_id = TERMINAL_ID

    call = CallService(None, NoOpener(), None, lambda: Identity, None, lambda event, text: None, records)
    call._know_token(Identity)
    return call


class NoOpener:
    keyring = None


def test_token_that_comes_is_shown_by_the_next_call_and_acknowledged_once_stored():
    records, core, came = Records(), Core(), bytearray(TOKEN)
    call = service(records)
    call._on_token(core, came)
    assert (call._token, core.stored, records.kept) == (bytearray(TOKEN), 1, {"token": RECORD})
    assert not any(came)


def test_token_that_could_not_be_stored_is_not_acknowledged_and_not_shown():
    core, came = Core(), bytearray(TOKEN)
    call = service(Records(fault=OSError(28)))
    call._on_token(core, came)
    assert (call._token, core.stored) == (bytearray(8), 0)
    assert not any(came)


def test_token_before_the_request_and_behind_the_goodbye_is_refused():
    core = CallTerminal(None, None)
    for state in ("IDLE", "HELLO_SENT", "AUTHENTICATED", "LEAVING", "CLOSED"):
        core.state = state
        with raises(RemoteError):
            core._expects("token")
    core.token_stored()
    assert core.data_to_send() == b"" and wire.TOKEN in wire.NAMES


def test_token_is_read_before_the_call_and_once_for_an_identity():
    records = Records({"token": RECORD})
    call = service(records)
    assert call._token == bytearray(TOKEN)
    records.given = None
    call._know_token(call._identity())
    call._know_token(None)
    assert records.given is None

    class Another:
        terminal_id = bytes(8)

    call._know_token(Another)
    assert call._token == bytearray(8)
    call._on_token(Core(), bytearray(TOKEN))
    assert records.kept == {"token": b"\x01" + bytes(8) + TOKEN}
