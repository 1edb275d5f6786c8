"""Which PAT, PMTs and CAT are in force at a place of the stream: a table holds until the next one of its kind."""

from dataclasses import dataclass, field
from typing import NamedTuple

from headend.ts.signal.psi import Pat, Pmt


class PatSeen(NamedTuple):
    """A PAT section, new or changed, completed by packet `at`."""

    at: int
    pat: Pat


class PmtSeen(NamedTuple):
    """A PMT, new or changed, completed by packet `at` of PID `pid`."""

    at: int
    pid: int
    pmt: Pmt


class CatSeen(NamedTuple):
    """A CAT, new or changed, completed by packet `at`: the PIDs of its CA_descriptors."""

    at: int
    pids: tuple[int, ...]


class ContentSeen(NamedTuple):
    """What begins on a PID that a PAT names, or that the standard keeps for tables: PES, or (not `pes`) sections."""

    at: int
    pid: int
    pes: bool


Seen = PatSeen | PmtSeen | CatSeen | ContentSeen


@dataclass(slots=True)
class PatInForce:
    """Programme number -> PMT PID, from PAT sections as they come (ISO/IEC 13818-1, 2.4.4.3).

    A PAT of several sections drops programmes only when all of its sections are there.
    """

    named: dict[int, int] = field(default_factory=dict)
    _version: tuple[int, int] = (-1, -1)  # version_number, last_section_number
    _sections: dict[int, dict[int, int]] = field(default_factory=dict)

    def take(self, pat: Pat) -> None:
        """`pat` is current."""
        if (pat.version, pat.last) != self._version:
            self._version = pat.version, pat.last
            self._sections = {}
        self._sections[pat.number] = pat.programmes
        if len(self._sections) > pat.last:
            self.named = {}
        for programmes in self._sections.values():
            self.named |= programmes


class PmtsInForce:
    """The PMT of each programme that the PAT in force names, kept while it names it, until the next one."""

    def __init__(self) -> None:
        self.pat = PatInForce()
        self._held: dict[tuple[int, int], Pmt] = {}  # (programme, section number)
        self._latest: dict[tuple[int, int, int], Pmt] = {}  # (PID, programme, section number): also not in force

    def take_pat(self, pat: Pat) -> None:
        self.pat.take(pat)
        named = self.pat.named
        self._held = {key: pmt for key, pmt in self._held.items() if key[0] in named}
        for (pid, programme, number), pmt in self._latest.items():
            if named.get(programme) == pid and (programme, number) not in self._held:
                self._held[programme, number] = pmt

    def take_pmt(self, pid: int, pmt: Pmt) -> None:
        """`pmt` is current; it counts where the PAT in force names `pid` for its programme."""
        self._latest[pid, pmt.programme, pmt.number] = pmt
        if self.pat.named.get(pmt.programme) == pid:
            gone = [key for key in self._held if key[0] == pmt.programme and key[1] > pmt.last]
            for key in gone:
                del self._held[key]
            self._held[pmt.programme, pmt.number] = pmt

    def held(self) -> list[Pmt]:
        return list(self._held.values())
