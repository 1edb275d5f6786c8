# runtimes: cpython unix
"""The service `shop`: what the viewer says, what the shop hears, and what is kept, with a shop of the bench's own."""

import struct

from settop.services.shop.channel import NOT_THE_SHOP
from settop.wire import shop as wire
from shop_rig import Bench, Shop, right, text
from title_vectors import KEY, KID
from titles_rig import OVER as TITLE_OVER
from titles_rig import words


def balance(units):
    return lambda *values: struct.pack(">Q", units)


def signed_in():
    bench = Bench()
    bench.shop.says[wire.SIGN_UP] = balance(0)
    bench.shop.says[wire.BALANCE] = balance(70)
    assert words(bench.go("shop register anneliese correct horse")) == ["shop_registered", "shop_balance"]
    return bench


def test_the_first_word_registers_the_terminal_and_later_ones_do_not():
    bench = signed_in()
    assert bench.shop.asked == [(wire.REGISTER, []), (wire.SIGN_UP, ["anneliese", "correct horse"])]
    assert bench.go("shop balance") == ["shop_balance units=70"]
    assert len(bench.shop.asked) == 3
    bench.turn(10)
    assert bench.board.network.said[-1] == "down", "nobody needs it any more"
    assert bench.service.errand is None and bench.service.status() == "shop=idle"
    bench.again()
    assert bench.go("shop balance") == ["shop_balance units=70"], "what it registered with is kept"
    assert bench.go("shop forget") == ["shop_forgotten"]
    assert words(bench.go("shop balance")) == ["shop_registered", "shop_balance"]


def test_every_word_asks_for_what_it_says():
    bench = signed_in()
    says = bench.shop.says
    says[wire.SIGN_IN] = balance(5)
    says[wire.SIGN_OUT] = lambda: b""
    says[wire.REDEEM] = lambda card: struct.pack(">I", 500)
    says[wire.TASTES] = lambda after: b"\0\0" + struct.pack(">IB", 20, 1) + text("Jazz")
    says[wire.JOIN] = says[wire.LEAVE] = balance(9)
    says[wire.LIST] = lambda *what: b"\0\0" + struct.pack(">IIB", 7, 30, 0) + text("Song X", "Free Jazz")
    says[wire.BUY] = lambda title, price: right(title)
    says[wire.RESTORE] = lambda after: b"\0\0" + right(7)
    says[wire.ORDER] = lambda units: bytes(range(16))
    listed = ["shop_title title=7 price=30 bought=0 taste=Free_Jazz Song X", "shop_listed count=1"]
    bought = "shop_bought title=7 new=1 kid=%s Song X" % KID.hex()
    for said, heard, told in (
        ("login ann a b", (wire.SIGN_IN, ["ann", "a b"]), ["shop_balance units=5"]),
        ("redeem 1234 5678", (wire.REDEEM, ["1234 5678"]), ["shop_redeemed units=500"]),
        ("tastes", (wire.TASTES, [0]), ["shop_taste price=20 member=1 Jazz", "shop_listed count=1"]),
        ("join Free Jazz", (wire.JOIN, ["Free Jazz", wire.ANY_PRICE]), ["shop_balance units=9"]),
        ("join Free Jazz for 20", (wire.JOIN, ["Free Jazz", 20]), ["shop_balance units=9"]),
        ("leave Jazz", (wire.LEAVE, ["Jazz"]), ["shop_balance units=9"]),
        ("list", (wire.LIST, [0, "", ""]), listed),
        ("list Free Jazz", (wire.LIST, [0, "Free Jazz", ""]), listed),
        ("search song x", (wire.LIST, [0, "", "song x"]), listed),
        ("buy 7", (wire.BUY, [7, wire.ANY_PRICE]), [bought]),
        ("buy 7 30", (wire.BUY, [7, 30]), [bought]),
        ("restore", (wire.RESTORE, [0]), ["shop_right title=7 kid=%s Song X" % KID.hex(), "shop_listed count=1"]),
        ("order 50", (wire.ORDER, [50]), ["shop_order " + bytes(range(16)).hex()]),
        ("logout", (wire.SIGN_OUT, []), ["shop_signed_out"]),
    ):
        assert bench.go("shop " + said) == told, said
        assert bench.shop.asked[-1] == heard


def test_other_words_are_refused_and_nothing_is_asked():
    bench = Bench()
    for said in (
        "", "x", "register", "register ann", "login", "redeem", "join", "list " + 256 * "a", "buy", "buy x", "buy -1",
        "buy 1 2 3", "buy 99999999999", "download", "order", "balance 1", "server", "server ftp://a", "server http://a/b",
        "forget 1", "play", "cancel", "join", "join Jazz for x", "add", "add 12", "remove 000000000000000g",
        "household 1",
    ):  # fmt: skip
        (told,) = bench.go("shop " + said)
        assert told.startswith("error "), said
    assert bench.shop.asked == [] and bench.service.errand is None


def test_a_long_list_is_asked_for_in_parts():
    bench = signed_in()

    def part(after, taste, words):
        rest = after + 2 if after < 4 else 0
        one = struct.pack(">IIB", after, 1, 0) + text("x", "")
        return struct.pack(">H", rest) + one + struct.pack(">IIB", after + 1, 1, 0) + text("y", "")

    bench.shop.says[wire.LIST] = part
    said = bench.go("shop list Jazz")
    assert [line.split(" ")[1] for line in said] == ["title=%d" % at for at in range(6)] + ["count=6"]
    assert bench.shop.asked[-1] == (wire.LIST, [4, "Jazz", ""])


def test_what_the_rules_do_not_allow_is_told_as_the_shop_says_it():
    bench = signed_in()
    bench.shop.says[wire.BUY] = lambda *values: ("no-units", 0, "there are not enough units\n: redeem")
    bench.shop.says[wire.SIGN_IN] = lambda *values: ("slow-down", 2000, "too many tries")
    assert bench.go("shop buy 1") == ["shop_refused code=no-units wait_ms=0 there are not enough units : redeem"]
    assert bench.go("shop login ann wrong horse") == ["shop_refused code=slow-down wait_ms=2000 too many tries"]


def test_a_bought_title_plays_by_the_key_that_came():
    bench = signed_in()
    assert bench.app.services.get("titles").keys.key(KID) is None
    bench.shop.says[wire.BUY] = lambda title, price: right(title)
    bench.go("shop buy 1")
    assert bytes(bench.app.services.get("titles").keys.key(KID)) == KEY
    assert not any(KEY in bytes(data) for data in bench.board.FILES.files.values())
    assert bench.ask("shop play 1", *TITLE_OVER)[-1] == "error title 1 is not here: say shop download 1"


def test_a_key_is_renewed_when_the_shop_says_so_and_its_first_use_ends_the_old():
    bench = signed_in()
    old = bench.shop.keys[1]
    bench.shop.due = True
    assert bench.go("shop balance") == ["shop_balance units=70", "shop_renewed number=2"]
    assert sorted(bench.shop.keys) == [1, 2]
    bench.shop.due = False
    assert bench.go("shop balance") == ["shop_balance units=70"]
    assert sorted(bench.shop.keys) == [2] and bench.shop.keys[2] != old
    bench.again()
    assert bench.go("shop balance") == ["shop_balance units=70"]


def test_a_renewal_that_was_lost_on_either_way_is_made_again():
    bench = signed_in()
    bench.shop.due = True
    bench.shop.loses = [wire.RENEW]
    assert words(bench.go("shop balance")) == ["shop_balance", "shop_failed"]
    assert sorted(bench.shop.keys) == [1, 2], "the answer is lost: the shop has the next key"
    bench.shop.due = False
    assert bench.go("shop balance") == ["shop_balance units=70"]
    assert sorted(bench.shop.keys) == [2]
    bench.shop.due = True
    assert bench.go("shop balance") == ["shop_balance units=70", "shop_renewed number=3"]
    del bench.shop.keys[3]  # as if the request had never come
    assert bench.go("shop balance") == ["shop_balance units=70", "shop_renewed number=3"]
    bench.shop.due = False
    assert bench.go("shop balance") == ["shop_balance units=70"]
    assert sorted(bench.shop.keys) == [3]


def test_answers_that_are_not_the_shops_are_told_and_counted():
    bench = signed_in()
    good = bench.shop.spoils
    for spoiled in (
        lambda octets: b"\x03",
        lambda octets: b"",
        lambda octets: octets[:-1] + bytes((octets[-1] ^ 1,)),
        lambda octets: octets[:40],
    ):
        refused = bench.service.refused
        bench.shop.spoils = spoiled
        assert bench.go("shop balance") == ["shop_failed " + NOT_THE_SHOP]
        assert bench.service.refused == refused + 1
    bench.shop.spoils = good
    assert bench.go("shop balance") == ["shop_balance units=70"]
    bench.shop.keys = {1: bytes(32)}
    assert bench.go("shop balance") == ["shop_failed " + NOT_THE_SHOP]


def test_a_server_that_is_another_or_none_and_a_network_that_goes():
    bench = signed_in()
    from network_rig import saying

    bench.serve = saying(b"no", 502)
    assert bench.go("shop balance") == ["shop_failed the shop's server says 502"]
    bench.serve = saying(bytes(5000))
    (said,) = bench.go("shop balance")
    assert said.startswith("shop_failed the shop does not answer")
    bench.serve = None
    bench.board.console.lines += ["shop balance"]
    bench.turn(20)
    bench.board.console.lines += ["network down"]
    said = bench.turn(20)
    assert "shop_failed the network is gone" in said
    bench.serve = bench.shop.serve


def test_one_thing_at_a_time_and_it_can_be_given_up():
    bench = signed_in()
    bench.serve = None
    bench.board.console.lines += ["shop balance"]
    bench.turn(10)
    assert bench.app.services.busy() and bench.service.status() != "shop=idle"
    (said,) = bench.say("shop list")
    assert said == "error the shop is at work: say shop cancel first"
    assert "shop_failed given up" in bench.say("shop cancel")
    assert bench.service.errand is None and not bench.app.services.busy()


def test_what_is_missing_is_said():
    (said,) = Bench(server=False).go("shop balance")
    assert said == "error no shop is known: say shop server URL"
    (said,) = Bench(("titles", "shop"), server=True).go("shop balance")
    assert "starts no network" in said
    bench = Bench(("network", "shop"))
    bench.shop.says[wire.BUY] = lambda *values: right(1)
    said = bench.go("shop buy 1")
    assert said[-1] == "shop_failed this board starts no service titles: it keeps no keys of any"
    bench = Bench(state="none")
    (said,) = bench.go("shop balance")
    assert said.startswith("error there is no network")


def test_no_word_of_a_purchase_is_on_the_line_in_clear():
    bench = signed_in()
    bench.shop.says[wire.BUY] = lambda title, price: right(title)
    bench.go("shop buy 1")
    line = b"".join([bytes(request) for request in bench.requests])
    assert Shop.CLIENT in line
    for secret in [b"correct horse", b"anneliese", KEY, KID] + list(bench.shop.keys.values()):
        assert secret not in line
