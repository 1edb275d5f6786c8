"""Content that is broadcast in portions: what a scenario says of it, and how it comes to be on air.

For every system whose content path is a broadcast; what became of it at a terminal is in `watching`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headend.broadcast.broadcaster import Broadcaster, check_rate, lag_ms
from headend.broadcast.schedule import Broadcast
from headend.ts.portions import packet_times_ns
from headend.ts.scrambler import ScrambleResult, scramble_file
from settop.errors import LocalError
from settop.wire.offer import Offer

from testbed.scenario.broadcasts.clip import make_clip
from testbed.scenario.folders import plain_input
from testbed.scenario.plan import ExpectPlan, Plan
from testbed.scenario.seeded import seeded
from testbed.scenario.system import Content, Making
from testbed.scenario.tables import Table, within
from testbed.terminals import TUNER_BAUDS, tuner_baud_for

PROGRAMME_ID = 1
BROADCAST_FILE = "broadcast.ts"
SHORTEST_PORTION_S, LONGEST_PORTION_S = 0.2, 3600.0


@dataclass(frozen=True)
class OnAirPlan(Plan):
    """`input` None: the project's own clip of `clip_seconds`. `programme` None: all of the input's."""

    input: Path | None = None
    clip_seconds: int = 24
    portion_seconds: float = 2.0
    programme: int | None = None

    def __post_init__(self) -> None:
        within("clip_seconds", self.clip_seconds, 1, 3600)
        within("portion_seconds", self.portion_seconds, SHORTEST_PORTION_S, LONGEST_PORTION_S)
        super().__post_init__()

    @property
    def source(self) -> Path | None:
        return self.input


@dataclass(frozen=True)
class OnAirExpect(ExpectPlan):
    """None is not checked. `clear`: every scrambled packet of the portion came out and equals the original. `dark`:
    none did. `damaged`: so many packets came out that equal nothing that was broadcast."""

    clear: tuple[int, ...] | None = None
    dark: tuple[int, ...] | None = None
    damaged: int | None = 0


def read_broadcast(broadcast: Table, folder: Path) -> dict[str, Any]:
    """The keys of [broadcast], as arguments of an OnAirPlan; `folder` is where the input's path begins."""
    source = broadcast.take("input", str, "")
    return {
        "input": folder / source if source else None,
        "clip_seconds": broadcast.take("clip_seconds", int, OnAirPlan.clip_seconds),
        "portion_seconds": broadcast.take("portion_seconds", float, OnAirPlan.portion_seconds),
        "programme": broadcast.take("programme", int, OnAirPlan.programme),
    }


def read_portions(entry: Table) -> dict[str, Any]:
    """The keys of an [[expect]], as arguments of an OnAirExpect."""
    return {
        "clear": entry.portions("clear"),
        "dark": entry.portions("dark"),
        "damaged": entry.take("damaged", int, OnAirExpect.damaged),
    }


@dataclass(frozen=True, kw_only=True)
class OnAir(Content):
    """A scrambled programme, ready to be put on air, beside its `original`."""

    original: Path
    broadcast: Path
    scrambled: ScrambleResult
    broadcaster: Broadcaster


def prepare(plan: OnAirPlan, making: Making, offer: Offer | None = None) -> OnAir:
    """Make the clip where there is no input, and scramble; `offer` is the price that the broadcast announces.

    Raises LocalError where the programme is faster than any tuner line of the runtime, RemoteError for an input that
    cannot be scrambled.
    """
    if plan.input is None:
        original = making.out / "clip.ts"
        making.progress("making the clip", 0.0)
        try:
            make_clip(original, plan.clip_seconds, seed=plan.seed)
        except BaseException:
            original.unlink(missing_ok=True)  # half a clip is nobody's
            raise
    else:
        original = plain_input(plan.input, making.out, making.tell)
    making.progress("scrambling", 0.0)
    broadcast = making.out / BROADCAST_FILE
    secret, broadcast_id = seeded(plan.seed, "programme secret")(32), seeded(plan.seed, "broadcast id")(8)
    scrambled = scramble_file(
        original, broadcast, plan.portion_seconds, secret, broadcast_id, PROGRAMME_ID, plan.programme, offer=offer
    )
    times_ns = packet_times_ns(broadcast, plan.programme).clip(min=0)
    baud = tuner_baud_for(making.runtime.name, lambda rate: lag_ms(times_ns, rate) <= 50)
    try:
        check_rate(times_ns, baud)
    except LocalError as error:
        if baud == max(max(bauds) for bauds in TUNER_BAUDS.values()):
            raise
        raise LocalError(f"{error}, or use a runtime with a faster tuner line: --runtime unix") from None
    # The last portion may begin behind the last packet's whole ms.
    length_ms = max(int(times_ns[-1]) // 1_000_000 + 1, scrambled.portions[-1].started_ms + 1)
    return OnAir(
        length_ms=length_ms,
        tuner_baud=baud,
        original=original,
        broadcast=broadcast,
        scrambled=scrambled,
        broadcaster=Broadcaster(
            broadcast, times_ns, scrambled.portions, Broadcast(PROGRAMME_ID, broadcast_id, secret), length_ms
        ),
    )
