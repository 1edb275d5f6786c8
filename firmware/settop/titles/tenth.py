"""Plays an MP3 file of which every tenth octet is encrypted, for players that can do no more (docs/titles.md), as it
comes. No IO. It is a tenth of AES's work.

What is held is one portion of a frame. Nothing of a frame is put out before its header is there: with a key that is not
the file's nothing is, unless the headers were spared, by which no key can be told from another.
"""

from array import array

from settop.codec.kernels import copy
from settop.crypto.aes import BLOCK_BYTES, aes_ecb, wipe_aes
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.titles.tenth_kernels import unshift
from settop.wire.tenth import HEADER_BYTES, LABEL, STEP, frame_bytes

PORTION_BYTES = 1024
_STREAM_BYTES = 128  # shifts that are there at a time: more than a portion needs
_ID3_BYTES = 10
_TAGS = (b"TAG", b"APE")
_BEGIN, _ID3, _PASS, _HEAD, _BODY, _OVER = range(6)


class TenthReader:
    """key: bytearray of 16, which is wiped here; sink: what takes the frames (settop.codec.vs1053, or another with its
    `write`); spare_headers: the frames' headers are as they were, and were not counted.

    `frames`: whose headers were read so far.
    """

    def __init__(self, key, sink, spare_headers=False):
        self.frames = 0
        self._sink = sink
        self._spares = spare_headers
        self._buffer = bytearray(PORTION_BYTES)
        self._have = 0  # octets in the buffer
        self._out = self._ready = 0  # what of it waits for the sink
        self._left = 0  # octets that are still to come of the frame, or are passed over
        self._state = _BEGIN
        self._why = ""
        self._stream = bytearray(_STREAM_BYTES)
        self._block = 0
        # Octets until the next one that is shifted; which of the stream shifts it.
        self._place = array("I", (0, _STREAM_BYTES))
        try:
            self._cipher = aes_ecb(key)
        finally:
            wipe(key)

    def feed(self, octets, start=0, end=None):
        """Takes octets[start:end] as far as there is room, and gives how many octets that are.

        RemoteError: it cannot be played, or not from here on; what was good is with the sink. It is said again by each
        further call.
        """
        if end is None:
            end = len(octets)
        if self._why:
            raise RemoteError(self._why)
        at = start
        try:
            while at < end:
                if self._out < self._ready and not self.flush():
                    break
                at += self._take(octets, at, end)
            self.flush()
        except RemoteError as error:
            self._why = str(error)
            raise
        return at - start

    def flush(self):
        """Moves on what waits for room; whether nothing does any more."""
        while self._out < self._ready:
            taken = self._sink.write(self._buffer, self._out, self._ready)
            if not taken:
                return False
            self._out += taken
        if self._ready:
            self._have = self._out = self._ready = 0
        return True

    def finish(self):
        """The file's octets are all fed and taken, and flushed. RemoteError: it cannot end here, or never began."""
        if not self._why and not self.frames:
            self._why = "there is no frame of MP3 in the file"
        if not self._why and (self._state == _BODY or (self._state == _HEAD and self._have)):
            self._why = "the file ends in the middle of a frame: it is cut"
        if self._why:
            raise RemoteError(self._why)

    def close(self):
        """It is over here and now: wipes the key and what was decrypted; what waits is given up."""
        if self._cipher is not None:
            wipe_aes(self._cipher)
            self._cipher = None
        wipe(self._buffer)
        wipe(self._stream)
        self._out = self._ready = self._have = 0
        self._why = self._why or "the file was closed"

    def _take(self, octets, at, end):
        """Some of octets[at:end], with room in the buffer for it."""
        state = self._state
        if state == _OVER:
            return end - at
        if state == _PASS:
            count = min(self._left, end - at)
            self._left -= count
            if not self._left:
                self._state = _HEAD
            return count
        have = self._have
        if state == _BODY:
            count = min(self._left, end - at, PORTION_BYTES - have)
        else:
            count = min((_ID3_BYTES if state == _ID3 else HEADER_BYTES) - have, end - at)
        copy(octets, at, self._buffer, count | have << 16)
        self._have = have + count
        if state == _BODY:
            self._undo(have, self._have)
            self._left -= count
            if not self._left:
                self._state = _HEAD
            if not self._left or self._have == PORTION_BYTES:
                self._ready = self._have
        elif state == _ID3:
            if self._have == _ID3_BYTES:
                self._pass_tag()
        elif self._have == HEADER_BYTES:
            self._begin_frame()
        return count

    def _pass_tag(self):
        """ID3v2 (id3.org, 3.1) stands in front of the frames, and is not counted."""
        head = self._buffer
        self._left = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        if head[5] & 0x10:
            self._left += _ID3_BYTES
        self._have = 0
        self._state = _PASS if self._left else _HEAD

    def _begin_frame(self):
        first = bytes(self._buffer[:3])
        if self._state == _BEGIN and first == b"ID3":
            self._state = _ID3
            return
        if first in _TAGS:
            # One octet of a header is shifted at most, and two of these are none of a header's.
            self._state = _OVER
            self._have = 0
            return
        if not self._spares:
            self._undo(0, HEADER_BYTES)
        size = frame_bytes(self._buffer)
        if not size:
            self._have = 0
            if self.frames:
                raise RemoteError("what follows frame %d is no frame of MP3" % self.frames)
            raise RemoteError("no MP3 file, or one under another key")
        self.frames += 1
        self._left = size - HEADER_BYTES
        self._state = _BODY

    def _undo(self, start, end):
        """buffer[start:end] are the next octets that count."""
        place = self._place
        if place[1] + (end - start) // STEP >= _STREAM_BYTES:
            self._refill()
        unshift(self._buffer, self._stream, place, start | end << 16)

    def _refill(self):
        """The shifts that were used make room for those that follow: whole blocks of them."""
        stream = self._stream
        used = self._place[1] // BLOCK_BYTES * BLOCK_BYTES
        kept = _STREAM_BYTES - used
        stream[:kept] = stream[used:]
        for at in range(kept, _STREAM_BYTES, BLOCK_BYTES):
            stream[at : at + 8] = LABEL
            stream[at + 8 : at + BLOCK_BYTES] = self._block.to_bytes(8, "big")
            self._block += 1
        fresh = memoryview(stream)[kept:]
        self._cipher.encrypt(fresh, fresh)
        self._place[1] -= used
