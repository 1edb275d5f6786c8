"""An honest viewer's line drops at any octet of a roll, or its power fails at any step of the store: no alarm, and
the next call brings keys.

Every octet of the line and every step of the flash by itself is tried here, and one of 197 pairs of them; the soak
tries more (tests/soak/test_cuts_and_hours.py).
"""

import sys
from itertools import product
from pathlib import Path

import pytest
from headend.callcentre.tokens import CLONE_TEXT, DISPLACED_TEXT, Rolling, Tokens, fresh_token, judge
from settop.keystore.keystore import Keystore, Records
from settop.services.call.core import UNHEARD
from settop.wire.call import NO_TOKEN

from tests.helpers.call_pair import DOWN, UP, Air, CallPair, Home, MemoryLedger, kinds

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
from keystore_rig import MEDIA, Board, PowerCut, provisioned

FAST = 1_000_000
EVERY_MS = 5_000
PAIRS_TAKEN = 197
"""One of so many pairs of an octet and a step is tried here."""
OLD, PENDING, DISPLACED, FRESH, OTHER = b"old tokn", b"pending!", b"displacd", b"new tokn", b"another."


class Kept:
    """Records in a real keystore, whose power fails after `steps` steps of a store."""

    def __init__(self, flash, medium=MEDIA[0], steps=-1):
        self._board = Board(flash, medium)
        keystore = Keystore(self._board)
        keystore.start()
        records = Records(keystore, "call")
        self.load, self.store = records.load, records.store
        self._begun = self._board.taken
        if steps >= 0:
            self._board.steps = self._begun + steps

    @property
    def taken(self):
        return self._board.taken - self._begun


def call(ledger, files, number, drop=None, medium=MEDIA[0], steps=-1):
    """The `number`th call of a terminal with this flash, all in one portion; a power cut takes the line with it."""
    records = Kept(files, medium, steps)
    at_ms = EVERY_MS * number
    air = Air(1_000_000)
    try:
        pair = CallPair(ledger, air, connect_ms=at_ms, bit_rate=FAST, drop=drop, records=records, seed=number + 1)
    except PowerCut:
        return None  # before it had dialled
    pair.at(at_ms + 1_500, pair.hang_up)
    try:
        pair.run(at_ms + EVERY_MS - 500)
    except PowerCut:
        pair.lose_line()
    pair.lose_line()
    return pair


def state_after(calls):
    """(tokens of the centre, the terminal's flash) after so many calls without a fault."""
    ledger, files = MemoryLedger(), provisioned()
    for number in range(calls):
        assert (1, 0) in call(ledger, files, number).keys
    return (ledger.old, ledger.pending, ledger.displaced), files


def centre_with(tokens):
    ledger = MemoryLedger()
    ledger.old, ledger.pending, ledger.displaced = tokens
    return ledger


def check_goes_on(ledger, files, number, what):
    """Two calls that nothing disturbs: keys, no alarm, and the roll is over after the first of them."""
    for further in range(number, number + 2):
        pair = call(ledger, files, further)
        assert (1, 0) in pair.keys, what
        assert ledger.alarms == [], what
        assert ledger.pending is None, what
    assert kinds(pair.down)[:4] == ["CHALLENGE", "KEY", "KEY", "TOKEN"], what


def octets(tokens, files):
    pair = call(centre_with(tokens), files.copy(), 2)
    return [(way, at) for way, line in ((UP, pair.up), (DOWN, pair.down)) for at in range(len(line.sent))]


def steps_of_a_store(tokens, files, medium):
    pair = call(centre_with(tokens), files.copy(), 2, medium=medium)
    assert pair.records.taken > 50
    return pair.records.taken


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_line_that_drops_at_any_octet_raises_no_alarm(calls):
    tokens, before = state_after(calls)
    tried = octets(tokens, before)
    for drop in tried:
        ledger, files = centre_with(tokens), before.copy()
        dropped = call(ledger, files, 2, drop)
        check_goes_on(ledger, files, 3, drop)
        # A warning, and only of a line that dropped with keys acknowledged behind TOKEN, and TOKEN not.
        assert ledger.warnings == [] or ("ACK" in kinds(dropped.up) and "TOKEN" in kinds(dropped.down)), drop
    print(f"{len(tried)} octets of a call after {calls} others")


@pytest.mark.parametrize("calls", [0, 1, 2])
@pytest.mark.parametrize("medium", MEDIA)
def test_power_cut_at_any_step_of_the_store_raises_no_alarm(calls, medium):
    tokens, before = state_after(calls)
    total = steps_of_a_store(tokens, before, medium)
    for steps in range(total):
        ledger, files = centre_with(tokens), before.copy()
        call(ledger, files, 2, medium=medium, steps=steps)
        check_goes_on(ledger, files, 3, (medium, steps))
    print(f"{total} cuts of a store after {calls} calls, {medium}")


def pairs_of_cuts(calls, medium, taken=1):
    """Power fails at a step of one call's store, the line drops at an octet of the next call; how many were tried."""
    tokens, before = state_after(calls)
    steps = range(steps_of_a_store(tokens, before, medium))
    tried = list(product(steps, octets(tokens, before)))[::taken]
    for step, drop in tried:
        ledger, files = centre_with(tokens), before.copy()
        call(ledger, files, 2, medium=medium, steps=step)
        call(ledger, files, 3, drop)
        check_goes_on(ledger, files, 4, (medium, step, drop))
    print(f"{len(tried)} pairs of a cut and a lost line, {medium}")
    return len(tried)


@pytest.mark.parametrize("medium", MEDIA)
def test_power_cut_and_a_lost_line_in_the_next_call_raise_no_alarm(medium):
    assert pairs_of_cuts(1, medium, PAIRS_TAKEN) > 100


@pytest.mark.parametrize(
    ("kept", "shown", "known", "unfinished", "alarm", "after"),
    [
        ((), NO_TOKEN, True, False, "", (None, FRESH)),
        ((), OTHER, True, False, "", (OTHER, FRESH)),
        ((None, PENDING), NO_TOKEN, True, True, "", (None, FRESH, PENDING)),
        ((None, PENDING), PENDING, True, False, "", (PENDING, FRESH)),
        ((None, PENDING), OTHER, False, False, CLONE_TEXT, (None, FRESH, PENDING)),
        ((OLD,), OLD, True, False, "", (OLD, FRESH)),
        ((OLD,), NO_TOKEN, False, False, CLONE_TEXT, (OLD, FRESH)),
        ((OLD,), OTHER, False, False, CLONE_TEXT, (OLD, FRESH)),
        ((OLD, PENDING), OLD, True, True, "", (OLD, FRESH, PENDING)),
        ((OLD, PENDING), PENDING, True, False, "", (PENDING, FRESH)),
        ((OLD, PENDING), NO_TOKEN, False, False, CLONE_TEXT, (OLD, FRESH, PENDING)),
        ((OLD, PENDING), OTHER, False, False, CLONE_TEXT, (OLD, FRESH, PENDING)),
        ((OLD, PENDING, DISPLACED), OLD, True, True, "", (OLD, PENDING, DISPLACED)),
        ((OLD, PENDING, DISPLACED), PENDING, True, False, "", (PENDING, FRESH)),
        ((OLD, PENDING, DISPLACED), DISPLACED, True, True, DISPLACED_TEXT, (DISPLACED, FRESH, PENDING)),
        ((OLD, PENDING, DISPLACED), NO_TOKEN, False, False, CLONE_TEXT, (OLD, PENDING, DISPLACED)),
        ((OLD, PENDING, DISPLACED), OTHER, False, False, CLONE_TEXT, (OLD, PENDING, DISPLACED)),
        ((None, PENDING, DISPLACED), NO_TOKEN, True, True, "", (None, PENDING, DISPLACED)),
        ((None, PENDING, DISPLACED), DISPLACED, True, True, DISPLACED_TEXT, (DISPLACED, FRESH, PENDING)),
    ],
)
def test_what_a_token_says(kept, shown, known, unfinished, alarm, after):
    verdict = judge(Tokens(*kept), shown, FRESH)
    assert (verdict.known, verdict.unfinished, verdict.alarm) == (known, unfinished, alarm)
    assert verdict.after == Tokens(*after)
    assert not any(repr(token)[2:-1] in repr(verdict) for token in (OLD, PENDING, DISPLACED, FRESH))


def test_token_that_is_not_acknowledged_leaves_a_bounded_number_of_times():
    home = Home()
    records = Kept(provisioned())
    records.store = lambda *_values: (_ for _ in ()).throw(OSError(28))
    pair = CallPair(home.ledger, Air(), records=records).run(120_000)
    assert pair.closed == UNHEARD
    assert kinds(pair.down).count("TOKEN") == 4


def test_token_that_is_said_again_is_acknowledged_and_not_stored_again():
    pair = CallPair(MemoryLedger(), Air())
    stored = []
    pair.records.store = lambda *values: stored.append(values)
    pair.run(2_000)
    said = pair.centre._rolling.token
    assert len(stored) == 1
    pair.centre._seal(0x23, said)
    pair._settle()
    pair.run(3_000)
    assert len(stored) == 1 and kinds(pair.up).count("ACK") == 4


def test_zeros_are_never_a_new_token():
    drawn = [bytes(8), bytes(8), OTHER]
    assert fresh_token(lambda _count: drawn.pop(0)) == OTHER


def test_token_leaves_behind_the_first_key_however_late_that_is():
    """Who joins in the last half second of a portion is sold the next one, whose key may leave later."""
    pair = CallPair(MemoryLedger(), Air(), connect_ms=9_700).run(9_990)
    assert kinds(pair.down) == ["CHALLENGE"]
    pair.run(12_000)
    assert kinds(pair.down)[:4] == ["CHALLENGE", "KEY", "KEY", "TOKEN"]
    assert Rolling(OTHER, False, pair.centre._timing).next_timer() is None
