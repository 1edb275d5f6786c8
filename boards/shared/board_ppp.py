"""IP over PPP, by the network.PPP of the board's image: on the UART that board.WIRES calls "network", on the channel of
that name where there is one cable, or on a line that somebody brings: a modem's, with a call on it.

There is no network where the image has no network.PPP (a stock Pico's) or nothing leads there. What `uplink` adds to
network.PPP is said in boards/pico/network_image/uplink.c; without it there are UARTs alone, and no groups to join.
"""

import board
from board_common import cable, ticks_diff, ticks_ms
from board_rp2 import _uart

try:
    from network import PPP  # type: ignore[import-not-found] # the stubs are a stock image's
except ImportError:
    PPP = None
try:
    import uplink  # type: ignore[import-not-found]
except ImportError:
    uplink = None

_BAUD = 1500000
_RX_BYTES = 8192  # 55 ms of a full line
_TX_BYTES = 8192
_PIPE_BYTES = 4096  # what a connection may send ahead, with its headers, and something beside it
_CHUNK_BYTES = 256
_STEP_BYTES = 1536  # as in uplink.c
_NOWHERE = "0.0.0.0"  # noqa: S104 (an address that is none)
_CONNECTING, _CONNECTED = 3, 4  # of PPP.status(), which is below 0 once it has failed
_LONGEST_MS = 40000  # a silent peer lwIP gives up after 30 s; one that talks on and on, it does not
_EBUSY = 16
_ENODEV = 19

_ppp = None
_ending = None  # the last one, as long as lwIP is not done with it: its memory must stay
_poll = None
_pump = None
_line = None  # under it: a UART's number, or what has any(), readinto(view), write(data)
_since_ms = 0  # that it is connecting
_addressed = False
_failed = False  # and there is no PPP to ask


class _Pump:
    """Moves octets between a line of that kind and a Pipe under PPP."""

    def __init__(self, line):
        self.pipe = uplink.Pipe(_PIPE_BYTES)
        self._line = line
        self._in = memoryview(bytearray(_CHUNK_BYTES))
        self._out = memoryview(bytearray(_CHUNK_BYTES))
        self._start = self._end = 0

    def step(self):
        line = self._line
        moved = 0
        while moved < _STEP_BYTES:
            count = min(line.any(), _CHUNK_BYTES)
            if not count:
                break
            view = self._in[:count]
            line.readinto(view)
            self.pipe.put(view)
            moved += count
        _locked(_poll)
        for _ in range(_STEP_BYTES // _CHUNK_BYTES):
            if self._start == self._end:
                self._start, self._end = 0, self.pipe.take(self._out)
            if self._start == self._end:
                break
            taken = line.write(self._out[self._start : self._end]) or 0
            self._start += taken
            if not taken:
                break
        return moved


def up(line):
    global _failed
    brought = line is not None
    if not brought:
        line = _own()
    if PPP is None or line is None or (uplink is None and type(line) is not int):
        if brought:
            raise OSError(_ENODEV)
        return
    if _line is not line:
        down()
    _failed = False
    try:
        _begin(line)
    except (OSError, MemoryError):  # lwIP has no memory for it, or is not done with the last connection
        _failed = True


def _own():
    """The board's own line, or None."""
    shared = cable()
    if shared is not None:
        return getattr(shared, "network", None)
    for number in board.WIRES:
        if board.WIRES[number] == "network":
            return number
    return None


def _begin(line):
    global _ppp, _ending, _poll, _pump, _line, _since_ms, _addressed
    if _ending is not None:
        if _ending.status() > 0:
            raise OSError(_EBUSY)
        _locked(_ending.__del__)  # nothing, but where the end was an error
        _ending = None
    if _ppp is None:
        pump = None
        if type(line) is not int:
            pump = _Pump(line)
            stream = pump.pipe
        else:
            stream = _uart((line,) + board.UARTS[line], _BAUD, _RX_BYTES, _TX_BYTES)
            if uplink is not None:
                stream = uplink.Line(stream, _BAUD, _TX_BYTES)
        _ppp = PPP(stream)
        _poll = _ppp.poll  # bound once: a step allocates nothing
        _pump = pump
        _line = line
    if _ppp.status() not in (_CONNECTING, _CONNECTED):
        _addressed = False
        _since_ms = ticks_ms()
        _locked(_ppp.connect)


def down():
    global _ppp, _ending, _poll, _pump, _line, _addressed, _failed
    if _ppp is not None:
        under_way = _ppp.status() in (_CONNECTING, _CONNECTED)
        _locked(_ppp.disconnect if under_way else _ppp.__del__)
        if under_way:
            _ending = _ppp
    _ppp = _poll = _pump = _line = None
    _addressed = _failed = False


def _locked(function):
    return function() if uplink is None else uplink.locked(function)


def state():
    global _addressed, _failed
    if PPP is None or (_line is None and not _failed and _own() is None):
        return "none"
    status = 0 if _ppp is None else _ppp.status()
    if _failed or status < 0:
        return "failed"
    if status == _CONNECTED and not _addressed and _ppp.ifconfig()[0] != _NOWHERE:  # none yet, if it asks twice
        _addressed = True
        if uplink is not None:
            uplink.multicast()
    if status == _CONNECTED and _addressed:
        return "up"
    if _ppp is not None and ticks_diff(ticks_ms(), _since_ms) > _LONGEST_MS:
        down()
        _failed = True
        return "failed"
    return "down"


def names():
    server = _ppp.ifconfig()[3] if state() == "up" else _NOWHERE
    return () if server == _NOWHERE else (server,)


def step():
    if _ppp is None:
        return 0
    return max(0, _locked(_poll)) if _pump is None else _pump.step()
