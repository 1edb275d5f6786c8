"""What a scenario says of a call: telephone network, tariff, who dials and hangs up, which keys are expected."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headend.callcentre.timing import BITS_PER_OCTET, KEY_OCTETS, KEY_ROOM_MS, Timing
from settop.errors import LocalError
from settop.wire.offer import MAX_PRICE

from testbed.scenario.broadcasts.on_air import LONGEST_PORTION_S, OnAirExpect, OnAirPlan, read_broadcast, read_portions
from testbed.scenario.plan import ActionPlan
from testbed.scenario.system import System
from testbed.scenario.tables import Table, within
from testbed.systems.registry import find_system

_LEAD_LOW_S = (Timing.lead_min_ms + KEY_ROOM_MS) / 1000


@dataclass(frozen=True)
class LinePlan:
    """The telephone network. `delay_ms`: one way; `setup_ms`: last digit to first ring; `trunks`: lines of the call
    centre. LocalError for values on which no call comes about."""

    bits_per_s: int = 2400
    delay_ms: int = 10
    setup_ms: int = 800
    trunks: int = 2

    def __post_init__(self) -> None:
        # A slower line, or a longer one, makes terminal and centre give each other up before they have spoken.
        within("line.bits_per_s", self.bits_per_s, 1200, 1_000_000)
        within("line.delay_ms", self.delay_ms, 0, 500)
        within("line.setup_ms", self.setup_ms, 0, 120_000)
        within("line.trunks", self.trunks, 1, 99)

    @property
    def key_ms(self) -> int:
        """How long a key is on its way."""
        return self.delay_ms - (-KEY_OCTETS * BITS_PER_OCTET * 1000 // self.bits_per_s)


@dataclass(frozen=True)
class CallAction(ActionPlan):
    """`argument` for call: the number (empty: the provisioned one). `max_price`: for call, the most that a portion may
    cost, in hundredths; None: no limit.
    """

    max_price: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_price is not None:
            if self.action != "call":
                raise LocalError(f"action {self.action} has a max_price; only a call has one")
            within("max_price", self.max_price, 0, MAX_PRICE)


def call_command(action: ActionPlan) -> str:
    """The console line of a call."""
    max_price = action.max_price if isinstance(action, CallAction) else None
    limit = [] if max_price is None else ["--max-price", str(max_price)]
    return " ".join(["call", *action.argument.split(), *limit])


@dataclass(frozen=True)
class CallExpect(OnAirExpect):
    """None is not checked. `keys`: portions of the keys, in their order of arrival. `charged`: so many portions."""

    keys: tuple[int, ...] | None = None
    charged: int | None = None


@dataclass(frozen=True)
class CallPlan(OnAirPlan):
    """A scenario of the call. `lead_max_seconds` None: one portion. `number`: the call centre's."""

    lead_max_seconds: float | None = None
    line: LinePlan = field(default_factory=LinePlan)
    number: str = "5550199"
    tariff_portion_price: int = 5
    tariff_set_up_price: int = 20
    title: str = "A call"

    def __post_init__(self) -> None:
        within("portion_seconds", self.portion_seconds, _LEAD_LOW_S, LONGEST_PORTION_S)
        if self.lead_max_seconds is not None:
            within("lead_max_seconds", self.lead_max_seconds, _LEAD_LOW_S, LONGEST_PORTION_S)
        self._check_lead()
        super().__post_init__()

    @property
    def system(self) -> System[Any, Any]:
        return find_system("call")

    @property
    def timing(self) -> Timing:
        """The call centre's, for this line."""
        lead_s = self.portion_seconds if self.lead_max_seconds is None else self.lead_max_seconds
        return Timing.for_line(self.line.bits_per_s, self.line.delay_ms, round(lead_s * 1000))

    def _check_lead(self) -> None:
        """A key leaves neither before the portion that precedes its own nor more than lead_max before its own."""
        timing = self.timing
        lead_ms = min(timing.lead_max_ms, round(self.portion_seconds * 1000))
        least_ms = timing.lead_min_ms + max(KEY_ROOM_MS, self.line.key_ms)
        if lead_ms < least_ms:
            raise LocalError(
                f"keys that leave {lead_ms} ms ahead cannot be there {timing.lead_min_ms} ms ahead on a line of "
                f"{self.line.bits_per_s} bit/s with {self.line.delay_ms} ms delay: make portion_seconds and "
                f"lead_max_seconds {least_ms / 1000:g} or more, or the line faster"
            )


def read_plan(top: Table, folder: Path) -> dict[str, Any]:
    """Arguments of a CallPlan."""
    broadcast, line, tariff = top.table("broadcast"), top.table("line"), top.table("tariff")
    network = LinePlan()
    return {
        **read_broadcast(broadcast, folder),
        "lead_max_seconds": broadcast.take("lead_max_seconds", float, None),
        "line": LinePlan(
            bits_per_s=line.take("bits_per_s", int, network.bits_per_s),
            delay_ms=line.take("delay_ms", int, network.delay_ms),
            setup_ms=line.take("setup_ms", int, network.setup_ms),
            trunks=line.take("trunks", int, network.trunks),
        ),
        "tariff_portion_price": tariff.take("portion_price", int, CallPlan.tariff_portion_price),
        "tariff_set_up_price": tariff.take("set_up_price", int, CallPlan.tariff_set_up_price),
        "number": top.take("number", str, CallPlan.number),
    }


def read_expect(entry: Table) -> dict[str, Any]:
    """Arguments of a CallExpect."""
    return {
        **read_portions(entry),
        "keys": entry.portions("keys"),
        "charged": entry.take("charged", int, None),
    }
