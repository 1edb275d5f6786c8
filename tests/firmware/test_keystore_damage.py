# runtimes: cpython unix
"""Flash that is damaged, of another device, or full; a counter that is worn out: said, and no identity lost for it."""

from keystore_rig import FOLDER, KEY, LOCK, OTHER_LOCK, STRIDE, Board, Flash, asked, loaded, provisioned, started
from kit import raises
from settop.errors import RemoteError
from settop.keystore.boot import read_list
from settop.keystore.changes import MAX_RECORDS
from settop.keystore.identity import load_identity
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace

# Service and name, and the stem of the files.
KINDS = (
    ("terminal", "identity", "terminal-identity"),
    ("call", "number", "call-number"),
    ("shop", "film", "shop-film"),
    ("shop", "rest", "shop-rest"),
    (None, None, "list"),
)
STEP = 1 if STRIDE == 1 else 97


def _flash():
    return provisioned(("shop", "film", b"counted", True), ("shop", "rest", b"plain", False))


def _values(keystore):
    return [asked(keystore, service, name) for service, name, _ in KINDS if service]


def _damages(slot):
    """The slot with each single bit flipped, cut at every length, filled, and with a tail."""
    for bit in range(0, len(slot) * 8, STEP):
        damaged = bytearray(slot)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        yield bytes(damaged)
    for length in range(0, len(slot), STEP):
        yield slot[:length]
    for fill in (b"\xff", b"\0"):
        yield fill * len(slot)
        yield fill * 4096
    yield slot + b"\0"
    yield slot + slot
    yield slot + bytes(9000)


def test_any_damage_to_one_slot_of_any_record_is_counted_and_costs_nothing():
    whole = _flash()
    values = _values(started(whole)[0])
    for service, name, stem in KINDS:
        for end in (".a", ".b"):
            path = FOLDER + stem + end
            for data in _damages(whole.files[path]):
                flash = whole.copy()
                flash.files[path] = data
                keystore = Keystore(Board(flash))
                if service is None:
                    assert keystore.start()[1] == ""
                else:
                    # Without a start, which would read the list alone.
                    read_list(keystore)
                    asked(keystore, service, name)
                assert keystore.damaged_slots == 1, (path, data)
                # It has been written anew.
                assert flash.files[path] != data
        assert _values(started(flash)[0]) == values


def test_one_slot_gone_and_the_other_damaged_is_damaged_and_not_none():
    for service, name, stem in KINDS[:4]:
        for gone, other in ((".a", ".b"), (".b", ".a")):
            flash = _flash()
            del flash.files[FOLDER + stem + gone]
            flash.files[FOLDER + stem + other] = flash.files[FOLDER + stem + other][:20]
            keystore, _, wrong = started(flash)
            assert wrong == ""
            with raises(RemoteError) as caught:
                asked(keystore, service, name)
            assert "damaged" in str(caught.value) and stem in str(caught.value)


def test_both_slots_gone_is_damaged_and_not_none():
    for service, name, stem in KINDS[:4]:
        flash = _flash()
        del flash.files[FOLDER + stem + ".a"]
        del flash.files[FOLDER + stem + ".b"]
        with raises(RemoteError):
            loaded(flash, service, name)


def test_an_unreadable_slot_counts_as_damaged():
    flash = _flash()
    keystore = started(flash)[0]
    for end in (".a", ".b"):
        keystore.board.unreadable = (FOLDER + "shop-rest" + end,)
        assert asked(keystore, "shop", "rest") == b"plain"
    keystore.board.unreadable = (FOLDER + "shop-rest.a", FOLDER + "shop-rest.b")
    with raises(RemoteError):
        asked(keystore, "shop", "rest")
    assert keystore.damaged_slots == 4


def test_copies_to_another_device_open_nothing_and_say_no_more():
    for device, lock in ((b"board 02", LOCK), (b"", LOCK), (b"board 01", bytes(32))):
        flash = _flash()
        flash.locks = [lock]
        board = Board(flash)
        board.device = device
        keystore = Keystore(board)
        _, wrong = keystore.start()
        assert "the keystore's list does not open" in wrong
        texts = set()
        for service, name, stem in KINDS[:4]:
            with raises(RemoteError) as caught:
                asked(keystore, service, name)
            texts.add(str(caught.value).replace(stem, ""))
        assert len(texts) == 1


def test_a_refused_keystore_can_be_provisioned_anew_and_numbers_its_boots_on():
    flash = _flash()
    flash.locks = [bytes(32)]
    keystore, number, _ = started(flash)
    replace(keystore, LOCK, [("terminal", "identity", b"\x02newterm1" + KEY, False)])
    for _ in range(2):
        keystore, following, wrong = started(flash)
        assert wrong == "" and following > number
        number = following
        assert load_identity(Records(keystore, "terminal")).terminal_id == b"newterm1"
        assert asked(keystore, "shop", "film") is None and Records(keystore, "shop").names() == []
        assert keystore.damaged_slots == 0


def test_damaged_lock_keys_are_damage_and_not_never_provisioned():
    flash = _flash()
    flash.locks = []
    board = Board(flash)
    board.damaged_locks = 2
    number, wrong = Keystore(board).start()
    assert number == 0 and "lock key is damaged; provision again" in wrong


def test_no_lock_key_is_not_provisioned_and_files_without_one_are_replaced_by_the_next():
    flash = _flash()
    flash.locks = []
    keystore, number, wrong = started(flash)
    assert (number, wrong) == (0, "") and not keystore.provisioned()
    replace(keystore, OTHER_LOCK, [("terminal", "identity", b"\x02newterm1" + KEY, False)])
    keystore, number, wrong = started(flash)
    assert wrong == "" and number > 0
    assert {path[len(FOLDER) : -2] for path in flash.files} == {"list", "terminal-identity"}


def test_a_newest_lock_key_that_opens_nothing_is_taken_up_by_what_the_older_opens():
    flash = _flash()
    values = _values(started(flash)[0])
    for _ in range(2):
        flash.locks = [bytes(reversed(flash.locks[0])), flash.locks[0]]
        keystore, _, wrong = started(flash)
        assert wrong == "" and _values(keystore) == values
        assert len(flash.locks) == 1
        assert _values(started(flash)[0]) == values


def test_a_worn_counter_is_said_and_costs_neither_identity_nor_what_is_there():
    flash = _flash()
    for _ in range(2):
        board = Board(flash)
        board.worn = True
        keystore = Keystore(board)
        number, wrong = keystore.start()
        assert number == 0 and "worn out: replace the board" in wrong
        assert load_identity(Records(keystore, "terminal")).device_key == KEY
        assert asked(keystore, "shop", "film") == b"counted"
        Records(keystore, "call").store("number", b"110")  # plain, and there
        for action in (
            lambda shop: shop.store("film", b"less", True),
            lambda shop: shop.store("more", b"x"),
            lambda shop: shop.delete("film"),
        ):
            with raises(RemoteError) as caught:
                action(Records(keystore, "shop"))
            assert "worn out" in str(caught.value)
        assert asked(keystore, "shop", "film") == b"counted"


def test_a_counter_that_cannot_be_read_is_said_and_costs_no_identity():
    flash = _flash()
    board = Board(flash)

    def damaged():
        raise RemoteError("the counter is damaged: replace the board")

    board.counter = board.count = damaged
    keystore = Keystore(board)
    number, wrong = keystore.start()
    assert number == 0 and "the counter is damaged" in wrong
    assert load_identity(Records(keystore, "terminal")).device_key == KEY
    with raises(RemoteError):
        asked(keystore, "shop", "film")


def test_a_full_file_system_leaves_every_record_and_says_so():
    flash = _flash()
    keystore = started(flash)[0]
    shop = Records(keystore, "shop")
    keystore.board.room = sum([len(data) for data in flash.files.values()]) + 30
    for action in (
        lambda: shop.store("film", bytes(200), True),
        lambda: shop.store("rest", bytes(200)),
        lambda: shop.store("more", bytes(200), True),
        lambda: shop.store("even", bytes(200)),
    ):
        with raises(OSError):
            action()
    assert shop.names() == ["film", "rest"]
    assert (asked(keystore, "shop", "film"), asked(keystore, "shop", "rest")) == (b"counted", b"plain")
    keystore, _, wrong = started(flash)
    assert wrong == "" and asked(keystore, "shop", "film") == b"counted"
    assert load_identity(Records(keystore, "terminal")).device_key == KEY


def test_a_start_on_a_file_system_that_takes_nothing_keeps_the_identity():
    flash = _flash()
    board = Board(flash)
    board.room = 0
    keystore = Keystore(board)
    number, wrong = keystore.start()
    assert number == 0 and "the flash refused" in wrong
    assert load_identity(Records(keystore, "terminal")).device_key == KEY
    assert asked(keystore, "shop", "film") == b"counted"
    keystore, number, wrong = started(flash)
    assert wrong == "" and number > 0


def test_titles_tickets_and_modules_fit_and_one_too_many_is_refused_by_name():
    titles = 64 if STRIDE == 1 else 5
    kinds = (("title_%02d", titles, True), ("ticket_%02d", 16, True), ("module_%02d", 8, False))
    flash = provisioned(
        *[
            ("shop", name % number, b"%d" % number, counted)
            for name, many, counted in kinds
            for number in range(many if STRIDE == 1 else 2)
        ]
    )
    keystore = started(flash)[0]
    shop = Records(keystore, "shop")
    there = len(shop.names())
    if STRIDE != 1:
        return
    assert there == 88
    opened = []
    keystore.board.read = lambda path, limit: opened.append(path)
    assert shop.names() == sorted(shop.names()) and opened == []
    del keystore.board.read
    for number in range(MAX_RECORDS - there - 2):
        shop.store("more_%02d" % number, b"x", True)
    before = dict(flash.files)
    with raises(RemoteError) as caught:
        shop.store("title_65", b"x", True)
    assert "delete one first" in str(caught.value)
    assert flash.files == before
    assert asked(keystore, "shop", "title_63") == b"63" and asked(keystore, "shop", "more_05") == b"x"
    shop.delete("title_00")
    shop.store("title_65", b"x", True)
    keystore, _, wrong = started(flash)
    assert wrong == "" and asked(keystore, "shop", "title_65") == b"x"
    assert [asked(keystore, "shop", "ticket_%02d" % number) for number in (0, 15)] == [b"0", b"15"]


def test_a_list_of_another_format_is_refused_and_costs_no_identity():
    flash = provisioned()
    keystore = started(flash)[0]
    from settop.keystore.slots import COUNTED

    for data in (b"", b"\x02" + bytes(5), b"\x01" + bytes(6), b"\x01\0\0\0\0\xff", b"\x01\0\0\0\0\x01\xff"):
        slot = keystore.seal("list", COUNTED, flash.count, data)
        flash.files[FOLDER + "list.a"] = flash.files[FOLDER + "list.b"] = slot
        keystore, number, wrong = started(flash)
        assert "another format" in wrong and number > 0x80000000
        assert load_identity(Records(keystore, "terminal")).device_key == KEY


def test_a_lock_key_alone_is_a_keystore_that_holds_nothing():
    keystore, number, wrong = started(Flash(locks=[LOCK]))
    assert (number, wrong) == (1, "") and asked(keystore, "terminal", "identity") is None
