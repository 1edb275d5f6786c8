# runtimes: cpython unix
"""Power cuts at every step of what the terminal keeps of titles: licences, rights with an end, their first play, the
clock that they are judged by, and the household's list, by which copies are transferred. Old or new, whole.

This takes a sample; the soak tier takes all of them, on every kind of medium.
"""

import struct

from dock_rig import PLAYER, STRANGER
from docked_rig import TERMINAL, list_for
from keystore_rig import MEDIA, STRIDE, Records, asked, provisioned, started
from power_rig import CUTS, OTHER, sweep
from settop.services.dock.household import Households
from settop.services.titles.licences import Licences, _name
from settop.services.titles.terms import FORM, TermClock, Terms
from settop.wire import dock as wire
from title_vectors import KEY, KID
from titles_rig import licence_for

NOW = 1800000000000
DAY_MS = 86400000
OTHER_KEY = bytes(range(0x70, 0x80))
RIGHT = (3, 0, 0, 7200)
NEWER = (4, NOW, NOW + DAY_MS, 0)


def records(keystore):
    return Records(keystore, "titles")


def key(keystore):
    found = Licences(records(keystore)).key(KID)
    return None if found is None else bytes(found)


def right(keystore):
    """(key, right, begins, ends, holds, first play) or None."""
    data = asked(keystore, "titles", _name(KID))
    return None if data is None else (data[17:33],) + struct.unpack(FORM, data[33:])


def clock(keystore):
    data = asked(keystore, "titles", "clock")
    return None if data is None else struct.unpack(">BQ", data)[1]


def household(keystore):
    """(serial, who is in it) or None."""
    found = Households(Records(keystore, "dock"), TERMINAL).load()
    return None if found is None else (found[1], tuple([found[2].player(at)[0] for at in range(found[2].count)]))


def takes(text):
    return lambda keystore: Licences(records(keystore)).take(text.split(" ")[1], TERMINAL)


def keeps(key, terms=None):
    return lambda keystore: Licences(records(keystore)).keep(KID, key, terms)


def learns(unix_ms):
    return lambda keystore: TermClock(records(keystore)).learn(unix_ms, 0)


def plays(keystore):
    """The first play: it is written down before anybody has the key."""
    terms = Terms(records(keystore))
    found = Licences(records(keystore)).key(KID, lambda name, data: terms.use(name, data, 0))
    assert bytes(found) == KEY


def forgets(keystore):
    Licences(records(keystore)).forget(KID.hex())


def is_listed(line):
    return lambda keystore: Households(Records(keystore, "dock"), TERMINAL).take(line.split(" ")[1])


def after(*actions):
    def make():
        flash = provisioned(OTHER)
        for action in actions:
            action(started(flash)[0])
        return flash

    return make


FIRST_LIST = list_for([(wire.MEMBER, PLAYER)], serial=1)
NEXT_LIST = list_for([(wire.GONE, PLAYER), (wire.MEMBER, STRANGER)], serial=2)
BOTH = (2, (wire.GONE, wire.MEMBER))
KEPT = (KEY,) + RIGHT + (0,)
PLAYED = (KEY,) + RIGHT + (NOW,)
# What is done; the flash before; how; what is looked at; that before and behind it.
ROWS = (
    ("a licence comes", after(), takes(licence_for()), key, None, KEY),
    ("another key takes its place", after(keeps(KEY)), keeps(OTHER_KEY), key, KEY, OTHER_KEY),
    ("a licence is forgotten", after(keeps(KEY)), forgets, key, KEY, None),
    ("a right with an end comes", after(), keeps(KEY, RIGHT), right, None, KEPT),
    ("its first play", after(keeps(KEY, RIGHT), learns(NOW)), plays, right, KEPT, PLAYED),
    ("its second", after(keeps(KEY, RIGHT), learns(NOW), plays), plays, right, PLAYED, PLAYED),
    ("it comes again", after(keeps(KEY, RIGHT), learns(NOW), plays), keeps(KEY, RIGHT), right, PLAYED, PLAYED),
    ("a newer one comes", after(keeps(KEY, RIGHT)), keeps(OTHER_KEY, NEWER), right, KEPT, (OTHER_KEY,) + NEWER + (0,)),
    ("it is bought for good", after(keeps(KEY, RIGHT)), keeps(KEY), key, None, KEY),
    ("it is told what time it is", after(), learns(NOW), clock, None, NOW),
    ("it is later", after(learns(NOW)), learns(NOW + DAY_MS), clock, NOW, NOW + DAY_MS),
    ("it is said to be earlier", after(learns(NOW)), learns(NOW - DAY_MS), clock, NOW, NOW),
    ("a household's list comes", after(), is_listed(FIRST_LIST), household, None, (1, (wire.MEMBER,))),
    ("a newer list comes", after(is_listed(FIRST_LIST)), is_listed(NEXT_LIST), household, (1, (wire.MEMBER,)), BOTH),
)  # fmt: skip


def test_a_cut_at_any_step_leaves_old_or_new():
    before = CUTS[0]
    for number, row in enumerate(ROWS):
        sweep(row, MEDIA[number % len(MEDIA)], 11 * STRIDE)
    print("%d power cuts" % (CUTS[0] - before))
