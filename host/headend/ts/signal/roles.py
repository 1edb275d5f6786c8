"""What each PID carries, stretch by stretch: a table says so until another one says something else.

A PID keeps its role when the table that gave it is replaced by one that does not name it: packets that are still on
their way stay what they were. The first role of a PID holds from the start of the file.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from settop.wire.transport import LOWEST_PID, NULL_PID

from headend.ts.packets import PIDS, Words
from headend.ts.signal.psi import Pmt, ca_pids_named
from headend.ts.signal.signalling import ca_pid_of
from headend.ts.signal.streams import carries_sections
from headend.ts.signal.tables import CatSeen, PatSeen, PmtSeen, PmtsInForce, Seen
from headend.ts.survey import Survey

NOTHING, STREAM, ECM, OTHER = range(4)
"""STREAM: an elementary stream of the programmes concerned; ECM: our messages; OTHER: somebody else's, or tables."""

Roles = npt.NDArray[np.uint8]


class RoleChange(NamedTuple):
    """From packet `at` on PID `pid` has that role."""

    at: int
    pid: int
    role: int


class RolePlan:
    """The changes in order, and `refused`: PIDs that PMTs concerned name as streams though they cannot be such."""

    def __init__(self, refused: set[int]) -> None:
        self.changes: list[RoleChange] = []
        self.refused = refused
        self._by_pid: dict[int, list[RoleChange]] = {}

    def add(self, changes: list[RoleChange]) -> None:
        """Changes that come behind all others, but for the first one of a PID."""
        self.changes.extend(sorted(changes, key=lambda change: change.at))
        for change in changes:
            self._by_pid.setdefault(change.pid, []).append(change)

    def role_at(self, packet: int, pid: int) -> int:
        """The role of `pid` at one packet."""
        return next((one.role for one in reversed(self._by_pid.get(pid, ())) if one.at <= packet), NOTHING)


class RoleCursor:
    """Roles of the packets of one chunk after the other; chunks mostly come with rising `first`."""

    def __init__(self, plan: RolePlan) -> None:
        self._changes = plan.changes
        self._restart()

    def _restart(self) -> None:
        self._table: Roles = np.zeros(PIDS, np.uint8)
        self._next = 0
        self._reached = 0

    def roles(self, first: int, pids: Words) -> Roles:
        """The role of packets first..first+len(pids)-1, shape (n,)."""
        if first < self._reached:
            self._restart()
        self._reached = first
        changes, found, done = self._changes, np.empty(len(pids), np.uint8), 0
        while self._next < len(changes) and changes[self._next].at < first + len(pids):
            at = max(changes[self._next].at - first, 0)
            if at > done:
                found[done:at] = self._table[pids[done:at]]
                done = at
            self._table[changes[self._next].pid] = changes[self._next].role
            self._next += 1
        found[done:] = self._table[pids[done:]]
        return found


def plan_roles(found: Survey, concerned: Callable[[Pmt], bool]) -> RolePlan:
    """The roles that follow from the tables of `found`; `concerned` picks the PMTs whose streams are STREAM."""
    planner = RolePlanner(concerned)
    seen: Iterable[Seen] = [*found.pats, *found.cats, *found.pmts, *found.content]
    plan = RolePlan(planner.refused)
    plan.add([change for one in sorted(seen, key=lambda event: event.at) for change in planner.take(one)])
    return plan


class RolePlanner:
    """Takes tables in the order of the stream and tells what changes with them."""

    def __init__(self, concerned: Callable[[Pmt], bool]) -> None:
        self._concerned = concerned
        self._tables = PmtsInForce()
        self._cat: tuple[int, ...] = ()
        self._pes: dict[int, bool] = {}
        self._roles: dict[int, int] = {}
        self.refused: set[int] = set()

    def take(self, seen: Seen) -> list[RoleChange]:
        """The changes that `seen` brings."""
        if isinstance(seen, PatSeen):
            self._tables.take_pat(seen.pat)
        elif isinstance(seen, PmtSeen):
            self._tables.take_pmt(seen.pid, seen.pmt)
        elif isinstance(seen, CatSeen):
            self._cat = seen.pids
        else:
            self._pes[seen.pid] = seen.pes
        new = {pid: role for pid, role in self._claims().items() if self._roles.get(pid) != role}
        # What comes before the first table that names it is scrambled with it, rather than left clear.
        changes = [RoleChange(seen.at if pid in self._roles else 0, pid, role) for pid, role in new.items()]
        self._roles |= new
        return changes

    def _claims(self) -> dict[int, int]:
        """The role of every PID that the tables in force name; what is later in here outweighs what is earlier."""
        claims = dict.fromkeys(self._cat, OTHER)
        streams = set()
        pmts = self._tables.held()
        for pmt in pmts:
            loops = [pmt.descriptors, *(stream.descriptors for stream in pmt.streams)]
            claims |= dict.fromkeys([pid for loop in loops for pid in ca_pids_named(loop)], OTHER)
            claims |= dict.fromkeys([stream.pid for stream in pmt.streams], OTHER)
        for pmt in filter(self._concerned, pmts):
            streams |= {stream.pid for stream in pmt.streams if not carries_sections(stream)}
            ca_pid = ca_pid_of(pmt)
            if ca_pid is not None:
                claims[ca_pid] = ECM
        claims |= dict.fromkeys(streams, STREAM)
        for pid in self._tables.pat.named.values():
            # Named as both: what begins there decides. Nothing that looks like a section ever came: a stream.
            if pid not in streams or self._pes.get(pid) is False:
                claims[pid] = OTHER
        for pid in streams:
            if pid < LOWEST_PID:
                self.refused.add(pid)
        return {pid: role for pid, role in claims.items() if LOWEST_PID <= pid < NULL_PID}
