# runtimes: cpython unix
"""Attacks: what was spent is put back. Seen, reported, refused; and no boot's number comes twice."""

from keystore_rig import FOLDER, KEY, OTHER_LOCK, Board, Flash, asked, loaded, provisioned, started
from kit import raises
from settop.errors import RemoteError
from settop.keystore.identity import load_identity
from settop.keystore.keystore import Keystore, Records

PLAYS = ("shop", "film", b"3 plays", True)


def _spend(flash, value=b"2 plays"):
    Records(started(flash)[0], "shop").store("film", value, counted=True)


def _refused(keystore, name="film"):
    with raises(RemoteError) as caught:
        Records(keystore, "shop").load(name)
    assert "roll-back" in str(caught.value), str(caught.value)


def _files(flash, stem):
    return {FOLDER + stem + end: flash.files[FOLDER + stem + end] for end in (".a", ".b")}


def test_roll_back_of_all_files_is_reported_and_refused_and_the_identity_stays():
    flash = provisioned(PLAYS)
    before = dict(flash.files)
    numbers = [started(flash)[1]]
    _spend(flash)
    numbers.append(started(flash)[1])
    flash.files = before
    for _ in range(3):
        keystore, number, wrong = started(flash)
        assert "roll-back" in wrong and "provision again" in wrong
        assert number > max(numbers)
        numbers.append(number)
        _refused(keystore)
        with raises(RemoteError):
            Records(keystore, "shop").store("film", b"9 plays", counted=True)
        assert load_identity(Records(keystore, "terminal")).device_key == KEY


def test_files_of_one_boot_before_are_a_roll_back_too():
    flash = provisioned(PLAYS)
    for back in range(1, 4):
        history = []
        for _ in range(back):
            history.append(dict(flash.files))
            assert started(flash)[2] == ""
        put_back = Flash(history[0], flash.locks, flash.count)
        keystore, _, wrong = started(put_back)
        assert "roll-back" in wrong
        _refused(keystore)


def test_roll_back_of_a_records_slot_pair_is_refused_and_all_others_open():
    flash = provisioned(PLAYS, ("shop", "other", b"o", True))
    old = _files(flash, "shop-film")
    _spend(flash)
    flash.files.update(old)
    keystore, _, wrong = started(flash)
    assert wrong == ""
    _refused(keystore)
    assert asked(keystore, "shop", "other") == b"o"
    Records(keystore, "shop").store("film", b"bought anew", counted=True)
    assert loaded(flash, "shop", "film") == b"bought anew"


def test_roll_back_of_the_lists_slot_pair_is_refused():
    flash = provisioned(PLAYS)
    old = _files(flash, "list")
    _spend(flash)
    flash.files.update(old)
    keystore, _, wrong = started(flash)
    assert "roll-back" in wrong
    _refused(keystore)


def test_one_older_slot_beside_the_current_one_is_passed_over_and_alone_refused():
    flash = provisioned(PLAYS)
    old = flash.files[FOLDER + "shop-film.a"]
    _spend(flash)
    for end, other in ((".a", ".b"), (".b", ".a")):
        one = flash.copy()
        one.files[FOLDER + "shop-film" + end] = old
        assert loaded(one, "shop", "film") == b"2 plays"
        assert one.files[FOLDER + "shop-film" + end] != old  # and it is put right
        one = flash.copy()
        one.files[FOLDER + "shop-film" + end] = old
        del one.files[FOLDER + "shop-film" + other]
        _refused(started(one)[0])


def test_a_deleted_record_that_is_put_back_is_refused():
    flash = provisioned(PLAYS)
    old = _files(flash, "shop-film")
    Records(started(flash)[0], "shop").delete("film")
    assert loaded(flash, "shop", "film") is None
    flash.files.update(old)
    for _ in range(2):
        _refused(started(flash)[0])
    Records(started(flash)[0], "shop").store("film", b"bought anew", counted=True)
    assert loaded(flash, "shop", "film") == b"bought anew"


def test_a_record_that_was_plain_before_it_was_counted_is_refused():
    flash = provisioned(("shop", "film", b"plain", False))
    old = _files(flash, "shop-film")
    _spend(flash)
    flash.files.update(old)
    _refused(started(flash)[0])


def test_files_that_are_gone_and_files_from_before_the_list_are_a_roll_back():
    for stem in ("", "list"):
        flash = provisioned(PLAYS)
        flash.files = {path: data for path, data in flash.files.items() if stem and stem not in path}
        keystore, number, wrong = started(flash)
        assert "roll-back" in wrong and number > 0x80000000
        if stem:
            _refused(keystore)
            assert load_identity(Records(keystore, "terminal")).device_key == KEY


def test_a_store_that_was_cut_cannot_be_put_in_for_another_that_was_not():
    """Two lists of one count: one whose store never returned, kept aside, and one that was acted on."""
    cheap, dear = ("shop", "cheap", b"9 plays", True), ("shop", "dear", b"3 plays", True)
    start = provisioned(cheap, dear)
    board = Board(start.copy())
    keystore = Keystore(board)
    keystore.start()
    ready = board.taken
    Records(keystore, "shop").store("cheap", b"8 plays", True)
    total = board.taken
    for cut in range(ready, total):
        pocket = start.copy()
        keystore = Keystore(Board(pocket, steps=cut))
        try:
            keystore.start()
            Records(keystore, "shop").store("cheap", b"8 plays", True)
        except BaseException as gone:
            if type(gone).__name__ != "PowerCut":
                raise
        # What there was before, with the count as the cut left it, is played on.
        honest = Flash(start.files, start.locks, start.count)
        Keystore(Board(honest)).start()
        if honest.count != pocket.count:
            continue  # the counter has moved on: what is in the pocket is all there is
        keystore = started(honest)[0]
        Records(keystore, "shop").store("dear", b"2 plays", True)
        forged = Flash(pocket.files, honest.locks, honest.count)
        keystore = started(forged)[0]
        try:
            found = asked(keystore, "shop", "dear")
        except RemoteError:
            continue
        assert found == b"2 plays", cut


def test_a_store_that_failed_without_a_cut_burns_its_count():
    """The same, where the flash refused and the terminal went on."""
    flash = provisioned(("shop", "cheap", b"9 plays", True), ("shop", "dear", b"3 plays", True))
    keystore = started(flash)[0]
    board = keystore.board
    count = board.count

    def refusing():
        raise RemoteError("not now")

    board.count = refusing
    with raises(RemoteError):
        Records(keystore, "shop").store("cheap", b"8 plays", True)
    pocket = dict(flash.files)
    board.count = count
    Records(keystore, "shop").store("dear", b"2 plays", True)
    assert asked(keystore, "shop", "dear") == b"2 plays"
    keystore, _, wrong = started(Flash(pocket, flash.locks, flash.count))
    assert "roll-back" in wrong
    _refused(keystore, "dear")


def test_a_counter_that_is_behind_is_reported_and_refused():
    flash = provisioned(PLAYS)
    for _ in range(4):
        started(flash)
    flash.count = 1
    keystore, _, wrong = started(flash)
    assert "counter is behind" in wrong
    with raises(RemoteError):
        Records(keystore, "shop").load("film")
    assert load_identity(Records(keystore, "terminal")).device_key == KEY


def test_the_keystore_from_before_it_was_provisioned_anew_does_not_open():
    from settop.keystore.relock import replace

    flash = provisioned(PLAYS)
    old = dict(flash.files)
    keystore = started(flash)[0]
    replace(keystore, OTHER_LOCK, [("terminal", "identity", b"\x02" + bytes(40), False)])
    assert loaded(flash, "shop", "film") == b"3 plays"
    flash.files = old
    keystore, _, wrong = started(flash)
    assert "does not open" in wrong
    for service, name in (("shop", "film"), ("terminal", "identity")):
        with raises(RemoteError):
            asked(keystore, service, name)


def test_boot_numbers_never_come_twice_whatever_is_put_back():
    import random

    random.seed(4)
    flash = provisioned(PLAYS)
    history, numbers = [dict(flash.files)], set()
    for turn in range(60):
        if turn % 3 == 2:
            flash.files = dict(random.choice(history))
        if turn % 7 == 6:
            path = random.choice(sorted(flash.files))
            flash.files[path] = b"\xff" * 20
        keystore, number, _ = started(flash)
        assert number and number not in numbers
        numbers.add(number)
        try:
            Records(keystore, "shop").store("film", b"%d" % turn, counted=True)
        except RemoteError:
            pass
        history.append(dict(flash.files))
