"""X14: a title is rented of the shop and watched; a copy of the terminal's files of before does not bring it back.

The whole way, on CPython in virtual time and on the unix port with the shop's real server.
"""

import shutil

import pytest
from headend.accounts.engine import open_database, transaction
from headend.accounts.master_key import MasterKey
from headend.provisioning import Exchange, HeadendKey, read_board_key
from headend.shop import rentals
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from testbed.runtimes import RuntimeUnavailable
from testbed.systems.shop.bench import ShopBench
from testbed.systems.shop.front import add_song

from tests.helpers.shop import HOUR_MS, PASSWORD, cheap_passwords
from tests.helpers.tunes import tune

KEY = MasterKey(b"\x11" * 32)


OVER = "title_dark the right to this title has ended"


class Home:
    """A terminal on which a title was rented for an hour from its first play on, and downloaded."""

    def __init__(self, runtime, folder):
        engine = open_database(str(folder / "shop.db"))
        self.shop = Shop(engine, KEY, cheap_passwords())
        self.bench = ShopBench(runtime, self.shop, Shelf(folder / "shelf"), KEY, 1, print)
        self.title = add_song(self.shop, self.bench.shelf, tune("aac", 1), "Song X", 30, self.bench.now_ms())
        with transaction(engine) as connection:
            self.offer = rentals.add_rental(connection, self.title, 5, rentals.Term(holds_s=3600))
        self.station = self.bench.terminal("living")
        self.machine = self.station.machine
        self.say(f"redeem {self.shop.new_card(100, self.bench.now_ms())}", "shop_redeemed")
        self.say(f"register ann {PASSWORD}", "shop_balance")
        self.rent()
        self.say(f"download {self.title}", "shop_downloaded")

    def close(self):
        self.bench.close()
        self.shop.engine.dispose()

    def say(self, words, *names):
        """What the event says, which must be the one that comes."""
        told = self.bench.say("living", f"shop {words}", *names, "shop_refused", "shop_failed", "error")
        assert told.name in names, (words, told)
        return told.text

    def rent(self):
        assert "new=1" in self.say(f"rent {self.title} {self.offer} 5", "shop_bought")

    def provision_anew(self):
        """By the head-end that knows the device key: a new lock key, and records that count from there on."""
        bench = self.bench
        old = bench.identities["living"].device_key
        exchange = Exchange(HeadendKey(b"\x21" * 32), lambda count: bytes(range(count)))
        board = read_board_key(bench.say("living", exchange.ask(), "provision-key").text)
        code = bench.say("living", exchange.answer(board, lambda terminal: old), "provision-code")
        assert exchange.is_code(code.text)
        bench.say("living", exchange.bring(bench.issue()), "provisioned")

    def plays(self):
        """ "", or why it stays dark."""
        told = self.bench.say("living", f"shop play {self.title}", "title_ended", "title_dark", "title_failed", "error")
        return "" if told.name == "title_ended" else f"{told.name} {told.text}"

    def later(self, ms):
        self.bench.later_ms += ms
        self.say("balance", "shop_balance")  # by which the terminal learns how late it is

    def copied(self):
        """All of its file system; lock keys and counter lie outside."""
        if self.machine.name == "cpython":
            return dict(self.machine.files)
        return {
            path: path.read_bytes()
            for path in self.machine.folder.rglob("*")
            if path.is_file() and path.name != "lock.key"
        }

    def put_back(self, files):
        """Power off, the files as they were, power on: what it says at its start."""
        self.station.power_cut(self.bench.world.now_ms)
        if self.machine.name == "cpython":
            self.machine.files.clear()
            self.machine.files.update(files)
        else:
            for path in self.machine.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
            for path, data in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        before = len(self.station.console)
        self.station.power_on()
        self.bench.until(self.station, "ready", after=before)
        return [f"{one.name} {one.text}" for one in self.station.console[before:]]


@pytest.fixture(params=["cpython", pytest.param("unix", marks=pytest.mark.unix)])
def home(request, tmp_path):
    try:
        made = Home(request.param, tmp_path)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_x14_files_of_before_the_first_play_bring_no_hour_back(home):
    backup = home.copied()
    assert home.plays() == ""
    home.later(HOUR_MS // 2)
    assert home.plays() == ""
    assert home.put_back(backup)[0].startswith("error roll-back")
    assert home.plays().startswith("title_failed roll-back")
    assert home.say("restore", "shop_failed").startswith("roll-back")
    home.provision_anew()
    assert home.plays().startswith("title_dark there is no key")
    home.station.say("shop forget")
    home.say(f"login ann {PASSWORD}", "shop_balance")
    assert home.say("restore", "shop_listed") == "count=1" and home.plays() == ""
    home.later(HOUR_MS // 2)  # since the shop gave the key away first
    assert home.plays() == OVER
    assert home.say("restore", "shop_listed") == "count=0" and home.plays() == OVER
    home.rent()
    assert home.plays() == ""
    assert home.shop.balance(1) == 90 and home.shop.audit() == []


def test_x14_neither_the_right_nor_the_clock_is_taken_when_it_is_put_back_alone(home):
    backup = home.copied()
    assert home.plays() == ""
    home.later(HOUR_MS // 2)
    assert home.plays() == ""
    kept = home.copied()
    slots = {path for path in backup if f"{path}".split("keys/")[-1].startswith("titles-")}
    clock = {path for path in slots if "clock" in str(path)}
    for put_back in (clock, slots - clock):
        assert len(put_back) == 2 and all(kept[path] != backup[path] for path in put_back)
        assert home.put_back({**kept, **{path: backup[path] for path in put_back}})[0].startswith("ready")
        assert " roll-back: record titles-" in home.plays()
        assert home.say("restore", "shop_failed").startswith("roll-back: record titles-")
        kept = {**home.copied(), **{path: kept[path] for path in put_back}}
    home.station.say(f"licence forget {home.shop.restore(1)[0].kid.hex()}")
    assert home.say("restore", "shop_listed") == "count=1" and home.plays() == ""
    home.later(HOUR_MS // 2)
    assert home.plays() == OVER
    assert home.shop.balance(1) == 95 and home.shop.audit() == []
