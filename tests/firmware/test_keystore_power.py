# on the pico: soak
"""Power cuts at every step of all that the keystore does: every byte written, and around every operation."""

import random

from keystore_rig import (
    APPEND,
    ATOMIC,
    FOLDER,
    KEY,
    MEDIA,
    NUMBER,
    OTHER_LOCK,
    STRIDE,
    Board,
    Flash,
    PowerCut,
    asked,
    old_flash,
    provisioned,
    started,
)
from power_rig import CUTS, OTHER, run, sweep
from settop.errors import RemoteError
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace

FILM = ("shop", "film", b"old", True)
PLAIN = ("shop", "film", b"old", False)


def film(keystore):
    return asked(keystore, "shop", "film")


def identity(keystore):
    """(terminal id, number, what the shop keeps)."""
    record = asked(keystore, "terminal", "identity")
    return None if record is None else record[1:9], asked(keystore, "call", "number"), film(keystore)


def store(value, counted):
    return lambda keystore: Records(keystore, "shop").store("film", value, counted)


def delete(keystore):
    Records(keystore, "shop").delete("film")


def nothing(keystore):
    pass


def provision(keystore):
    anew = (
        ("terminal", "identity", b"\x02newterm1" + KEY, False),
        ("call", "number", b"110", False),
        ("call", "token", b"token of now", True),
    )
    replace(keystore, OTHER_LOCK, anew)


def short(rows, ends):
    """The flash of a terminal with `rows`, of which the shop's slots in `ends` are damaged."""

    def make():
        flash = provisioned(OTHER, *rows)
        for end in ends:
            path = FOLDER + "shop-film" + end
            flash.files[path] = flash.files[path][:-1]
        return flash

    return make


def newer(rows):
    """The same, stored once since."""

    def make():
        flash = provisioned(OTHER, *rows)
        Records(started(flash)[0], "shop").store("film", b"old, and longer than it was")
        return flash

    return make


OLD = (b"terminal", NUMBER, b"old")
NEW = (b"newterm1", b"110", b"old")
LONGER = b"old, and longer than it was"
# What is done; the flash before; how; what is looked at; that before and behind it.
ROWS = (
    ("plain store", short((PLAIN,), ()), store(b"the new one", False), film, b"old", b"the new one"),
    ("plain store, newer", newer((PLAIN,)), store(b"new", False), film, LONGER, b"new"),
    ("plain store, a damaged", short((PLAIN,), (".a",)), store(b"new", False), film, b"old", b"new"),
    ("plain store, b damaged", short((PLAIN,), (".b",)), store(b"new", False), film, b"old", b"new"),
    ("counted store", short((FILM,), ()), store(b"the new one", True), film, b"old", b"the new one"),
    ("counted store, newer", newer((FILM,)), store(b"new", True), film, LONGER, b"new"),
    ("counted store, a damaged", short((FILM,), (".a",)), store(b"new", True), film, b"old", b"new"),
    ("counted store, b damaged", short((FILM,), (".b",)), store(b"new", True), film, b"old", b"new"),
    ("plain becomes counted", short((PLAIN,), ()), store(b"new", True), film, b"old", b"new"),
    ("first plain store", short((), ()), store(b"new", False), film, None, b"new"),
    ("first counted store", short((), ()), store(b"new", True), film, None, b"new"),
    ("plain delete", short((PLAIN,), ()), delete, film, b"old", None),
    ("counted delete", short((FILM,), ()), delete, film, b"old", None),
    ("delete of half a record", short((FILM,), (".b",)), delete, film, b"old", None),
    ("boot", short((FILM,), ()), nothing, film, b"old", b"old"),
    ("first provisioning", Flash, provision, identity, (None, None, None), NEW[:2] + (None,)),
    ("provisioning anew", short((FILM,), ()), provision, identity, OLD, NEW),
    ("migration", old_flash, nothing, identity, OLD[:2] + (None,), OLD[:2] + (None,)),
)


def test_a_cut_at_any_step_leaves_the_old_state_or_the_new_one_whole():
    before = CUTS[0]
    for number, row in enumerate(ROWS):
        # Every step of every row on one medium; on the others the soak tier does.
        sweep(row, MEDIA[number % len(MEDIA)], STRIDE)
    print("%d cuts" % (CUTS[0] - before))


def test_a_cut_while_loading_changes_nothing():
    flash = provisioned(FILM)
    keystore = started(flash)[0]
    before = dict(flash.files)
    for steps in range(2):
        keystore.board.taken, keystore.board.steps = 0, steps
        try:
            film(keystore)
            raise AssertionError("no cut")
        except PowerCut:
            pass
    assert flash.files == before


def test_a_cut_while_a_damaged_slot_is_put_right_leaves_the_good_one():
    for medium in MEDIA:
        for rows in ((FILM,), (PLAIN,)):
            for end in (".a", ".b"):
                before = short(rows, (end,))()
                keystore = started(before)[0]
                before = before.copy()
                film(keystore)
                for steps in range(0, 70, STRIDE):
                    flash = before.copy()
                    keystore.board = keystore.files = Board(flash, medium=medium, steps=steps)
                    try:
                        film(keystore)
                    except PowerCut:
                        pass
                    assert film(started(flash)[0]) == b"old"


def test_many_cuts_in_a_row_never_bring_an_older_record_back():
    random.seed(11)
    for counted in (False, True):
        for medium in MEDIA if STRIDE == 1 else MEDIA[:1]:
            flash = provisioned((FILM if counted else PLAIN))
            current, numbers = b"old", set()
            for turn in range(120 if STRIDE == 1 else 6):
                value = b"value %d" % turn
                cut, _, number = run(flash, store(value, counted), medium=medium, steps=random.randrange(900))
                keystore, after, wrong = started(flash)
                assert wrong == ""
                found = film(keystore)
                assert found == value or (cut and found == current), (medium, turn, found)
                current = found
                for one in (number, after):
                    assert one == 0 or one not in numbers
                    numbers.add(one)


def test_two_slots_of_one_nonce_always_hold_the_same_bytes():
    random.seed(12)
    for medium in (APPEND, ATOMIC):
        flash = provisioned(FILM)
        by_nonce = {}
        for turn in range(100 if STRIDE == 1 else 6):
            board = Board(flash, medium=medium, steps=random.randrange(900))
            try:
                keystore = Keystore(board)
                keystore.start()
                store(b"value %d" % (turn % 50), True)(keystore)
            except PowerCut:
                pass
            for path, slot in board.written:
                key = (path[:-2], slot[11:24])
                assert by_nonce.setdefault(key, slot) == slot
        assert len(by_nonce) > 10


def test_no_two_boots_share_a_number_whatever_the_cuts_and_whichever_slot_dies():
    random.seed(13)
    flash = provisioned()
    used = set()
    for _ in range(200 if STRIDE == 1 else 15):
        _, _, number = run(flash, nothing, medium=random.choice(MEDIA), steps=random.randrange(500))
        assert number == 0 or number not in used
        used.add(number)
        if random.randrange(3) == 0:
            started(flash)
            flash.files[FOLDER + "list" + random.choice((".a", ".b"))] = b"\xff" * 43
            assert started(flash)[2] == ""
    assert len(used) > 5


def test_two_dead_slots_of_the_list_lose_neither_the_identity_nor_a_number():
    flash = provisioned(FILM)
    first = started(flash)[1]
    flash.files[FOLDER + "list.a"] = flash.files[FOLDER + "list.b"] = b""
    for turn in range(2):
        keystore, number, wrong = started(flash)
        assert "does not open" in wrong and number == 0x80000000 + first + turn + 1
        assert asked(keystore, "terminal", "identity")[1:9] == b"terminal"
        try:
            film(keystore)
            raise AssertionError("counted, and opened without the list")
        except RemoteError:
            pass
