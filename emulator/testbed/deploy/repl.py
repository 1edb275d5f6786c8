"""Getting a prompt out of a board, whatever it is doing, and letting it go on afterwards.

Nothing here rests on a delay that happens to fit: each step waits for the answer that proves it, and the whole is
repeated until a deadline. A carriage return is never sent before the prompt is ours, so that what somebody has half
typed is dropped and not obeyed.
"""

import random
import time

from testbed.deploy.errors import NoPrompt
from testbed.deploy.port import BoardPort, shown

ENTRY_S = 10.0
INTERRUPT = b"\x03"
_RAW = b"\x01"
_FRIENDLY = b"\x02"
_RESET = b"\x04"
_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_REBOOT = b"soft reboot\r\n"
_PROMPT = b">>> "
_KEPT_BYTES = 4096  # of what a board that runs on says: enough to find a banner and to show a sample


def enter_repl(port: BoardPort, timeout_s: float = ENTRY_S, fresh: bool = True, stuck: str = "") -> None:
    """Lead the board to the raw REPL, whether it runs our application, another, or sits at any prompt.

    fresh: reset the interpreter first (soft reset: boot.py runs, main.py does not), so that nothing of what ran is in
    the way, the second core included. stuck: what to do where a program there does not let go of the board. Raises
    NoPrompt with what was heard instead, Unplugged.
    """
    end_s = time.monotonic() + timeout_s
    _handshake(port, end_s, timeout_s, stuck)
    if fresh and not _restart(port, end_s):
        # A boot.py that does not come to its end: stop it, and do without the reset.
        _handshake(port, max(end_s, time.monotonic() + 3.0), timeout_s, stuck)
    port.in_raw_repl = True
    port.use_raw_paste = True


def leave_repl(port: BoardPort, run: bool = True, timeout_s: float = 3.0) -> None:
    """Back to the friendly prompt; run: then a soft reset, which starts boot.py and main.py. Raises Unplugged."""
    port.write(INTERRUPT + _FRIENDLY)
    _wait_for(port, _PROMPT, timeout_s)
    port.in_raw_repl = False
    if run:
        port.write(_RESET)


def _handshake(port: BoardPort, end_s: float, timeout_s: float, stuck: str) -> None:
    heard = bytearray()
    wait_s = 0.25
    while True:
        port.write(INTERRUPT)
        heard += _drain(port)
        port.write(INTERRUPT)  # the first may have ended one thing and started another (a `finally`, an outer loop)
        heard += _drain(port)
        port.write(_RAW)
        found = _wait_for(port, _BANNER, wait_s)
        heard += found
        del heard[:-_KEPT_BYTES]
        if _BANNER in found and _obeys(port):
            return
        if time.monotonic() >= end_s:
            raise NoPrompt(_diagnosis(port.device_name, bytes(heard), timeout_s, stuck))
        wait_s = min(2.0, wait_s * 2)


def _drain(port: BoardPort, quiet_s: float = 0.03, most_s: float = 0.3) -> bytes:
    """What comes until it is quiet; an application in full flow is never quiet, hence the limit."""
    heard = bytearray()
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        data = port.read_some(quiet_s)
        if not data:
            break
        heard += data
    return bytes(heard[-_KEPT_BYTES:])


def _wait_for(port: BoardPort, wanted: bytes, wait_s: float) -> bytes:
    heard = bytearray()
    end_s = time.monotonic() + wait_s
    while wanted not in heard and time.monotonic() < end_s:
        heard += port.read_some(min(0.05, wait_s))
        del heard[:-_KEPT_BYTES]
    return bytes(heard)


def _obeys(port: BoardPort) -> bool:
    """Whether something there calculates: an echo, or an old line in a buffer, does not. Leaves the `>` unread."""
    _drain(port)
    a, b = random.randrange(1000, 10_000), random.randrange(1000, 10_000)
    port.write(b"print(%d*%d)" % (a, b) + _RESET)
    ending = b"%d\r\n\x04\x04" % (a * b)
    with port._named():
        return bytes(port.read_until(1, ending, timeout=1.0, timeout_overall=2.0)).endswith(ending)


def _restart(port: BoardPort, end_s: float) -> bool:
    """Soft reset within the raw REPL; False when its prompt did not come back. Leaves the `>` unread."""
    port.write(_RESET)
    for wanted in (_REBOOT, _BANNER[:-1]):
        left_s = max(1.0, end_s - time.monotonic())
        with port._named():
            heard = port.read_until(1, wanted, timeout=left_s, timeout_overall=left_s)
        if not bytes(heard).endswith(wanted):
            return False
    return True


def _diagnosis(name: str, heard: bytes, timeout_s: float, stuck: str) -> str:
    stuck = stuck and f". {stuck}"
    if not heard:
        return (
            f"{name} is silent: nothing came in {timeout_s:g} s. Is it the right port, does MicroPython run there? "
            f"Unplug the board and plug it in again, or put MicroPython on it (docs/boards.md){stuck}"
        )
    sample = shown(heard[-60:])
    printable = sum(32 <= byte < 127 or byte in b"\r\n" for byte in heard) / len(heard)
    if printable < 0.7:
        return (
            f"{name} answers, but not as MicroPython does ({sample!r}): another device, or another rate than the "
            "port's. Expected MicroPython's prompt"
        )
    return (
        f"{name} does not stop for Ctrl-C: no MicroPython prompt in {timeout_s:g} s, last heard {sample!r}. "
        f"Is it a MicroPython board? Press its reset and try again{stuck}"
    )
