"""SRTP and SRTCP (RFC 3711, RFC 7714): packets protected and opened where they lie, without IO or clock.

One Session is what libsrtp calls one: master keys, and the sources that are protected or were heard under them. It does
what libsrtp does with replays, leaps and sources that both ends claim (docs/protocols/srtp.md).
"""

import struct

from settop.crypto import counter
from settop.crypto.packet_kernels import differs, usual
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.media.srtp_keys import AUTHENTICATION, CONTROL, ENCRYPTION, SALT, derive
from settop.media.srtp_stream import MAX_CONTROL_INDEX, RECEIVES, SENDS, UNKNOWN, Stream
from settop.media.srtp_suites import (
    AEAD_AES_128_GCM,
    AUTH_KEY_BYTES,
    CONTROL_HEADER_BYTES,
    KEY_BYTES,
    NULL_HMAC_SHA1_80,
    TDES_EDE3_HMAC_SHA1_80,
    key_bytes,
    suite,
)
from settop.wire.rtp import HEADER_BYTES, header_bytes

WINDOW = 64  # the least that RFC 3711 (3.3.2) allows
MAX_STREAMS = 8
MAX_MKI_BYTES = 128
INDEX_BYTES = 4
SOURCE_AT, CONTROL_SOURCE_AT = 8, 4  # the SSRC in RTP and in RTCP
_ENCRYPTED = 0x80000000  # E, above the index of SRTCP


class Session:
    """number: of the suite (settop.media.srtp_suites); master: the master key and behind it the salt, 16 + 14 octets or
    16 + 12 (GCM) or 24 + 14 (Triple DES), which stay the caller's to wipe; mki: its identifier, if packets have one;
    window: a power of two from 64 to 32,768; max_streams: sources at a time; tdes: a faster settop.crypto.tdes.Tdes.

    `forged`, `replayed`: packets that were refused for that; `collisions`: packets of a source that this end both sends
    and hears. Raises LocalError for what cannot be.
    """

    def __init__(self, number, master, mki=b"", window=WINDOW, max_streams=MAX_STREAMS, tdes=None):
        row = suite(number)
        if row is None:
            raise LocalError("no suite of SRTP has the number %d" % number)
        if not WINDOW <= window <= 0x8000 or window & (window - 1) or len(mki) > MAX_MKI_BYTES:
            raise LocalError("a window of 64 to 32,768 packets and an MKI of up to 128 octets are expected")
        self._row = row
        self._window = window
        self._max_streams = max_streams
        self._tdes = tdes
        self._keys = []  # (MKI, keys of RTP, keys of RTCP), the first for what goes out
        self._first = None  # its keys of RTP
        self._mki_bytes = len(mki)
        self._streams = []
        self._last = None
        self._usual = None  # whose packet was opened last, where packets have no MKI
        self.forged = self.replayed = self.collisions = 0
        self.add_key(master, mki)
        rtp = self._keys[0][1]
        self.overhead = rtp.tag_bytes + len(mki)  # what `protect` adds
        self.control_overhead = self._keys[0][2].tag_bytes + INDEX_BYTES + len(mki)

    def add_key(self, master, mki):
        """Another master key, which packets with this identifier are opened by; as long as the first one's."""
        number, name, salt_bytes, _, _ = self._row
        if len(master) != key_bytes(number) + salt_bytes:
            raise LocalError("a master key and salt of %d octets for %s" % (len(master), name))
        if len(mki) != self._mki_bytes or any(mki == known for known, _, _ in self._keys):
            raise LocalError("identifiers of master keys are of one length, and each another")
        made = [self._derived(memoryview(master), label) for label in (0, CONTROL)]
        self._keys.append((bytes(mki), made[0], made[1]))
        self._first = self._keys[0][1]

    def use_key(self, mki):
        """What goes out from now on is protected by this one of the keys. LocalError: there is none of that name."""
        for at in range(len(self._keys)):
            if self._keys[at][0] == mki:
                self._keys.insert(0, self._keys.pop(at))
                self._first = self._keys[0][1]
                return
        raise LocalError("no master key has this identifier")

    def expect(self, ssrc, cycles):
        """A source that is joined late: the roll-over counter of the next packet, as the key management told it (RFC
        3711, 3.3.1). Raises LocalError where there are too many sources, or this one has been heard of."""
        name = struct.pack(">I", ssrc)
        if self._find(name, 0) is not None or len(self._streams) == self._max_streams:
            raise LocalError("a source that is known, or more than %d" % self._max_streams)
        self._streams.append(Stream(name, self._window, cycles))

    def protect(self, packet, size):
        """The RTP packet in packet[:size] becomes SRTP; returns the new size, which is `overhead` more.

        Raises LocalError for a packet that was protected before or is too old, a roll-over counter at its end, too many
        sources, no room; RemoteError for what is no RTP.
        """
        start = header_bytes(packet, size)
        if size + self.overhead > len(packet):
            raise LocalError("no room for what SRTP adds to a packet")
        stream = self._last
        if stream is None or differs(stream.expected, packet, SOURCE_AT, 4):
            stream = self._stream(packet, SOURCE_AT)
            if stream is None:
                raise LocalError("more than %d sources under one key" % self._max_streams)
        sequence = packet[2] << 8 | packet[3]
        seen = stream.seen
        cycles, ahead = seen.guess(sequence)
        if cycles >> 32:
            raise LocalError("the packets of this key are used up")
        if seen.had(sequence, ahead):
            raise LocalError("a packet of this sequence number has been protected before")
        self._direct(stream, SENDS)
        stream.add(sequence, ahead, cycles)
        mki, keys, _ = self._keys[0]
        return keys.seal(packet, start, size, cycles, sequence, mki)

    def unprotect(self, packet, size):
        """The SRTP packet in packet[:size] becomes RTP; returns the new size.

        Raises RemoteError, and leaves the packet as it is, for one that is forged, damaged, had before or too old.
        """
        stream = self._usual
        if stream is not None:
            sequence = usual(stream.expected, packet, size)
            keys = self._first
            end = size - keys.tag_bytes
            if sequence <= 0xFFFF and end >= HEADER_BYTES:
                if not keys.open(packet, HEADER_BYTES, end, size, stream.seen.cycles, sequence):
                    self._refuse()
                stream.follow(sequence)
                return end
        return self._unprotect(packet, size)

    def _unprotect(self, packet, size):
        """The same for any packet."""
        start = header_bytes(packet, size)
        stream = self._last
        if stream is None or differs(stream.expected, packet, SOURCE_AT, 4):
            stream = self._find(packet, SOURCE_AT)
        sequence = packet[2] << 8 | packet[3]
        if stream is None:
            cycles, ahead = 0, sequence
        else:
            cycles, ahead = stream.seen.guess(sequence)
            if cycles >> 32 or stream.seen.had(sequence, ahead):
                self.replayed += 1
                raise RemoteError("an SRTP packet that has been, or is too old")
        keys, end = self._key_of(packet, size, 1)
        if not keys.tag_is_last:
            end -= keys.tag_bytes
        if end < start:
            raise RemoteError("an SRTP packet that is cut short")
        if not keys.open(packet, start, end, size, cycles, sequence):
            self._refuse()
        if stream is None:
            stream = self._admit(packet, SOURCE_AT)
        self._direct(stream, RECEIVES)
        stream.add(sequence, ahead, cycles)
        self._usual = stream if stream.direction == RECEIVES and not self._mki_bytes else None
        return end

    def protect_control(self, packet, size):
        """The RTCP packet in packet[:size] becomes SRTCP; returns the new size, which is `control_overhead` more.
        Raises LocalError as `protect` does."""
        if size < CONTROL_HEADER_BYTES or size + self.control_overhead > len(packet):
            raise LocalError("no RTCP packet, or no room for what SRTCP adds to it")
        stream = self._stream(packet, CONTROL_SOURCE_AT)
        if stream is None:
            raise LocalError("more than %d sources under one key" % self._max_streams)
        # Behind what was sent and, of a source that both ends claim, heard: an index serves one packet only, and what
        # went out does not come in. The first is 1, as libsrtp has it.
        index = stream.seen_control.highest + 1
        if index > MAX_CONTROL_INDEX:
            raise LocalError("the control packets of this key are used up")
        self._direct(stream, SENDS)
        stream.seen_control.add(index, 1, 0)
        mki, _, keys = self._keys[0]
        word = index | _ENCRYPTED if keys.encrypts else index
        return keys.seal_control(packet, size, word, mki)

    def unprotect_control(self, packet, size):
        """The SRTCP packet in packet[:size] becomes RTCP; returns the new size. Raises RemoteError as `unprotect` does,
        and for one that is encrypted where this suite does not, or the other way round."""
        if size < CONTROL_HEADER_BYTES + INDEX_BYTES:
            raise RemoteError("an SRTCP packet of %d octets" % size)
        keys, end = self._key_of(packet, size, 2)
        end -= INDEX_BYTES
        if end - (0 if keys.tag_is_last else keys.tag_bytes) < CONTROL_HEADER_BYTES:
            raise RemoteError("an SRTCP packet that is cut short")
        word = struct.unpack_from(">I", packet, end)[0]
        if (word & _ENCRYPTED != 0) != keys.encrypts:
            raise RemoteError("an SRTCP packet that is not encrypted as agreed")
        index = word & MAX_CONTROL_INDEX
        stream = self._find(packet, CONTROL_SOURCE_AT)
        ahead = index - (stream.seen_control.highest if stream is not None else 0)
        if stream is not None and stream.seen_control.had(index, ahead):
            self.replayed += 1
            raise RemoteError("an SRTCP packet that has been, or is too old")
        if not keys.open_control(packet, end, size, word):
            self._refuse()
        if stream is None:
            stream = self._admit(packet, CONTROL_SOURCE_AT)
        self._direct(stream, RECEIVES)
        stream.seen_control.add(index, ahead, 0)
        return end if keys.tag_is_last else end - keys.tag_bytes

    def close(self):
        """Wipes all keys; nothing can be protected or opened any more."""
        for _, keys, control_keys in self._keys:
            keys.close()
            control_keys.close()
        self._keys = []
        self._streams = []
        self._last = self._first = self._usual = None

    def _derived(self, master, label):
        """The keys of RTP (label 0) or RTCP (CONTROL)."""
        number, _, salt_bytes, tag_bytes, control_tag_bytes = self._row
        key, salt = master[: key_bytes(number)], master[key_bytes(number) :]
        kind = counter.CONTROL if label else 0
        size = control_tag_bytes if label else tag_bytes
        if number == TDES_EDE3_HMAC_SHA1_80:
            from settop.media.srtp_tdes import TdesKeys

            return TdesKeys(key, salt, label, size, kind, self._tdes)
        session_key = derive(key, salt, label + ENCRYPTION, KEY_BYTES)
        session_salt = derive(key, salt, label + SALT, salt_bytes)
        auth_key = derive(key, salt, label + AUTHENTICATION, AUTH_KEY_BYTES)
        try:
            if number == AEAD_AES_128_GCM:
                from settop.media.srtp_gcm import GcmKeys

                return GcmKeys(session_key, session_salt, kind)
            from settop.media.srtp_counter import CounterKeys

            used_key = session_key if number != NULL_HMAC_SHA1_80 else None
            return CounterKeys(used_key, session_salt, auth_key, size, kind)
        finally:
            for secret in (session_key, session_salt, auth_key):
                wipe(secret)

    def _key_of(self, packet, size, which):
        """(keys, where the MKI begins) of a packet that came; which: 1 for RTP, 2 for RTCP."""
        if not self._keys:
            raise LocalError("this session is closed")
        keys = self._keys[0][which]
        at = size - self._mki_bytes
        if keys.tag_is_last:
            at -= keys.tag_bytes
        if self._mki_bytes:
            if at < 0:
                raise RemoteError("an SRTP packet that is cut short")
            for row in self._keys:
                if not differs(row[0], packet, at, self._mki_bytes):
                    return row[which], at
            raise RemoteError("an SRTP packet under a key that is not known")
        return keys, at

    def _find(self, packet, at):
        for stream in self._streams:
            if not differs(stream.expected, packet, at, 4):
                self._last = stream
                return stream
        return None

    def _stream(self, packet, at):
        """The stream of the source at packet[at], a new one where there is room, else None."""
        if not self._keys:
            raise LocalError("this session is closed")
        stream = self._find(packet, at)
        if stream is None and len(self._streams) < self._max_streams:
            stream = self._last = Stream(bytes(packet[at : at + 4]), self._window)
            self._streams.append(stream)
        return stream

    def _admit(self, packet, at):
        stream = self._stream(packet, at)
        if stream is None:
            raise RemoteError("more than %d sources under one key" % self._max_streams)
        return stream

    def _direct(self, stream, direction):
        if stream.direction == UNKNOWN:
            stream.direction = direction
        elif stream.direction != direction:
            self.collisions += 1

    def _refuse(self):
        self.forged += 1
        raise RemoteError("an SRTP packet that is forged or damaged")
