# on the pico: soak
"""Power cuts in an update: a sample of all steps, which are every octet of every write and around every operation.

The soak tier takes all of them, on every kind of medium.
"""

import sys

import update_vectors as vectors
from keystore_rig import MEDIA
from settop.crypto import ed25519
from update_rig import PowerCut, Terminal, installed, provisioned

CUTS = [0]
STRIDE = 11 if sys.implementation.name == "cpython" else 101 if sys.platform == "linux" else 499


class Believed:
    """Within it every signature is good: verifying is the same in each of the thousands of lives here."""

    def __enter__(self):
        self._verify = ed25519.verify
        ed25519.verify = lambda *arguments: None

    def __exit__(self, kind, value, trace):
        ed25519.verify = self._verify


def receive(octets):
    return lambda terminal: terminal.receive(octets)


def start(terminal):
    terminal.runs()


def both(octets):
    def act(terminal):
        terminal.receive(octets)
        terminal.runs()

    return act


def forget(terminal):
    terminal.modules.forget("beep")


def waiting(*octets):
    """Those before the last came up; the last one waits for a start."""

    def make():
        flash = installed(*octets[:-1])
        Terminal(flash).receive(octets[-1])
        return flash

    return make


def kept(*octets):
    return lambda: installed(*octets)


def tried():
    flash = waiting(vectors.BEEP_1, vectors.BEEP_2)()
    for _ in range(3):
        Terminal(flash).modules.start("beep")
    return flash


def damaged():
    flash = kept(vectors.BEEP_1)()
    flash.files["update/A/up_beep.py"] += b"x"
    return flash


WAITING = waiting(vectors.BEEP_1, vectors.BEEP_2)
# What is done; the flash before; how; what runs before and behind it.
ROWS = (
    ("the first comes", kept(), receive(vectors.BEEP_1), None, "beep 1"),
    ("a newer one comes", kept(vectors.BEEP_1), receive(vectors.BEEP_2), "beep 1", "beep 2"),
    ("a newer one comes and comes up", kept(vectors.BEEP_1), both(vectors.BEEP_2), "beep 1", "beep 2"),
    ("one takes another's place that waits", WAITING, receive(vectors.BEEP_9), "beep 2", "beep 9"),
    ("a start tries it", WAITING, start, "beep 2", "beep 2"),
    ("a start reverts what raises", waiting(vectors.BEEP_1, vectors.BEEP_3_RAISES), start, "beep 1", "beep 1"),
    ("a start reverts what was tried", tried, start, "beep 1", "beep 1"),
    ("a start gives up what is damaged", damaged, start, None, None),
    ("it is forgotten", kept(vectors.BEEP_1), forget, "beep 1", None),
)  # fmt: skip


def run(flash, action, **options):
    """(whether the power went, steps taken, the counter when it did, or at the end)"""
    terminal = None
    try:
        terminal = Terminal(flash, **options)
        action(terminal)
    except PowerCut:
        pass
    taken = options["steps"] if terminal is None else terminal.board.taken
    return taken == options.get("steps"), taken, flash.count


def floor_of(flash):
    record = Terminal(flash).modules.record("beep")
    return 0 if record is None else record.floor


def check(row, medium, steps, before, allowed):
    flash = before.copy()
    floor = floor_of(before.copy())
    cut, _, count = run(flash, row[2], medium=medium, steps=steps)
    assert cut, (row[0], medium, steps)
    CUTS[0] += 1
    terminal = Terminal(flash)
    where = (row[0], medium, steps)
    assert terminal.wrong == "", (where, terminal.wrong)
    found = terminal.runs()
    assert found in allowed, (where, found)
    assert flash.count >= count, where
    assert floor_of(flash) >= floor, where
    # It stays so, and one octet of an older version is not taken any more.
    assert Terminal(flash).runs() == found, where
    return found


def sweep(row, medium, stride):
    before = row[1]()
    cut, total, _ = run(before.copy(), row[2], medium=medium, steps=-1)
    assert not cut
    # An update that waits is given up by a newer one that is cut: what came up before it runs.
    allowed = (row[3], row[4]) + (("beep 1",) if "another's place" in row[0] else ())
    seen = [check(row, medium, steps, before, allowed) for steps in range(0, total, stride)]
    flash = before.copy()
    run(flash, row[2], medium=medium, steps=-1)
    assert Terminal(flash).runs() == row[4], row[0]
    return seen


def test_a_cut_at_any_step_leaves_the_old_module_or_the_new_one():
    with Believed():
        for number, row in enumerate(ROWS):
            seen = sweep(row, MEDIA[number % len(MEDIA)], STRIDE)
            if row[3] != row[4] and STRIDE < 100:
                assert row[3] in seen and row[4] in seen, row[0]
    print("%d cuts" % CUTS[0])


def test_cuts_in_every_life_never_bring_an_older_one_back():
    order = [None, "beep 1", "beep 2", "beep 9"]
    came = (vectors.BEEP_1, vectors.BEEP_2, vectors.BEEP_9)
    with Believed():
        flash = provisioned()
        best = steps = 0
        while order[best] != "beep 9":
            steps += 97
            run(flash, both(came[best]), steps=steps % 3000)
            found = order.index(Terminal(flash).runs())
            assert found >= best, (steps, found)
            best = found
