"""What is the same on every board: its settings, the console or the cable, the clock, the seed bytes."""

import os
import time

_BAUD_LOWEST = 1200
_BAUD_HIGHEST = 8000000
_WIRES = ("modem", "tuner", "network", "dock")
_cable = None
_looked = False


def cable():
    """The one cable that carries all lines where board.LINK is "cable", else None. It is made at the first call.

    Raises ValueError that says what is wrong in board_config.py: with a value that no board knows, this one would start
    as if nothing were wrong, and on other lines than somebody thinks.
    """
    global _cable, _looked, _check, _check_wires
    if not _looked:
        import board

        _cable = _check(board)
        _looked = True
        _check = _check_wires = None  # a start's alone
    return _cable


def _check(board):
    """The cable, or None."""
    try:
        import board_config  # noqa: F401
    except ImportError as error:
        if "board_config" not in str(error):  # it is there, and what it imports is not
            raise ValueError("board_config.py: " + str(error))
    if board.LINK not in ("uarts", "cable"):
        raise ValueError("board_config.py: LINK is %r, expected 'uarts' or 'cable'" % (board.LINK,))
    if board.CORES not in (1, 2):
        raise ValueError("board_config.py: CORES is %r, expected 1 or 2" % (board.CORES,))
    if type(board.TUNER_BAUD) is not int or not _BAUD_LOWEST <= board.TUNER_BAUD <= _BAUD_HIGHEST:
        raise ValueError(
            "board_config.py: TUNER_BAUD is %r, expected %d to %d" % (board.TUNER_BAUD, _BAUD_LOWEST, _BAUD_HIGHEST)
        )
    _check_wires(board)
    if board.LINK != "cable":
        return None
    if "network" in board.WIRES.values():
        from settop.link.network import usb_cable
    else:
        from settop.link.cable import usb_cable
    return usb_cable()


def _check_wires(board):
    wires = board.WIRES
    if not isinstance(wires, dict) or "tuner" not in wires.values():
        raise ValueError("board_config.py: WIRES is %r, expected {UART: name}, a tuner among them" % (wires,))
    for uart in wires:
        if board.LINK != "cable" and board.UARTS is not None and uart not in board.UARTS:
            raise ValueError("board_config.py: WIRES names UART %r; there are %s" % (uart, sorted(board.UARTS)))
        if wires[uart] not in _WIRES or list(wires.values()).count(wires[uart]) > 1:
            raise ValueError(
                "board_config.py: UART %r leads to %r, expected one of %s, each once"
                % (uart, wires[uart], ", ".join(_WIRES))
            )
    if type(board.SERVICES) not in (tuple, list) or len(set(board.SERVICES)) < len(board.SERVICES):
        raise ValueError("board_config.py: SERVICES is %r, expected a tuple of names, each once" % (board.SERVICES,))


def uart_of(wire):
    """(number, TX pin, RX pin) of the UART that leads to this wire, one of board.WIRES."""
    import board

    for uart in board.WIRES:
        if board.WIRES[uart] == wire:
            return (uart,) + board.UARTS[uart]  # type: ignore[index] # unix has none, and does not ask
    raise ValueError("board_config.py: no UART leads to a %s" % wire)


def Console():
    """The console: read_line(), write_line(text)."""
    shared = cable()
    if shared is not None:
        return shared.console
    import board_console

    return board_console.Console()


def idle(idle_ms):
    """Nothing to do for so long. Sleeps rather than polls: an idle core costs less power, and less emulation."""
    if _cable is None:
        time.sleep_ms(idle_ms)
    else:
        _cable.idle(idle_ms)


def entropy():
    """32 seed bytes of the port's own source. The application mixes them with the lock key and a boot counter."""
    return os.urandom(32)


def ticks_ms():
    return time.ticks_ms()


def ticks_diff(a, b):
    return time.ticks_diff(a, b)


# The keystore's lock keys and its counter, which no file reaches. Where they lie is the board's own matter: `_vault()`
# in its board.py gives (Locks, Counter) of settop.keystore.blocks, or what is like them.
_kept = None


def _vault():
    global _kept
    if _kept is None:
        import board

        _kept = board._vault()
    return _kept


def load_locks():
    """The lock keys that are whole, newest first, at most two, in bytearrays of 32 for the caller to wipe."""
    return _vault()[0].load()


def locks_damaged():
    """How many places hold a lock key of which nothing can be made."""
    return _vault()[0].damaged()


def store_lock(lock):
    """Keeps a new lock key beside the newest; load_locks() then gives both."""
    _vault()[0].store(lock)


def forget_old_lock():
    """Overwrites all lock keys but the newest."""
    _vault()[0].give_up()


def counter():
    """How far the counter has counted: 0 or more, never less than before. RemoteError: damaged."""
    return _vault()[1].value()


def count():
    """Advances the counter by one and returns it. RemoteError: worn out."""
    return _vault()[1].count()
