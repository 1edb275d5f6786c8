# runtimes: cpython unix
"""Power cuts at every step of a provisioning and of a replacement: one identity, old or new, whole."""

from app_rig import answer, provisioned_board, start
from keystore_rig import KEY, MEDIA, NUMBER, STRIDE, Flash, PowerCut, asked, provisioned, started
from power_rig import OTHER, run, sweep
from provision_rig import Host, record
from settop.services.provision import keep
from settop.wire.provision import pack_content

NEW = pack_content(b"\x22" * 32, record(), (("call", "number", b"5550177"),))
IS_OLD = (b"terminal", KEY, NUMBER, b"token 01")
IS_NEW = (b"newterm1", bytes(range(50, 82)), b"5550177", None)  # what the old identity's service kept went with it


def brought(keystore):
    assert keep(keystore, lambda count: b"\x33" * count, bytearray(NEW)) == ""


def in_service():
    return provisioned(OTHER, ("call", "token", b"token 01", False))


def state(keystore):
    """What the terminal is: identity, number and token."""
    found = asked(keystore, "terminal", "identity")
    parts = (None, None) if found is None else (found[1:9], found[9:])
    return parts + (asked(keystore, "call", "number"), asked(keystore, "call", "token"))


FIRST = ("first provisioning", Flash, brought, state, (None,) * 4, IS_NEW)
ANEW = ("replacement", in_service, brought, state, IS_OLD, IS_NEW)


def test_a_cut_at_any_step_leaves_the_old_identity_or_none_or_the_new_one_whole():
    for number, row in enumerate((FIRST, ANEW)):
        sweep(row, MEDIA[number], 3 * STRIDE)


def cut_twice(medium, first, stride):
    """A cut after `first` steps, and then at every step of the start behind it. Returns how many those were."""
    flash = in_service()
    assert run(flash, brought, medium=medium, steps=first)[0]
    expected = state(started(flash.copy())[0])
    total = run(flash.copy(), lambda keystore: None, medium=medium)[1]
    for again in range(0, total, stride):
        left = flash.copy()
        assert run(left, lambda keystore: None, medium=medium, steps=again)[0]
        keystore, _, wrong = started(left)
        assert (wrong, state(keystore)) == ("", expected), (medium, first, again)
    return len(range(0, total, stride))


def test_a_second_cut_while_the_start_makes_the_first_good_changes_nothing():
    total = run(in_service(), brought, medium=MEDIA[0])[1]
    for first in range(0, total, 197 * STRIDE):
        cut_twice(MEDIA[0], first, 41 * STRIDE)


def test_a_terminal_that_lost_its_power_in_the_dialogue_starts_as_what_it_was_or_is_to_be():
    seen = set()
    for steps in (0, 3, 6, 9, 12, 15):
        board = provisioned_board()
        app = start(board)
        host = Host()
        answer(app, board, host.open(answer(app, board, host.ask())[0], "old", KEY))
        left = [steps]

        def power(function, left=left):
            def limited(*words):
                if not left[0]:
                    raise PowerCut()
                left[0] -= 1
                return function(*words)

            return limited

        board.FILES.write, board.store_lock = power(board.FILES.write), power(board.store_lock)
        try:
            answer(app, board, host.bring())
        except PowerCut:
            pass
        del app, board.FILES.write, board.store_lock
        boots = [1]
        for _ in range(2):
            app = start(board)
            boots.append(int(board.console.said[-1].split("boot=")[1].split()[0]))
            assert boots[-1] > boots[-2], board.console.said
            found = (app.identity().terminal_id, bytes(app.records("call").load("number")))
            assert found in ((b"terminal", NUMBER), (b"newterm1", b"5550177"))
            seen.add(found)
            del app
    assert len(seen) == 2
