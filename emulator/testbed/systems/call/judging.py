"""What a call showed: its members of the JSON, the checks of its keys and charges, and what must hold in the demo."""

from typing import Any

from headend.callcentre.service import CallLog
from headend.callcentre.store_ledger import CallRecord

from testbed.scenario.broadcasts.analysis import PortionResult
from testbed.scenario.broadcasts.watching import fully_clear, nothing_exposed
from testbed.scenario.run import Check
from testbed.station import ConsoleEvent
from testbed.systems.call import told
from testbed.systems.call.plan import CallExpect
from testbed.systems.call.setup import CallRun, CallTerminal

LAG_MS = 500
"""How far the terminal may be behind what is on air when the viewer hangs up; in virtual time it is a few ms."""


def call_json(run: CallRun, call: CallLog, terminal: CallTerminal) -> dict[str, Any]:
    """A call: times in ms of the broadcast, None for what did not happen."""
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
        "alarms": [event.text for event in call.events if event.kind == "alarm"],
    }


def terminal_json(run: CallRun, terminal: CallTerminal) -> dict[str, Any]:
    calls = [call_json(run, call, terminal) for call in terminal.calls]
    return {
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
                "alarms": list(record.alarms),
            }
            for record in terminal.records
        ],
    }


def key_checks(terminal: CallTerminal, expect: CallExpect) -> list[Check]:
    """The keys that were to arrive, and how many portions were to be charged."""
    name, checks = terminal.name, []
    keys = tuple(int(event.value("portion") or -1) for event in terminal.station.events("key"))
    if expect.keys is not None:
        checks.append(Check(f"{name}: keys {list(expect.keys)}", keys == expect.keys, str(list(keys))))
    if expect.charged is not None:
        charged = _charged(terminal.records)
        checks.append(Check(f"{name}: {expect.charged} portions charged", charged == expect.charged, str(charged)))
    return checks


def _charged(records: tuple[CallRecord, ...]) -> int:
    """Portions paid for: one that two calls delivered counts once, as long as one of them did not take it back."""
    return len({portion for record in records for portion in set(record.delivered) - set(record.withdrawn)})


def demo_checks(run: CallRun) -> list[Check]:
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
        nothing_exposed(run),
    ]


def _is_after(portion: PortionResult, hang_up: ConsoleEvent, begin_ms: int) -> bool:
    ran_ms = hang_up.at_ms - begin_ms - portion.portion.started_ms
    last_kept = hang_up.value("last_kept")
    return ran_ms < 0 or (ran_ms < LAG_MS and (last_kept == "none" or int(last_kept or portion.index) < portion.index))
