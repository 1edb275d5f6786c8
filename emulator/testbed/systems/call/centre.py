"""The call centre on the bench: each of its lines is a part, a trunk with the modem that it answers."""

from collections.abc import Callable

from headend.broadcast.schedule import Schedule
from headend.callcentre.ledger import Ledger
from headend.callcentre.service import Trunk
from headend.callcentre.timing import Timing

from testbed.line.modem import Modem, State

MakeTrunk = Callable[[Ledger, Schedule, Timing, Callable[[int], bytes]], Trunk]


class TrunkLine:
    """A part of a world (testbed.world), behind whatever announces portions. `trunk` has been started."""

    def __init__(self, trunk: Trunk, modem: Modem) -> None:
        self.trunk = trunk
        self._modem = modem
        self._due_ms: int | None = 0

    def advance(self, now_ms: int) -> None:
        modem, trunk = self._modem, self.trunk
        # In a call the trunk must also see what the broadcaster has announced.
        if modem.state is State.COMMAND and not self._is_due(now_ms):
            return
        modem.poll(now_ms)
        back = modem.take()
        if back:
            trunk.receive(back, now_ms)
        trunk.poll(now_ms)
        out = trunk.take()
        if out:
            modem.receive(out, now_ms)
        timers = (trunk.next_timer(), modem.next_timer())
        self._due_ms = min((at_ms for at_ms in timers if at_ms is not None), default=None)

    def next_timer(self) -> int | None:
        return 0 if self._modem.waiting else self._due_ms

    def _is_due(self, now_ms: int) -> bool:
        due_ms = self.next_timer()
        return due_ms is not None and due_ms <= now_ms
