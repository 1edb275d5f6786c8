"""Power cuts in what a terminal does with the shop: at every octet of every write, before and behind every operation of
its flash, and between any two turns of its application, so also between what the shop has done and its answer.

Each cut is made on a board of its own and on the shop's database as it was before; the shop is the real one.
"""

import gc
import sqlite3
from dataclasses import dataclass

from tests.helpers.real_shop import RealShop
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.tunes import tune

from cut_rig import KeptFiles, Power, PowerCut  # isort: skip
from shop_rig import Bench, Opened, TitleFiles  # isort: skip
from titles_rig import OVER as TITLE_OVER  # isort: skip
from titles_rig import words  # isort: skip

ENDLESS = 1 << 40
LAST = 8
PRICE, UNITS = 30, 100


class CutBench(Bench):
    """A terminal whose power goes after so many steps (`power`)."""

    def __init__(self, shop):
        self.power = Power()
        super().__init__()
        self.shop, self.serve = shop, shop.serve
        board = self.board
        kept = KeptFiles(self.power)
        kept.files = board.FILES.files
        board.FILES = kept
        count = board.count

        def counted():
            self.power.step()
            number = count()
            self.power.step()
            return number

        board.count = counted
        self.files = board.TITLE_FILES = TitleFiles(self.power)
        board.titles = Opened(self.files)
        self.again()

    def turn(self, count=1, ms=10):
        said = []
        for _ in range(count):
            self.power.step()
            said += super().turn(1, ms)
        return said

    def again(self):
        """What was said at the start on the same flash."""
        self.power.left = -1
        self.requests.clear()
        board = self.board
        board.console.said, board.console.lines = [], []
        super().again()

    def plays(self, title):
        before = len(self.board.chip.data)
        said = words(self.ask(f"shop play {title}", *TITLE_OVER, turns=20_000))
        return said[-1] == "title_ended" and len(self.board.chip.data) > before + 500


@dataclass
class Kept:
    """A board's flash and the shop's database at an instant."""

    files: dict
    locks: list
    counted: int
    titles: dict
    database: sqlite3.Connection
    now_ms: int


class Life:
    """A user, a card and a title; `row(name)` does one thing and is cut. `cuts`: how many there were."""

    def __init__(self, folder):
        self.shop = RealShop(folder)
        self.stall = self.shop.stall
        self.title = self.shop.sell("Song X", PRICE, source=tune("aac", 0.3))
        self.card = self.stall.new_card(UNITS, NOW)
        self.bench = CutBench(self.shop)
        self.cuts = 0
        gc.freeze()  # or each collection goes through all of the tests' process

    # --- what is done, and what must be so behind it -----------------------------------------------------------------

    def row(self, name, cuts=ENDLESS):
        """Does one thing, cut at so many places and at the last steps (all), each time with the same begin; then it is
        done. Gives what was found behind each cut."""
        say, look, finish = getattr(self, name)()
        before = self._kept()
        self.bench.power.taken, self.bench.power.left = 0, ENDLESS
        self.bench.go(say)
        total = self.bench.power.taken
        seen = []
        for at in sorted({*range(0, total, max(1, total // cuts)), *range(max(0, total - LAST), total)}):
            self._put_back(before)
            self.bench.power.left = at
            where = (name, at)
            try:
                self.bench.go(say)
                raise AssertionError(where)
            except PowerCut:
                pass
            self.cuts += 1
            counted = self.bench.board.counted
            self.bench.again()
            assert self.bench.board.counted > counted, where  # it goes on behind whatever was counted
            found = look()
            finish(where)
            assert self.stall.audit() == [], where
            seen.append(found)
        self._put_back(before)
        finish((name, "uncut"))
        return seen

    def register(self):
        """The first word: a client's key is agreed on and kept, then a user signs up."""

        def finish(where):
            said = self.bench.go(f"shop register ann {PASSWORD}")[-1]
            assert said == "shop_balance units=0", (where, said)

        return f"shop register ann {PASSWORD}", lambda: self._count("shop_users"), finish

    def redeem(self):
        def finish(where):
            assert self.bench.go(f"shop redeem {self.card}") == [f"shop_redeemed units={UNITS}"], where
            assert self._balance() == UNITS, where

        return f"shop redeem {self.card}", self._balance, finish

    def renew(self):
        """The key is due: the next one is kept before the shop hears of it."""
        from headend.shop.clients import RENEWAL_MS

        self.shop.now_ms += RENEWAL_MS

        def finish(where):
            for _ in range(2):
                assert self.bench.go("shop balance")[0] == f"shop_balance units={UNITS}", where
            with self.stall.engine.begin() as connection:
                numbers = connection.exec_driver_sql("SELECT max(key_number), max(next_key_id) FROM shop_clients").one()
            assert tuple(numbers) == (2, None), where

        return "shop balance", lambda: self._count("shop_clients", "next_key_id IS NOT NULL"), finish

    def buy(self):
        """Debit, key and record at the shop; the key in the keystore."""

        def look():
            key, balance = self._key(), self._balance()
            if key is not None:
                assert balance == UNITS - PRICE and key == self._right().key
            assert balance == UNITS - PRICE * self._count("shop_rights")
            return balance

        def finish(where):
            (said,) = self.bench.go(f"shop buy {self.title} {PRICE}")
            assert said.startswith("shop_bought "), (where, said)
            assert self._balance() == UNITS - PRICE and self._key() == self._right().key, where
            assert self.bench.go("shop balance") == [f"shop_balance units={UNITS - PRICE}"], where

        return f"shop buy {self.title} {PRICE}", look, finish

    def download(self):
        def look():
            whole = self._copy()
            for path, octets in self.bench.files.files.items():
                assert octets == whole if path.endswith(".mp4") else whole.startswith(octets), path
            return len(self.bench.files.files)

        def finish(where):
            said = words(self.bench.go(f"shop download {self.title}"))
            assert said[-1] == "shop_downloaded", (where, said)
            assert list(self.bench.files.files.values()) == [self._copy()], where
            assert self._balance() == UNITS - PRICE, where

        return f"shop download {self.title}", look, finish

    def restore(self):
        """Its keys are gone, by its owner's hand: all that was bought comes again."""
        kid = self._right().kid.hex()
        self.bench.say(f"licence forget {kid}")
        assert self._key() is None

        def look():
            assert self._key() in (None, self._right().key)
            return self._key() is None

        def finish(where):
            assert words(self.bench.go("shop restore")) == ["shop_right", "shop_listed"], where
            assert (self._key(), self._balance()) == (self._right().key, UNITS - PRICE), where

        return "shop restore", look, finish

    # --- inside -------------------------------------------------------------------------------------------------------

    def _balance(self):
        return self.stall.balance(1) if self._count("shop_users") else 0

    def _right(self):
        return self.stall.restore(1)[0]

    def _key(self):
        bought = self.stall.restore(1)
        key = bought and self.bench.app.services.get("titles").keys.key(bought[0].kid)
        return bytes(key) if key else None

    def _copy(self):
        return self.shop.shelf.copy_of(self.stall.engine, self._right(), 1).read_bytes()

    def _count(self, table, which="1"):
        with self.stall.engine.begin() as connection:
            return connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {which}").scalar_one()  # noqa: S608

    def _kept(self):
        board, copy = self.bench.board, sqlite3.connect(":memory:")
        self._database().backup(copy)
        flash = (dict(board.FILES.files), list(board.locks), board.counted, dict(self.bench.files.files))
        return Kept(*flash, copy, self.shop.now_ms)

    def _put_back(self, kept):
        board = self.bench.board
        board.FILES.files.clear()
        board.FILES.files.update(kept.files)
        board.locks, board.counted = list(kept.locks), kept.counted
        self.bench.files.files.clear()
        self.bench.files.files.update(kept.titles)
        kept.database.backup(self._database())
        self.shop.now_ms = kept.now_ms
        self.bench.again()

    def _database(self):
        connection = self.stall.engine.raw_connection()
        return connection.driver_connection
