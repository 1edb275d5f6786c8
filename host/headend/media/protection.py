"""What one viewer is sent and says, under the keys of his connection (RFC 3711, RFC 7714).

By libsrtp, which protects a packet of 1,316 octets in 2 to 5 microseconds where settop.media.srtp takes 60 (AES in
counter mode) or 1,400 (GCM) on the same machine; Triple DES, which libsrtp has not, by settop.media.srtp over
pycryptodome's cipher. So is all where pylibsrtp is not to be had.
"""

from typing import Any, Protocol

from Crypto.Cipher import DES3
from settop.errors import LocalError, RemoteError
from settop.media import srtp, srtp_suites
from settop.media.srtp_suites import TDES_EDE3_HMAC_SHA1_80
from settop.wire import stream as wire

from headend.crypto.sealing import wipe

try:
    import pylibsrtp
except ImportError:  # a platform that it has no wheel for
    pylibsrtp = None  # type: ignore[assignment]

MOST_OCTETS = 1500
"""Of a packet that comes: libsrtp's face has no room for more."""
_SOURCE_AT = 4  # the SSRC in RTCP
_FORGED = "a report that is forged, damaged, or has been"


class Protection:
    """keys: of the connection, wiped here, as they lie in the ciphers then."""

    def __init__(self, keys: wire.Keys) -> None:
        number = srtp_suites.named(keys.name)
        end = _Theirs if pylibsrtp is not None and number != TDES_EDE3_HMAC_SHA1_80 else _Ours
        self._media, self._reports, self._back = (
            end(number, bytes(key + salt), inbound)
            for (key, salt), inbound in ((keys.media, False), (keys.reports, False), (keys.back, True))
        )
        keys.wipe()
        self._source: bytes | None = None

    def media(self, packet: bytes) -> bytes:
        """SRTP of an RTP packet."""
        return self._media.protect(packet)

    def report(self, packet: bytes) -> bytes:
        """SRTCP of an RTCP packet."""
        return self._reports.protect_rtcp(packet)

    def heard(self, packet: bytes) -> bytes:
        """RTCP of the SRTCP that the viewer sent, all from one source. Raises RemoteError for what is forged, damaged,
        from another one, or has been before."""
        source = packet[_SOURCE_AT : _SOURCE_AT + 4]
        if len(packet) > MOST_OCTETS or self._source not in (None, source):
            raise RemoteError(_FORGED)
        clear = self._back.unprotect_rtcp(packet)
        self._source = source
        return clear

    def close(self) -> None:
        """Forgets the keys; nothing passes any more."""
        for end in (self._media, self._reports, self._back):
            end.close()


class _End(Protocol):
    def protect(self, packet: bytes) -> bytes: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes: ...
    def close(self) -> None: ...


class _Theirs:
    """libsrtp's, one way."""

    def __init__(self, number: int, master: bytes, inbound: bool) -> None:
        kinds = pylibsrtp.Policy
        kind = kinds.SSRC_ANY_INBOUND if inbound else kinds.SSRC_ANY_OUTBOUND
        policy = pylibsrtp.Policy(key=master, ssrc_type=kind, srtp_profile=number)
        self._session: pylibsrtp.Session | None = pylibsrtp.Session(policy)
        policy.key[:] = bytes(len(master))  # type: ignore[index]  # a view of its own memory

    def protect(self, packet: bytes) -> bytes:
        return self._open.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._open.protect_rtcp(packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        try:
            return self._open.unprotect_rtcp(packet)
        except pylibsrtp.Error:
            raise RemoteError(_FORGED) from None

    def close(self) -> None:
        self._session = None

    @property
    def _open(self) -> "pylibsrtp.Session":
        if self._session is None:
            raise LocalError("this session is closed")
        return self._session


class _Ours:
    """The terminal's own."""

    def __init__(self, number: int, master: bytes, inbound: bool) -> None:
        self._session = srtp.Session(number, master, max_streams=1, tdes=Des3)

    def protect(self, packet: bytes) -> bytes:
        return self._through(self._session.protect, packet, self._session.overhead)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._through(self._session.protect_control, packet, self._session.control_overhead)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        return self._through(self._session.unprotect_control, packet, 0)

    def close(self) -> None:
        self._session.close()

    def _through(self, work: Any, packet: bytes, room: int) -> bytes:
        buffer = bytearray(packet) + bytearray(room)
        return bytes(buffer[: work(buffer, len(packet))])


class Des3:
    """Triple DES in a chain over pycryptodome, with the face of settop.crypto.tdes.Tdes, sixty times as fast. It
    encrypts alone."""

    def __init__(self, key: bytes, iv: bytes, decrypts: bool) -> None:
        if decrypts:
            raise LocalError("a chain that encrypts alone")
        self._key = bytearray(key)
        self.restart(iv)

    def restart(self, iv: bytes) -> None:
        """The next block is the first of a chain with that IV."""
        self._chain = DES3.new(bytes(self._key), DES3.MODE_CBC, iv=iv)

    def crypt(self, data: bytearray, begin: int, end: int) -> None:
        """data[begin:end], whole blocks, where it lies."""
        data[begin:end] = self._chain.encrypt(bytes(data[begin:end]))

    def close(self) -> None:
        """Forgets the key."""
        wipe(self._key)
        del self._chain
