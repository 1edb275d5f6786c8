"""The shop's story in PostgreSQL, which nobody here wrote: the same as in SQLite."""

from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey
from headend.shop.core import Shop
from testbed.systems.shop.report import to_json
from testbed.systems.shop.story import play

from tests.helpers.postgresql import emptied
from tests.helpers.shop import cheap_passwords

KEY = MasterKey(b"\x11" * 32)


def told(url, folder):
    engine = open_database(url)
    try:
        return to_json(play("cpython", 5, Shop(engine, KEY, cheap_passwords()), KEY, folder, print))
    finally:
        engine.dispose()


def test_the_story_is_the_same(server, tmp_path):
    seen = told(emptied(server), tmp_path)
    assert all(check["held"] for check in seen["checks"])
    assert seen == told(f"{tmp_path / 'shop.db'}", tmp_path)
