"""IP by the board's own radio. `WLAN = ("NAME", "PASSWORD")` in board_config.py says which network ("": it has none).

Neither is ever printed, in no message either: who reads a log need not know them.
"""

import network

_FAILED = (200, 201, 202, 203, 204)  # ESP-IDF's reasons (network.STAT_...); those of the RP2 port are below 0

_ENODEV = 19
_NOWHERE = "0.0.0.0"  # noqa: S104 (an address that is none)

_wlan = None
_failed = False


def up(line):
    global _wlan, _failed
    if line is not None:
        raise OSError(_ENODEV)  # the stock images of boards with a radio have no PPP
    named = _named()
    _failed = False
    if named is None:
        return
    try:
        if _wlan is None:
            _wlan = network.WLAN(network.STA_IF)
        _wlan.active(True)
        if not _wlan.isconnected():
            name, password = named
            _wlan.connect(name, password if password else None)
    except OSError:  # the radio does not start, or is in the middle of something
        _failed = True


def _named():
    """(name, password), or None where board_config.py has none. ValueError: something else."""
    try:
        from board_config import WLAN  # type: ignore[import-not-found]
    except ImportError:
        return None
    if type(WLAN) not in (tuple, list) or len(WLAN) != 2 or type(WLAN[0]) is not str or type(WLAN[1]) is not str:
        raise ValueError('board_config.py: WLAN is something else than ("NAME", "PASSWORD")')
    return WLAN


def down():
    global _failed
    _failed = False
    if _wlan is not None:
        _wlan.active(False)


def state():
    if _named() is None:
        return "none"
    if _failed:
        return "failed"
    if _wlan is None:
        return "down"
    if _wlan.isconnected():
        return "up"
    status = _wlan.status()
    return "failed" if status < 0 or status in _FAILED else "down"


def names():
    server = _wlan.ifconfig()[3] if state() == "up" else _NOWHERE
    return () if server in ("", _NOWHERE) else (server,)


def step():
    return 0
