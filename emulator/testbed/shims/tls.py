"""MicroPython's `tls` on CPython, over its ssl: the part that settop uses, on any socket without waiting.

What differs from CPython's own face: certificates in DER, `verify_callback(certificate, depth)` as MicroPython calls
it for every certificate of the chain, the last one the server's, and dates that are left to that callback: in virtual
time the computer's clock has nothing to say. The callback is heard when the handshake is over, not within it.
"""

import ssl
from collections.abc import Callable
from typing import Any

PROTOCOL_TLS_CLIENT = 0
CERT_NONE = 0
CERT_OPTIONAL = 1
CERT_REQUIRED = 2
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python has no name for
_PIECE = 4096


class SSLContext:
    def __init__(self, protocol: int) -> None:
        if protocol != PROTOCOL_TLS_CLIENT:
            raise ValueError(protocol)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        self.verify_mode = CERT_REQUIRED
        self.verify_callback: Callable[[memoryview, int], int] | None = None

    def load_verify_locations(self, cadata: bytes) -> None:
        try:
            self.context.load_verify_locations(cadata=bytes(cadata))
        except ssl.SSLError as error:
            raise ValueError("invalid cert") from error

    def wrap_socket(self, line: Any, *, server_hostname: str, do_handshake_on_connect: bool = True) -> "SSLSocket":
        if do_handshake_on_connect or self.verify_mode != CERT_REQUIRED:
            raise ValueError("this stand-in neither waits nor trusts")
        return SSLSocket(self, line, server_hostname)


class SSLSocket:
    """readinto, write and close, with None where it would have to wait; 0 octets for every end, with farewell or
    without."""

    def __init__(self, context: SSLContext, line: Any, name: str) -> None:
        self._callback = context.verify_callback
        self._line = line
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.context.wrap_bio(self._in, self._out, server_hostname=name)
        self._unsent = b""
        self._over = False

    def readinto(self, view: memoryview) -> int | None:
        count: int | None = self._do(lambda: self._ssl.read(len(view), view))
        if count and (stir := getattr(self._line, "stir", None)):
            stir()  # what was opened before is taken only now (testbed.network.sockets)
        return count

    def write(self, data: memoryview) -> int | None:
        count: int | None = self._do(lambda: self._ssl.write(data))
        return count

    def close(self) -> None:
        self._line.close()

    def _do(self, what: Callable[[], Any]) -> Any:
        while True:
            try:
                if not self._over:
                    self._ssl.do_handshake()
                    self._judge()
                    self._over = True
                done = what()
                self._flush()
                return done
            except ssl.SSLWantReadError:
                self._flush()
                if not self._fill():
                    return None
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                if not self._over:
                    raise
                return 0
            except ssl.SSLCertVerificationError as error:
                self._flush()
                raise ValueError(error.verify_message) from error

    def _judge(self) -> None:
        chain: Any = self._ssl._sslobj.get_verified_chain()  # type: ignore[attr-defined] # public from 3.13 on
        ders = [one if isinstance(one, bytes) else one.public_bytes(2) for one in chain]  # 2: DER
        for depth in reversed(range(len(ders))):
            if self._callback is not None and (code := self._callback(memoryview(ders[depth]), depth)):
                raise OSError(code, "certificate refused")

    def _flush(self) -> None:
        self._unsent += self._out.read()
        while self._unsent:
            try:
                count = self._line.send(self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[count:]

    def _fill(self) -> bool:
        """Whether octets came, or the end of them."""
        try:
            data = self._line.recv(_PIECE)
        except BlockingIOError:
            return False
        if data is None:
            return False
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        return True
