"""What LCP negotiates (RFC 1661, 6): lengths, escapes, short headers, who proves who he is, and magic numbers."""

from collections.abc import Callable

from testbed.network.ppp import options
from testbed.network.ppp.automaton import ACK, DISCARD, ECHO, ECHO_REPLY, MAX_FAILURE, NAK, PROTOCOL_REJECT, REJECT
from testbed.network.ppp.framing import ALL_CONTROL

PROTOCOL = 0xC021
MRU, ACCM, AUTHENTICATION, MAGIC, PFC, ACFC = 1, 2, 3, 5, 7, 8
PAP, CHAP = b"\xc0\x23", b"\xc2\x23\x05"
"""Values of AUTHENTICATION: RFC 1334, and RFC 1994 with MD5."""
METHODS = {"pap": PAP, "chap": CHAP}
DEFAULT_MRU, LEAST_MRU = 1500, 128
LOOPS = 5
"""So often our own magic number, and the line is a loop."""


class Lcp:
    """The policy of LCP. demands: the method by which the other end is to prove itself, "" for none; proves: those by
    which we can. `magics` makes magic numbers, four octets each.

    What was agreed: `mru` of the other end, `accm` for what we send, `short` and `shorter` (ACFC, PFC) for that, too;
    `asked_of_us` is the method that the other end wants. `looped` counts our own numbers that came back.
    """

    def __init__(
        self,
        magics: Callable[[], bytes],
        demands: str = "",
        proves: tuple[str, ...] = (),
        told: Callable[[str], None] = lambda what: None,
        rejected: Callable[[int], None] = lambda protocol: None,
    ) -> None:
        self._rejected = rejected
        self._magics = magics
        self._told = told
        self._proves = tuple(METHODS[name] for name in proves)
        self._demands = METHODS[demands] if demands else b""
        self.looped = 0
        self.refused_to_prove = False
        self.silent = 0
        self.renew()

    def renew(self) -> None:
        """Before anything was agreed."""
        self._ours: dict[int, bytes] = {ACCM: bytes(4)}
        if self._demands:
            self._ours[AUTHENTICATION] = self._demands
        self._ours |= {MAGIC: self._magics(), PFC: b"", ACFC: b""}
        self.refused_to_prove = False
        self._forget_theirs()

    @property
    def magic(self) -> bytes:
        """Ours; zeros if the other end wants none."""
        return self._ours.get(MAGIC, bytes(4))

    # --- Policy ---------------------------------------------------------------------------------------------------

    def request(self) -> bytes:
        return options.pack(list(self._ours.items()))

    def judge(self, data: bytes, refusals: int) -> tuple[int, bytes]:
        asked = options.unpack(data)
        self._forget_theirs()
        rejected: list[options.Option] = []
        other: list[options.Option] = []
        for kind, value in asked:
            better = self._better(kind, value)
            if better is None or (better != value and refusals >= MAX_FAILURE and kind != MAGIC):
                rejected.append((kind, value))
            elif better != value:
                other.append((kind, better))
        if rejected or other:
            self._forget_theirs()
            return (REJECT, options.pack(rejected)) if rejected else (NAK, options.pack(other))
        self.looped = 0
        return ACK, data

    def refused(self, code: int, data: bytes) -> None:
        for kind, value in options.unpack(data):
            if kind not in self._ours:
                continue
            if code == REJECT:
                self.refused_to_prove |= kind == AUTHENTICATION
                if kind != AUTHENTICATION:
                    del self._ours[kind]
            elif kind == MAGIC:
                self._ours[MAGIC] = self._magics()
            elif kind == ACCM and len(value) == 4:
                ours = int.from_bytes(self._ours[ACCM], "big") | int.from_bytes(value, "big")
                self._ours[ACCM] = ours.to_bytes(4, "big")
        if self.refused_to_prove:
            self._told("refused to prove")

    def agreed(self) -> None:
        self._told("agreed")

    def parted(self) -> None:
        self._forget_theirs()
        self._told("parted")

    def finished(self) -> None:
        self._told("finished")

    def other(self, code: int, identifier: int, data: bytes) -> str:
        if code == ECHO:
            if data[:4] == self.magic != bytes(4):
                self._own_number()
                return ""
            return "rxr"
        if code == ECHO_REPLY:
            if data[:4] == self.magic != bytes(4):
                self._own_number()
            else:
                self.silent = 0
            return ""
        if code == PROTOCOL_REJECT:
            self._rejected(int.from_bytes(data[:2], "big"))
            return "rxj-" if data[:2] == PROTOCOL.to_bytes(2, "big") else "rxj+"
        return "" if code == DISCARD else "ruc"

    def echo(self, data: bytes) -> bytes:
        return self.magic + data[4:]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _forget_theirs(self) -> None:
        self.mru = DEFAULT_MRU
        self.accm = ALL_CONTROL
        self.short = self.shorter = False
        self.asked_of_us = ""

    def _own_number(self) -> None:
        self.looped += 1
        if self.looped == LOOPS:
            self._told("looped")

    def _better(self, kind: int, value: bytes) -> bytes | None:
        """What we would agree to: the value itself, another one, or None for nothing. Notes what was asked for."""
        if kind == MRU and len(value) == 2:
            self.mru = min(int.from_bytes(value, "big"), DEFAULT_MRU)
            return value if self.mru >= LEAST_MRU else DEFAULT_MRU.to_bytes(2, "big")
        if kind == ACCM and len(value) == 4:
            self.accm = int.from_bytes(value, "big")
            return value
        if kind == MAGIC and len(value) == 4:
            if value == self.magic != bytes(4):
                self._own_number()
                return self._magics()
            return value if any(value) else self._magics()
        if kind in (PFC, ACFC) and not value:
            self.short |= kind == ACFC
            self.shorter |= kind == PFC
            return value
        if kind == AUTHENTICATION and self._proves:
            for name, method in METHODS.items():
                if method == value and method in self._proves:
                    self.asked_of_us = name
                    return value
            return self._proves[0]
        return None
