"""What a run showed: the JSON of `demo` and `run`, the checks of a scenario, and the report's model.

Nothing here depends on a path, a host or the wall clock: two runs of one seed in virtual time give the same bytes.
"""

import json
from dataclasses import dataclass
from typing import Any

from headend.callcentre.service import CallLog
from headend.store.ledger import CallRecord as StoredRecord

from testbed.scenario import model, told
from testbed.scenario.analysis import PortionResult
from testbed.scenario.pictures import caller_pictures, other_pictures
from testbed.scenario.plan import ExpectPlan
from testbed.scenario.runner import Run, TerminalRun
from testbed.station import ConsoleEvent

MAX_PICTURED_PORTIONS = 48
LAG_MS = 500
"""How far the terminal may be behind what is on air when the viewer hangs up; in virtual time it is a few ms."""


@dataclass(frozen=True)
class Check:
    """One thing that had to be seen. `seen` says what was, in words."""

    what: str
    passed: bool
    seen: str


def fully_clear(portion: PortionResult) -> bool:
    """Every packet that was scrambled on air came out, equal to the original."""
    return bool(
        portion.scrambled_packets
        and portion.clear_packets == portion.scrambled_packets
        and portion.clear_equal_original
        and not portion.damaged_packets
    )


def call_json(run: Run, call: CallLog | None, terminal: TerminalRun) -> dict[str, Any] | None:
    """The `call` object: times in ms of the broadcast, None for what did not happen."""
    if call is None:
        return None
    keys = [int(event.value("portion") or -1) for event in terminal.station.events("key")]
    first, last = call.connected_ms, call.ended_ms if call.ended_ms is not None else run.begin_ms + run.end_ms
    in_call = [
        key for key, event in zip(keys, terminal.station.events("key"), strict=True) if first <= event.at_ms <= last
    ]
    return {
        "connected_ms": first - run.begin_ms,
        "ended_ms": None if call.ended_ms is None else call.ended_ms - run.begin_ms,
        "keys_delivered": in_call,
        "bytes_before_first_key": call.traffic.octets if call.traffic.key_sent else None,
        "round_trips_before_first_key": call.traffic.round_trips if call.traffic.key_sent else None,
    }


def terminal_json(run: Run, terminal: TerminalRun) -> dict[str, Any]:
    calls = [call_json(run, call, terminal) for call in terminal.calls]
    return {
        "name": terminal.name,
        "offer": told.offer(terminal.station.console),
        "dark": list(told.darkness(terminal.station.console)),
        "call": calls[0] if calls else None,
        "calls": calls,
        "portions": [portion.as_json() for portion in terminal.analysis.portions],
        "records": [
            {
                "started_ms": record.started_ms - run.begin_ms,
                "ended_ms": None if record.ended_ms is None else record.ended_ms - run.begin_ms,
                "reason": record.reason,
                "delivered": list(record.delivered),
                "acknowledged": list(record.acknowledged),
                "withdrawn": list(record.withdrawn),
                "tariff": record.tariff,
                "price": record.price,
                "currency": record.currency,
            }
            for record in terminal.records
        ],
    }


def run_json(run: Run, checks: list[Check]) -> str:
    """The JSON text. The first terminal's call and portions also stand at the top."""
    terminals = [terminal_json(run, terminal) for terminal in run.terminals]
    document = {
        "seed": run.plan.seed,
        "runtime": run.runtime,
        "call": terminals[0]["call"],
        "portions": terminals[0]["portions"],
        "terminals": terminals,
        "checks": [{"what": check.what, "passed": check.passed, "seen": check.seen} for check in checks],
    }
    return json.dumps(document, indent=1) + "\n"


def _charged(records: tuple[StoredRecord, ...]) -> int:
    """Portions paid for: one that two calls delivered counts once, as long as one of them did not take it back."""
    return len({portion for record in records for portion in set(record.delivered) - set(record.withdrawn)})


def check_expectations(run: Run) -> list[Check]:
    """What the scenario's [[expect]] tables asked for, each with what was seen."""
    checks = [_nothing_exposed(run)]
    for expect in run.plan.expects:
        terminal = next(t for t in run.terminals if t.name == expect.terminal)
        checks.extend(_check_terminal(expect, terminal))
    return checks


def _check_terminal(expect: ExpectPlan, terminal: TerminalRun) -> list[Check]:
    name, portions = terminal.name, {p.index: p for p in terminal.analysis.portions}
    checks = []
    if expect.clear is not None:
        missing = [i for i in expect.clear if i not in portions or not fully_clear(portions[i])]
        seen = f"portions {missing} are not" if missing else "all are"
        checks.append(Check(f"{name}: portions {list(expect.clear)} whole, clear and equal", not missing, seen))
    if expect.dark is not None:
        bright = [i for i in expect.dark if i not in portions or portions[i].clear_packets]
        seen = f"portions {bright} are not" if bright else "all are"
        checks.append(Check(f"{name}: portions {list(expect.dark)} dark", not bright, seen))
    keys = tuple(int(event.value("portion") or -1) for event in terminal.station.events("key"))
    if expect.keys is not None:
        checks.append(Check(f"{name}: keys {list(expect.keys)}", keys == expect.keys, str(list(keys))))
    if expect.charged is not None:
        charged = _charged(terminal.records)
        checks.append(Check(f"{name}: {expect.charged} portions charged", charged == expect.charged, str(charged)))
    if expect.damaged is not None:
        damaged = terminal.analysis.damaged_packets
        checks.append(Check(f"{name}: {expect.damaged} damaged packets", damaged == expect.damaged, str(damaged)))
    said = [f"{event.name} {event.text}" for event in terminal.station.console]
    for text in expect.said:
        count = sum(text in line for line in said)
        checks.append(Check(f"{name}: the console says {text!r}", count > 0, f"{count} times"))
    return checks


def demo_checks(run: Run) -> list[Check]:
    """What must hold in the demo: clear from the first whole portion after a key to the hang-up, dark outside.

    A portion that began less than LAG_MS before the hang-up is outside too where the terminal, which had not seen it
    yet, says so.
    """
    terminal = run.terminals[0]
    hang_up = next(iter(terminal.station.events("hanging_up")), None)
    keys = [p.key_delivered_ms for p in terminal.analysis.portions if p.key_delivered_ms is not None]
    first_key_ms = min(keys, default=None)
    inside, outside = [], []
    for portion in terminal.analysis.portions:
        after = hang_up is not None and _is_after(portion, hang_up, run.begin_ms)
        if after or first_key_ms is None:
            outside.append(portion)
        elif portion.portion.started_ms >= first_key_ms:
            inside.append(portion)  # also one whose own key never came
        elif portion.key_delivered_ms is None:
            outside.append(portion)
    dark_wrong = [p.index for p in outside if p.clear_packets]
    clear_wrong = [p.index for p in inside if not fully_clear(p)]
    damaged = terminal.analysis.damaged_packets
    return [
        Check(
            "every whole portion of the call is clear and equals the original",
            bool(inside) and not clear_wrong,
            f"portions {clear_wrong} are not"
            if clear_wrong
            else f"{len(inside)} of {len(inside)}"
            if inside
            else "there is none: dial earlier, hang up later, or take shorter portions or a longer programme",
        ),
        Check(
            "every portion outside the call is dark",
            not dark_wrong,
            f"portions {dark_wrong} are not" if dark_wrong else f"{len(outside)} of {len(outside)}",
        ),
        Check("no packet is damaged", damaged == 0, f"{damaged} are" if damaged else "none is"),
        _nothing_exposed(run),
    ]


def _nothing_exposed(run: Run) -> Check:
    """What was clear on air was dark for nobody."""
    pids = ", ".join(f"{count} of PID 0x{pid:04x}" for pid, count in sorted(run.exposed.items()))
    return Check("no packet of the programme is clear on air", not pids, pids or "none is")


def tuning_checks(run: Run) -> list[Check]:
    """That the first terminal took up what its viewer tuned to, or what it said instead; none where he did not."""
    terminal = run.terminals[0]
    asked = [action.argument for action in run.plan.actions if action.action == "tune" and action.argument]
    if not asked:
        return []
    said = terminal.station.events("tuned")
    errors = [event.text for event in terminal.station.events("error")]
    seen = said[-1].text if said else errors[-1] if errors else "it says nothing"
    found = bool(said) and said[-1].value("seen") == "ringcast"
    return [Check(f"the terminal is tuned to {asked[-1]}", found, seen)]


def _is_after(portion: PortionResult, hang_up: ConsoleEvent, begin_ms: int) -> bool:
    ran_ms = hang_up.at_ms - begin_ms - portion.portion.started_ms
    last_kept = hang_up.value("last_kept")
    return ran_ms < 0 or (ran_ms < LAG_MS and (last_kept == "none" or int(last_kept or portion.index) < portion.index))


def report_model(run: Run) -> model.ReportModel:
    """Everything that the HTML report and the screen show."""
    end_ms = max(run.end_ms, run.portions[-1].started_ms + 1)
    portions = run.portions
    pictured = portions[:MAX_PICTURED_PORTIONS]
    others = [*other_pictures(run.broadcast, pictured), *[None] * (len(portions) - len(pictured))]
    terminals = tuple(_terminal_model(run, terminal, end_ms) for terminal in run.terminals)
    return model.ReportModel(
        run.plan.title,
        run.runtime,
        run.plan.seed,
        model.air_portions(portions, run.terminals[0].analysis, end_ms, others),
        terminals,
        _figures(run),
        exposed=sum(run.exposed.values()),
    )


def _terminal_model(run: Run, terminal: TerminalRun, end_ms: int) -> model.Terminal:
    pictures = caller_pictures(terminal.received, terminal.analysis)
    hang_up = terminal.station.events("hanging_up")
    return model.Terminal(
        terminal.name,
        model.outcomes(terminal.analysis, pictures),
        _phases(run, terminal, end_ms),
        tuple(
            model.CallRecord(
                record.started_ms - run.begin_ms,
                (record.ended_ms or run.begin_ms + end_ms) - run.begin_ms,
                tuple(p for p in record.delivered if p not in record.withdrawn),
                record.tariff,
                f"{record.price / 100:.2f} {record.currency}",
            )
            for record in terminal.records
        ),
        hang_up[0].at_ms - run.begin_ms if hang_up else None,
        told.offer(terminal.station.console),
        told.darkness(terminal.station.console),
        told.refusal(terminal.station.console),
    )


_PHASE_OF = {
    "dialling": model.DIALLING,
    "connected": model.CONNECTED,
    "key": model.KEYS,
    "hanging_up": model.HUNG_UP,
    "line_lost": model.HUNG_UP,
    "call_failed": model.HUNG_UP,
    "hung_up": model.HUNG_UP,
    "closed": model.HUNG_UP,
}


def _phases(run: Run, terminal: TerminalRun, end_ms: int) -> tuple[model.Phase, ...]:
    """The telephone's states, from the terminal's own console."""
    steps: list[tuple[str, int]] = []
    for event in terminal.station.console:
        state = _PHASE_OF.get(event.name)
        if state is not None and (not steps or steps[-1][0] != state):
            steps.append((state, min(max(0, event.at_ms - run.begin_ms), end_ms)))
    ends = [start for _, start in steps[1:]] + [end_ms] * bool(steps)
    return tuple(model.Phase(state, start, end) for (state, start), end in zip(steps, ends, strict=True) if end > start)


def _figures(run: Run) -> tuple[tuple[str, str], ...]:
    terminal = run.terminals[0]
    figures = [
        ("runtime", run.runtime),
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
