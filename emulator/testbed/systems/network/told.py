"""What a terminal told its viewer of the network: its transfers, and when it was online. Times are ms of the run."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.scenario.plan import ActionPlan
from testbed.station import ConsoleEvent
from testbed.systems.network.plan import TRANSFERS, NetworkAction, url_of

DONE, FAILED, REFUSED, OPEN = "done", "failed", "refused", "under way"
_ENDS = {"fetched": DONE, "uploaded": DONE, "fetch_failed": FAILED, "upload_failed": FAILED}
_REFUSAL_MS = 200
"""So soon behind a command its error is about it."""


@dataclass(frozen=True)
class Transfer:
    """What a viewer asked for. `result` is one of the words above; `text` says why it failed. `octets` and `status` are
    the terminal's own words, as is `digest`: the SHA-256 of what came, in hex."""

    what: str
    url: str
    asked_ms: int
    sends: int = 0
    ended_ms: int | None = None
    result: str = OPEN
    octets: int = 0
    status: int = 0
    digest: str = ""
    took_ms: int = 0
    text: str = ""

    @property
    def rate_bits_s(self) -> int:
        return self.octets * 8000 // self.took_ms if self.took_ms else 0


def transfers(
    name: str, actions: Sequence[ActionPlan], console: Sequence[ConsoleEvent], begin_ms: int
) -> tuple[Transfer, ...]:
    """All that were asked for at terminal `name`, in their order, each with what the console said of it."""
    asked = sorted((a for a in actions if a.terminal == name and a.action in TRANSFERS), key=lambda a: a.at_s)
    found: list[Transfer] = []
    events = [event for event in console if event.name in _ENDS or event.name == "error"]
    for action in asked:
        at_ms = round(action.at_s * 1000)
        _end_before(found, events, begin_ms, begin_ms + at_ms)
        sends = (action.octets or 0) if isinstance(action, NetworkAction) else 0
        found.append(Transfer(action.action, url_of(action.argument), at_ms, sends))
    _end_before(found, events, begin_ms, None)
    return tuple(found)


def _end_before(found: list[Transfer], events: list[ConsoleEvent], begin_ms: int, limit_ms: int | None) -> None:
    """Give the events before `limit_ms` to the transfers that are open: there is one at a time."""
    while events and (limit_ms is None or events[0].at_ms < limit_ms):
        event = events.pop(0)
        at_ms = event.at_ms - begin_ms
        places = [place for place, transfer in enumerate(found) if transfer.result == OPEN]
        if not places:
            continue
        if event.name == "error":
            if at_ms - found[places[-1]].asked_ms <= _REFUSAL_MS:
                found[places[-1]] = dataclasses.replace(
                    found[places[-1]], ended_ms=at_ms, result=REFUSED, text=event.text
                )
            continue
        transfer = found[places[0]]
        found[places[0]] = dataclasses.replace(
            transfer,
            ended_ms=at_ms,
            result=_ENDS[event.name],
            octets=_number(event, "octets"),
            status=_number(event, "status"),
            digest=event.value("sha256") or "",
            took_ms=_number(event, "ms") or at_ms - transfer.asked_ms,
            text="" if _ENDS[event.name] == DONE else _why(event),
        )


def _number(event: ConsoleEvent, key: str) -> int:
    text = event.value(key) or ""
    return int(text) if text.isdecimal() and len(text) < 12 else 0


def _why(event: ConsoleEvent) -> str:
    """The text behind the words of the form key=value."""
    return " ".join(word for word in event.text.split(" ") if "=" not in word) or event.text


def is_online(console: Sequence[ConsoleEvent]) -> bool:
    """By the terminal's last word of it."""
    for event in reversed(console):
        if event.name in ("network_up", "network_down", "network_failed", "hung_up", "ready"):
            return event.name == "network_up"
    return False


def losses(console: Sequence[ConsoleEvent]) -> int:
    """How often the network went away by itself: the terminal then tries to get it back."""
    lost, down = 0, False
    for event in console:
        if event.name == "network_retry" and down:
            lost += 1
        if event.name in ("network_up", "network_down", "network_retry"):
            down = event.name == "network_down"
    return lost
