"""What a scenario of the network showed: its members of the JSON, the checks of what was fetched and what failed."""

import hashlib
from typing import Any

from testbed.scenario.run import Check
from testbed.systems.network import told
from testbed.systems.network.plan import OFFLINE, ONLINE, NetworkExpect, url_of
from testbed.systems.network.setup import NetworkRun, NetworkTerminal
from testbed.systems.network.told import Transfer

UPLOADED = bytes((place * 31 + 7) & 255 for place in range(256))
"""What terminals send, over and over."""


def digest_of(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def upload_octets(count: int) -> bytes:
    """What a terminal sends that was asked for so many octets."""
    return (UPLOADED * (count // len(UPLOADED) + 1))[:count]


def wanted(run: NetworkRun, transfer: Transfer) -> bytes | None:
    """What a transfer must have brought; None for what is not the bench's to know."""
    if transfer.what == "upload":
        return upload_octets(transfer.sends)
    return next((octets for path, octets in run.pages.items() if url_of(path) == transfer.url), None)


def is_whole(run: NetworkRun, transfer: Transfer) -> bool:
    """It ended well, and its octets are those that the server has, by their SHA-256."""
    octets = wanted(run, transfer)
    return (
        transfer.result == told.DONE
        and octets is not None
        and transfer.octets == len(octets)
        and transfer.digest == digest_of(octets)
    )


def lies(run: NetworkRun, terminal: NetworkTerminal) -> list[Transfer]:
    """Those that the terminal took for whole and that are not what the server has."""
    return [
        transfer
        for transfer in terminal.transfers
        if transfer.result == told.DONE
        and transfer.status in (200, 206)
        and wanted(run, transfer) is not None
        and not is_whole(run, transfer)
    ]


def terminal_json(run: NetworkRun, terminal: NetworkTerminal) -> dict[str, Any]:
    """Times are ms of the run, None for what did not happen."""
    return {
        "access": terminal.access,
        "online": told.is_online(terminal.station.console),
        "transfers": [
            {
                "what": transfer.what,
                "url": transfer.url,
                "asked_ms": transfer.asked_ms,
                "ended_ms": transfer.ended_ms,
                "result": transfer.result,
                "octets": transfer.octets,
                "status": transfer.status,
                "sha256": transfer.digest,
                "took_ms": transfer.took_ms,
                "bits_per_s": transfer.rate_bits_s,
                "equal_to_server": is_whole(run, transfer),
            }
            for transfer in terminal.transfers
        ],
        "sent_again": sum(served.repeats for served in terminal.served),
        "link": [
            {
                "way": way.name,
                "packets": way.sent,
                "octets": way.octets,
                "lost": way.lost,
                "damaged": way.damaged,
                "overflowed": way.overflowed,
                "cut": way.cut,
            }
            for way in terminal.ways
        ],
        "calls": [
            {
                "called": record.called,
                "dialled_ms": record.dialled_ms - run.begin_ms,
                "connected_ms": None if record.connected_ms is None else record.connected_ms - run.begin_ms,
                "ended_ms": None if record.ended_ms is None else record.ended_ms - run.begin_ms,
                "octets_from_terminal": record.bytes_from_caller,
                "octets_to_terminal": record.bytes_from_called,
                "outcome": record.outcome,
            }
            for record in terminal.attempts
        ],
    }


def honest(run: NetworkRun) -> Check:
    """Whatever a scenario expects: nobody takes for whole what is not."""
    wrong = [f"{terminal.name} {transfer.url}" for terminal in run.terminals for transfer in lies(run, terminal)]
    return Check("what terminals took for whole is what the server has", not wrong, ", ".join(wrong) or "all of it")


def terminal_checks(run: NetworkRun, terminal: NetworkTerminal, expect: NetworkExpect) -> list[Check]:
    """What an [[expect]] asked for of a terminal."""
    name, checks = terminal.name, []
    fetches = [transfer for transfer in terminal.transfers if transfer.what == "fetch"]
    if expect.fetched is not None:
        got = [transfer for transfer in fetches if is_whole(run, transfer)]
        passed = [transfer.url for transfer in got] == [url_of(path) for path in expect.fetched]
        seen = "; ".join(_words(run, transfer) for transfer in fetches) or "nothing was asked for"
        checks.append(Check(f"{name}: fetched {', '.join(expect.fetched)}, equal to the server's", passed, seen))
    if expect.within_s is not None:
        slowest_ms = max((transfer.took_ms for transfer in fetches if transfer.result == told.DONE), default=None)
        passed = slowest_ms is not None and slowest_ms <= expect.within_s * 1000
        seen = "none came" if slowest_ms is None else f"{slowest_ms / 1000:g} s"
        checks.append(Check(f"{name}: no page took more than {expect.within_s:g} s", passed, seen))
    if expect.uploaded is not None:
        whole = sum(is_whole(run, transfer) for transfer in terminal.transfers if transfer.what == "upload")
        checks.append(Check(f"{name}: {expect.uploaded} uploads came back equal", whole == expect.uploaded, str(whole)))
    if expect.failed is not None:
        failed = [transfer for transfer in terminal.transfers if transfer.result != told.DONE]
        seen = "; ".join(_words(run, transfer) for transfer in failed) or "none did"
        checks.append(Check(f"{name}: {expect.failed} transfers failed", len(failed) == expect.failed, seen))
    return checks + _link_checks(terminal, expect)


def _link_checks(terminal: NetworkTerminal, expect: NetworkExpect) -> list[Check]:
    name, console, checks = terminal.name, terminal.station.console, []
    if expect.state is not None:
        state = ONLINE if terminal.station.on and told.is_online(console) else OFFLINE
        checks.append(Check(f"{name}: {expect.state} in the end", state == expect.state, state))
    if expect.lost is not None:
        lost = told.losses(console)
        checks.append(Check(f"{name}: lost the network {expect.lost} times", lost == expect.lost, f"{lost} times"))
    if expect.calls is not None:
        outcomes = ", ".join(record.outcome for record in terminal.attempts) or "none was made"
        checks.append(
            Check(
                f"{name}: {expect.calls} calls stood",
                len(terminal.calls) == expect.calls,
                f"{len(terminal.calls)}: {outcomes}",
            )
        )
    return checks


def _words(run: NetworkRun, transfer: Transfer) -> str:
    """A transfer in a few words."""
    if transfer.result != told.DONE:
        return f"{transfer.url} {transfer.result}{': ' + transfer.text if transfer.text else ''}"
    equal = "equal" if is_whole(run, transfer) else "NOT EQUAL" if wanted(run, transfer) is not None else "unknown here"
    return f"{transfer.url} {transfer.octets:,} octets, {equal}"
