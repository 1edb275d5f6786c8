"""The network in report and screen: phases, what passed each way, the story, pages, links and calls."""

from testbed.internet.meter import SLICE_MS
from testbed.scenario import model
from testbed.scenario.narrative import seconds
from testbed.systems.network import told
from testbed.systems.network.judging import is_whole, wanted
from testbed.systems.network.phases import COMING_UP, ONLINE, STATES, TRANSFER, phases
from testbed.systems.network.plan import BROADBAND, NetworkAction, url_of
from testbed.systems.network.setup import NetworkRun, NetworkTerminal
from testbed.systems.network.told import Transfer

WORDS = model.Words(
    states=STATES,
    path="network",
    short="network",
    axis="The network, and what passed it, on one axis",
    alternative="Timeline of the terminals' network states, with the rate each way",
    footer="ringcast: IP by broadband and by telephone. Times count from the start of the run.",
)
CURVE_STEPS = 90
_PAGES = (
    model.Column("asked at"),
    model.Column("what", word=True),
    model.Column("octets"),
    model.Column("took"),
    model.Column("kbit/s"),
    model.Column("result", word=True, strong=True),
)
_LINKS = (
    model.Column("way", word=True),
    model.Column("packets"),
    model.Column("octets"),
    model.Column("lost"),
    model.Column("damaged"),
    model.Column("no room"),
    model.Column("cut"),
)
_CALLS = (
    model.Column("dialled"),
    model.Column("number", word=True),
    model.Column("connected"),
    model.Column("online"),
    model.Column("ended"),
    model.Column("octets to it"),
    model.Column("from it"),
    model.Column("address", word=True),
    model.Column("end", word=True, strong=True),
)


def terminal_report(run: NetworkRun, terminal: NetworkTerminal) -> model.Terminal:
    """A terminal of a run."""
    bar = phases(run, terminal)
    records = [_pages(run, terminal)] if terminal.transfers else []
    if terminal.ways:
        records.append(_links(terminal))
    if terminal.attempts:
        records.append(_calls(run, terminal))
    return model.Terminal(
        terminal.name,
        phases=bar,
        instant=_instant(run, terminal),
        story=model.Story(before=tuple(_story(run, terminal, bar))),
        records=tuple(records),
        curves=(_curve("to it", terminal.down), _curve("from it", terminal.up)),
    )


def figures(run: NetworkRun) -> tuple[tuple[str, str], ...]:
    """Of all terminals together."""
    all_transfers = [(terminal, transfer) for terminal in run.terminals for transfer in terminal.transfers]
    whole = [transfer for _, transfer in all_transfers if is_whole(run, transfer)]
    found = [("transfers, whole and equal", f"{len(whole)} of {len(all_transfers)}")]
    for access in dict.fromkeys(terminal.access for terminal in run.terminals):
        rates = [t.rate_bits_s for terminal, t in all_transfers if terminal.access == access and t.result == told.DONE]
        if rates:
            found.append((f"best rate by {access}", _rate(max(rates))))
    found.append(("segments sent again", str(sum(s.repeats for terminal in run.terminals for s in terminal.served))))
    ways = [way for terminal in run.terminals for way in terminal.ways]
    found.append(("packets lost on links", f"{sum(way.lost for way in ways):,} of {sum(way.sent for way in ways):,}"))
    attempts = [record for terminal in run.terminals for record in terminal.attempts]
    if attempts:
        found.append(("calls that stood", f"{sum(r.connected_ms is not None for r in attempts)} of {len(attempts)}"))
    lost = sum(told.losses(terminal.station.console) for terminal in run.terminals)
    if lost:
        found.append(("network lost", f"{lost} time{'s' * (lost != 1)}"))
    if run.notice:
        found.append(("mind", run.notice))
    return tuple(found)


def _rate(bits_s: int) -> str:
    return f"{bits_s / 1_000_000:.2f} Mbit/s" if bits_s >= 1_000_000 else f"{bits_s / 1000:.1f} kbit/s"


def _curve(label: str, octets: tuple[int, ...]) -> model.Curve:
    """In so many steps that frames of a slow line are a stream, and not a comb."""
    fold = max(1, -(-len(octets) // CURVE_STEPS))
    step_ms = fold * SLICE_MS
    sums = [sum(octets[at : at + fold]) for at in range(0, len(octets), fold)]
    return model.Curve(label, "kbit/s", step_ms, tuple(count * 8 // step_ms for count in sums))


def _instant(run: NetworkRun, terminal: NetworkTerminal) -> model.Instant | None:
    for action in sorted(run.plan.actions, key=lambda action: action.at_s):
        if action.terminal == terminal.name and action.action in ("drop_link", "drop_line"):
            what = "link" if action.action == "drop_link" else "call"
            return model.Instant(round(action.at_s * 1000), f"{what} cut", f"the {what} is cut")
    return None


def _story(run: NetworkRun, terminal: NetworkTerminal, bar: tuple[model.Phase, ...]) -> list[model.Sentence]:
    by = "by broadband" if terminal.access == BROADBAND else "by telephone"
    up = next((phase.from_ms for phase in bar if phase.state in (ONLINE, TRANSFER)), None)
    asked = next((phase.from_ms for phase in bar if phase.state == COMING_UP), None)
    if up is None:
        told_why = [event.value("reason") for event in terminal.station.events("call_failed")]
        why = f", for the call failed: {(told_why[-1] or '').replace('_', ' ')}" if told_why else ""
        sentences = [model.Sentence(f"was never online {by}{why}.", named=True)]
    else:
        took = f", {seconds(up - asked)} after it was asked to" if asked is not None and asked < up else ""
        sentences = [model.Sentence(f"was online {by} at {seconds(up)}{took}.", named=True)]
    sentences += [model.Sentence(text) for text in _accidents(run, terminal)]
    sentences += [model.Sentence(_said(run, transfer)) for transfer in terminal.transfers]
    repeats = sum(served.repeats for served in terminal.served)
    if repeats:
        sentences.append(model.Sentence(f"The server sent {repeats} segment{'s' * (repeats != 1)} again."))
    return sentences


def _accidents(run: NetworkRun, terminal: NetworkTerminal) -> list[str]:
    """What was cut, and when the terminal had its network back."""
    texts = []
    ups = [event.at_ms - run.begin_ms for event in terminal.station.events("network_up")]
    downs = [event.at_ms - run.begin_ms for event in terminal.station.events("network_down")]
    for action in sorted(run.plan.actions, key=lambda action: action.at_s):
        if action.terminal != terminal.name or action.action not in ("drop_link", "drop_line"):
            continue
        at_ms = round(action.at_s * 1000)
        text = f"Its {'link' if action.action == 'drop_link' else 'call'} was cut at {seconds(at_ms)}"
        if isinstance(action, NetworkAction) and action.seconds is not None:
            text += f" for {action.seconds:g} s"
        noticed = next((down for down in downs if down >= at_ms), None)
        text += ", which it never noticed" if noticed is None else f"; it noticed at {seconds(noticed)}"
        back = None if noticed is None else next((up for up in ups if up >= noticed), None)
        texts.append(text + (f" and was back at {seconds(back)}." if back is not None else "."))
    return texts


def _name(transfer: Transfer) -> str:
    """The path alone where it is the bench's own server's."""
    return transfer.url.removeprefix(url_of("/")[:-1])


def _said(run: NetworkRun, transfer: Transfer) -> str:
    verb = "was fetched" if transfer.what == "fetch" else "was sent and came back"
    if transfer.result != told.DONE:
        became = {told.FAILED: "failed", told.REFUSED: "was refused"}.get(transfer.result, "was still under way")
        return f"{_name(transfer)} {became}{': ' + transfer.text if transfer.text else ''}."
    equal = "every octet as the server has it" if is_whole(run, transfer) else "NOT what the server has"
    if wanted(run, transfer) is None:
        equal = f"with status {transfer.status}"
    rate = f"{transfer.octets:,} octets in {seconds(transfer.took_ms)}, {_rate(transfer.rate_bits_s)}"
    return f"{_name(transfer)} {verb}: {rate}, {equal}."


def _result(run: NetworkRun, transfer: Transfer) -> str:
    if transfer.result != told.DONE:
        return f"{transfer.result}: {transfer.text}" if transfer.text else transfer.result
    if wanted(run, transfer) is None:
        return f"status {transfer.status}"
    return "equal to the server's" if is_whole(run, transfer) else "NOT the server's"


def _pages(run: NetworkRun, terminal: NetworkTerminal) -> model.Records:
    rows = tuple(
        (
            seconds(transfer.asked_ms),
            f"{transfer.what} {_name(transfer)}",
            f"{transfer.octets:,}",
            "–" if transfer.result != told.DONE else seconds(transfer.took_ms),
            "–" if transfer.result != told.DONE else f"{transfer.rate_bits_s / 1000:.1f}",
            _result(run, transfer),
        )
        for transfer in terminal.transfers
    )
    return model.Records(f"Transfers of {terminal.name}", _PAGES, rows)


def _links(terminal: NetworkTerminal) -> model.Records:
    rows = []
    for number, way in enumerate(terminal.ways):
        name = f"{'from' if number % 2 else 'to'} {terminal.name}, {way.name.replace('ppp ', '').replace(' up', '')}"
        counts = (way.sent, way.octets, way.lost, way.damaged, way.overflowed, way.cut)
        rows.append((name, *(f"{count:,}" for count in counts)))
    return model.Records(f"Link of {terminal.name}", _LINKS, tuple(rows))


def _calls(run: NetworkRun, terminal: NetworkTerminal) -> model.Records:
    rows = []
    for record in terminal.attempts:
        call = next((call for call in terminal.calls if call.record is record), None)
        instants = (record.connected_ms, call.up_ms if call else None, record.ended_ms)
        rows.append(
            (
                seconds(record.dialled_ms - run.begin_ms),
                record.called,
                *("–" if at_ms is None else seconds(at_ms - run.begin_ms) for at_ms in instants),
                f"{record.bytes_from_called:,}",
                f"{record.bytes_from_caller:,}",
                call.address if call else "–",
                record.outcome,
            )
        )
    return model.Records(f"Calls of {terminal.name}", _CALLS, tuple(rows))
