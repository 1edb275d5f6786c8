"""`ringcast scramble`: cut a transport stream into portions and scramble each under its own key."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.commands._files import hex_bytes, progress_for, stream_source, warn
from testbed.commands._live import from_network, is_network, opened_sink, scramble_live
from testbed.commands.ending import tell

if TYPE_CHECKING:
    from headend.files import Pending
    from headend.ts.io.once import OncePackets
    from headend.ts.io.sources import Source
    from headend.ts.live import LiveScrambler
    from headend.ts.scrambler import ScrambleResult
    from settop.wire.offer import Offer


def scramble(
    source: Annotated[
        str, typer.Argument(metavar="IN.ts", help="MPEG transport stream, clear; - is standard input; udp://HOST:PORT.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT.ts", help="Where it goes, scrambled; - is standard output; udp://HOST:PORT.")
    ],
    portion_seconds: Annotated[
        float, typer.Option("--portion-seconds", help="Length of a portion in seconds of programme time, 0.2 or more.")
    ],
    programme_secret: Annotated[
        str,
        typer.Option("--programme-secret", metavar="HEX", help="At least 16 bytes; every key derives from it. Secret."),
    ],
    keys_out: Annotated[
        Path, typer.Option("--keys-out", metavar="KEYS.json", help="Where the keys go (mode 0600). Secret.")
    ],
    programme: Annotated[
        int | None,
        typer.Option("--programme", metavar="N", help="Scramble this programme_number only; without it, all of them."),
    ] = None,
    broadcast_id: Annotated[
        str | None,
        typer.Option("--broadcast-id", metavar="HEX", help="8 bytes, new for every broadcast; random unless given."),
    ] = None,
    programme_id: Annotated[
        int,
        typer.Option("--programme-id", metavar="N", help="Id of the programme in its ECMs and keys, 0..4294967295."),
    ] = 1,
    duration: Annotated[
        float | None,
        typer.Option("--duration", metavar="S", help="With udp:// input: end so many seconds after the first packet."),
    ] = None,
    follow: Annotated[
        float | None,
        typer.Option("--follow", metavar="S", help="Read a file as it grows, until it has not grown for S seconds."),
    ] = None,
    price: Annotated[
        int | None,
        typer.Option(
            "--price",
            metavar="N",
            help="Announce what a portion costs, in minor units (25: 0.25 EUR); the centre charges its own tariff.",
        ),
    ] = None,
    set_up_price: Annotated[
        int | None,
        typer.Option("--set-up-price", metavar="N", help="With --price: once for a broadcast; 0 unless given."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="XXX", help="With --price: three letters; EUR unless given.")
    ] = None,
    tariff: Annotated[
        str | None, typer.Option("--tariff", metavar="NAME", help="With --price: its name, 20 characters at most.")
    ] = None,
) -> None:
    """Scramble IN.ts into OUT.ts with DVB-CISSA, a new key for every portion.

    The result is a standard stream: its PMT carries a CA descriptor, and a message on the CA PID tells ten times a
    second which portion is on air. `ringcast descramble` with KEYS.json undoes it. Example:

    ringcast scramble film.ts broadcast.ts --portion-seconds 10 --programme-secret $(openssl rand -hex 32)
    --keys-out keys.json

    Packets of 192, 204 and 208 bytes are taken as well; what is left out (time stamps, parity, damage, half packets at
    both ends) is said on one line. IN.ts and OUT.ts may be - (standard input and output) or a pipe. A pipe is scrambled
    in one pass; where that does not suffice (tables or clock come late, other packet lengths) it is first copied to a
    temporary file beside OUT.ts, or where TMPDIR says if OUT.ts is a pipe, too, and a line says so:

    ffmpeg -i film.mp4 -c copy -f mpegts - | ringcast scramble - broadcast.ts ...

    A file is read to the end that it has; with --follow S as it grows, until it has not grown for S seconds.

    udp://HOST:PORT is the network: seven packets to a datagram, to a host or a group, also as RTP on the way in; out it
    goes at the pace of the programme's clock, and the last line says how well. ?ttl=N&localaddr=IP&timeout=S may
    follow; an input is over after S seconds of silence (5) or after --duration:

    ringcast scramble udp://@239.1.1.1:5000 udp://239.1.1.2:5000?ttl=2 ...

    OUT.ts and KEYS.json appear together when they are whole, or not at all. Exit status: 0 done; 1 it cannot be done,
    and a line says why; 130, 143, 129 after Ctrl-C, SIGTERM, SIGHUP; 141 where nobody reads the output any more.
    """
    import json
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: spares numpy's thread pool

    from headend.files import together
    from headend.ts.io.targets import is_stdout, is_stream, refuse_same_file
    from settop.wire.ids import BROADCAST_ID_BYTES
    from settop.wire.offer import Offer

    secret = hex_bytes(programme_secret, "--programme-secret")
    run_id = os.urandom(BROADCAST_ID_BYTES) if broadcast_id is None else hex_bytes(broadcast_id, "--broadcast-id")
    if is_stream(keys_out):
        raise typer.BadParameter("--keys-out must be a file: keys do not go through a pipe or a device")
    if keys_out.absolute() in (Path(source).absolute(), Path(target).absolute()):
        raise typer.BadParameter("--keys-out must be another file than IN.ts and OUT.ts")
    if duration is not None and not (is_network(source) and duration > 0):
        raise typer.BadParameter("--duration is for an input from udp://, and more than 0")
    if price is None and any(given is not None for given in (set_up_price, currency, tariff)):
        raise typer.BadParameter("--set-up-price, --currency and --tariff need --price, too")
    if follow is not None and not (Path(source).is_file() and follow > 0):
        raise typer.BadParameter("--follow is for an input that is a file, and more than 0")
    gc.freeze()  # what is loaded stays: spares collections, and copies in forked workers
    # Keys and stream take their names together: one without the other is of no use, and hard to tell from a pair.
    with together() as files:
        offer = None
        if price is not None:
            offer = Offer(price, currency or "EUR", "standard" if tariff is None else tariff, set_up_price or 0)
        job = _Job(source, target, portion_seconds, secret, run_id, programme_id, programme, offer, duration, follow)
        refuse_same_file(source, keys_out)
        keys = files.open(keys_out, mode=0o600)
        streams = is_network(target) or is_stream(target)
        result, said = job.run(target if streams else files.open(target))
        keys.write(json.dumps(result.as_json(), indent=1).encode() + b"\n")
    for warning in result.warnings:
        warn("scramble", warning)
    typer.echo(
        f"{len(result.portions)} portions, {result.scrambled} of {result.packets} packets scrambled, "
        f"{result.ecm_inserted + result.ecm_replacing_null} ECMs on PID 0x{result.ca_pid:04x} "
        f"({result.ecm_replacing_null} in place of null packets)" + (f"\n{said}" if said else ""),
        err=is_stdout(target),
    )


@dataclass(frozen=True)
class _Job:
    """One run; `run` finds out whether it goes in one pass or two."""

    source: str
    target: str
    portion_seconds: float
    secret: bytes
    broadcast_id: bytes
    programme_id: int
    programme: int | None
    offer: "Offer | None"
    duration_s: float | None
    follow_s: float | None

    def run(self, out: "str | Pending") -> "tuple[ScrambleResult, str]":
        """Into `out`; what was done, and what there is to say of the way out."""
        from headend.ts.io.once import OncePackets

        if is_network(self.source):
            return self._from_network(out)
        with stream_source("scramble", Path(self.source), Path(self.target)) as source:
            once = None if (handle := source.once()) is None else OncePackets(handle)
            if self.follow_s is not None:
                once = OncePackets(source.open()[0], self.follow_s)
            if is_network(self.target):
                return self._to_network(source, once)
            if once is not None and (done := self._in_one_pass(source, once, out)) is not None:
                return done
            return self._in_two_passes(source, out), ""

    def _in_two_passes(self, source: "Source", out: "str | Pending") -> "ScrambleResult":
        from headend.ts.scrambler import scramble_file

        with progress_for(Path(self.source), "scrambling") as progress:
            return scramble_file(
                source,
                out,
                self.portion_seconds,
                self.secret,
                self.broadcast_id,
                self.programme_id,
                self.programme,
                progress,
                self.offer,
            )

    def _in_one_pass(
        self, source: "Source", packets: "OncePackets", out: "str | Pending"
    ) -> "tuple[ScrambleResult, str] | None":
        """None where that does not suffice: `source` has been copied then."""
        from headend.ts.live import NotInOnePassError

        why = "its packets are not 188 bytes one behind the other"
        if packets.is_plain():
            try:
                with opened_sink(out, blocks=True) as sink:
                    done = scramble_live(self._scrambler(packets.begun), iter(packets), sink)
                source.hear(packets.notes())
                return done
            except NotInOnePassError as error:
                why = str(error)
        source.spool(packets.head, why)
        return None

    def _to_network(self, source: "Source", packets: "OncePackets | None") -> "tuple[ScrambleResult, str]":
        from headend.ts.packets import TsFile

        with opened_sink(self.target, blocks=True) as sink:
            if packets is not None:
                return scramble_live(self._scrambler(packets.begun), iter(packets), sink)
            with TsFile(source) as file:
                return scramble_live(self._scrambler(), (chunk for _, chunk in file.chunks(1024)), sink)

    def _from_network(self, out: "str | Pending") -> "tuple[ScrambleResult, str]":
        from headend.broadcast.udp import UdpAddress, UdpInput

        with UdpInput(UdpAddress.parse(self.source)) as source, opened_sink(out, blocks=False) as sink:
            done = scramble_live(self._scrambler(), from_network(source, self.duration_s, sink), sink)
        if source.refused or source.lost:
            tell(
                "ringcast scramble",
                f"{source.refused} datagrams held no packets, {source.lost} came faster than they were taken",
            )
        return done

    def _scrambler(self, begun: Callable[[], None] = lambda: None) -> "LiveScrambler":
        from headend.ts.live import LiveScrambler

        return LiveScrambler(
            self.portion_seconds,
            self.secret,
            self.broadcast_id,
            self.programme_id,
            self.programme,
            self.offer,
            begun,
        )
