"""The link to the network, kept up over the board's face: network_up(), network_state(), network_step(), and
network_down() before another try and at the end, where a board has it.

Events, as tuples: ("up",); ("down",) it is gone, by itself or because nobody wants it; ("retry", ms) it did not come up
or went down, and is tried again in so many ms; ("failed",) it is not tried again until somebody wants it. The state
table is `link_states.py`.
"""

from settop.net.link_states import TABLE
from settop.states import row_of

NO_NETWORK = "none"
_EVENTS_MAX = 16


class Link:
    """One board's link. `board`: one without the face has no network. `random(n)` gives n fresh bytes: terminals that
    lost the same network do not come back in the same instant.

    up_ms: how long coming up may take; first_ms, longest_ms: the pause before the second try and before any, doubled
    from try to try and up to a quarter longer by chance; tries: in a row until it is given up, 0 for never; steady_ms:
    a link that was up for so long has no failures behind it. pace: how many times as long as usual a transfer over it
    waits for the other end; more than 1 for a slow line.
    """

    def __init__(self, board, random, up_ms=30000, first_ms=1000, longest_ms=60000, tries=8, steady_ms=30000, pace=1):
        self._board = board
        self._random = random
        self._up_ms = up_ms
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._tries = tries
        self._steady_ms = steady_ms
        self.pace = pace
        self._tried = 0
        self._due_ms = None
        self._since_ms = 0
        self._events = []
        self.drops = 0  # how often it went down
        self.state = "down"
        if not hasattr(board, "network_state") or board.network_state() == NO_NETWORK:
            self.state = NO_NETWORK

    def want(self, now_ms):
        """Somebody needs it. May be said again at any time; where there is no network it changes nothing."""
        self._given("wanted", now_ms)

    def leave(self, now_ms):
        """Nobody needs it any more: it ends at once, in whatever state."""
        self._given("unwanted", now_ms)

    def step(self, now_ms):
        """Moves octets and looks at the board. To be called in every turn; returns when at the latest, or None."""
        if self.state in (NO_NETWORK, "down"):
            return None
        came = 0
        try:
            came = self._board.network_step()
            there = self._board.network_state()
        except OSError:
            there = "failed"
        self._given(there, now_ms)
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._due_ms = None
            self._given("timeout", now_ms)
        return now_ms if came else self._due_ms  # a board moves a packet at a time: there may be more

    def next_event(self):
        return self._events.pop(0) if self._events else None

    # --- the machine ----------------------------------------------------------------------------------------------

    def _given(self, given, now_ms):
        row = row_of(TABLE, self.state, given)
        if row is None:
            return
        self.state = row[3]
        self._due_ms = None
        if row[2]:
            self.state = getattr(self, "_" + row[2])(now_ms) or self.state

    def _tell(self, *event):
        if len(self._events) >= _EVENTS_MAX:
            self._events.pop(0)
        self._events.append(event)

    # --- actions of the state table: each may return a state that replaces the table's ----------------------------

    def _begin_afresh(self, now_ms):
        self._tried = 0
        return self._begin(now_ms)

    def _begin(self, now_ms):
        try:
            if self._tried:
                self._end()  # whatever the last try has left half done
            self._board.network_up()
        except OSError:
            return self._retry(now_ms)
        self._due_ms = now_ms + self._up_ms
        return None

    def _let_go(self, now_ms):
        self._tell("down")
        self._end_quietly()

    def _end_quietly(self):
        try:
            self._end()
        except OSError:
            pass  # it is not there to be ended

    def _retry(self, now_ms):
        self._tried += 1
        if self._tries and self._tried >= self._tries:
            self._end_quietly()  # nothing goes on, or costs, that nobody looks at
            self._tell("failed")
            return "failed"
        wait_ms = min(self._longest_ms, self._first_ms << min(self._tried - 1, 16))
        wait_ms += wait_ms * self._random(1)[0] >> 10
        self._due_ms = now_ms + wait_ms
        self._tell("retry", wait_ms)
        return "backing_off"

    def _tell_up(self, now_ms):
        self._since_ms = now_ms
        self._tell("up")

    def _tell_down(self, now_ms):
        self.drops += 1
        if now_ms - self._since_ms >= self._steady_ms:
            self._tried = 0
        self._tell("down")
        return self._retry(now_ms)

    def _end(self):
        if hasattr(self._board, "network_down"):
            self._board.network_down()
