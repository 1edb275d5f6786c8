"""The flash of firmware of FORMATS 3: identity, number and boot number stay."""

from keystore_rig import FOLDER, KEY, MEDIA, NUMBER, STRIDE, Board, Flash, PowerCut, asked, old_flash, started
from kit import raises
from settop.errors import RemoteError
from settop.keystore.identity import load_identity
from settop.keystore.keystore import Keystore, Records


def _identity(keystore):
    identity = load_identity(Records(keystore, "terminal"))
    return identity.terminal_id, bytes(identity.device_key), asked(keystore, "call", "number")


def test_identity_number_and_boot_number_are_kept_and_the_old_files_go():
    flash = old_flash()
    for boot in (4, 5, 6):
        keystore, number, wrong = started(flash)
        assert (number, wrong, keystore.damaged_slots) == (boot, "", 0)
        assert _identity(keystore) == (b"terminal", KEY, NUMBER)
        stems = {path[len(FOLDER) : -2] for path in flash.files}
        assert stems == {"list", "terminal-identity", "call-number"}


def test_a_cut_at_any_step_of_the_first_start_brings_no_older_boot_number_back():
    """The old files go when a list has their number, and the new records in it."""
    for medium in MEDIA if STRIDE == 1 else MEDIA[:1]:
        whole = Board(old_flash(), medium=medium)
        Keystore(whole).start()
        for steps in range(0, whole.taken, STRIDE):
            flash = old_flash()
            try:
                Keystore(Board(flash, medium=medium, steps=steps)).start()
                raise AssertionError("no cut")
            except PowerCut:
                pass
            keystore, number, wrong = started(flash)
            assert wrong == "" and number in (4, 5), (medium, steps, number)
            assert _identity(keystore) == (b"terminal", KEY, NUMBER)
            assert [keystore.entry(stem) for stem in ("terminal-identity", "call-number")] == [0, 0], (medium, steps)


def test_one_damaged_slot_of_each_costs_nothing_and_no_number_comes_twice():
    for end in (".a", ".b"):
        flash = old_flash()
        flash.files[FOLDER + "boot" + end] = b"\xff" * 43
        flash.files[FOLDER + "identity" + end] = flash.files[FOLDER + "identity" + end][:-3]
        keystore, number, wrong = started(flash)
        # The damaged slot may have held boot 3 beside 2, or 4 that was never told of.
        assert (number > 3, wrong, keystore.damaged_slots) == (True, "", 2)
        assert _identity(keystore) == (b"terminal", KEY, NUMBER)


def test_a_boot_record_that_does_not_open_costs_the_identity_nothing():
    flash = old_flash()
    flash.files[FOLDER + "boot.a"] = flash.files[FOLDER + "boot.b"] = b""
    keystore, number, wrong = started(flash)
    assert (number, wrong) == (0x80000001, "")
    assert _identity(keystore) == (b"terminal", KEY, NUMBER)


def test_an_identity_that_does_not_open_is_damaged_and_not_missing():
    flash = old_flash()
    flash.files[FOLDER + "identity.a"] = flash.files[FOLDER + "identity.b"] = b"\xff" * 100
    for boot in (4, 5):
        keystore, number, wrong = started(flash)
        assert (number, wrong) == (boot, "")
        with raises(RemoteError) as caught:
            load_identity(Records(keystore, "terminal"))
        assert "provision again" in str(caught.value)


def test_an_old_first_store_that_was_cut_is_no_identity():
    flash = old_flash()
    del flash.files[FOLDER + "identity.b"]
    flash.files[FOLDER + "identity.a"] = flash.files[FOLDER + "identity.a"][:40]
    keystore, number, wrong = started(flash)
    assert (number, wrong) == (4, "")
    assert load_identity(Records(keystore, "terminal")) is None


def test_a_lock_key_without_a_record_is_a_new_keystore():
    flash = Flash(locks=[bytes(32)])
    for boot in (1, 2):
        keystore, number, wrong = started(flash)
        assert (number, wrong, load_identity(Records(keystore, "terminal"))) == (boot, "", None)


def test_old_files_put_back_after_the_migration_are_a_roll_back():
    before = old_flash()
    flash = before.copy()
    numbers = [started(flash)[1] for _ in range(3)]
    flash.files = dict(before.files)
    keystore, number, wrong = started(flash)
    assert "roll-back" in wrong and number not in numbers and number > max(numbers)
    assert load_identity(Records(keystore, "terminal")) is None
    assert flash.files == before.files


def test_old_files_put_beside_the_new_ones_change_nothing():
    before = old_flash()
    flash = before.copy()
    started(flash)
    flash.files.update(before.files)
    keystore, number, wrong = started(flash)
    assert (number, wrong) == (5, "") and _identity(keystore) == (b"terminal", KEY, NUMBER)


def test_migration_is_loaded_only_where_there_is_something_to_migrate():
    import sys

    name = "settop.keystore.migrate"
    sys.modules.pop(name, None)
    Keystore(Board(Flash(locks=[bytes(32)]))).start()
    assert name not in sys.modules
    started(old_flash())
    assert name in sys.modules
