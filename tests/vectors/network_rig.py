"""A board with a network for the network's service: its link and its modem do as the test says."""

from app_rig import Board, provisioned_board, start
from net_rig import Net, Select, Stream, Tls

OK = b"\r\nOK\r\n"
HERE = "10.0.2.2"


class Network:
    """The network's names of a board. `state` is what the test says; `said`: what was wanted of it."""

    def __init__(self, state="down"):
        self.state = state
        self.names = ("10.0.2.3",)
        self.said = []
        self.line = None
        self.broken = False
        self.moved = 0

    def network_up(self, line=None):
        self.said.append("up" if line is None else "call")
        self.line = line
        if self.broken:
            raise OSError(19)

    def network_down(self):
        self.said.append("down")

    def network_state(self):
        return self.state

    def network_step(self):
        moved, self.moved = self.moved, 0
        return moved

    def network_names(self):
        return self.names


class NetworkBoard(Board):
    """WIRES: a modem beside the tuner. `network`: a Network; `net`, `tls`: modules as net_rig has them."""

    SERVICES = ("network",)

    def __init__(self, state="down"):
        super().__init__()
        self.network = Network(state)
        self.net = Net()
        self.tls = Tls()
        self.SOCKETS = (self.net, Select(), self.tls)
        self.line = Modem()
        for name in ("up", "down", "state", "step", "names"):
            setattr(self, "network_" + name, getattr(self.network, "network_" + name))


class Modem:
    """The modem's UART. `answers`: what it says to each command, by its beginning; `room`: what it takes at a time."""

    def __init__(self):
        self.out = b""
        self.incoming = b""
        self.room = 1 << 20
        self.answers = [(b"ATZ", OK), (b"ATH", OK), (b"+++", OK)]

    def any(self):
        return len(self.incoming)

    def readinto(self, view):
        count = min(len(view), len(self.incoming))
        view[:count] = self.incoming[:count]
        self.incoming = self.incoming[count:]
        return count

    def write(self, data):
        count = min(len(data), self.room)
        if not count:
            return None
        self.out += bytes(data[:count])
        for begin, said in self.answers:
            if bytes(data).strip().startswith(begin):
                self.incoming += said
        return count

    def take(self):
        out, self.out = self.out, b""
        return out


def service_of(state="down", files=None):
    """(board, application, service) of a provisioned terminal with a network."""
    plain = provisioned_board()
    board = NetworkBoard(state)
    board.FILES, board.locks, board.counted = plain.FILES, plain.locks, plain.counted
    board.FILES.files.update(files or {})
    app = start(board)
    return board, app, app.services.get("network")


def lines_of(board):
    """What the console has said since the last time, without its times."""
    said = [line.split(" ", 2)[2] for line in board.console.said]
    board.console.said = []
    return said


class Bench:
    """A terminal; `say` gives what the console answers. serve(line, request): a server, for every whole request."""

    def __init__(self, state="up", files=None):
        self.board, self.app, self.service = service_of(state, files)
        self.serve = None
        self.requests = []
        self.turn(1)
        lines_of(self.board)

    def say(self, *lines):
        self.board.console.lines += lines
        return self.turn(len(lines) + 2)

    def turn(self, count=1, ms=10):
        for _ in range(count):
            self.board.ticks += ms
            self.app.step()
            self._serve()
        return lines_of(self.board)

    def until(self, *events, turns=3000, ms=10):
        """Everything that was said until one of these was."""
        said = []
        for _ in range(turns):
            said += self.turn(1, ms)
            if said and said[-1].split(" ")[0] in events:
                return said
        raise AssertionError(f"none of {events}: {said}")

    def ask(self, line, *events, turns=3000, ms=10):
        self.board.console.lines.append(line)
        return self.until(*events, turns=turns, ms=ms)

    def up(self):
        assert self.say("network up")[0].startswith("network_up kind=own ms=")
        return self

    def _serve(self):
        for line in self.board.net.open():
            if not isinstance(line, Stream) or self.serve is None:
                continue
            line.accepted = True
            end = bytes(line.sent).find(b"\r\n\r\n")
            if end >= 0:
                head = bytes(line.sent[: end + 4])
                size = 0
                for field in head.decode().split("\r\n"):
                    if field.startswith("Content-Length: "):
                        size = int(field[16:])
                if len(line.sent) >= end + 4 + size:
                    request = bytes(line.sent[: end + 4 + size])
                    line.sent = line.sent[end + 4 + size :]
                    self.requests.append(request)
                    self.serve(line, request)


def saying(body, status=200):
    def serve(line, request):
        line.incoming += b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body

    return serve
