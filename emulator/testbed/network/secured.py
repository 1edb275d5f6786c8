"""TLS for servers that are objects: OpenSSL between a service and its connection, in virtual time, without IO.

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(...)
    server.serve_tcp(443, lambda: Secured(context, Films()))

The instants are virtual, and the octets are not repeatable: TLS draws random numbers from the host.
"""

import ssl
from typing import Any, cast

from testbed.network.tcp.connection import Connection, Service


class SecuredConnection:
    """What the service within sees of its connection: `send`, `close`, `abort`, and the rest as it is."""

    def __init__(self, outer: "Secured", conn: Connection) -> None:
        self._outer = outer
        self._conn = conn
        self.error = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def send(self, data: bytes) -> None:
        """As Connection.send."""
        if data:
            self._outer.engine.write(data)
            self._outer.flush()

    def close(self) -> None:
        """Says farewell (RFC 5246, 7.2.1), and closes."""
        self._outer.farewell()
        self._conn.close()


class Secured:
    """The server's end of TLS around a service. `problem`: why there was no handshake, or what broke; "" for nothing.

    `version` and `cipher` are what was agreed, "" before.
    """

    def __init__(self, context: ssl.SSLContext, service: Service) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.engine = context.wrap_bio(self._in, self._out, server_side=True)
        self.problem = ""
        self.version = self.cipher = ""
        self._service = service
        self._conn: Connection | None = None
        self._inner: Any = None
        self._over = False
        self._ended = False

    def opened(self, conn: Connection) -> None:
        self._conn = conn
        self._inner = SecuredConnection(self, conn)

    def received(self, conn: Connection, data: bytes) -> None:
        """Nothing that comes raises."""
        if self._ended:
            return
        self._in.write(data)
        try:
            self._pump()
        except ssl.SSLWantReadError:
            self.flush()
        except ssl.SSLZeroReturnError:
            self._end("")
        except ssl.SSLError as error:
            self.problem = error.reason or "TLS"
            self.flush()  # an alert may be in it
            self._end("tls")
            conn.close()

    def closed(self, conn: Connection) -> None:
        self._end(conn.error)
        conn.close()

    def flush(self) -> None:
        """What TLS has to say goes out."""
        data = self._out.read()
        if data and self._conn is not None and not self._conn.user_closed:
            self._conn.send(data)

    def farewell(self) -> None:
        """The last thing that TLS says."""
        try:
            self.engine.unwrap()
        except ssl.SSLError:
            pass  # the other end has not said it yet, or there was no handshake
        self.flush()

    def _pump(self) -> None:
        if not self._over:
            self.engine.do_handshake()
            self._over = True
            self.version = self.engine.version() or ""
            self.cipher = (self.engine.cipher() or ("",))[0]
            self._service.opened(cast(Connection, self._inner))
        while data := self.engine.read(16_384):
            self._service.received(cast(Connection, self._inner), data)
            if self._ended:
                return
        self.flush()

    def _end(self, error: str) -> None:
        if not self._ended:
            self._ended = True
            if self._over:
                self._inner.error = error
                self._service.closed(cast(Connection, self._inner))
