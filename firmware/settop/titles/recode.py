"""A title under another key: each encrypted sample of its sound is decrypted and encrypted again, as it comes. No IO.

Nothing moves, and all that is not an encrypted octet of a sample stays as it is: boxes, key ids, IVs, maps, clear
parts, film. So a copy has the title's length, and a key of its own for each key id of it, under which the same IVs are
new.
"""

from settop.codec.kernels import copy
from settop.crypto.aes import BLOCK_BYTES, aes_ecb, wipe_aes
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.titles.kernels import counters, xor
from settop.titles.outlet import Outlet
from settop.titles.portions import Portions
from settop.titles.reader import TitleReader
from settop.titles.samples import Samples


class Recoder(Outlet):
    """find_key(kid): the title's key (bytearray of 16, which is wiped here) for a key id, or None. fresh_key(kid): the
    copy's, the same. Octets go in by `feed` when nothing waits, FEED_BYTES at most; as many come out by `take`, though
    some of them later."""

    def __init__(self, find_key, fresh_key):
        super().__init__()
        self._reader = _Reader(find_key, fresh_key, self)

    def feed(self, octets, start, end):
        """octets[start:end] of the title. RemoteError: it cannot be opened, or not from here on."""
        reader = self._reader
        reader.mark = start
        if reader.feed(octets, start, end) != end - start:
            raise RemoteError("a title that comes to more than was fed of it")
        reader.pass_on(octets, end)

    def finish(self):
        """The title's octets were all fed. RemoteError: it cannot end here."""
        self._reader.finish()

    def close(self):
        """Keys and what was decrypted are wiped."""
        self._reader.close()
        super().close()


class _Reader(TitleReader):
    """mark: of the octets that are fed, up to where they were passed on."""

    def __init__(self, find_key, fresh_key, out):
        super().__init__(find_key, None)
        self.mark = 0
        self._fresh_key = fresh_key
        self._out = out

    def pass_on(self, octets, end):
        """What is no sample goes as it is."""
        self._out.put(octets, self.mark, end)
        self.mark = end

    def media(self, octets, start, end):
        self.pass_on(octets, start)
        taken = super().media(octets, start, end)
        self.mark = start + taken
        return taken

    def _begin_playing(self):
        header = self.header
        header.end()
        self.unit = _Unit(self._out)
        self._samples = _Samples(header.scheme, self._fragment, self._keys, self.unit, self._fresh_key, self._out)
        self.playing = True


class _Unit:
    """In place of a codec's: whatever comes of a sample waits to be taken."""

    def __init__(self, out):
        self._out = out

    def begin(self, size):
        pass

    def write(self, octets, start, end):
        self._out.put(octets, start, end)
        return end - start

    def flush(self):
        return True

    def drop(self):
        pass


class _Portions(Portions):
    """Encrypts again what was decrypted. kid: of the key that comes by `change`."""

    def __init__(self, scheme, fresh_key):
        super().__init__(scheme)
        self.kid = b""
        self._fresh_key = fresh_key
        self._own = None
        self._own_iv = bytearray(BLOCK_BYTES)
        self._chain = bytearray(BLOCK_BYTES)
        self._one = bytearray(BLOCK_BYTES)

    def change(self, key):
        super().change(key)
        self._forget_own()
        own = self._fresh_key(self.kid)
        try:
            self._own = aes_ecb(own)
        finally:
            wipe(own)

    def _forget_own(self):
        if self._own is not None:
            wipe_aes(self._own)
            self._own = None

    def begin(self, source, at, count):
        super().begin(source, at, count)
        copy(self._iv, 0, self._own_iv, BLOCK_BYTES)

    def open(self, end):
        begins = self._fresh
        first = 0 if begins else self._block
        super().open(end)
        if self._counts:
            blocks = end + 15 >> 4
            counters(self._own_iv, self._made, blocks | end >> 4 << 16)
            self._own.encrypt(self._made_part, self._made_part)
            xor(self.buffer, self._made, blocks << 2)
            return
        # A chain is made block by block: each one needs the one before.
        buffer, chain, one, own = self.buffer, self._chain, self._one, self._own
        if begins and end > 15:
            copy(self._own_iv, 0, chain, BLOCK_BYTES)
        period = self._crypt + self._skip
        for number in range(end >> 4):
            if self._skip and (first + number) % period >= self._crypt:
                continue
            copy(buffer, number << 4, one, BLOCK_BYTES)
            xor(chain, one, BLOCK_BYTES >> 2)
            own.encrypt(chain, chain)
            copy(chain, 0, buffer, BLOCK_BYTES | number << 20)

    def close(self):
        super().close()
        self._forget_own()
        wipe(self._one)


class _Samples(Samples):
    """Passes on what lies between samples, too."""

    def __init__(self, scheme, fragment, keys, unit, fresh_key, out):
        self._fresh_key = fresh_key
        self._between = out
        super().__init__(scheme, fragment, keys, unit)

    def _new_portions(self, scheme):
        self._again = _Portions(scheme, self._fresh_key)
        return self._again

    def take(self, octets, start, end, place, limit):
        # As Samples.take, but that whatever is fed has room.
        at = start
        while at < end:
            if self._size is None:
                skip = self._look(place + at - start, limit)
                if skip is None or skip:
                    count = end - at if skip is None else min(skip, end - at)
                elif self._fragment.aux_at is not None:
                    count = self._take_auxiliary(octets, at, end)
                else:
                    self._begin_sample()
                    continue
                self._between.put(octets, at, at + count)
                at += count
                continue
            if self._clear:
                count = self._unit.write(octets, at, min(end, at + self._clear))
                self._clear -= count
            else:
                count = self._take_hidden(octets, at, end)
                self.move_on()
            at += count
            if not self._clear and not self._hidden:
                self._next_range()
        return at - start

    def _change(self, lock):
        if lock:
            self._again.kid = lock[0]
        super()._change(lock)
