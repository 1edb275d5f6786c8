"""A revoked terminal is answered as one that was never registered, and its call ends."""

import pytest
from headend.accounts.master_key import MasterKey
from headend.callcentre.models import Call
from headend.callcentre.revoking import REVOKED, reinstate, revoke
from headend.callcentre.subscribers import add_subscriber
from settop.errors import LocalError
from settop.services.call import states
from sqlalchemy import event, select

from tests.helpers.call_pair import DEVICE_KEY, MASTER, TERMINAL_ID, Air, CallPair, Home


def heard(home, terminal_id):
    """What a terminal hears of the centre, whose random numbers repeat: octets by frame, and how the call ended."""
    air = Air()
    pair = CallPair(home.ledger, air, terminal_id=terminal_id, device_key=DEVICE_KEY).run(60_000)
    return [(at_ms, payload[0], len(payload)) for at_ms, payload in pair.down.frames], pair.terminal.state, pair.keys


def test_revoked_terminal_hears_what_a_stranger_hears():
    home = Home()
    assert heard(home, TERMINAL_ID)[2]
    revoke(home.engine, TERMINAL_ID, 5)
    assert heard(home, TERMINAL_ID) == heard(home, b"stranger")
    assert not heard(home, TERMINAL_ID)[2]
    assert reinstate(home.engine, TERMINAL_ID)
    assert heard(home, TERMINAL_ID)[2]


def test_revoked_terminal_costs_the_work_of_a_stranger(monkeypatch):
    """Keys unwrapped and statements sent, in their order."""
    home = Home()
    add_subscriber(home.engine, MASTER, b"other999", DEVICE_KEY, "test")
    home.ledger.find(TERMINAL_ID)
    revoke(home.engine, TERMINAL_ID, 5)
    work = []
    unwrap = MasterKey.open

    def counted(self, owner, sealed):
        work.append(len(sealed))
        return unwrap(self, owner, sealed)

    monkeypatch.setattr(MasterKey, "open", counted)
    event.listen(home.engine, "before_cursor_execute", lambda _c, _cursor, sql, *_: work.append(sql))
    done = []
    for terminal_id in (TERMINAL_ID, b"stranger", b"other999"):
        found = home.ledger.find(terminal_id)
        assert (found is not None) == (terminal_id == b"other999")
        done.append(tuple(work))
        work.clear()
    assert done[0] == done[1] == done[2]
    assert done[0].count(48) == 1


def test_call_under_way_ends_and_no_key_leaves_any_more():
    home, air = Home(), Air()
    pair = CallPair(home.ledger, air)
    pair.at(25_000, lambda: revoke(home.engine, TERMINAL_ID, 25_000))
    pair.run(120_000)
    assert pair.terminal.state == states.CLOSED
    (record,) = home.records()
    assert (record.ended_ms, record.reason) == (25_000, REVOKED)
    assert max(record.delivered) <= 3
    assert home.bill() == 10 * len(record.delivered)


def test_call_that_was_found_before_sells_nothing():
    home, air = Home(), Air()
    subscriber = home.ledger.find(TERMINAL_ID)
    revoke(home.engine, TERMINAL_ID, 5)
    assert not home.ledger.may_watch(subscriber, 1)
    open_call = home.ledger.open_call
    home.ledger.may_watch = lambda *_: True  # asked a moment earlier
    home.ledger.find = lambda _terminal_id: subscriber
    pair = CallPair(home.ledger, air).run(60_000)
    assert not pair.keys
    assert pair.centre_closed == "superseded by another call"
    with home.engine.begin() as connection:
        rows = connection.execute(select(Call.ended_ms, Call.reason)).all()
    assert rows
    assert all(row.ended_ms is not None and row.reason == REVOKED for row in rows)
    assert open_call(subscriber, 1, bytes(8), 9) is not None
    assert home.bill() == 0


def test_revocation_stays_since_it_was_made():
    home = Home()
    assert revoke(home.engine, TERMINAL_ID, 5) == 5
    assert revoke(home.engine, TERMINAL_ID, 9) == 5
    assert reinstate(home.engine, TERMINAL_ID)
    assert not reinstate(home.engine, TERMINAL_ID)
    assert revoke(home.engine, TERMINAL_ID, 11) == 11


def test_unknown_terminal_cannot_be_revoked():
    home = Home()
    for change in (lambda: revoke(home.engine, b"stranger", 5), lambda: reinstate(home.engine, b"stranger")):
        with pytest.raises(LocalError, match=f"no terminal {b'stranger'.hex()} is registered"):
            change()
