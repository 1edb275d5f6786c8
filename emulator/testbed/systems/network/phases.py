"""When a terminal was coming up, online, in a transfer or offline: the bar of the report, from actions and console."""

from itertools import pairwise

from testbed.scenario.model import Phase
from testbed.systems.network.setup import NetworkRun, NetworkTerminal
from testbed.systems.network.told import REFUSED

COMING_UP, ONLINE, TRANSFER, OFFLINE = "coming up", "online", "transfer", "offline"
STATES = (COMING_UP, ONLINE, TRANSFER, OFFLINE)

_BY_EVENT = {
    "dialling": COMING_UP,
    "network_retry": COMING_UP,
    "network_up": ONLINE,
    "network_down": OFFLINE,
    "network_failed": OFFLINE,
}


def phases(run: NetworkRun, terminal: NetworkTerminal) -> tuple[Phase, ...]:
    """Times are ms of the run; they follow one another without a gap from the first wish to be online."""
    plan, begin_ms, end_ms = run.plan, run.begin_ms, run.end_ms
    steps = [
        (event.at_ms - begin_ms, 1, _BY_EVENT[event.name])
        for event in terminal.station.console
        if event.name in _BY_EVENT
    ]
    for action in plan.actions:
        if action.terminal == terminal.name and action.action == "go_online":
            steps.append((round(action.at_s * 1000), 0, COMING_UP))
        elif action.terminal == terminal.name and action.action == "power_cut":
            steps.append((round(action.at_s * 1000), 0, OFFLINE))
    steps.sort(key=lambda step: step[:2])  # what the console said at once stays in its order
    spans = [
        (transfer.asked_ms, transfer.ended_ms if transfer.ended_ms is not None else end_ms)
        for transfer in terminal.transfers
        if transfer.result != REFUSED
    ]
    found: list[Phase] = []
    for number, (from_ms, _, state) in enumerate(steps):
        to_ms = steps[number + 1][0] if number + 1 < len(steps) else end_ms
        if state == COMING_UP and found and found[-1].state in (ONLINE, TRANSFER) and steps[number - 1][2] == ONLINE:
            state = ONLINE  # who is online already is not coming up
        for piece in _pieces(state, max(0, from_ms), min(to_ms, end_ms), spans):
            _add(found, piece)
    return tuple(found)


def _pieces(state: str, from_ms: int, to_ms: int, spans: list[tuple[int, int]]) -> list[Phase]:
    """A stretch of a state, with the transfers within it where it is online."""
    if state != ONLINE:
        return [Phase(state, from_ms, to_ms)]
    edges = sorted({from_ms, to_ms, *(edge for span in spans for edge in span if from_ms < edge < to_ms)})
    return [
        Phase(TRANSFER if any(first <= left < last for first, last in spans) else ONLINE, left, right)
        for left, right in pairwise(edges)
    ]


def _add(found: list[Phase], piece: Phase) -> None:
    if piece.to_ms <= piece.from_ms:
        return
    if found and found[-1].state == piece.state and found[-1].to_ms == piece.from_ms:
        found[-1] = Phase(piece.state, found[-1].from_ms, piece.to_ms)
    else:
        found.append(piece)
