"""Ended from outside: SIGTERM, SIGHUP and Ctrl-C become one exception on the main thread, so that everything that was
begun is put away by the `with` and `finally` that began it.
"""

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_DEAF_S = 0.002  # where nothing can be raised, it is tried again so much later
_AGAIN_AFTER_S = 2.0
"""Signals come in bursts (a service manager, a closing terminal): what puts things away is not disturbed by the rest
of one. Who still waits after this long means it."""


class Stopped(KeyboardInterrupt):
    """A signal asked for the end. `status` is the exit status that shells give it: 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.status = 128 + number


class StopState:
    """What has come so far. `status` is the exit status after the first signal, 0 without one."""

    def __init__(self) -> None:
        self.status = 0
        self.held = 0
        self.waiting: int | None = None
        self.since_s = float("-inf")


_state = StopState()


@contextmanager
def stoppable() -> Iterator[StopState]:
    """Within the block, SIGTERM, SIGHUP and SIGINT raise `Stopped`, each where it is not ignored (as under nohup).

    What handled them before does so again afterwards. Does nothing outside the main thread, which alone may.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _state
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    _state.status, _state.waiting, _state.since_s = 0, None, float("-inf")
    try:
        for number in before:
            signal.signal(number, _stop)
        yield _state
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) == _stop:  # some commands have a way of their own to end
                signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    if _state.held:
        _state.waiting = number
        return
    if _is_deaf(frame):
        _thread.start_new_thread(_again, (number,))  # a Timer's start() would wait in this very frame
        return
    now_s = time.monotonic()
    if now_s - _state.since_s >= _AGAIN_AFTER_S:
        _state.since_s = now_s
        _state.status = _state.status or 128 + number
        raise Stopped(number)


def _again(number: int) -> None:
    time.sleep(_DEAF_S)
    os.kill(os.getpid(), number)


def _is_deaf(frame: FrameType | None) -> bool:
    """Whether an exception would be printed and forgotten here: in the callback with which an import drops its lock, or
    in what that calls."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "cb" and code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within the block a signal waits; it is raised at its end. For the few steps that belong together."""
    _state.held += 1
    try:
        yield
    finally:
        _state.held -= 1
        if not _state.held and _state.waiting is not None:
            number, _state.waiting = _state.waiting, None
            _stop(number, None)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Within the block no stop signal is delivered to this thread, nor to a process that it forks there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_stop_signals() -> None:
    """For a forked worker: it ends when its pipe does, not by a signal that was meant for the whole group."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
