"""A call in report and screen: its words, the telephone's phases, the story, call records and figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from testbed.scenario import model
from testbed.scenario.narrative import ranges, seconds
from testbed.systems.call import told
from testbed.systems.call.setup import CallRun, CallTerminal

# The states of a call, in the order in which they come.
DIALLING, CONNECTED, KEYS, HUNG_UP = "dialling", "connected", "keys flowing", "hung up"

WORDS = model.Words(
    states=(DIALLING, CONNECTED, KEYS, HUNG_UP),
    path="telephone",
    short="call",
    axis="Portions, keys and call on one axis",
    alternative="Timeline of portions, keys and call states",
    footer="ringcast: the programme by broadcast, its keys by telephone. Times count from the start of the broadcast.",
    viewer="caller",
    outsider="no call",
)

_COLUMNS = (
    model.Column("start"),
    model.Column("end"),
    model.Column("length"),
    model.Column("keys"),
    model.Column("portions", word=True),
    model.Column("tariff", word=True),
    model.Column("price", strong=True),
)


@dataclass(frozen=True)
class CallRecord:
    """What the call centre wrote down and charged; `price` and `tariff` as they are to be shown."""

    started_ms: int
    ended_ms: int
    keys: tuple[int, ...]
    tariff: str
    price: str


def terminal_report(run: CallRun, terminal: CallTerminal, outcomes: tuple[model.Outcome, ...]) -> model.Terminal:
    """A terminal of a run."""
    hang_up = terminal.station.events("hanging_up")
    records = [
        CallRecord(
            record.started_ms - run.begin_ms,
            (record.ended_ms or run.begin_ms + run.end_ms) - run.begin_ms,
            tuple(p for p in record.delivered if p not in record.withdrawn),
            record.tariff,
            f"{record.price / 100:.2f} {record.currency}",
        )
        for record in terminal.records
    ]
    return caller(
        terminal.name,
        outcomes,
        _phases(run, terminal),
        records,
        hang_up[0].at_ms - run.begin_ms if hang_up else None,
        told.offer(terminal.station.console),
        told.darkness(terminal.station.console),
        told.refusal(terminal.station.console),
        [event.text for call in terminal.calls for event in call.events if event.kind == "alarm"],
    )


def caller(
    name: str,
    outcomes: tuple[model.Outcome, ...],
    phases: Sequence[model.Phase] = (),
    records: Sequence[CallRecord] = (),
    hang_up_ms: int | None = None,
    offer: str | None = None,
    dark: Sequence[str] = (),
    refusal: str | None = None,
    alarms: Sequence[str] = (),
) -> model.Terminal:
    """A terminal with its telephone and its records. `hang_up_ms`: the viewer's button.

    `offer`: the price that it told the viewer, as it is to be shown. `dark`: what kept it dark in a call, in its own
    words. `refusal`: why the centre denied the call. `alarms`: what the centre told its operator, in order.
    """
    before = [_dialled(phases)]
    if offer is not None:
        before.insert(0, model.Sentence(f"told its viewer the price before the call: {offer}.", named=True))
    if refusal is not None:
        before.append(model.Sentence(f"The centre refused: {refusal}."))
    before += [model.Sentence(f"The centre raised an alarm: {alarm}.") for alarm in alarms]
    behind = [model.Sentence(f"said what kept it dark in the call: {cause}.", named=True) for cause in dark]
    instant = None
    if hang_up_ms is not None:
        behind.append(model.Sentence(f"The viewer hung up at {seconds(hang_up_ms)}."))
        instant = model.Instant(hang_up_ms, "hangs up", "the viewer hangs up")
    end = [
        model.Sentence(f"The call cost {record.price} for {len(record.keys)} key{'s' * (len(record.keys) != 1)}.")
        for record in records
    ]
    table = model.Records(f"Call record of {name}", _COLUMNS, tuple(_row(record) for record in records))
    return model.Terminal(
        name,
        outcomes,
        tuple(phases),
        instant,
        model.Story(tuple(before), tuple(behind), tuple(end)),
        (table,) if records else (),
    )


def _dialled(phases: Sequence[model.Phase]) -> model.Sentence:
    begun = {phase.state: phase.from_ms for phase in reversed(phases)}
    if DIALLING not in begun:
        return model.Sentence("made no call.", named=True)
    text = f"dialled at {seconds(begun[DIALLING])}"
    if CONNECTED in begun:
        text += f" and the centre answered at {seconds(begun[CONNECTED])}"
    if KEYS in begun:
        text += f"; the first key was there at {seconds(begun[KEYS])}"
    return model.Sentence(text + ".", named=True)


def _row(record: CallRecord) -> tuple[str, ...]:
    return (
        seconds(record.started_ms),
        seconds(record.ended_ms),
        seconds(record.ended_ms - record.started_ms),
        str(len(record.keys)),
        ranges(record.keys),
        record.tariff,
        record.price,
    )


_PHASE_OF = {
    "dialling": DIALLING,
    "connected": CONNECTED,
    "key": KEYS,
    "hanging_up": HUNG_UP,
    "line_lost": HUNG_UP,
    "call_failed": HUNG_UP,
    "hung_up": HUNG_UP,
    "closed": HUNG_UP,
}


def _phases(run: CallRun, terminal: CallTerminal) -> tuple[model.Phase, ...]:
    """The telephone's states, from the terminal's own console."""
    steps: list[tuple[str, int]] = []
    for event in terminal.station.console:
        state = _PHASE_OF.get(event.name)
        if state is not None and (not steps or steps[-1][0] != state):
            steps.append((state, min(max(0, event.at_ms - run.begin_ms), run.end_ms)))
    ends = [start for _, start in steps[1:]] + [run.end_ms] * bool(steps)
    return tuple(model.Phase(state, start, end) for (state, start), end in zip(steps, ends, strict=True) if end > start)


def figures(run: CallRun) -> tuple[tuple[str, str], ...]:
    """Of the first terminal."""
    terminal = run.terminals[0]
    figures = [
        ("keys delivered", str(len(terminal.station.events("key")))),
        ("packets opened", f"{terminal.analysis.clear_packets:,}"),
        ("damaged packets", str(terminal.analysis.damaged_packets)),
    ]
    price = told.offer(terminal.station.console)
    if price is not None:
        figures.append(("price on air", price))
    for event in terminal.station.events("call_failed"):
        figures.append(("call failed", (event.value("reason") or event.text).replace("_", " ")))
    if terminal.calls and terminal.calls[0].traffic.key_sent:
        traffic = terminal.calls[0].traffic
        figures.append(("bytes before the first key", str(traffic.octets)))
        figures.append(("round trips before it", str(traffic.round_trips)))
    return tuple(figures)
