"""Records by service and name: what comes back, what is refused, and what it says then."""

import gc
import os

from keystore_rig import FOLDER, LOCK, Board, Flash, asked, loaded, provisioned, started
from kit import Skip, raises
from settop.errors import LocalError, RemoteError
from settop.keystore.files import SlotFiles
from settop.keystore.keystore import Keystore, Records
from settop.keystore.slots import MAX_RECORD_BYTES, MAX_SLOT_BYTES


def _refusal(action):
    with raises(RemoteError) as caught:
        action()
    return str(caught.value)


def test_a_record_comes_back_as_a_bytearray_also_after_a_restart():
    flash = provisioned()
    for counted in (False, True):
        keystore = started(flash)[0]
        shop = Records(keystore, "shop")
        name = "counted" if counted else "plain"
        assert shop.load(name) is None
        for value in (b"", b"one", bytes(200), bytearray(b"four"), bytes(MAX_RECORD_BYTES)):
            shop.store(name, value, counted)
            assert shop.load(name) == value
            assert loaded(flash.copy(), "shop", name) == value
        assert isinstance(shop.load(name), bytearray)
        assert keystore.damaged_slots == 0


def test_what_was_counted_once_is_counted_from_then_on():
    flash = provisioned()
    shop = Records(started(flash)[0], "shop")
    shop.store("film", b"3 plays", counted=True)
    count = flash.count
    shop.store("film", b"2 plays")
    assert flash.count == count + 1
    shop.store("rest", b"plain")
    shop.store("rest", b"counted", counted=True)
    count = flash.count
    shop.store("rest", b"still")
    assert (flash.count, loaded(flash, "shop", "rest")) == (count + 1, b"still")


def test_an_update_counts_once_a_plain_one_not_at_all_and_each_boot_once():
    flash = provisioned(("shop", "film", b"3", True), ("call", "token", b"t", False))
    keystore = started(flash)[0]
    for action, counts in (
        (lambda: Records(keystore, "shop").store("film", b"2", True), 1),
        (lambda: Records(keystore, "call").store("token", b"u"), 0),
        (lambda: Records(keystore, "shop").load("film"), 0),
        (lambda: started(flash), 1),
    ):
        before = flash.count
        action()
        assert flash.count == before + counts


def test_records_and_services_do_not_touch_each_other():
    flash = provisioned(("shop", "one", b"1", True), ("shop", "two", b"2", False), ("share", "one", b"other", False))
    keystore = started(flash)[0]
    Records(keystore, "shop").store("one", b"1b", True)
    values = [asked(keystore, *which) for which in (("shop", "one"), ("shop", "two"), ("share", "one"))]
    assert values == [b"1b", b"2", b"other"]
    files = {path for path in flash.files if "share" in path or "shop" in path}
    assert files == {FOLDER + stem + end for stem in ("shop-one", "shop-two", "share-one") for end in (".a", ".b")}


def test_a_record_of_another_service_does_not_open():
    for counted in (False, True):
        flash = provisioned(("shop", "film", b"secret of the shop", counted))
        for end in (".a", ".b"):
            flash.files[FOLDER + "call-film" + end] = flash.files[FOLDER + "shop-film" + end]
        text = _refusal(lambda flash=flash: loaded(flash, "call", "film"))
        assert "call-film" in text and "secret" not in text
        assert loaded(flash, "shop", "film") == b"secret of the shop"


def test_records_are_listed_by_name_and_deleted():
    flash = provisioned(*[("shop", "title_%02d" % number, b"x", number % 2 == 0) for number in range(6)])
    keystore = started(flash)[0]
    shop = Records(keystore, "shop")
    assert shop.names() == ["title_%02d" % number for number in range(6)]
    assert Records(keystore, "call").names() == ["number"] and Records(keystore, "terminal").names() == ["identity"]
    for name in ("title_00", "title_01", "title_05", "title_00", "never"):
        shop.delete(name)
    assert shop.names() == ["title_02", "title_03", "title_04"]
    assert shop.load("title_00") is None and shop.load("title_01") is None
    keystore = started(flash)[0]
    assert Records(keystore, "shop").names() == ["title_02", "title_03", "title_04"]
    assert not [path for path in flash.files if "title_00" in path or "title_01" in path or "title_05" in path]
    Records(keystore, "shop").store("title_00", b"again", True)
    assert loaded(flash, "shop", "title_00") == b"again"


def test_plaintext_never_lies_in_the_files_nor_a_lock_key():
    flash = provisioned(("shop", "film", b"attack at dawn, attack at dawn", True))
    for data in flash.files.values():
        assert b"dawn" not in data and LOCK not in data


def test_an_unprovisioned_terminal_has_no_records_and_takes_none():
    flash = Flash()
    keystore, number, wrong = started(flash)
    assert (number, wrong, keystore.provisioned()) == (0, "", False)
    assert asked(keystore, "terminal", "identity") is None and Records(keystore, "shop").names() == []
    assert "not provisioned" in _refusal(lambda: Records(keystore, "shop").store("film", b"x"))
    assert (flash.files, flash.count) == ({}, 0)


def test_names_of_other_characters_or_lengths_are_local_errors():
    keystore = started(provisioned())[0]
    for name in ("", "a" * 25, "Upper", "a.b", "../x", "a/b", "\u00e9", "a-b", "a b", "a\n"):
        for action in (Records(keystore, "shop").load, Records(keystore, "shop").delete):
            with raises(LocalError):
                action(name)
        with raises(LocalError):
            Records(keystore, "shop").store(name, b"")
    for service in ("", "a" * 11, "Shop", "a-b", "a.b"):
        with raises(LocalError):
            Records(keystore, service)
    with raises(LocalError):
        Records(keystore, "call").store("number", bytes(MAX_RECORD_BYTES + 1))
    longest = Records(keystore, "s" * 10)
    longest.store("n" * 24, b"x")
    assert longest.names() == ["n" * 24]


def test_a_file_name_fits_littlefs_and_fat():
    flash = provisioned(("s" * 10, "n" * 24, b"x", True))
    for path in flash.files:
        name = path[len(FOLDER) :]
        assert len(name) <= 37 and name == name.lower()
        assert not [char for char in name if char not in "abcdefghijklmnopqrstuvwxyz0123456789_-."]


def test_a_medium_that_forgets_what_was_written_is_noticed_and_the_old_record_stays():
    for counted in (False, True):
        flash = provisioned(("shop", "film", b"old", counted))
        keystore = started(flash)[0]
        keystore.board.write = lambda path, data: None
        with raises(RemoteError):
            Records(keystore, "shop").store("film", b"new")
        assert loaded(flash, "shop", "film") == b"old"


def test_the_lock_key_is_wiped_when_a_call_returns_whatever_happened():
    flash = provisioned(("shop", "film", b"3", True))
    keystore = started(flash)[0]
    given = []
    load_locks = keystore.board.load_locks

    def watched():
        locks = load_locks()
        given.extend(locks)
        return locks

    keystore.board.load_locks = watched
    shop = Records(keystore, "shop")
    shop.load("film")
    shop.store("film", b"2", True)
    shop.store("other", b"x")
    shop.delete("other")
    flash.files[FOLDER + "shop-film.a"] = flash.files[FOLDER + "shop-film.b"] = b""
    _refusal(lambda: shop.load("film"))
    assert len(given) > 8 and not [lock for lock in given if bytes(lock) != bytes(32)]
    kept = [getattr(keystore, name) for name in dir(keystore)]
    assert not [value for value in kept if isinstance(value, (bytes, bytearray)) and LOCK in bytes(value)]


def _removed(folder):
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
    os.rmdir(folder)


def test_on_a_real_file_system_the_folder_is_made_and_records_come_back():
    try:
        from tempfile import mkdtemp

        parent = mkdtemp()
    except ImportError:  # a board's own file system
        parent = "keystore_test"
        os.mkdir(parent)
    board = Board(Flash(locks=[LOCK]))
    board.STORAGE = parent + "/ks"
    board.FILES = None
    try:
        assert SlotFiles().names(board.STORAGE) == [] and SlotFiles().read(board.STORAGE + "/x.a", 10) is None
        SlotFiles().remove(board.STORAGE + "/x.a")
        keystore = Keystore(board)
        assert keystore.start() == (1, "")
        shop = Records(keystore, "shop")
        assert shop.load("film") is None
        shop.store("film", b"one", True)
        shop.store("film", b"two")
        shop.store("rest", b"x")
        shop.delete("rest")
        files = sorted(os.listdir(board.STORAGE))
        assert files == ["list.a", "list.b", "shop-film.a", "shop-film.b"]
        again = Keystore(board)
        assert again.start()[1] == "" and asked(again, "shop", "film") == b"two"
        assert Records(again, "shop").names() == ["film"]
    finally:
        _removed(board.STORAGE)
        _removed(parent)


def test_a_slot_is_read_where_no_piece_of_memory_has_room_for_the_largest_one():
    if not hasattr(gc, "mem_alloc"):
        raise Skip("this interpreter's memory does not end")
    path = "keystore_test.a"
    SlotFiles().write(path, bytes(100))
    kept = [None, None]
    try:
        try:
            while True:
                kept = [bytearray(1000), kept]
        except MemoryError:
            pass
        node = kept
        while node[1] is not None:  # every other one
            node[0] = None
            node = node[1][1] or node[1]
        assert SlotFiles().read(path, MAX_SLOT_BYTES) == bytes(100)
    finally:
        kept = node = None
        gc.collect()
        SlotFiles().remove(path)
