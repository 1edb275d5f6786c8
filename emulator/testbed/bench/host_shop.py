"""How fast the shop sells: its purchase against the same transaction written in bare SQL."""

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.bench.figure import Figure

URL = "RINGCAST_BENCH_DB"
"""Environment variable: the URL of a PostgreSQL database to measure too. Rows are left in it."""
_NOW_MS = 1_800_000_000_000
_TITLES = 20

_BARE = (
    "SELECT user_id, account_id FROM shop_users WHERE user_id = ?{lock}",
    "SELECT t.name, t.price, t.withdrawn, t.group_id, r.right_id, r.key_id, r.transaction_id, m.user_id "
    "FROM shop_titles t LEFT JOIN shop_rights r ON r.title_id = t.title_id AND r.user_id = ? AND r.refunded_ms IS NULL "
    "LEFT JOIN shop_members m ON m.group_id = t.group_id AND m.user_id = ? WHERE t.title_id = ?",
    "SELECT check_id FROM master_key_check ORDER BY check_id DESC LIMIT 1{share}",
    "INSERT INTO sealed_secrets (secret_id, sealed, key_version) VALUES (?, ?, ?)",
    "INSERT INTO shop_transactions (kind, user_id, at_ms, note) VALUES ('purchase', ?, ?, ?) RETURNING transaction_id",
    "INSERT INTO shop_entries (transaction_id, line, party, user_id, title_id, amount) VALUES (?, ?, ?, ?, ?, ?)",
    "INSERT INTO shop_rights (user_id, title_id, key_id, transaction_id, bought_ms) VALUES (?, ?, ?, ?, ?) "
    "RETURNING right_id",
    "UPDATE accounts SET credit = credit - ?, charged = charged + ? WHERE account_id = ? AND credit >= ?",
)


class _Bare:
    """One connection of the driver's own, over a database that the shop made."""

    def __init__(self, connection: Any, begin: str, mark: str, locks: tuple[str, str]) -> None:
        self._cursor = connection.cursor()
        self._begin = begin
        self._sql = [one.format(lock=locks[0], share=locks[1]).replace("?", mark) for one in _BARE]

    def buy(self, user: int, title: int) -> None:
        run, sql = self._cursor, self._sql
        run.execute(self._begin)
        account = run.execute(sql[0], (user,)).fetchone()[1]
        price = run.execute(sql[1], (user, user, title)).fetchone()[1]
        version = run.execute(sql[2]).fetchone()[0]
        kid = secrets.token_bytes(16)
        run.execute(sql[3], (kid, secrets.token_bytes(40), version))
        booked = run.execute(sql[4], (user, _NOW_MS, f"title {title}")).fetchone()[0]
        lines: list[tuple[object, ...]] = [("user", user, None, -price), ("sales", None, None, price)]
        lines += [("store", None, title, -1), ("user", user, title, 1)]
        run.executemany(sql[5], [(booked, number, *line) for number, line in enumerate(lines)])
        run.execute(sql[6], (user, title, kid, booked, _NOW_MS)).fetchone()
        run.execute(sql[7], (price, price, account, price))
        run.execute("COMMIT")


def _sqlite(path: str) -> _Bare:
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return _Bare(connection, "BEGIN IMMEDIATE", "?", ("", ""))


def _postgresql(url: str) -> _Bare:
    import psycopg

    connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    return _Bare(connection, "BEGIN", "%s", (" FOR UPDATE", " FOR KEY SHARE"))


def _rates(url: str, bare: Callable[[str], _Bare], rounds: int) -> tuple[float, float]:
    """Purchases a second: the shop's, and in bare SQL. Best of the rounds, which alternate."""
    from headend.accounts.engine import open_database, transaction
    from headend.accounts.master_key import MasterKey
    from headend.shop import catalogue
    from headend.shop.core import Shop
    from headend.shop.passwords import Passwords

    shop = Shop(open_database(url), MasterKey(bytes(32)), Passwords(1, 8))
    with transaction(shop.engine) as connection:
        titles = [
            catalogue.add_title(connection, "Song", 3, None, "song.mp4", bytes(32), {}, _NOW_MS) for _ in range(_TITLES)
        ]
    written = bare(url)
    best = {"shop": 0.0, "bare": 0.0}
    ways: dict[str, Callable[[int, int], object]] = {
        "shop": lambda user, title: shop.buy(user, title, _NOW_MS),
        "bare": written.buy,
    }
    for number in range(rounds):
        for name, buy in ways.items():
            user = shop.register_user(f"{secrets.token_hex(8)}{number}", "correct horse", _NOW_MS)
            shop.redeem(shop.new_card(3 * _TITLES, _NOW_MS), _NOW_MS, user)
            began_s = time.perf_counter()
            for title in titles:
                buy(user, title)
            best[name] = max(best[name], _TITLES / (time.perf_counter() - began_s))
    wrong = shop.audit()
    assert not wrong, wrong
    shop.engine.dispose()
    return best["shop"], best["bare"]


def shop_purchases_vs_bare_sql(rounds: int = 50) -> Figure:
    """Purchases of the shop's core a second against the same statements by the database's driver alone, in a SQLite
    file that is synchronised with every commit; and on PostgreSQL where RINGCAST_BENCH_DB names one: the worse of both.
    """
    told, ratios = [], []
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        measured = {"SQLite": _rates(str(Path(name) / "shop.db"), _sqlite, rounds)}
        if url := os.environ.get(URL):
            measured["PostgreSQL"] = _rates(url, _postgresql, rounds)
    for database, (ours, bare) in measured.items():
        ratios.append(ours / bare)
        told.append(f"{database} {ours:.0f} of {bare:.0f} purchases/s ({ours / bare:.2f})")
    how = f"one process, best of {rounds} alternating rounds of {_TITLES} purchases: {'; '.join(told)}"
    if len(told) == 1:
        how += f"; PostgreSQL where {URL} names one"
    return Figure("shop_purchases_vs_bare_sql", round(min(ratios), 2), "ratio", 0.5, "higher", how)
