"""A network for tests of the terminal's end: socket and select as MicroPython has them, under the test's thumb."""

EAGAIN = 11
EINPROGRESS = 115
ECONNREFUSED = 111
ECONNRESET = 104
POLLIN = 1
POLLOUT = 4


class Net:
    """The module `socket`. `made`: every socket, in order."""

    AF_INET = 2
    SOCK_STREAM = 1
    SOCK_DGRAM = 2

    def __init__(self):
        self.made = []
        self.refuses = 0  # the error of every option that is set

    def socket(self, family, kind):
        line = (Datagrams if kind == self.SOCK_DGRAM else Stream)(self)
        self.made.append(line)
        return line

    def getaddrinfo(self, host, port):
        assert host.strip("0123456789.") == "", "a name would wait"
        return [(2, 1, 6, "", (host, port))]

    def open(self):
        """Those that are not closed."""
        return [line for line in self.made if not line.closed]


class Select:
    """The module `select`."""

    POLLIN = POLLIN
    POLLOUT = POLLOUT

    def poll(self):
        return Poll()


class Poll:
    def __init__(self):
        self._lines = []

    def register(self, line, flags):
        self._lines.append((line, flags))

    def ipoll(self, timeout):
        assert timeout == 0
        for line, flags in self._lines:
            if line.ready(flags):
                yield line, flags


class _Line:
    def __init__(self, net):
        self.net = net
        self.closed = False
        self.blocking = True

    def setblocking(self, flag):
        self.blocking = flag

    def close(self):
        self.closed = True

    def usable(self):
        assert not self.closed and not self.blocking


class Datagrams(_Line):
    """sent: [(data, address)]; incoming: the same, to be read."""

    def __init__(self, net):
        super().__init__(net)
        self.sent = []
        self.incoming = []
        self.own = self.port = None
        self.peer = None
        self.unreachable = False
        self.options = []

    def setsockopt(self, level, option, value):
        if self.net.refuses:
            raise OSError(self.net.refuses, "")
        self.options.append((level, option, bytes(value)))

    def bind(self, address):
        self.own, self.port = address

    def connect(self, address):
        """As ports do that cannot: what comes is everybody's. A test looks at `peer`."""
        self.peer = address

    def ready(self, flags):
        return bool(self.incoming) or flags == POLLOUT

    def sendto(self, data, address):
        self.usable()
        if self.unreachable:
            raise OSError(113, "")
        self.sent.append((bytes(data), address))
        return len(data)

    def recvfrom(self, size):
        self.usable()
        if not self.incoming:
            raise OSError(EAGAIN, "")
        data, address = self.incoming.pop(0)
        return data[:size], address


class Stream(_Line):
    """sent: octets; incoming: octets to be read; room: how many it takes; accepted, refused, ended, reset: as they
    say."""

    def __init__(self, net):
        super().__init__(net)
        self.sent = bytearray()
        self.incoming = b""
        self.room = 1 << 30
        self.peer = None
        self.accepted = self.refused = self.ended = self.reset = False

    def connect(self, address):
        assert not self.blocking
        self.peer = address
        if not self.accepted:
            raise OSError(EINPROGRESS, "")

    def ready(self, flags):
        if self.refused or self.reset:
            return True
        return self.accepted if flags == POLLOUT else bool(self.incoming) or self.ended

    def readinto(self, view):
        self.usable()
        if self.refused:
            raise OSError(ECONNREFUSED, "")
        count = min(len(view), len(self.incoming))
        view[:count] = self.incoming[:count]
        self.incoming = self.incoming[count:]
        if count:
            return count
        if self.reset:
            raise OSError(ECONNRESET, "")
        return 0 if self.ended else None

    def send(self, view):
        self.usable()
        if self.refused:
            raise OSError(ECONNREFUSED, "")
        if self.reset:
            raise OSError(ECONNRESET, "")
        count = min(len(view), self.room)
        if not count:
            raise OSError(EAGAIN, "")
        self.room -= count
        self.sent += view[:count]
        return count


class Tls:
    """The module `tls` of MicroPython: certificates are a list, the handshake is done when the test says so.

    chain: DER of each certificate, the authority's first; complaint: what Mbed TLS itself says, or ""; late: the
    board's clock is asked, and complains of what begins later than it. alert, keyless: the error before certificates
    are looked at, and behind them, as the server cannot prove its key. `handshakes`: how many were begun; waits, late:
    turns before certificates are looked at, and from then on until it is done.
    """

    PROTOCOL_TLS_CLIENT = 0
    CERT_NONE = 0
    CERT_REQUIRED = 2

    def __init__(self, chain=(), complaint="", clock=None):
        self.chain = list(chain)
        self.complaint = complaint
        self.clock = clock
        self.handshakes = 0
        self.names = []
        self.contexts = []
        self.waits = 0
        self.alert = self.keyless = 0
        self.late = 0

    def SSLContext(self, protocol):
        assert protocol == self.PROTOCOL_TLS_CLIENT
        self.contexts.append(Context(self))
        return self.contexts[-1]


class Context:
    def __init__(self, tls):
        self.tls = tls
        self.verify_mode = tls.CERT_NONE
        self.authority = None

    def load_verify_locations(self, cadata):
        self.authority = cadata

    def wrap_socket(self, line, server_hostname=None, do_handshake_on_connect=True):
        assert server_hostname and not do_handshake_on_connect
        assert self.verify_mode == self.tls.CERT_REQUIRED and self.authority
        self.tls.names.append(server_hostname)
        self.tls.handshakes += 1
        return Secured(self, line)


class Secured:
    """Octets as they are, once the handshake is done; None while it is not, as MicroPython has it."""

    def __init__(self, context, line):
        self.context = context
        self.line = line
        self.done = False
        self.left = None

    def _handshake(self):
        tls = self.context.tls
        if self.done:
            return True
        if tls.waits:
            tls.waits -= 1
            return False
        if self.left is not None:
            self.left -= 1
            self.done = self.left <= 0
            return self.done
        if tls.alert:
            raise OSError(tls.alert, "")
        for depth in range(len(tls.chain) - 1, -1, -1):
            code = self.context.verify_callback(memoryview(tls.chain[-1 - depth]), depth)
            if code:
                raise OSError(code, "")
        if tls.clock is not None and tls.clock() is not None:
            raise ValueError(tls.clock())
        if tls.complaint:
            raise ValueError(tls.complaint)
        if tls.keyless:
            raise OSError(tls.keyless, "")
        self.left = tls.late
        self.done = not self.left
        return self.done

    def write(self, data):
        if not self._handshake():
            return None
        return self.line.send(data)

    def readinto(self, view):
        return self.line.readinto(view) if self._handshake() else None

    def close(self):
        self.line.close()
