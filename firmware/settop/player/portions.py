"""Which portion is on air, and whose key may open what: from ECMs and from what should have come, without keys or IO.

An ECM may be spliced in or replayed. One that is neither of the running portion nor of the next shuts the keys until
an expected one comes; so many of the same claim in a row are believed.
"""

from settop.errors import RemoteError
from settop.player import portion_states as states
from settop.states import row_of
from settop.wire.call import NONE

STALE_MS = 400  # a portion that should have changed, and no ECM: its key goes
EARLY_MS = 150  # the next key opens a packet this long before the announced change at most
# Of short portions at most three quarters and one quarter.
CLAIMS_AHEAD = 2  # another broadcast, or a portion further ahead
CLAIMS_BACK = 20  # a portion that is over: 2 s of nothing else
# The first ECM of a portion fixes when it ends. One that moves that by more (half of a short portion), or that
# announces the next portion so much too soon, was not sent by the broadcaster in this place.
SLACK_MS = 1500
MAX_REMAINING_MS = 3600000  # no portion is longer
# What `hear` makes of an ECM, each with all that the ones before it mean.
NOTHING, OPEN_AGAIN, NEW_PORTION, NEW_BROADCAST = range(4)


class Portions:
    """`state`: of settop.player.portion_states. `portion`: the index on air, or None; `programme_id`, `broadcast_id`:
    of the last ECM that was believed, or None. `floor`: portions below are over."""

    def __init__(self):
        self.state = states.NOWHERE
        self.portion = self.programme_id = self.broadcast_id = None
        self.floor = 0
        self._change_ms = None  # when the running portion ends, as announced
        self._stalled_ms = 0  # since the last ECM
        self._stale_ms = STALE_MS
        self._early_ms = EARLY_MS
        self._slack_ms = SLACK_MS
        self._claim = None  # what the last unexpected ECM said, and how many in a row said so
        self._claims = 0

    def is_shut(self):
        """Whether no key may open anything."""
        return self.state in (states.SHUT, states.TURNED_SHUT)

    def hear(self, ecm, now_ms):
        """Take an ECM; returns one of NOTHING to NEW_BROADCAST. Raises RemoteError for one that is not believed: the
        state may be another one all the same."""
        if ecm.portion == NONE or ecm.remaining_ms > MAX_REMAINING_MS:
            raise RemoteError("ECM of an impossible portion or length")
        same = ecm.broadcast_id == self.broadcast_id and ecm.programme_id == self.programme_id
        if not self._is_expected(ecm, same, now_ms):
            self._doubt_or_believe(ecm, same)
        news = OPEN_AGAIN if self.is_shut() else NOTHING
        if not same:
            self.programme_id = ecm.programme_id
            self.broadcast_id = ecm.broadcast_id
            self.portion = None
            news = NEW_BROADCAST
        elif ecm.portion != self.portion:
            news = NEW_PORTION
        if news >= NEW_PORTION or self._change_ms is None:
            self._change_ms = now_ms + ecm.remaining_ms
        self._stalled_ms = 0
        self._claim = None
        if news < NEW_PORTION:
            self._move("same")
            return news
        self.portion = self.floor = ecm.portion
        self._stale_ms = min(STALE_MS, max(EARLY_MS, ecm.remaining_ms * 3 // 4))
        self._early_ms = min(EARLY_MS, ecm.remaining_ms // 4)
        self._slack_ms = min(SLACK_MS, max(EARLY_MS, ecm.remaining_ms // 2))
        self._move("portion")
        return news

    def _is_expected(self, ecm, same, now_ms):
        if not same:
            return self.broadcast_id is None
        ahead = ecm.portion - self.floor
        if self.portion is None or self._change_ms is None:
            return ahead >= 0
        # How much sooner (below zero) or later than fixed the running portion would end.
        shift_ms = now_ms - self._stalled_ms - self._change_ms + (0 if ahead == 1 else ecm.remaining_ms)
        if ahead == 0 and not -self._slack_ms <= shift_ms <= self._slack_ms + self._stalled_ms:
            raise RemoteError("ECM moves the end of its portion")
        return ahead == 0 or (ahead == 1 and shift_ms >= -self._slack_ms - self._stalled_ms)

    def _doubt_or_believe(self, ecm, same):
        claim = (ecm.programme_id, ecm.broadcast_id, ecm.portion)
        self._claims = self._claims + 1 if claim == self._claim else 1
        self._claim = claim
        self._move("doubt")
        if self._claims < (CLAIMS_BACK if same and ecm.portion < self.floor else CLAIMS_AHEAD):
            raise RemoteError("ECM of an unexpected portion or broadcast")

    def doubt(self):
        """Other streams, perhaps under other keys: no key opens until an ECM says which."""
        self._claim = None
        self._move("doubt")

    def tune(self):
        """Another programme: its first ECM is believed. Returns whether a portion was known."""
        known = self.portion is not None
        self.portion = self.programme_id = self.broadcast_id = self._change_ms = self._claim = None
        self._claims = self.floor = self._stalled_ms = 0
        self._move("tune")
        return known

    def stall(self, gap_ms):
        """Nobody looked for so long: what comes now is not late by the broadcaster's doing."""
        self._stalled_ms += gap_ms

    def is_over(self, now_ms, fed):
        """Whether the running portion is over and nothing said which one followed: once, then none is known. `fed`:
        packets have come, which may have waited for as long as nobody looked."""
        if fed:
            now_ms -= self._stalled_ms
        if self._change_ms is None or now_ms <= self._change_ms + self._stale_ms:
            return False
        self._change_ms = None
        if self.portion is None:
            return False
        self.floor = self.portion + 1
        self.portion = None
        self._move("stale")
        return True

    def running(self):
        """The portion whose key opens packets of its parity, or None."""
        return self.portion if self.state == states.RUNNING else None

    def turn(self, now_ms):
        """A packet of the other parity has come: the portion whose key may open it, the next one, or None where that
        would be too early."""
        if self.portion is None or self.is_shut() or now_ms < self._change_ms - self._early_ms:
            return None
        # The next portion's first packets, and its ECM was lost. The old parity's next are those of the portion after.
        self._move("turn")
        return self.portion + 1

    def _move(self, event):
        self.state = row_of(states.TABLE, self.state, event)[2]
