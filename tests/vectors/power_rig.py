"""Power cuts at every step of what is done to the keystore of keystore_rig, and what is found behind each."""

from keystore_rig import Board, PowerCut, asked, started
from settop.keystore.keystore import Keystore

CUTS = [0]
OTHER = ("shop", "other", b"untouched", True)


def run(flash, action, **options):
    """A start, and what is done then, as far as the power lasts: (what gave out, steps, the boot's number)."""
    board = Board(flash, **options)
    number = 0
    try:
        keystore = Keystore(board)
        number, wrong = keystore.start()
        assert wrong == "", wrong
        action(keystore)
    except PowerCut:
        return True, board.taken, number
    return False, board.taken, number


def check(row, medium, steps, before):
    """One cut. Returns whether the new state was found."""
    what, _, action, look, old, new = row
    flash = before.copy()
    cut, _, number = run(flash, action, medium=medium, steps=steps)
    assert cut, (what, medium, steps)
    CUTS[0] += 1
    keystore, following, wrong = started(flash)
    where = (what, medium, steps)
    assert wrong == "", (where, wrong)
    found = look(keystore)
    assert found in (old, new), (where, found)
    assert asked(keystore, "shop", "other") == (b"untouched" if OTHER[1] in str(before.files) else None), where
    assert following == 0 or following > number, where
    # It stays so, whole: any slot may be lost now.
    # (Without a lock key there is nothing, and the next provisioning takes away what is left of one.)
    assert not flash.locks or not [path for path in flash.files if flash.files[path] == b""], where
    again = started(flash)[0]
    assert look(again) == found and again.damaged_slots == 0, where
    return found == new


def sweep(row, medium, stride):
    before = row[1]()
    total = run(before.copy(), row[2], medium=medium)[1]
    seen = [check(row, medium, steps, before) for steps in range(0, total, stride)]
    if row[4] != row[5]:
        assert seen == sorted(seen), (row[0], medium)
        assert seen[0] is False
    # Without a cut it is the new one, at the next instant too.
    flash = before.copy()
    assert not run(flash, row[2], medium=medium)[0]
    assert row[3](started(flash)[0]) == row[5]
