"""Rights with an end: from and to an instant, or so long behind the first play; and the clock that they are judged by.
Loaded where there is such a right.

    clock          version u8 = 1, Unix ms u64: it is at least so late
    a right        version u8 = 2, key id 16, key 16, right u32, begins and ends Unix ms u64, holds s u32, first play
                   Unix ms u64; 0 for what is not limited, and not played yet

Both are counted records of the service "titles": who puts older ones back has none. The clock is told by whoever got
the time from somebody authenticated; between that it goes on while the board runs, and stands still while it is off. It
is kept every KEEP_MS of it, so what was watched is over for good, and nothing sets it back.
"""

import struct

from settop.crypto.wipe import wipe
from settop.errors import RemoteError

KEEP_MS = 60000
LOOK_MS = 1000
FORM = ">IQQIQ"
_RIGHT = 2
_TERMS_AT = 33
_RIGHT_BYTES = _TERMS_AT + struct.calcsize(FORM)
_FIRST_AT = _RIGHT_BYTES - 8
OVER = "the right to this title has ended"
NOT_YET = "the right to this title has not begun"
NO_TIME = "what time it is nobody has told this terminal: ask the shop for something"
_CLOCK = "clock"
_CLOCK_FORM = ">BQ"


class TermClock:
    """records: of the service "titles". Raises as those do."""

    def __init__(self, records):
        self._records = records
        self._floor_ms = self._stored_ms = 0
        self._at_ms = None  # the terminal's own clock at the floor
        data = records.load(_CLOCK)
        if data is not None:
            if len(data) != struct.calcsize(_CLOCK_FORM) or data[0] != 1:
                raise RemoteError("the record of the time is of an unknown version")
            self._floor_ms = self._stored_ms = struct.unpack(_CLOCK_FORM, data)[1]

    def unix_ms(self, now_ms):
        """It is at least so late. now_ms: the terminal's own clock. RemoteError: nobody has told."""
        if not self._floor_ms:
            raise RemoteError(NO_TIME)
        if self._at_ms is None:
            self._at_ms = now_ms
        return self._floor_ms + now_ms - self._at_ms

    def learn(self, unix_ms, now_ms):
        """Somebody authenticated says that it is so late; earlier than what is known changes nothing."""
        if not self._floor_ms or unix_ms > self.unix_ms(now_ms):
            self._floor_ms = unix_ms
            self._at_ms = now_ms
        self.keep(now_ms)

    def keep(self, now_ms):
        """What time it is goes into flash, where that has moved by KEEP_MS."""
        late_ms = self.unix_ms(now_ms)
        if late_ms >= self._stored_ms + KEEP_MS:
            self._records.store(_CLOCK, struct.pack(_CLOCK_FORM, 1, late_ms), counted=True)
            self._stored_ms = late_ms


def end_of(terms, unix_ms):
    """Up to which instant the right holds that begins to be used now at the latest; None: for ever. terms: by FORM.

    Raises RemoteError where it does not hold now.
    """
    _, begins_ms, ends_ms, holds_s, first_ms = terms
    if unix_ms < begins_ms:
        raise RemoteError(NOT_YET)
    end_ms = ends_ms or None
    if holds_s:
        held_ms = (first_ms or unix_ms) + 1000 * holds_s
        end_ms = held_ms if end_ms is None else min(end_ms, held_ms)
    if end_ms is not None and unix_ms >= end_ms:
        raise RemoteError(OVER)
    return end_ms


def keep_right(records, name, kid, key, terms):
    """Keeps a key with the terms (right, begins, ends, holds). A right that is here already stays as it is, one
    that is older than what is here, or that has an end where there is one without, changes nothing."""
    data = records.load(name)
    if data is not None:
        try:
            if data[0] == 1 and data[1:17] == kid:
                return
            if _is_right(data, kid):
                if struct.unpack(FORM, memoryview(data)[_TERMS_AT:])[0] >= terms[0]:
                    return
        finally:
            wipe(data)
    data = bytearray(_RIGHT_BYTES)
    try:
        data[0] = _RIGHT
        data[1:17] = kid
        data[17:_TERMS_AT] = key
        data[_TERMS_AT:] = struct.pack(FORM, terms[0], terms[1], terms[2], terms[3], 0)
        records.store(name, data, counted=True)
    finally:
        wipe(data)


def _is_right(data, kid):
    return len(data) == _RIGHT_BYTES and data[0] == _RIGHT and data[1:17] == kid


def in_words(data, clock, now_ms):
    """What a right's record says, for people: until when it holds by what time it is. RemoteError: it is none."""
    if len(data) != _RIGHT_BYTES:
        raise RemoteError("the record of a right is of an unknown version")
    terms = struct.unpack(FORM, memoryview(data)[_TERMS_AT:])
    if terms[3] and not terms[4] and not terms[2]:
        return "rented, %d h from first play" % ((terms[3] + 3599) // 3600)
    from settop.titles.dates import date

    end_ms = end_of(terms, clock.unix_ms(now_ms))
    return "own" if end_ms is None else "rented to " + date(end_ms)


class Terms:
    """records: of the service "titles". `held`: a title plays by a right with an end; `why` it may not any more."""

    def __init__(self, records):
        self.clock = TermClock(records)
        self.held = False
        self.why = ""
        self._records = records
        self._ends_ms = None
        self._look_ms = 0

    def use(self, name, data, now_ms):
        """The key of a right's record, or None for another record; the first play is written down. Raises RemoteError
        where the right does not hold now, OSError."""
        if len(data) != _RIGHT_BYTES:
            return None
        terms = struct.unpack(FORM, memoryview(data)[_TERMS_AT:])
        unix_ms = self.clock.unix_ms(now_ms)
        self._ends_ms = end_of(terms, unix_ms)
        if terms[3] and not terms[4]:
            struct.pack_into(">Q", data, _FIRST_AT, unix_ms)
            self._records.store(name, data, counted=True)
        self.clock.keep(now_ms)
        self.held = True
        self._look_ms = now_ms + LOOK_MS
        return data[17:_TERMS_AT]

    def over(self, now_ms):
        """Whether what plays may not any more; and the time is kept."""
        if not self.held or now_ms < self._look_ms:
            return False
        self._look_ms = now_ms + LOOK_MS
        self.why = ""
        try:
            self.clock.keep(now_ms)
            if self._ends_ms is not None and self.clock.unix_ms(now_ms) >= self._ends_ms:
                self.why = OVER
        except (RemoteError, OSError) as error:
            self.why = "the time cannot be kept: %s" % error
        return bool(self.why)
