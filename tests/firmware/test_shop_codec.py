# runtimes: cpython unix
"""A title whose codec the terminal lacks: the unit comes behind it, is judged by `updates`, and the title stays."""

import hashlib
import struct

import update_vectors as vectors
from app_rig import start
from network_rig import lines_of
from settop.codec import units
from settop.services.shop.codec import NO_UPDATES
from settop.services.shop.download import WRONG_CODEC
from settop.updates.loading import abi
from settop.updates.modules import NO_SIGNER
from settop.wire import shop as wire
from settop.wire.update import REFUSED
from shop_rig import Bench, PowerCut, right, text
from shop_rig import content_of as title_of
from title_vectors import CENC
from titles_rig import words
from update_rig import modules_of

# Its description says no more of its codec than that it is "beep".
BEEPS = CENC.replace(b"esds", b"skip").replace(b"frmamp4a", b"frmabeep")
SERVICES = ("updates", "network", "titles", "shop")
PATH = "/codecs/1"
STRIDE = 197
LACKS = "shop_failed the title is here, a unit for its codec beep is not: "


def told(octets, version=1):
    """What the shop says of a unit."""
    return struct.pack(wire.CODEC_HEAD, version, len(octets)) + hashlib.sha256(octets).digest() + text(PATH)


def buyer(unit=vectors.BEEP_1, services=SERVICES, signer=vectors.SIGNER, content=BEEPS):
    """A terminal that has bought title 1, of a shop with this unit, or without one."""
    units.add("beep", None)
    bench = Bench(services)
    bench.board.SIGNER = signer
    bench.board.MODULE_FILES = modules_of(bench.board)
    again(bench)
    shop = bench.shop
    shop.content = content
    shop.says[wire.BUY] = lambda title, price: right(title)
    shop.says[wire.CONTENT] = lambda title: title_of(content)
    sells(bench, unit)
    bench.go("shop buy 1")
    return bench


def sells(bench, unit):
    shop = bench.shop
    shop.units = {PATH: unit}
    shop.says[wire.CODEC] = lambda *wanted: ("no-codec", 0, "there is none") if unit is None else told(unit)


def again(bench):
    units.add("beep", None)  # holds on to the service of before
    bench.board.console.said = []
    bench.files.power.left = -1
    bench.board.net.made = []
    bench.app = None
    bench.app = start(bench.board)
    bench.turn(2)
    lines_of(bench.board)


def titles_alone(bench):
    """Of what was downloaded the title alone is here, whole."""
    (path,) = bench.files.files
    return path.startswith("titles/1-") and path.endswith(".mp4") and bench.files.files[path] == bench.shop.content


def asked(bench):
    return [values for what, values in bench.shop.asked if what == wire.CODEC]


def test_a_title_in_a_new_codec_brings_its_unit_with_it():
    bench = buyer()
    said = bench.go("shop download 1")
    size = len(vectors.BEEP_1)
    assert said[2:] == [
        "shop_codec_missing codec=beep",
        "shop_codec_downloading codec=beep version=1 octets=%d from=0" % size,
        "update beep version 1 is stored",
        "updated beep",
        "shop_codec codec=beep version=1",
    ]
    assert words(said[:2]) == ["shop_downloading", "shop_downloaded"]
    assert asked(bench) == [["beep", "test"] + list(abi()) + [0]]
    assert titles_alone(bench) and units.knows("beep") and units.make("BEEP", None, 8000, 1) == "beep 1"
    assert bench.service.errand is None
    assert words(bench.go("shop download 1"))[-1] == "shop_downloaded" and len(asked(bench)) == 1
    again(bench)
    assert words(bench.go("shop download 1"))[-1] == "shop_downloaded" and len(asked(bench)) == 1


def test_a_title_in_a_codec_that_is_here_asks_for_none_and_so_does_what_is_no_title():
    for content in (CENC, bytes(3000), BEEPS[:400]):
        bench = buyer(content=content)
        assert words(bench.go("shop download 1"))[-1] == "shop_downloaded" and asked(bench) == []
        assert titles_alone(bench)


def test_a_unit_that_is_refused_leaves_what_was_here_and_the_title_and_the_next_one_comes():
    altered = vectors.BEEP_1[:-2] + b"#\n"
    signature = vectors.BEEP_1[:100] + bytes((vectors.BEEP_1[100] ^ 1,)) + vectors.BEEP_1[101:]
    for unit in (altered, signature, vectors.BEEP_6_OF_ANOTHER_BOARD, vectors.BEEP_7_OF_ANOTHER_PROCESSOR, b"none"):
        bench = buyer(unit)
        said = bench.go("shop download 1")
        assert said[-1] == LACKS + REFUSED, said
        assert titles_alone(bench) and not units.knows("beep") and bench.service.errand is None
        assert bench.say("update")[-1] == "update none came" and not bench.app.services.busy()
        sells(bench, vectors.BEEP_1)
        assert bench.go("shop download 1")[-1] == "shop_codec codec=beep version=1"


def test_an_older_unit_than_was_here_is_not_asked_for_and_refused_where_it_comes_all_the_same():
    bench = buyer(vectors.BEEP_2)
    assert words(bench.go("shop download 1"))[-1] == "shop_codec"
    bench.say("update forget beep")
    assert not units.knows("beep")
    sells(bench, vectors.BEEP_1)
    assert bench.go("shop download 1")[-1] == LACKS + REFUSED
    assert asked(bench)[-1][-1] == 2 and titles_alone(bench)
    sells(bench, vectors.BEEP_9)
    assert words(bench.go("shop download 1"))[-1] == "shop_codec" and units.knows("beep")


def test_a_unit_that_does_not_work_here_is_said_to_and_its_version_is_not_asked_for_again():
    bench = buyer(vectors.BEEP_5_FAILS_ITS_CHECK)
    said = bench.go("shop download 1")
    assert any([line.startswith("error update beep: it does not work here") for line in said])
    assert said[-1].startswith(LACKS) and titles_alone(bench)
    sells(bench, None)
    bench.go("shop download 1")
    assert asked(bench)[-1][-1] == 5


def test_what_the_shop_has_not_is_told_as_it_says_it():
    bench = buyer(None)
    said = bench.go("shop download 1")
    assert said[-2:] == ["shop_codec_missing codec=beep", "shop_refused code=no-codec wait_ms=0 there is none"]
    assert titles_alone(bench)


def test_what_comes_and_is_not_what_the_shop_told_of_goes():
    bench = buyer()
    bench.shop.units = {PATH: vectors.BEEP_1[:-1] + b"\xff"}
    assert bench.go("shop download 1")[-1] == LACKS + WRONG_CODEC
    assert titles_alone(bench)


def test_a_board_that_takes_no_updates_asks_for_none_and_says_why():
    for services, signer, why in ((SERVICES, "", NO_SIGNER), (SERVICES[1:], vectors.SIGNER, NO_UPDATES)):
        bench = buyer(services=services, signer=signer)
        said = bench.go("shop download 1")
        assert said[-2:] == ["shop_codec_missing codec=beep", LACKS + why]
        assert titles_alone(bench) and asked(bench) == []


def test_a_unit_that_broke_off_goes_on_where_it_was_also_behind_another_start():
    bench = buyer()
    bench.shop.breaks = [len(BEEPS), 100] + [0] * 30
    bench.go("shop download 1")
    assert bench.until("shop_failed")[-1].startswith(LACKS)
    bench.shop.breaks = []
    again(bench)
    said = bench.go("shop download 1")
    assert "shop_codec_downloading codec=beep version=1 octets=%d from=100" % len(vectors.BEEP_1) in said
    assert said[-1] == "shop_codec codec=beep version=1" and bench.shop.ranges[-1] == 100 and titles_alone(bench)


def test_a_renewal_that_is_due_does_not_keep_it_from_coming():
    bench = buyer()
    bench.shop.due = True
    assert bench.go("shop download 1")[-1] == "shop_codec codec=beep version=1"
    bench.shop.due = False
    bench.shop.says[wire.BALANCE] = lambda: bytes(8)
    assert words(bench.go("shop balance")) == ["shop_balance"]


def test_a_full_flash_is_said_before_the_unit_comes():
    bench = buyer()
    bench.files.room = len(BEEPS) + 16384 + 2 * len(vectors.BEEP_1) - 1
    said = bench.go("shop download 1")
    assert said[-1].startswith(LACKS + "the flash has room for") and "and the codec takes" in said[-1]
    assert titles_alone(bench)


def test_a_power_cut_at_any_step_of_the_files_leaves_a_unit_that_comes_at_the_next_word():
    cuts = 0
    while True:
        bench = buyer()
        bench.go("shop cancel")
        bench.files.power.left = cuts * STRIDE
        try:
            said = bench.go("shop download 1")
        except PowerCut:
            said = None
        if said is not None:
            assert said[-1] == "shop_codec codec=beep version=1"
            break
        cuts += 1
        again(bench)
        assert words(bench.go("shop download 1"))[-1] in ("shop_codec", "shop_downloaded")
        assert units.knows("beep") and titles_alone(bench), bench.files.files
    assert cuts > len(BEEPS) // STRIDE
    print("%d power cuts" % cuts)
