"""A terminal on a board behind serial ports, in real time: hardware, or an emulated Pico in a process of its own.

With link "uarts" a port each: console (USB) and what the spec's wires are, modem and tuner, on which the decoder's
output comes back, or network. With link
"cable" the console's port carries all of them (`settop.link.cable`).
"""

import time

from settop.errors import LocalError

from testbed.boards.profile import LINKS
from testbed.hil.adapter import Adapter
from testbed.hil.lines import Lines, lines_of
from testbed.machines.base import TerminalSpec, check_line


class SerialMachine:
    """See `testbed.machines.base.Machine`. The board is what it is: of `spec` only its rates and `wires` count.

    link: one of LINKS, as in the board's LINK. `adapter` is launched by the first boot and closed by `close`.
    """

    name = "serial"
    virtual = False

    def __init__(self, adapter: Adapter, spec: TerminalSpec, link: str = "uarts") -> None:
        """LocalError: no such link."""
        if link not in LINKS:
            raise LocalError(f"no link {link!r}; there are {', '.join(LINKS)}")
        self.spec = spec
        self.adapter = adapter
        self.link = link
        self._inputs, self._outputs = lines_of(link, spec.wires)
        self._lines: Lines | None = None
        self._on = False
        self._power_was_cut = False

    def boot(self) -> None:
        """Attach without a reset, stop what runs, start the terminal afresh; returns when it says that it is ready.

        After a `power_cut` the board gets its power back instead, and starts by itself. Raises MachineError that
        says which step failed, and what was heard instead.
        """
        if self._on:
            raise LocalError("this terminal is already on; power_cut() first")
        self.adapter.launch()
        if self._lines is None:
            self._lines = Lines(self.adapter, self.spec, self.link)
        if self._power_was_cut:
            self.adapter.power_on()
        self._lines.open(fresh=not self._power_was_cut)
        self._on, self._power_was_cut = True, False

    def keep_step(self, bench_ns: int) -> bool:
        """See `testbed.machines.base.KeepsStep`; a real board is where it is."""
        return self._lines is not None and self.adapter.keep_step(bench_ns)

    def send(self, line: str, data: bytes) -> None:
        """Queue bytes, which a slow line takes when it can. Those for a board that is off are lost."""
        check_line(line, self._inputs)
        if self._on and self._lines is not None:
            self._lines.send(line, data)

    def take(self, line: str) -> bytes:
        check_line(line, self._outputs)
        return b"" if self._lines is None else self._lines.take(line)

    def advance(self, now_ns: int) -> None:
        """Wait until `time.monotonic_ns()` is `now_ns`. Raises MachineError where board, port or firmware has ended."""
        left_s = (now_ns - time.monotonic_ns()) / 1e9
        if left_s > 0:
            time.sleep(left_s)
        if self._on and self._lines is not None:
            self._lines.check()

    def next_timer_ns(self) -> int | None:
        return 0  # it runs by itself

    def power_cut(self) -> None:
        """Raises MachineError for a board whose power nobody here can cut."""
        if not self._on or self._lines is None:
            return
        self.adapter.power_off()
        self._on, self._power_was_cut = False, True
        self._lines.power_lost()

    def close(self) -> None:
        """Close the ports; an attached board runs on."""
        self._on = self._power_was_cut = False
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self.adapter.close()
