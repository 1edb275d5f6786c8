"""Option negotiation (RFC 1661, 4 and 5): one automaton for LCP and IPCP, which differ in their options alone.

Every answer is bounded: tries by the RFC's counters, agreement by MAX_REFUSALS, and all of it together by an allowance.
What arrives beyond that is as good as lost, and counted.
"""

import struct
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from settop.errors import RemoteError

from testbed.network.allowance import Allowance
from testbed.network.ppp import automaton_states as states

REQUEST, ACK, NAK, REJECT, TERMINATE, TERMINATE_ACK, CODE_REJECT, PROTOCOL_REJECT, ECHO, ECHO_REPLY, DISCARD = range(
    1, 12
)
RESTART_NS = 3_000_000_000
"""How long an answer may take (RFC 1661, 4.6); a slow line may need more."""
MAX_CONFIGURE, MAX_TERMINATE, MAX_FAILURE = 10, 2, 5
MAX_REFUSALS = 30
"""So many requests in a row that we cannot agree to, and there will be no agreement."""
CODE_REJECT_BYTES = 64
"""How much of a packet with a code that we do not know is sent back."""

_HEADER = struct.Struct(">BBH")


class Policy(Protocol):
    """What a protocol wants of its options, and what becomes of it."""

    def request(self) -> bytes:
        """The options that we ask for."""

    def judge(self, data: bytes, refusals: int) -> tuple[int, bytes]:
        """(ACK, NAK or REJECT, the options to go with it) for what the other end asks. RemoteError: no options.
        refusals: how often the answer was another one than ACK."""

    def refused(self, code: int, data: bytes) -> None:
        """NAK or REJECT came for our request: ask for something else. RemoteError: no options."""

    def agreed(self) -> None:
        """Both ends have what they asked for."""

    def parted(self) -> None:
        """They no longer have."""

    def finished(self) -> None:
        """There is nothing more to wait for."""

    def other(self, code: int, identifier: int, data: bytes) -> str:
        """The event of a code from PROTOCOL_REJECT on: "rxj+", "rxj-", "rxr", "" for none, "ruc" if it is unknown."""

    def echo(self, data: bytes) -> bytes:
        """What an Echo-Request is answered with."""


class Automaton:
    """One end of a negotiation. `emit` takes its packets; `refused` counts what was dropped, by reason.

    `disagreed`: it was ended as there would have been no agreement."""

    def __init__(
        self, policy: Policy, emit: Callable[[bytes], None], refused: Counter[str], allowance: Allowance
    ) -> None:
        self.state = states.INITIAL
        self.disagreed = False
        self._policy = policy
        self._emit = emit
        self._refused = refused
        self._allowance = allowance
        self._identifier = 0
        self._asked = (-1, b"")  # identifier and options of our last request
        self._count = 0
        self._due_ns: int | None = None
        self._refusals = self._refused_us = 0
        self._heard = 0  # the identifier of what is being answered
        self._now_ns = 0
        self._reply: Callable[[], None] = lambda: None  # what sca, scn, scj, ser send

    @property
    def opened(self) -> bool:
        return self.state == states.OPENED

    def happen(self, event: str, now_ns: int) -> None:
        """One of up, down, open, close from the layers above and below; times never go back."""
        self._now_ns = now_ns
        self._do(event)

    def listen(self) -> None:
        """Wait for the other end to ask first: open and up, and silent (RFC 1661, 4.1, the note on p)."""
        self._enter(states.STOPPED)

    def advance(self, now_ns: int) -> None:
        """Ask again, or give up, when it is time."""
        self._now_ns = now_ns
        while self._due_ns is not None and now_ns >= self._due_ns:
            self._due_ns += RESTART_NS
            self._do("to+" if self._count > 0 else "to-")

    def due_ns(self) -> int | None:
        """When `advance` has something to do."""
        return self._due_ns

    def receive(self, packet: bytes, now_ns: int) -> None:
        """A packet of this protocol. Nothing that comes raises."""
        self._now_ns = now_ns
        try:
            self._receive(packet)
        except RemoteError as error:
            self._refused[str(error)] += 1

    def code_rejected(self, fatal: bool) -> None:
        """The other end knows nothing of what we said; fatal: which we cannot do without."""
        self._do("rxj-" if fatal else "rxj+")

    def say(self, code: int, data: bytes) -> int:
        """Send a packet with a new identifier, which is returned."""
        self._identifier = (self._identifier + 1) & 0xFF
        self._put(code, self._identifier, data)
        return self._identifier

    # --- inside ---------------------------------------------------------------------------------------------------

    def _receive(self, packet: bytes) -> None:
        if len(packet) < _HEADER.size:
            raise RemoteError("packet without a header")
        code, identifier, length = _HEADER.unpack_from(packet)
        if not _HEADER.size <= length <= len(packet):
            raise RemoteError("packet lengths that lie")
        if self.state in (states.INITIAL, states.STARTING):
            raise RemoteError("packet before its time")
        if not self._allowance.take(self._now_ns):
            return
        data, self._heard = packet[_HEADER.size : length], identifier
        if code == REQUEST:
            self._asked_of_us(identifier, data)
        elif code in (ACK, NAK, REJECT):
            self._answered(code, identifier, data)
        elif code == TERMINATE:
            self._do("rtr")
        elif code == TERMINATE_ACK:
            self._do("rta")
        elif code == CODE_REJECT:
            self._do("rxj-" if data[:1] and data[0] in range(REQUEST, CODE_REJECT) else "rxj+")
        else:
            self._others(code, identifier, data, packet[:length])

    def _asked_of_us(self, identifier: int, data: bytes) -> None:
        answer, options = self._policy.judge(data, self._refusals)
        self._reply = lambda: self._put(answer, identifier, options)
        if answer == ACK:
            self._refusals = 0
            self._do("rcr+")
            return
        self._refusals += 1
        self._do("rcr-")
        self._give_up_at(self._refusals)

    def _answered(self, code: int, identifier: int, data: bytes) -> None:
        asked, options = self._asked
        if identifier != asked or (code == ACK and data != options):
            raise RemoteError("answer to another question")
        if code == ACK:
            self._refused_us = 0
            self._do("rca")
            return
        self._policy.refused(code, data)
        self._refused_us += 1
        self._do("rcn")
        self._give_up_at(self._refused_us)

    def _give_up_at(self, times: int) -> None:
        if times >= MAX_REFUSALS:
            self._refused["no agreement"] += 1
            self.disagreed = True
            self._refusals = self._refused_us = 0
            self._do("close")

    def _others(self, code: int, identifier: int, data: bytes, packet: bytes) -> None:
        event = self._policy.other(code, identifier, data)
        if event == "ruc":
            self._reply = lambda: self._unknown(packet)
        elif event == "rxr":
            self._reply = lambda: self._put(ECHO_REPLY, identifier, self._policy.echo(data))
        if event:
            self._do(event)

    def _unknown(self, packet: bytes) -> None:
        self.say(CODE_REJECT, packet[:CODE_REJECT_BYTES])

    def _put(self, code: int, identifier: int, data: bytes) -> None:
        self._emit(_HEADER.pack(code, identifier, _HEADER.size + len(data)) + data)

    def _do(self, event: str) -> None:
        row = states.TRANSITIONS.get((self.state, event))
        if row is None:
            return
        actions, following = row
        self._enter(following)
        for action in actions.split():
            getattr(self, f"_{action}")()

    def _enter(self, state: str) -> None:
        if state not in states.TIMED:
            self._due_ns = None
        elif self._due_ns is None:
            self._due_ns = self._now_ns + RESTART_NS
        self.state = state

    def _irc(self) -> None:
        self._count = MAX_TERMINATE if self.state in (states.CLOSING, states.STOPPING) else MAX_CONFIGURE

    def _zrc(self) -> None:
        self._count = 0
        self._due_ns = self._now_ns + RESTART_NS

    def _scr(self) -> None:
        self._count -= 1
        self._due_ns = self._now_ns + RESTART_NS
        options = self._policy.request()
        self._asked = (self.say(REQUEST, options), options)

    def _str(self) -> None:
        self._count -= 1
        self._due_ns = self._now_ns + RESTART_NS
        self.say(TERMINATE, b"")

    def _sca(self) -> None:
        self._reply()

    _scn = _scj = _ser = _sca

    def _sta(self) -> None:
        self._put(TERMINATE_ACK, self._heard, b"")

    def _tlu(self) -> None:
        self._refusals = self._refused_us = 0
        self._policy.agreed()

    def _tld(self) -> None:
        self._policy.parted()

    def _tlf(self) -> None:
        self._refusals = self._refused_us = 0
        self._policy.finished()

    def _tls(self) -> None:
        """The layer below is up when it is: nothing to do."""
