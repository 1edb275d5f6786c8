"""The terminal's service `shop` with the real shop behind it: bought, downloaded, played, lost and given again."""

import pytest
from headend.accounts.engine import transaction
from headend.shop import rentals
from headend.shop.clients import RENEWAL_MS
from settop.errors import RemoteError

from tests.helpers.real_shop import RealShop
from tests.helpers.shop import NOW, PASSWORD

from app_rig import KEY as DEVICE_KEY  # isort: skip
from shop_rig import Bench  # isort: skip
from titles_rig import OVER as TITLE_OVER  # isort: skip
from titles_rig import words  # isort: skip


@pytest.fixture
def shop(tmp_path):
    return RealShop(tmp_path)


def terminal(shop):
    bench = Bench()
    bench.shop = shop
    bench.serve = shop.serve
    return bench


def plays(bench, title):
    before = len(bench.board.chip.data)
    said = words(bench.ask(f"shop play {title}", *TITLE_OVER, turns=20_000))
    return said[-1] == "title_ended" and len(bench.board.chip.data) > before + 5000


def test_e5_e6_e7_e9_e17_a_user_buys_downloads_plays_and_gets_everything_again_on_another_client(shop):
    song, dear = shop.sell("Song X", 30), shop.sell("Dear", 300)
    bench = terminal(shop)
    assert bench.go(f"shop redeem {shop.stall.new_card(100, NOW)}")[-1] == "shop_redeemed units=100"
    assert bench.go(f"shop register ann {PASSWORD}") == ["shop_balance units=100"]
    assert bench.go("shop list")[0] == f"shop_title title={song} price=30 bought=0 taste=none Song X"
    assert words(bench.go(f"shop buy {song} 30")) == ["shop_bought"]
    assert bench.go(f"shop buy {dear}")[-1].startswith("shop_refused code=no-units")
    assert bench.go("shop balance") == ["shop_balance units=70"]
    assert words(bench.go(f"shop download {song}"))[-1] == "shop_downloaded"
    assert bench.go(f"shop download {dear}")[-1].startswith("shop_refused code=no-right")
    assert plays(bench, song)
    lost = terminal(shop)
    assert lost.go(f"shop login ann {PASSWORD}")[-1] == "shop_balance units=70"
    assert words(lost.go("shop restore")) == ["shop_right", "shop_listed"]
    assert words(lost.go(f"shop download {song}"))[-1] == "shop_downloaded"
    assert lost.files.files == bench.files.files and plays(lost, song)
    assert lost.go("shop balance") == ["shop_balance units=70"]
    assert len(shop.stall.clients_of(1)) == 2


def test_e9_another_users_copy_is_dark_and_members_have_one_key(shop):
    jazz = shop.stall.group("Jazz")
    song = shop.sell("Song X", 0, jazz)
    kids = {}
    for name, joins in (("ann", True), ("bob", True), ("carl", False)):
        bench = terminal(shop)
        bench.go(f"shop register {name} {PASSWORD}")
        if joins:
            assert words(bench.go("shop join Jazz")) == ["shop_balance"]
        kids[name] = bench.go(f"shop buy {song}")[0].split("kid=")[1].split(" ")[0]
        assert words(bench.go(f"shop download {song}"))[-1] == "shop_downloaded"
        assert plays(bench, song)
        if name == "ann":
            anns = dict(bench.files.files)
    assert kids["ann"] == kids["bob"] != kids["carl"]
    bench.files.files.clear()
    bench.files.files.update(anns)
    assert words(bench.ask(f"shop play {song}", *TITLE_OVER))[-1] == "title_dark"


def test_e1_e2_e3_no_key_is_on_the_line_and_a_renewed_one_ends_the_old(shop):
    bench = terminal(shop)
    assert words(bench.go(f"shop register ann {PASSWORD}")) == ["shop_registered", "shop_balance"]
    (client,) = shop.stall.clients_of(1)
    (first,) = shop.stall.client_keys(client)
    shop.now_ms += RENEWAL_MS
    assert bench.go("shop balance") == ["shop_balance units=0", "shop_renewed number=2"]
    assert bench.go("shop balance") == ["shop_balance units=0"]
    (second,) = shop.stall.client_keys(client)
    assert second.number == 2 and client in shop.listened
    flash = b"".join(bench.board.FILES.files.values())
    for key in (first.key, second.key, DEVICE_KEY):
        for at in range(27):
            assert key[at : at + 6] not in shop.listened and key[at : at + 6] not in flash
    with pytest.raises(RemoteError, match="not the shop's answer"):
        shop.ends.client(1, first.key, client, now_ms=shop.now_ms)


def test_a_removed_terminal_is_told_so_and_registers_anew_when_the_viewer_wants_it(shop):
    bench = terminal(shop)
    bench.go(f"shop register ann {PASSWORD}")
    (client,) = shop.stall.clients_of(1)
    shop.stall.remove_client(1, client, NOW)
    assert words(bench.go("shop balance")) == ["shop_failed"]
    bench.go("shop forget")
    assert words(bench.go(f"shop login ann {PASSWORD}")) == ["shop_registered", "shop_balance"]


HOUR_MS = 60 * 60 * 1000


def test_x12_x13_a_rented_title_plays_for_its_hours_and_no_clock_set_back_prolongs_them(shop):
    song = shop.sell("Song X", 30)
    with transaction(shop.stall.engine) as connection:
        offer = rentals.add_rental(connection, song, 5, rentals.Term(holds_s=3600))
    bench = terminal(shop)
    bench.go(f"shop redeem {shop.stall.new_card(100, NOW)}")
    bench.go(f"shop register ann {PASSWORD}")
    said = bench.go(f"shop offers {song}")
    assert words(said) == ["shop_offer", "shop_listed"] and f"offer={offer} price=5" in said[0]
    assert bench.go(f"shop rent {song} {offer} 4")[-1].startswith("shop_refused code=price-changed")
    assert words(bench.go(f"shop rent {song} {offer} 5")) == ["shop_bought"]
    assert bench.go("shop balance") == ["shop_balance units=95"]
    assert words(bench.go(f"shop download {song}"))[-1] == "shop_downloaded"
    assert plays(bench, song)
    shop.now_ms += HOUR_MS // 2
    assert bench.go("shop balance") == ["shop_balance units=95"] and plays(bench, song)
    shop.now_ms += HOUR_MS
    bench.go("shop balance")  # by which the terminal learns how late it is
    assert not plays(bench, song)
    shop.now_ms -= 2 * HOUR_MS  # a shop whose clock was set back, or its replies kept by somebody
    bench.go("shop balance")
    assert not plays(bench, song)
    bench.again()
    assert not plays(bench, song)
    shop.now_ms += 3 * HOUR_MS
    assert words(bench.go(f"shop rent {song} {offer}")) == ["shop_bought"] and plays(bench, song)
    assert bench.go("shop balance") == ["shop_balance units=90"]
