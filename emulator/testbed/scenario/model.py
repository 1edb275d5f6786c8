"""What a report says, as plain data: no key, secret, path or wall-clock time belongs in here.

All times are milliseconds from the start of the run's content. What only one system knows of comes as words, phases,
sentences and rows: nothing here knows a telephone or a tariff.
"""

import dataclasses
from collections.abc import Sequence

from headend.ts.portions import Portion
from settop.errors import LocalError

from testbed.scenario.broadcasts.analysis import Analysis
from testbed.scenario.broadcasts.pictures import Picture


@dataclasses.dataclass(frozen=True)
class Words:
    """What report and screen call what is a system's own.

    `states`: of a terminal's key path, in the order in which they come; the last one is at rest. `path` names the key
    path's row in the timeline, `short` (up to seven characters) on the screen. `axis` and `alternative` are the
    timeline's heading and what stands for it where it is not seen. `viewer` has keys, `outsider` has none. `footer` is
    the report's last line.
    """

    states: tuple[str, ...]
    path: str
    short: str
    axis: str
    alternative: str
    footer: str
    viewer: str = "viewer"
    outsider: str = "no key"


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
    """A terminal's key path was in `state` (one of the words' states) from `from_ms` to `to_ms`."""

    state: str
    from_ms: int
    to_ms: int


@dataclasses.dataclass(frozen=True)
class Instant:
    """Something that the viewer did, marked across a terminal's rows: "LABEL at 3.2 s", and `tip` in full."""

    at_ms: int
    label: str
    tip: str


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A sentence of the story. `named`: the terminal's name goes before it."""

    text: str
    named: bool = False


@dataclasses.dataclass(frozen=True)
class Story:
    """A system's own sentences on a terminal: before those on what came out clear, behind them, and at the end."""

    before: tuple[Sentence, ...] = ()
    behind: tuple[Sentence, ...] = ()
    end: tuple[Sentence, ...] = ()


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of records. `word`: its cells are words, not figures. `strong`: they are what counts."""

    title: str
    word: bool = False
    strong: bool = False


@dataclasses.dataclass(frozen=True)
class Records:
    """What a head-end wrote down, as a table: a cell, as it is to be shown, for every column of each row."""

    heading: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Curve:
    """What passed somewhere, slice by slice of `step_ms` from the start of the run: `values`, in `unit`, 0 or more."""

    label: str
    unit: str
    step_ms: int
    values: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Terminal:
    """One terminal: an outcome per portion, the states of its key path, what the viewer did, its story and records;
    `curves` lie below its key path."""

    name: str
    outcomes: tuple[Outcome, ...] = ()
    phases: tuple[Phase, ...] = ()
    instant: Instant | None = None
    story: Story = Story()
    records: tuple[Records, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclasses.dataclass(frozen=True)
class ReportModel:
    """Everything that the report and the screen show. `figures` are further (label, value) pairs; `exposed` packets of
    the programme were clear on air. A system without portions says how long the run was: `length_ms`.

    Raises LocalError when there are neither portions nor a length, a terminal has not one outcome per portion, or a
    phase is in a state that the words do not know.
    """

    title: str
    runtime: str
    seed: int
    words: Words
    portions: tuple[AirPortion, ...]
    terminals: tuple[Terminal, ...]
    figures: tuple[tuple[str, str], ...] = ()
    exposed: int = 0
    length_ms: int = 0

    def __post_init__(self) -> None:
        if not self.portions and self.length_ms <= 0:
            raise LocalError("a report needs at least one portion, or a length of more than 0 ms")
        for terminal in self.terminals:
            if len(terminal.outcomes) != len(self.portions):
                raise LocalError(
                    f"terminal {terminal.name} has {len(terminal.outcomes)} outcomes; "
                    f"give one for each of the {len(self.portions)} portions"
                )
            for phase in terminal.phases:
                if phase.state not in self.words.states:
                    known = ", ".join(self.words.states)
                    raise LocalError(f"state {phase.state!r} is unknown; give one of {known}")
            for records in terminal.records:
                if any(len(row) != len(records.columns) for row in records.rows):
                    raise LocalError(f"{records.heading}: give a cell for each of the {len(records.columns)} columns")

    @property
    def begin_ms(self) -> int:
        return self.portions[0].started_ms if self.portions else 0

    @property
    def end_ms(self) -> int:
        return self.portions[-1].ended_ms if self.portions else self.length_ms

    def leads_ms(self, terminal: Terminal) -> list[int | None]:
        """Per portion how long before its start its key was there; negative after it, None without."""
        return [
            None if outcome.key_delivered_ms is None else portion.started_ms - outcome.key_delivered_ms
            for portion, outcome in zip(self.portions, terminal.outcomes, strict=True)
        ]


def air_portions(
    portions: Sequence[Portion], analysis: Analysis, end_ms: int, others: Sequence[Picture | None]
) -> tuple[AirPortion, ...]:
    """The portions on air, the last one up to `end_ms`; `others` are the pictures of who has no key to them."""
    ends = [portion.started_ms for portion in portions[1:]] + [end_ms]
    return tuple(
        AirPortion(portion, end, result.scrambled_packets, other)
        for portion, end, result, other in zip(portions, ends, analysis.portions, others, strict=True)
    )


def outcomes(analysis: Analysis, pictures: Sequence[Picture | None]) -> tuple[Outcome, ...]:
    """A terminal's outcomes from its analysis and what its viewer saw."""
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
