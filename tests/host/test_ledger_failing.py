"""A ledger whose database fails: its error says so, and shows no values."""

import sqlite3

import pytest
from headend.accounts import engine as database
from headend.accounts.errors import LedgerError
from headend.accounts.models import Base
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.host.test_ledger import BROADCAST, TERMINAL, TOKENS, Centre


def every_method(ledger, subscriber):
    yield lambda: ledger.find(TERMINAL)
    yield lambda: ledger.may_watch(subscriber, 1)
    yield lambda: ledger.begin_call(subscriber, 1, BROADCAST, 0, TOKENS[0], TOKENS[1])
    yield lambda: ledger.keep_token(1, TOKENS[1])
    yield lambda: ledger.open_call(subscriber, 1, BROADCAST, 0)
    yield lambda: ledger.deliver(1, 0, 0)
    yield lambda: ledger.acknowledge(1, 0, 0)
    yield lambda: ledger.withdraw_after(1, 0)
    yield lambda: ledger.charged(1)
    yield lambda: ledger.close_call(1, 0, "goodbye")
    yield lambda: ledger.call_record(1)
    yield lambda: ledger.calls_of(1)


def test_table_that_has_gone_is_a_ledger_error_without_the_values():
    centre = Centre()
    centre.call()
    Base.metadata.drop_all(centre.engine)
    for use in every_method(centre.ledger, centre.subscriber):
        with pytest.raises(LedgerError, match="the head-end's database failed") as caught:
            use()
        assert "SELECT" not in str(caught.value)
        assert "INSERT" not in str(caught.value)
        assert TERMINAL.hex() not in str(caught.value)


def test_database_that_another_process_holds_is_a_ledger_error(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.02)
    path = tmp_path / "centre.db"
    centre = Centre(str(path))
    call = centre.call()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for use in every_method(centre.ledger, centre.subscriber):
        with pytest.raises(LedgerError, match="database is locked"):
            use()
    holder.execute("ROLLBACK")
    assert centre.ledger.deliver(call, 0, 1)
    assert centre.bill() == 125


def test_error_of_the_database_shows_no_values():
    insertion = text("INSERT INTO nowhere VALUES (:secret)")
    with pytest.raises(SQLAlchemyError) as caught, Centre().engine.begin() as connection:
        connection.execute(insertion, {"secret": "secret-word"})
    assert "secret-word" not in str(caught.value)
