"""The samples of a title, from the octets of its media to the codec's unit: each is begun when all that is said of it
is believed, decrypted portion by portion, and given to the unit as far as that has room.
"""

from settop.codec.kernels import copy
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.titles.boxes import number
from settop.titles.fragment import PART_BYTES
from settop.titles.portions import CBCS, PORTION_BYTES, Portions


class Samples:
    """`played`: how many went to the unit. scheme: of those that are encrypted. keys: as TitleReader has it."""

    def __init__(self, scheme, fragment, keys, unit):
        self.played = 0
        self._fragment = fragment
        self._portions = self._new_portions(scheme)
        self._keys = keys
        self._kid = b""  # whose key the portions have
        self._lock = None  # of the sample before
        self._iv_bytes = 0
        self._unit = unit
        self._have = 0  # octets in the portion
        self._out = self._ready = 0  # what of it waits for the unit
        self.begin_fragment()

    def _new_portions(self, scheme):
        return Portions(scheme)

    def begin_fragment(self):
        """The first sample of a fragment is next."""
        self._next = 0  # sample of the fragment
        self._run = 0
        self._run_left = self._run_bytes = 0
        self._place = 0  # where the next one begins in the stream
        self._aux = 0  # where its IV and map are
        self._size = None  # of the sample at hand, None: there is none
        self._clear = self._hidden = 0  # octets of it that come next
        self._parts = 0  # ranges of its map that are still to come

    def all_came(self):
        """Whether nothing of the fragment is still to come."""
        return self._next == self._fragment.count and self._size is None

    def drop(self):
        """What was collected and decrypted is given up."""
        self._out = self._ready = self._have

    def close(self):
        self.drop()
        self._portions.close()

    def move_on(self):
        """Gives the unit what was decrypted. Whether nothing waits any more."""
        while self._out < self._ready:
            taken = self._unit.write(self._portions.buffer, self._out, self._ready)
            if not taken:
                return False
            self._out += taken
        return True

    def take(self, octets, start, end, place, limit):
        """octets[start:end] of an `mdat`, from `place` of the stream on; takes as many as there is room for. limit:
        where the `mdat` ends, None: with the stream."""
        at = start
        while at < end:
            if self._out < self._ready and not self.move_on():
                break
            if self._size is None:
                skip = self._look(place + at - start, limit)
                if skip is None:
                    at = end
                elif skip:
                    at += min(skip, end - at)
                elif self._fragment.aux_at is not None:
                    at += self._take_auxiliary(octets, at, end)
                else:
                    self._begin_sample()
                continue
            if self._clear:
                count = self._unit.write(octets, at, min(end, at + self._clear))
                if not count:
                    break
                self._clear -= count
            else:
                count = self._take_hidden(octets, at, end)
            at += count
            if not self._clear and not self._hidden:
                self._next_range()
        self.move_on()
        return at - start

    def _look(self, place, limit):
        """How many octets are passed over before something is of use, from `place` of the stream on; None: all."""
        fragment = self._fragment
        if fragment.aux_at is not None:
            if fragment.aux_at + fragment.have < place:
                raise RemoteError("IVs where this terminal does not look for them (saio)")
            wanted = fragment.aux_at + fragment.have
            length = fragment.aux_bytes - fragment.have
            if not length:
                fragment.aux_at = None
                fragment.check_entries()
        if fragment.aux_at is None:
            if self._next == fragment.count:
                return None
            while not self._run_left:
                self._place = fragment.starts[self._run]
                self._run_left = fragment.counts[self._run]
                self._run += 1
                self._run_bytes = sum(memoryview(fragment.sizes)[self._next : self._next + self._run_left])
            # All of a run is believed, or none of it: where one sample lies wrong, the others do.
            wanted = self._place
            length = self._run_bytes
        if wanted < place:
            raise RemoteError("a fragment names octets that are over already, or of another sample")
        if limit is not None and wanted + length > limit:
            if wanted < limit:
                raise RemoteError("a fragment names octets beyond its media")
            return None  # of the next mdat
        return wanted - place

    def _take_auxiliary(self, octets, at, end):
        fragment = self._fragment
        count = min(end - at, fragment.aux_bytes - fragment.have)
        fragment.put(octets, at, count)
        return count

    def _begin_sample(self):
        """The octets of the next sample begin here: what says how it opens is believed if all of it fits."""
        fragment = self._fragment
        size = fragment.sizes[self._next]
        lock = fragment.lock_of(self._next)
        if lock is not self._lock:
            self._change(lock)
        at = self._aux
        iv_bytes = self._iv_bytes
        if iv_bytes:
            self._portions.begin(fragment.auxiliary, at, iv_bytes)
            at += iv_bytes
        elif lock:
            self._portions.begin(lock[2], 0, len(lock[2]))
        mapped = fragment.is_mapped(self._next, iv_bytes)
        self._parts = 0
        if mapped:
            self._parts = number(fragment.auxiliary, at, 2)
            at += 2
            self._check_map(at, size)
        self._aux = at
        self._unit.begin(size)
        self._size = size
        self._clear = self._hidden = 0
        if not mapped:
            if lock:
                self._hidden = size
                self._portions.begin_range()
            else:
                self._clear = size
        self._have = self._out = self._ready = 0
        if not self._clear and not self._hidden:
            self._next_range()

    def _change(self, lock):
        """From this sample on they are encrypted in another way, or clear. RemoteError: there is no key."""
        iv_bytes = 0
        if lock:
            kid, iv_bytes, _, crypt, skip = lock
            if kid != self._kid:
                key = self._keys(kid)
                if key is None:
                    raise RemoteError("there is no key %s on this terminal" % kid.hex())
                try:
                    self._portions.change(key)
                finally:
                    wipe(key)
                self._kid = kid
            self._portions.set_pattern(crypt, skip)
        self._lock = lock
        self._iv_bytes = iv_bytes

    def _check_map(self, at, size):
        lock = self._lock
        if not lock:
            raise RemoteError("a clear sample, and a map of what of it is encrypted")
        if self._portions.scheme == CBCS and not lock[3]:
            raise RemoteError("a pattern of 0:0, and samples in parts")
        auxiliary = self._fragment.auxiliary
        total = 0
        for part in range(self._parts):
            total += number(auxiliary, at, 2) + number(auxiliary, at + 2, 4)
            at += PART_BYTES
        if total != size:
            raise RemoteError("a sample has %d octets, and its map %d" % (size, total))

    def _next_range(self):
        """What comes next of the sample; nothing: it is complete."""
        while self._parts:
            self._parts -= 1
            auxiliary = self._fragment.auxiliary
            self._clear = number(auxiliary, self._aux, 2)
            self._hidden = number(auxiliary, self._aux + 2, 4)
            self._aux += PART_BYTES
            if self._hidden:
                self._portions.begin_range()
            if self._clear or self._hidden:
                return
        self._place += self._size
        self._run_bytes -= self._size
        self._size = None
        self._next += 1
        self._run_left -= 1
        self.played += 1

    def _take_hidden(self, octets, at, end):
        """Collects a portion; when it is there, or the range is over, it is decrypted and waits for the unit."""
        portions = self._portions
        if self._have == self._ready:
            self._have = self._out = self._ready = portions.phase
        count = min(end - at, self._hidden, PORTION_BYTES - self._have)
        copy(octets, at, portions.buffer, count | self._have << 16)
        self._have += count
        self._hidden -= count
        if self._have == PORTION_BYTES or not self._hidden:
            portions.open(self._have)
            self._ready = self._have
        return count
