"""What IPCP negotiates (RFC 1332, RFC 1877): the addresses of both ends and of name servers. No compression."""

from collections.abc import Callable

from testbed.network.addresses import ANY
from testbed.network.ppp import options
from testbed.network.ppp.automaton import ACK, MAX_FAILURE, NAK, REJECT

PROTOCOL = 0x8021
ADDRESS, NAME_SERVER, NAME_SERVER_2 = 3, 129, 131


class Ipcp:
    """The policy of IPCP. ours: our address, zeros if the other end is to give us one. theirs: what it is given, zeros
    if it brings its own. names: the name servers that it is told, at most two; asks_names: whether we want to be told.

    What was agreed: `ours`, `theirs`, `names`.
    """

    def __init__(
        self,
        ours: bytes,
        theirs: bytes,
        names: tuple[bytes, ...],
        asks_names: bool,
        told: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._first = (ours, theirs, names)
        self._asks_names = asks_names
        self._told = told
        self.renew()

    def renew(self) -> None:
        """Before anything was agreed."""
        self.ours, self._given, self._offered = self._first
        self.theirs = self._given
        self.names: tuple[bytes, ...] = ()
        self._ask: dict[int, bytes] = {ADDRESS: self.ours}
        if self._asks_names:
            self._ask |= {NAME_SERVER: ANY, NAME_SERVER_2: ANY}

    # --- Policy ---------------------------------------------------------------------------------------------------

    def request(self) -> bytes:
        return options.pack(list(self._ask.items()))

    def judge(self, data: bytes, refusals: int) -> tuple[int, bytes]:
        asked = options.unpack(data)
        rejected: list[options.Option] = []
        other: list[options.Option] = []
        for kind, value in asked:
            better = self._better(kind, value)
            if better is None or (better != value and refusals >= MAX_FAILURE):
                rejected.append((kind, value))
            elif better != value:
                other.append((kind, better))
        if rejected:
            return REJECT, options.pack(rejected)
        if ADDRESS not in dict(asked) and self._given != ANY and refusals < MAX_FAILURE:
            other.append((ADDRESS, self._given))  # it shall ask for one (RFC 1661, 5.3)
        if other:
            return NAK, options.pack(other)
        self.theirs = dict(asked).get(ADDRESS, self._given)
        return ACK, data

    def refused(self, code: int, data: bytes) -> None:
        for kind, value in options.unpack(data):
            if kind not in self._ask:
                continue
            if code == REJECT:
                del self._ask[kind]
            elif len(value) == 4 and (kind != ADDRESS or self._first[0] == ANY):
                self._ask[kind] = value

    def agreed(self) -> None:
        self.ours = self._ask.get(ADDRESS, self.ours)
        told = (self._ask.get(NAME_SERVER, ANY), self._ask.get(NAME_SERVER_2, ANY))
        self.names = tuple(address for address in told if address != ANY)
        self._told("agreed")

    def parted(self) -> None:
        self._told("parted")

    def finished(self) -> None:
        self._told("finished")

    def other(self, code: int, identifier: int, data: bytes) -> str:
        return "ruc"

    def echo(self, data: bytes) -> bytes:
        return data

    # --- inside ---------------------------------------------------------------------------------------------------

    def _better(self, kind: int, value: bytes) -> bytes | None:
        if len(value) != 4:
            return None
        if kind == ADDRESS:
            if self._given != ANY:
                return self._given
            return value if value != ANY else None
        if kind in (NAME_SERVER, NAME_SERVER_2) and self._offered:
            return self._offered[0 if kind == NAME_SERVER else -1]
        return None
