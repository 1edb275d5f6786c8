"""Power cuts at every step of a provisioning and of a replacement: one identity, old or new, whole."""

from app_rig import Board, answer, start
from provision_rig import Host, record
from settop.keystore.old_records import records_of
from settop.services.provision import keep, resume
from settop.wire.provision import pack_content
from test_keystore_power import APPEND, MEDIA, STRIDE, CutFiles, PowerCut

OLD_KEY = bytes(range(7, 39))
OLD = pack_content(b"\x11" * 32, record(b"old term", OLD_KEY), (("call", "number", b"5550100"),))
NEW = pack_content(b"\x22" * 32, record(), (("call", "number", b"5550177"),))
NOTHING = (None, None, None)
IS_OLD = (record(b"old term", OLD_KEY), b"5550100", b"token 01")
IS_NEW = (record(), b"5550177", None)  # what the old identity's service kept went with it
REST = b"\x00\x00\x00\x07"  # the boot counter, which stays


class CutBoard(Board):
    """Loses its power after `steps` steps: those of its files, and those around the writing of its lock key."""

    def __init__(self, files, lock, medium=APPEND, steps=-1):
        super().__init__(lock)
        self.FILES = CutFiles(files, medium, steps)

    def store_lock(self, lock):
        self.FILES._step()
        super().store_lock(lock)
        self.FILES._step()


def fresh(count):
    return b"\x33" * count


def empty():
    return {}, None


def provisioned():
    """(files, lock) of a terminal in service."""
    board = CutBoard({}, None)
    assert keep(board, records_of(board), fresh, bytearray(OLD)) == ""
    records_of(board)("call").store("token", b"token 01")
    records_of(board)("terminal").store("boot", REST)
    return board.FILES.files, board.lock


def state(board):
    """What the terminal is: identity, number and token."""
    found = (records_of(board)("terminal").load("identity"),)
    found += (records_of(board)("call").load("number"), records_of(board)("call").load("token"))
    return tuple([None if one is None else bytes(one) for one in found])


def restarted(files, lock, medium=APPEND, steps=-1):
    """The board after power-on. PowerCut in the middle of what it does then."""
    board = CutBoard(files, lock, medium, steps)
    resume(records_of(board))
    return board


def steps_of(make, medium):
    files, lock = make()
    board = CutBoard(files, lock, medium)
    keep(board, records_of(board), fresh, bytearray(NEW))
    return board.FILES.taken


def cut_at(make, medium, steps):
    """(files, lock) that a power cut leaves."""
    files, lock = make()
    board = CutBoard(files, lock, medium, steps)
    try:
        keep(board, records_of(board), fresh, bytearray(NEW))
    except PowerCut:
        return board.FILES.files, board.lock
    raise AssertionError("no cut after %d steps" % steps)


def check_every_cut(make, before, medium, stride):
    """How many cuts there were; the state after each is the old or the new one, and new from some step on."""
    seen = []
    for steps in range(0, steps_of(make, medium), stride):
        files, lock = cut_at(make, medium, steps)
        board = restarted(files, lock)
        found = state(board)
        assert found in (before, IS_NEW), (medium, steps)
        seen.append(found == IS_NEW)
        if before is IS_OLD:
            assert records_of(board)("terminal").load("boot") == REST
        assert records_of(board)("terminal").load("pending") is None
    assert seen == sorted(seen) and seen[0] is False and seen[-1] is True
    return len(seen)


def test_a_cut_in_a_replacement_leaves_the_old_identity_or_the_new_one_whole():
    files, lock = provisioned()
    for medium in MEDIA:
        check_every_cut(lambda: (dict(files), lock), IS_OLD, medium, 7 * STRIDE)


def test_a_cut_in_the_first_provisioning_leaves_none_or_the_new_one_whole():
    for medium in MEDIA:
        check_every_cut(empty, NOTHING, medium, 7 * STRIDE)


def test_a_second_cut_while_the_first_is_made_good_changes_nothing():
    files, lock = provisioned()
    total = steps_of(lambda: (dict(files), lock), APPEND)
    for steps in range(total * 2 // 3, total, 97 * STRIDE):
        left, _ = cut_at(lambda: (dict(files), lock), APPEND, steps)
        expected = state(restarted(dict(left), lock))
        for again in range(0, 400, 41 * STRIDE):
            files_then = dict(left)
            try:
                restarted(files_then, lock, APPEND, again)
            except PowerCut:
                pass
            assert state(restarted(files_then, lock)) == expected


def test_a_terminal_that_lost_its_power_starts_as_what_it_was_or_is_to_be():
    files, lock = provisioned()
    seen = set()
    for steps in (40, 400, 700, 1000):
        board = CutBoard(dict(files), lock)
        app = start(board)
        host = Host()
        answer(app, board, host.open(answer(app, board, host.ask())[0], "old", OLD_KEY))
        board.FILES.taken, board.FILES.steps = 0, steps
        try:
            answer(app, board, host.bring())
        except PowerCut:
            pass
        del app
        board.FILES.steps = -1
        for boot in (9, 10):
            app = start(board)
            assert board.console.said[-1].split("boot=")[1].split()[0] == str(boot)
            found = (app.identity().terminal_id, app.identity().number)
            assert found in ((b"old term", "5550100"), (b"newterm1", "5550177"))
            seen.add(found)
            del app
    assert len(seen) == 2
