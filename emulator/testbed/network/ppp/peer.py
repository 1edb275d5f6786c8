"""One end of PPP over a serial line, without IO or clock: frames, LCP, proof of identity, IPCP, and IP packets within.

    peer = Peer(Settings(ours="10.64.64.1", theirs="10.64.64.2"), seed=1)
    peer.start(now_ns)
    peer.receive(octets, now_ns)     # what the line delivered
    peer.take_packets()              # IP packets that came
    peer.send(packet, now_ns)        # one to go
    peer.take_frames()               # what is to go on the line, frame by frame
    peer.advance(now_ns); peer.due_ns()

A provider's end is passive: it waits for the terminal to ask, answers, and asks itself together with its first answer.
A second request to a terminal that is through would begin everything anew, which lwIP does not survive.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from settop.errors import LocalError

from testbed.network import addresses
from testbed.network.allowance import Allowance
from testbed.network.ppp import auth, framing, ipcp, lcp, phases
from testbed.network.ppp.automaton import ECHO, PROTOCOL_REJECT, Automaton

IP = 0x0021
SILENT_ECHOES = 3
"""So many echoes without an answer, and there is nobody."""


@dataclass(frozen=True)
class Settings:
    """One end's wishes. LocalError: a method that does not exist, or without what it needs.

    ours, theirs: addresses of the two ends, "0.0.0.0" for one that the other end is to bring. names: name servers that
    the other end is told. demands: "pap", "chap" or "" for how it must prove itself to `accounts`. credentials: who we
    are, if we are asked by one of `proves`. passive: wait to be asked first. echo_ns: ask for a sign of life so often,
    0 never.
    """

    ours: str = "0.0.0.0"  # noqa: S104
    theirs: str = "0.0.0.0"  # noqa: S104
    names: tuple[str, ...] = ()
    asks_names: bool = False
    demands: str = ""
    accounts: auth.Accounts | None = field(default=None, repr=False)
    credentials: auth.Credentials | None = None
    proves: tuple[str, ...] = ("chap", "pap")
    passive: bool = False
    echo_ns: int = 0

    def __post_init__(self) -> None:
        if any(name not in lcp.METHODS for name in (*self.proves, *([self.demands] if self.demands else []))):
            raise LocalError(f"proof by {self.demands or self.proves}, expected pap or chap")
        if self.demands and self.accounts is None:
            raise LocalError("proof is demanded, and there are no accounts to hold it against")
        if self.credentials and not all(1 <= len(part) <= 255 for part in vars(self.credentials).values()):
            raise LocalError("name and secret take 1 to 255 octets each")
        if len(self.names) > 2:
            raise LocalError(f"{len(self.names)} name servers, at most 2")


class Peer:
    """One end. `phase` is one of `phases`; `problem` says why the last attempt or link ended, "" if it did not.

    Counters: `refused` by reason, `deframer.frames` and `.damaged`, `connections` that came up. `caller`: the name
    that the other end has proven.
    """

    def __init__(self, settings: Settings, seed: int = 0) -> None:
        self.settings = settings
        self.phase = phases.DEAD
        self.problem = ""
        self.refused: Counter[str] = Counter()
        self.deframer = framing.Deframer()
        self.connections = 0
        self.caller = b""
        self._seed = seed
        self._drawn = 0
        self._now_ns = 0
        self._allowance = Allowance(self.refused)
        self._frames: list[bytes] = []
        self._packets: list[bytes] = []
        self._sides: list[tuple[int, auth.Side]] = []
        self._echo_due_ns: int | None = None
        self._renew()

    # --- The line and its owner -----------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether packets pass."""
        return self.phase == phases.UP

    @property
    def ours(self) -> str:
        """Our address, as agreed."""
        return addresses.to_text(self._numbers.ours)

    @property
    def theirs(self) -> str:
        """The other end's."""
        return addresses.to_text(self._numbers.theirs)

    @property
    def names(self) -> tuple[str, ...]:
        """The name servers that we were told."""
        return tuple(map(addresses.to_text, self._numbers.names))

    def start(self, now_ns: int) -> None:
        """The line is there. Nothing if the link has begun."""
        self._now_ns = now_ns
        self._happen("start")

    def stop(self, now_ns: int) -> None:
        """End the link in good order."""
        self._now_ns = now_ns
        self._happen("stop")

    def lose_carrier(self, now_ns: int) -> None:
        """The line is gone. `start` begins anew."""
        self._now_ns = now_ns
        self._happen("carrier lost")

    def receive(self, octets: bytes, now_ns: int) -> None:
        """What the line brought. Nothing that comes raises."""
        self._now_ns = now_ns
        if self.phase == phases.DEAD:
            self.refused["octets before the link"] += len(octets)
            return
        for protocol, payload in self.deframer.feed(octets):
            self._frame(protocol, payload)

    def send(self, packet: bytes, now_ns: int) -> bool:
        """An IP packet. False: it is lost, for the link is not up or the other end takes none of its length."""
        self._now_ns = now_ns
        if not self.up or len(packet) > self._lcp.mru:
            self.refused["packet too long for the other end" if self.up else "packet before the link"] += 1
            return False
        agreed = self._lcp
        self._frames.append(framing.encode(IP, packet, agreed.accm, agreed.short, agreed.shorter))
        return True

    def take_frames(self) -> list[bytes]:
        """What is to go on the line, in order."""
        frames, self._frames = self._frames, []
        return frames

    def take_packets(self) -> list[bytes]:
        """IP packets that came."""
        packets, self._packets = self._packets, []
        return packets

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._now_ns = now_ns
        self._control.advance(now_ns)
        self._numbering.advance(now_ns)
        for _, side in self._sides:
            side.advance(now_ns)
        self._look_at_proofs()
        while self._echo_due_ns is not None and now_ns >= self._echo_due_ns:
            self._echo_due_ns += self.settings.echo_ns
            self._echo()

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        sides = [side.due_ns() for _, side in self._sides]
        times = [self._control.due_ns(), self._numbering.due_ns(), self._echo_due_ns, *sides]
        return min((at for at in times if at is not None), default=None)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        settings = self.settings
        proves = settings.proves if settings.credentials else ()
        self._lcp = lcp.Lcp(self._magic, settings.demands, proves, self._told_by_lcp, self._rejected)
        self._control = Automaton(self._lcp, self._put_lcp, self.refused, self._allowance)
        self._unnumber()

    def _unnumber(self) -> None:
        settings = self.settings
        names = tuple(map(addresses.to_octets, settings.names))
        ours, theirs = addresses.to_octets(settings.ours), addresses.to_octets(settings.theirs)
        self._numbers = ipcp.Ipcp(ours, theirs, names, settings.asks_names, self._told_by_ipcp)
        self._numbering = Automaton(self._numbers, self._put_ipcp, self.refused, self._allowance)

    def _magic(self) -> bytes:
        self._drawn += 1
        who = f"{self._seed} {self.settings.passive} {self.settings.ours}"  # the two ends of a run share its seed
        return hashlib.sha256(f"ppp {who} {self._drawn}".encode()).digest()[:4]

    def _frame(self, protocol: int, payload: bytes) -> None:
        if protocol == lcp.PROTOCOL:
            self._control.receive(payload, self._now_ns)
        elif not self._control.opened:
            self.refused["frame before its time"] += 1
        elif protocol == IP:
            if self.up:
                self._packets.append(payload)
                self._lcp.silent = 0  # an echo's answer waits behind all such packets
            else:
                self.refused["packet before the link"] += 1
        elif protocol == ipcp.PROTOCOL:
            self._numbering.receive(payload, self._now_ns)
        elif protocol in auth.PROTOCOLS.values():
            self._proof(protocol, payload)
        elif self._allowance.take(self._now_ns):
            self.refused["protocol that we do not have"] += 1
            self._control.say(PROTOCOL_REJECT, protocol.to_bytes(2, "big") + payload[: self._lcp.mru - 6])

    def _proof(self, protocol: int, payload: bytes) -> None:
        packet = auth.unpack(payload)
        sides = [side for spoken, side in self._sides if spoken == protocol]
        if packet is None or not sides:
            self.refused["proof that is none" if sides else "proof that nobody asked for"] += 1
        elif self._allowance.take(self._now_ns):
            for side in sides:  # two where both ends prove themselves by one method: told apart by the codes
                side.receive(*packet, self._now_ns)
            self._look_at_proofs()

    def _look_at_proofs(self) -> None:
        verdicts = [side.verdict for _, side in self._sides]
        if False in verdicts:
            self._happen("unproven")
        elif None not in verdicts and self.phase == phases.PROVING:
            self.caller = b"".join(side.name for _, side in self._sides)
            self._happen("proven")

    def _put_lcp(self, packet: bytes) -> None:
        self._frames.append(framing.encode(lcp.PROTOCOL, packet))

    def _put_ipcp(self, packet: bytes) -> None:
        self._put(ipcp.PROTOCOL, packet)

    def _put(self, protocol: int, packet: bytes) -> None:
        self._frames.append(framing.encode(protocol, packet, self._lcp.accm, self._lcp.short))

    def _told_by_lcp(self, what: str) -> None:
        self._happen({"agreed": "lcp up", "parted": "lcp down", "finished": "lcp over"}.get(what, what))

    def _told_by_ipcp(self, what: str) -> None:
        self._happen({"agreed": "ipcp up", "parted": "ipcp down", "finished": "ipcp over"}[what])

    def _rejected(self, protocol: int) -> None:
        if protocol == ipcp.PROTOCOL:
            self._numbering.code_rejected(True)

    def _echo(self) -> None:
        self._lcp.silent += 1
        if self._lcp.silent > SILENT_ECHOES:
            self._happen("silent")
        else:
            self._control.say(ECHO, self._lcp.magic)

    def _happen(self, event: str) -> None:
        row = phases.TRANSITIONS.get((self.phase, event))
        if row is not None:
            action, self.phase = row
            if action:
                getattr(self, f"_{action}")()

    # Actions of phases.TRANSITIONS.

    def _begin(self) -> None:
        self._renew()
        if self.settings.passive:
            self._control.listen()
        else:
            self._control.happen("open", self._now_ns)
            self._control.happen("up", self._now_ns)

    def _prove(self) -> None:
        self.problem = ""
        settings, self._sides, self.caller = self.settings, [], b""
        if settings.demands and settings.accounts is not None:
            side = self._doubting(settings.demands, settings.accounts)
            self._sides.append((auth.PROTOCOLS[settings.demands], side))
        asked = self._lcp.asked_of_us
        if asked and settings.credentials:
            self._sides.append((auth.PROTOCOLS[asked], self._proving(asked, settings.credentials)))
        if settings.echo_ns:
            self._lcp.silent = 0
            self._echo_due_ns = self._now_ns + settings.echo_ns
        for _, side in self._sides:
            side.start(self._now_ns)
        self._look_at_proofs()

    def _doubting(self, method: str, accounts: auth.Accounts) -> auth.Side:
        if method == "pap":
            return auth.PapServer(accounts, lambda packet: self._put(auth.PAP, packet))
        challenge = b"".join(self._magic() for _ in range(auth.CHALLENGE_BYTES // 4))
        return auth.ChapServer(accounts, lambda packet: self._put(auth.CHAP, packet), b"ringcast", challenge)

    def _proving(self, method: str, credentials: auth.Credentials) -> auth.Side:
        if method == "pap":
            return auth.PapClient(credentials, lambda packet: self._put(auth.PAP, packet))
        return auth.ChapClient(credentials, lambda packet: self._put(auth.CHAP, packet))

    def _number(self) -> None:
        self._unnumber()
        self._numbering.happen("open", self._now_ns)
        self._numbering.happen("up", self._now_ns)

    def _tell_up(self) -> None:
        self.connections += 1

    def _parted(self) -> None:
        self.problem = "ended by the other end"  # unless it only begins anew, and is agreed with
        self._part()

    def _part(self) -> None:
        self._sides, self._echo_due_ns = [], None
        self._unnumber()

    def _end(self, problem: str = "ended") -> None:
        self.problem = problem
        self._part()
        self._control.happen("close", self._now_ns)

    def _end_looped(self) -> None:
        self._end("looped")

    def _end_unproven(self) -> None:
        self._end("not proven")

    def _end_silent(self) -> None:
        self._end("silent")

    def _end_unnumbered(self) -> None:
        self._end("no addresses")

    def _give_up(self) -> None:
        self._part()
        self.problem = self.problem or ("no agreement" if self._control.disagreed else "no answer")
        if self.settings.passive and self.problem != "ended":
            self._happen("start")

    def _lose(self) -> None:
        self.problem = "carrier lost"
        self._part()
        self._renew()
