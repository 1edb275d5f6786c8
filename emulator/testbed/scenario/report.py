"""The report of a run: one HTML page that needs nothing else, and one screen for the terminal."""

import base64
import dataclasses
from pathlib import Path

import jinja2
from headend.files import write_file
from markupsafe import Markup
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from testbed.scenario.broadcasts.pictures import MAX_PICTURED_PORTIONS, Picture
from testbed.scenario.model import AirPortion, Curve, Outcome, ReportModel, Terminal
from testbed.scenario.narrative import narrative, seconds
from testbed.scenario.timeline import GUTTER, STATE_COLOURS, Box, lead_histogram, timeline

_SCREEN_COLUMNS = 66  # of portions; with the rows' names and the frame 80 at most
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_STATE_STYLES = ("yellow", "blue", "green", "bright_black")


@dataclasses.dataclass(frozen=True)
class _Shot:
    portion: AirPortion
    views: tuple[tuple[str, Picture], ...]


def write_report(path: Path, model: ReportModel) -> None:
    """Write `model` as one self-contained HTML page; the same model gives the same bytes."""
    shots = _shots(model)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            model=model,
            story=narrative(model),
            line=timeline(model),
            colours=STATE_COLOURS,
            gutter=GUTTER,
            shots=shots[:MAX_PICTURED_PORTIONS],
            left_out=max(0, len(shots) - MAX_PICTURED_PORTIONS),
            rows=[
                list(zip(model.portions, terminal.outcomes, model.leads_ms(terminal), strict=True))
                for terminal in model.terminals
            ],
            histogram=lead_histogram(model),
        )
    )
    write_file(path, page.encode("utf-8"))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        seconds=seconds,
        even_seconds=lambda value_ms: f"{value_ms / 1000:.2f} s",
        base64=lambda data: base64.b64encode(data).decode("ascii"),
    )
    environment.globals["block"] = _block
    return environment


def _block(box: Box) -> Markup:
    """One rectangle of the timeline with its word and tooltip, as SVG."""
    text = Markup("")
    if box.label:
        text = Markup('<text class="on is-{}" x="{}" y="{}">{}</text>').format(
            box.kind, round(box.x + box.width / 2, 2), box.y + box.height / 2, box.label
        )
    shape = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="3"/>').format(
        box.kind, box.x, box.y, box.width, box.height
    )
    return Markup("<g><title>{}</title>{}{}</g>").format(box.tip, shape, text)


def _shots(model: ReportModel) -> list[_Shot]:
    shots = []
    for number, portion in enumerate(model.portions):
        views = []
        for terminal in model.terminals:
            shown = terminal.outcomes[number].picture
            if shown is not None:
                views.append((model.words.viewer if len(model.terminals) == 1 else terminal.name, shown))
        if portion.other is not None:
            views.append((model.words.outsider, portion.other))
        if views:
            shots.append(_Shot(portion, tuple(views)))
    return shots


def screen(model: ReportModel) -> Panel:
    """What happened, on one terminal screen 80 columns wide: portions, key path, a paragraph and figures."""
    whole, model = model, _folded(model)
    cell = min(_SCREEN_COLUMNS // len(model.portions), 8) if model.portions else _SCREEN_COLUMNS
    parts: list[Text | Table] = []
    air = Text("on air  ")
    for number, portion in enumerate(model.portions):
        label = str(portion.index) if len(str(portion.index)) <= cell else ""
        even = portion.portion.parity == "even" if model is whole else number % 2 == 0  # neighbours differ
        ground = "blue" if even else "magenta"
        air.append(label.center(cell), style=f"white on {ground}")
    if model.portions:
        parts.append(air)
    for terminal in model.terminals:
        if len(model.terminals) > 1:
            parts.append(Text(terminal.name, style="bold"))
        if model.portions:
            parts.append(_picture_line(model, terminal, cell))
        parts.append(_path_line(model, terminal, cell))
        parts += [_curve_line(model, curve, cell) for curve in terminal.curves]
    legend = Text("        ")
    for number, state in enumerate(model.words.states[:-1]):
        legend.append("━ ", style=_STATE_STYLES[number % STATE_COLOURS]).append(f"{state}  ", style="dim")
    if model.portions:
        legend.append("● key there", style="dim")
    parts += [legend, Text(), Text(narrative(whole))]
    if model.figures:
        table = Table.grid(padding=(0, 2))
        for label, value in model.figures:
            table.add_row(Text(label, style="dim"), Text(value, style="bold"))
        parts += [Text(), table]
    return Panel(Group(*parts), title=Text(model.title), width=_SCREEN_COLUMNS + 14)


def _folded(model: ReportModel) -> ReportModel:
    """`model` with neighbouring portions merged until each can have a column of the screen."""
    fold = -(-len(model.portions) // _SCREEN_COLUMNS)
    if fold <= 1:
        return model
    starts = range(0, len(model.portions), fold)
    portions = []
    for start in starts:
        group = model.portions[start : start + fold]
        scrambled = sum(portion.scrambled_packets for portion in group)
        portions.append(dataclasses.replace(group[0], ended_ms=group[-1].ended_ms, scrambled_packets=scrambled))
    terminals = tuple(
        dataclasses.replace(
            terminal, outcomes=tuple(_merged(terminal.outcomes[start : start + fold]) for start in starts)
        )
        for terminal in model.terminals
    )
    return dataclasses.replace(model, portions=tuple(portions), terminals=terminals)


def _merged(group: tuple[Outcome, ...]) -> Outcome:
    delivered = [part.key_delivered_ms for part in group if part.key_delivered_ms is not None]
    verdicts = [part.clear_equal_original for part in group if part.clear_equal_original is not None]
    return Outcome(
        key_delivered_ms=delivered[0] if delivered else None,
        clear_packets=sum(part.clear_packets for part in group),
        clear_equal_original=all(verdicts) if verdicts else None,
    )


def _picture_line(model: ReportModel, terminal: Terminal, cell: int) -> Text:
    line = Text("picture ")
    leads = model.leads_ms(terminal)
    for portion, outcome, lead_ms in zip(model.portions, terminal.outcomes, leads, strict=True):
        part = min(outcome.clear_packets / max(portion.scrambled_packets, 1), 1.0)
        shown = cell if part == 1.0 else min(round(part * cell), cell - 1)
        style = "red" if outcome.clear_equal_original is False else "green"
        pieces = [("█" * shown, style), ("░" * (cell - shown), "bright_black")]
        joined = lead_ms is not None and lead_ms < 0
        for text, colour in reversed(pieces) if joined else pieces:
            line.append(text, style=colour)
    return line


def _path_line(model: ReportModel, terminal: Terminal, cell: int) -> Text:
    """The states of the key path, with a dot where each key was complete."""
    columns, states = cell * max(1, len(model.portions)), model.words.states
    cells = [(" ", "")] * columns
    for phase in terminal.phases:
        if phase.state == states[-1]:
            continue
        first, last = _column(model, phase.from_ms, cell), _column(model, phase.to_ms, cell)
        for column in range(first, min(max(last, first + 1), columns)):
            cells[column] = ("━", _STATE_STYLES[states.index(phase.state) % STATE_COLOURS])
    for outcome in terminal.outcomes:
        if outcome.key_delivered_ms is not None:
            cells[min(_column(model, outcome.key_delivered_ms, cell), columns - 1)] = ("●", "yellow")
    line = Text(model.words.short.ljust(8))
    for character, style in cells:
        line.append(character, style=style)
    return line


def _curve_line(model: ReportModel, curve: Curve, cell: int) -> Text:
    """Each column as high as the highest of what passed in it."""
    columns = [0] * (cell * max(1, len(model.portions)))
    for number, value in enumerate(curve.values):
        column = min(_column(model, number * curve.step_ms, cell), len(columns) - 1)
        columns[column] = max(columns[column], value)
    highest, last = max(1, *columns), len(_HEIGHTS) - 1
    line = Text(curve.label[:7].ljust(8))
    line.append("".join(_HEIGHTS[-(-value * last // highest)] for value in columns), style="blue")
    return line


def _column(model: ReportModel, at_ms: int, cell: int) -> int:
    """The column of an instant: portions are equally wide on the screen, however long they last."""
    if not model.portions:
        return max(0, at_ms) * cell // model.length_ms
    for number, portion in enumerate(model.portions):
        if at_ms < portion.ended_ms:
            span_ms = max(portion.ended_ms - portion.started_ms, 1)
            return number * cell + max(0, at_ms - portion.started_ms) * cell // span_ms
    return cell * len(model.portions)
