"""What a report says, as plain data: no key, secret, path or wall-clock time belongs in here.

All times are milliseconds from the start of the broadcast.
"""

import dataclasses
from collections.abc import Sequence

from headend.ts.portions import Portion
from settop.errors import LocalError

from testbed.scenario.analysis import Analysis
from testbed.scenario.pictures import Picture

# The states of a call, in the order in which they come.
DIALLING, CONNECTED, KEYS, HUNG_UP = "dialling", "connected", "keys flowing", "hung up"
STATES = (DIALLING, CONNECTED, KEYS, HUNG_UP)


@dataclasses.dataclass(frozen=True)
class AirPortion:
    """One portion as it was broadcast; `other` is what someone without keys sees of it."""

    portion: Portion
    ended_ms: int
    scrambled_packets: int
    other: Picture | None = None

    @property
    def index(self) -> int:
        return self.portion.index

    @property
    def started_ms(self) -> int:
        return self.portion.started_ms


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one terminal made of one portion; fields as in `analysis.PortionResult`."""

    key_delivered_ms: int | None
    clear_packets: int
    clear_equal_original: bool | None
    damaged_packets: int = 0
    picture: Picture | None = None


@dataclasses.dataclass(frozen=True)
class Phase:
    """A terminal's telephone was in `state` (one of STATES) from `from_ms` to `to_ms`."""

    state: str
    from_ms: int
    to_ms: int


@dataclasses.dataclass(frozen=True)
class CallRecord:
    """What the call centre wrote down and charged; `price` and `tariff` as they are to be shown."""

    started_ms: int
    ended_ms: int
    keys: tuple[int, ...]
    tariff: str
    price: str


@dataclasses.dataclass(frozen=True)
class Terminal:
    """One terminal: an outcome per portion, its telephone, its records. `hang_up_ms`: the viewer's button.

    `offer`: the price that it told the viewer, as it is to be shown. `dark`: what kept it dark in a call, in its own
    words. `refusal`: why the centre denied the call.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    phases: tuple[Phase, ...] = ()
    records: tuple[CallRecord, ...] = ()
    hang_up_ms: int | None = None
    offer: str | None = None
    dark: tuple[str, ...] = ()
    refusal: str | None = None


@dataclasses.dataclass(frozen=True)
class ReportModel:
    """Everything that the report and the screen show. `figures` are further (label, value) pairs; `exposed` packets of
    the programme were clear on air.

    Raises LocalError when there are no portions or a terminal has not one outcome per portion.
    """

    title: str
    runtime: str
    seed: int
    portions: tuple[AirPortion, ...]
    terminals: tuple[Terminal, ...]
    figures: tuple[tuple[str, str], ...] = ()
    exposed: int = 0

    def __post_init__(self) -> None:
        if not self.portions:
            raise LocalError("a report needs at least one portion")
        for terminal in self.terminals:
            if len(terminal.outcomes) != len(self.portions):
                raise LocalError(
                    f"terminal {terminal.name} has {len(terminal.outcomes)} outcomes; "
                    f"give one for each of the {len(self.portions)} portions"
                )
            for phase in terminal.phases:
                if phase.state not in STATES:
                    known = ", ".join(STATES)
                    raise LocalError(f"call state {phase.state!r} is unknown; give one of {known}")

    @property
    def begin_ms(self) -> int:
        return self.portions[0].started_ms

    @property
    def end_ms(self) -> int:
        return self.portions[-1].ended_ms

    def leads_ms(self, terminal: Terminal) -> list[int | None]:
        """Per portion how long before its start its key was there; negative after it, None without."""
        return [
            None if outcome.key_delivered_ms is None else portion.started_ms - outcome.key_delivered_ms
            for portion, outcome in zip(self.portions, terminal.outcomes, strict=True)
        ]


def air_portions(
    portions: Sequence[Portion], analysis: Analysis, end_ms: int, others: Sequence[Picture | None]
) -> tuple[AirPortion, ...]:
    """The portions on air, the last one up to `end_ms`; `others` are a non-caller's pictures of them."""
    ends = [portion.started_ms for portion in portions[1:]] + [end_ms]
    return tuple(
        AirPortion(portion, end, result.scrambled_packets, other)
        for portion, end, result, other in zip(portions, ends, analysis.portions, others, strict=True)
    )


def outcomes(analysis: Analysis, pictures: Sequence[Picture | None]) -> tuple[Outcome, ...]:
    """A terminal's outcomes from its analysis and what the caller saw."""
    return tuple(
        Outcome(
            key_delivered_ms=part.key_delivered_ms,
            clear_packets=part.clear_packets,
            clear_equal_original=part.clear_equal_original,
            damaged_packets=part.damaged_packets,
            picture=picture,
        )
        for part, picture in zip(analysis.portions, pictures, strict=True)
    )
