"""The household's list over the shop's channel (X15), with the real shop behind a terminal that has a dock."""

import sys
from pathlib import Path

import pytest
from headend.accounts.engine import transaction
from headend.accounts.money import open_account
from headend.accounts.terminals import add_terminal
from headend.shop import codecs
from settop.codec import units
from settop.wire import shop as wire

from tests.helpers.shop import MASTER, NOW, PASSWORD
from tests.helpers.update_modules import KEY, made
from tests.link.test_shop_on_terminal import RealShop

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
from app_rig import KEY as DEVICE_KEY
from dock_rig import PLAYER, STRANGER
from docked_rig import One, Wire
from shop_rig import Bench
from titles_rig import TERMINAL_ID, TitleBoard, words
from update_rig import modules_of

SERVICES = ("network", "titles", "dock", "shop")
ONE, OTHER = PLAYER.terminal_id.hex(), STRANGER.terminal_id.hex()


def know(shop, device_id, key):
    with transaction(shop.stall.engine) as connection:
        add_terminal(connection, MASTER, device_id, key, open_account(connection, None))


@pytest.fixture
def shop(tmp_path):
    made = RealShop(tmp_path)
    know(made, TERMINAL_ID, DEVICE_KEY)
    for player in (PLAYER, STRANGER):
        know(made, player.terminal_id, player.device_key)
    return made


@pytest.fixture
def bench(shop, monkeypatch):
    monkeypatch.setattr(TitleBoard, "WIRES", {0: "dock", 1: "tuner"}, raising=False)
    monkeypatch.setattr(TitleBoard, "dock", lambda board: board.__dict__.setdefault("wire", Wire()), raising=False)
    made = Bench(SERVICES)
    made.shop, made.serve = shop, shop.serve
    made.go(f"shop register ann {PASSWORD}")
    return made


def dock(bench, player, event):
    """What the terminal says of that player until the event."""
    bench.board.wire.other, player.board.wire.other = player.board.wire, bench.board.wire
    said = []
    for _ in range(4000):
        said += bench.turn(1)
        player.turn(1)
        if event in words(said):
            bench.board.wire.other = player.board.wire.other = None
            return [line for line in said if line.startswith(event)][-1]
    raise AssertionError(said)


def test_x15_a_player_that_joins_over_the_channel_is_docked_and_one_that_left_loses_its_keys_at_the_next_contact(
    shop, bench
):
    said = bench.go(f"shop add {ONE}")
    assert words(said) == ["household", "household_player", "shop_household"]
    player = One(PLAYER, ("titles", "player"))
    assert f"id={ONE}" in dock(bench, player, "player_docked")
    assert shop.stall.leave_player(1, PLAYER.terminal_id, NOW)  # as at the shop's own page
    said = bench.go("shop balance")
    assert said[0] == "shop_balance units=0" and f"household_player id={ONE} left" in said
    assert bench.go("shop balance") == ["shop_balance units=0"], "the shop has heard that the list is here"
    player.start()
    assert dock(bench, player, "player_left").startswith(f"player_left id={ONE}")


def test_x15_the_player_above_the_number_is_refused_at_the_shop_and_strangers_too(shop, bench):
    shop.stall.set_most_players(1, 1)
    assert words(bench.go(f"shop add {ONE}"))[-1] == "shop_household"
    assert bench.go(f"shop add {OTHER}")[0].startswith("shop_refused code=household-full")
    assert [one.player_id for one in shop.stall.players_of(1)] == [PLAYER.terminal_id]
    assert words(bench.go(f"shop remove {ONE}"))[-1] == "shop_household"
    assert words(bench.go(f"shop add {OTHER}"))[-1] == "shop_household"
    assert bench.go("shop add 0000000000000000")[0].startswith("shop_refused code=no-player")


def test_a_list_that_was_lost_on_its_way_is_due_still(shop, bench):
    shop.stall.join_player(1, PLAYER.terminal_id, NOW)
    (client,) = shop.stall.clients_of(1)
    shop.stall.newer_list(client, 1, 0)  # sent, and never seen
    assert shop.stall.list_due(client)
    assert words(bench.go("shop balance"))[-2:] == ["household", "household_player"]
    assert not shop.stall.list_due(client)
    assert words(bench.go("shop household")) == ["shop_household"]


def test_the_terminal_that_changes_hands_gets_the_other_household_of_its_own_accord(shop, bench):
    bench.go(f"shop add {ONE}")
    bench.go("shop logout")
    assert bench.go("shop household")[0].startswith("shop_refused code=not-signed-in")
    said = bench.go(f"shop register bob {PASSWORD}")
    assert said[-1].startswith("household id=") and "players=0" in said[-1]


def test_a_download_goes_on_behind_a_list_and_where_the_shop_refuses_one(shop, bench):
    song = shop.sell("Song X", 0)
    bench.go(f"shop buy {song}")
    shop.stall.join_player(1, PLAYER.terminal_id, NOW)
    said = words(bench.go(f"shop download {song}"))
    assert said == ["household", "household_player", "shop_downloading", "shop_downloaded"]
    shop.stall.leave_player(1, PLAYER.terminal_id, NOW)
    real = shop.ends.far._requests._device_key
    shop.ends.far._requests._device_key = lambda terminal: None  # revoked, and the session is open
    said = words(bench.go(f"shop download {song}"))
    shop.ends.far._requests._device_key = real
    assert said[0] == "shop_refused" and said[-1] == "shop_downloaded"


def test_a_client_that_is_no_known_terminal_gets_no_list(shop, bench):
    client = shop.stall.register_client(NOW)
    shop.stall.sign_in("ann", PASSWORD, NOW, client.client_id)
    channel = shop.ends.client(client=client.client_id, key=client.key)
    reply = wire.Reader(shop.ends.ask(channel, wire.HOUSEHOLD, 0))
    assert reply.take(wire.REPLY_HEAD)[0] == wire.NO and reply.text() == "no-terminal"


def test_a_board_without_a_dock_says_so(shop):
    bench = Bench()
    bench.shop, bench.serve = shop, shop.serve
    bench.go(f"shop register ann {PASSWORD}")
    for said in ("household", f"add {ONE}"):
        assert "starts no service dock" in bench.go("shop " + said)[-1]
    assert shop.stall.players_of(1) == []


def test_a_list_that_is_due_when_a_codec_is_asked_for_comes_before_it_and_the_codec_all_the_same(shop, monkeypatch):
    for name, value in (
        ("WIRES", {0: "dock", 1: "tuner"}),
        ("dock", lambda board: board.__dict__.setdefault("wire", Wire())),
        ("SIGNER", KEY.public.hex()),
        ("MODULE_FILES", property(lambda board: board.__dict__.setdefault("modules", modules_of(board)))),
    ):
        monkeypatch.setattr(TitleBoard, name, value, raising=False)
    units.add("beep", None)
    bench = Bench(("updates", *SERVICES))
    bench.shop, bench.serve = shop, shop.serve
    bench.go(f"shop register ann {PASSWORD}")
    song = shop.sell("Song X", 0)
    bench.go(f"shop buy {song}")
    with transaction(shop.stall.engine) as connection:
        codecs.add_codec(connection, made("BEEP_1").octets(), NOW)
    copy_of, give = shop.shelf.copy_of, shop._give

    def beeps(*which):
        path = copy_of(*which)
        path.write_bytes(path.read_bytes().replace(b"esds", b"skip").replace(b"frmamp4a", b"frmabeep"))
        return path

    def joins(line, head):
        if "/copies/" in head:
            shop.stall.join_player(1, PLAYER.terminal_id, NOW)
        give(line, head)

    shop.shelf.copy_of, shop._give = beeps, joins
    said = words(bench.go(f"shop download {song}"))
    assert said[:2] == ["shop_downloading", "shop_downloaded"] and said[-1] == "shop_codec", said
    assert said.index("household_player") < said.index("shop_codec_downloading") and units.knows("beep")
    units.add("beep", None)
