"""The report's drawings as numbers: where each block, tick and word stands. The template only prints them."""

import dataclasses

from testbed.scenario.model import AirPortion, Curve, ReportModel, Terminal
from testbed.scenario.narrative import seconds

GUTTER, RIGHT, TOP = 84.0, 14.0, 26.0
AIR_HEIGHT, PICTURE_HEIGHT, KEYS_HEIGHT, PATH_HEIGHT = 30.0, 30.0, 46.0, 22.0
CURVE_HEIGHT, CURVE_GAP = 54.0, 8.0
NAME_HEIGHT = 18.0
"""Room for a terminal's name above its key path, where there are no portions."""
STATE_COLOURS = 4
_LABEL_ROOM = 44.0  # what "1234 ms" takes
_TARGET_WIDTH, _MIN_PORTION, _MAX_PORTION = 1008.0, 26.0, 130.0
_MIN_LEADS, _BINS = 8, 12


@dataclasses.dataclass(frozen=True)
class Box:
    """A filled rectangle of style class `kind`, with a word in its middle and a tooltip."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str = ""
    tip: str = ""


@dataclasses.dataclass(frozen=True)
class Mark:
    """A tick at `x`; a key's also has `to_x`, the start of the portion that it opens."""

    x: float
    y: float
    to_x: float
    label: str
    tip: str
    anchor: str = "middle"


@dataclasses.dataclass(frozen=True)
class Area:
    """A curve with what lies under it, as the `path` of an SVG; `peak` is its highest value in words."""

    label: str
    y: float
    height: float
    path: str
    peak: str
    tip: str


@dataclasses.dataclass(frozen=True)
class Lane:
    """One terminal's rows, the last of which but `areas` ends at `path_bottom`; `mark` goes across all."""

    name: str
    y: float
    path_bottom: float
    bottom: float
    boxes: tuple[Box, ...]
    keys: tuple[Mark, ...]
    areas: tuple[Area, ...]
    mark: Mark | None


@dataclasses.dataclass(frozen=True)
class Timeline:
    width: float
    height: float
    air: tuple[Box, ...]
    air_y: float
    grid: tuple[Mark, ...]
    lanes: tuple[Lane, ...]


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Bars of key leads; `low_ms` to `high_ms` is the span of the axis."""

    bars: tuple[Box, ...]
    low_ms: int
    high_ms: int
    count: int


class _Scale:
    def __init__(self, model: ReportModel) -> None:
        whole_width = _TARGET_WIDTH - GUTTER - RIGHT
        per_portion = whole_width / max(1, len(model.portions))
        self.portion_width = min(max(per_portion, _MIN_PORTION), _MAX_PORTION)
        self.plot_width = self.portion_width * len(model.portions) or whole_width
        self._begin_ms, self._span_ms = model.begin_ms, max(1, model.end_ms - model.begin_ms)

    def x(self, at_ms: int) -> float:
        part = min(max((at_ms - self._begin_ms) / self._span_ms, 0.0), 1.0)
        return round(GUTTER + part * self.plot_width, 2)


def timeline(model: ReportModel) -> Timeline:
    """Portions, pictures, keys and the states of the key path on one time axis."""
    scale = _Scale(model)
    air = tuple(
        Box(
            scale.x(portion.started_ms), TOP, _gap(scale, portion.started_ms, portion.ended_ms), AIR_HEIGHT,
            portion.portion.parity, str(portion.index),
            f"portion {portion.index}, {portion.portion.parity}, from {seconds(portion.started_ms)}",
        )
        for portion in model.portions
    )  # fmt: skip
    y = TOP + (AIR_HEIGHT if model.portions else 0.0) + 12
    lanes = []
    for terminal in model.terminals:
        lane = _lane(model, terminal, scale, y)
        lanes.append(lane)
        y = lane.bottom + 22
    return Timeline(scale.plot_width + GUTTER + RIGHT, y, air, TOP, _grid(model, scale), tuple(lanes))


def _gap(scale: _Scale, from_ms: int, to_ms: int) -> float:
    """A block's width with a hair of ground at its right edge."""
    return round(max(scale.x(to_ms) - scale.x(from_ms) - 1.5, 1.0), 2)


def _grid(model: ReportModel, scale: _Scale) -> tuple[Mark, ...]:
    span_ms = model.end_ms - model.begin_ms
    room = max(2, int(scale.plot_width // 64))
    steps = [base * 10**power for power in range(2, 8) for base in (1, 2, 5)]
    step_ms = next((step for step in steps if span_ms / step <= room), steps[-1])
    first = -(-model.begin_ms // step_ms) * step_ms
    return tuple(Mark(scale.x(at), TOP, 0.0, f"{at / 1000:g} s", "") for at in range(first, model.end_ms + 1, step_ms))


def _lane(model: ReportModel, terminal: Terminal, scale: _Scale, y: float) -> Lane:
    boxes: list[Box] = []
    keys: list[Mark] = []
    keys_y = y + PICTURE_HEIGHT
    path_y = keys_y + KEYS_HEIGHT if model.portions else y + NAME_HEIGHT
    leads = model.leads_ms(terminal)
    for portion, outcome, lead_ms in zip(model.portions, terminal.outcomes, leads, strict=True):
        x, width = scale.x(portion.started_ms), _gap(scale, portion.started_ms, portion.ended_ms)
        part = min(outcome.clear_packets / max(portion.scrambled_packets, 1), 1.0)
        tip = f"portion {portion.index}: {outcome.clear_packets} of {portion.scrambled_packets} packets clear"
        word = "" if part == 1.0 or width < 40 else "in part" if part else "dark" if portion.scrambled_packets else ""
        boxes.append(Box(x, y, width, PICTURE_HEIGHT, "dark", word if not part else "", tip))
        if part:
            # Who joins late sees the end of a portion, who leaves early its beginning.
            joined = lead_ms is not None and lead_ms < 0
            left = x + width * (1 - part) if joined else x
            kind = "wrong" if outcome.clear_equal_original is False else "clear"
            label = "clear" if width * part >= 40 else ""
            boxes.append(Box(round(left, 2), y, round(width * part, 2), PICTURE_HEIGHT, kind, label, tip))
        if lead_ms is not None and outcome.key_delivered_ms is not None:
            keys.append(_key_mark(scale, keys_y, portion, outcome.key_delivered_ms, lead_ms))
    for number in range(1, len(keys)):
        if keys[number].x - keys[number - 1].x >= _LABEL_ROOM:
            continue
        if keys[number - 1].anchor == "middle":
            keys[number - 1] = dataclasses.replace(keys[number - 1], label="")
        elif keys[number].anchor == "middle":
            keys[number] = dataclasses.replace(keys[number], anchor="start")
    for phase in terminal.phases:
        x = scale.x(phase.from_ms)
        width = round(max(scale.x(phase.to_ms) - x, 1.5), 2)
        tip = f"{phase.state}, {seconds(phase.from_ms)} to {seconds(phase.to_ms)}"
        label = phase.state if width > 7 * len(phase.state) else ""
        colour = model.words.states.index(phase.state) % STATE_COLOURS
        boxes.append(Box(x, path_y, width, PATH_HEIGHT, f"state{colour}", label, tip))
    mark = None
    if terminal.instant is not None:
        at = seconds(terminal.instant.at_ms)
        x = scale.x(terminal.instant.at_ms)
        mark = Mark(x, y, 0.0, f"{terminal.instant.label} at {at}", f"{terminal.instant.tip} at {at}")
    areas, bottom = [], path_y + PATH_HEIGHT
    for curve in terminal.curves:
        areas.append(_area(scale, curve, bottom + CURVE_GAP))
        bottom += CURVE_GAP + CURVE_HEIGHT
    return Lane(terminal.name, y, path_y + PATH_HEIGHT, bottom, tuple(boxes), tuple(keys), tuple(areas), mark)


def _area(scale: _Scale, curve: Curve, y: float) -> Area:
    """Steps, each a slice wide; where nothing passed there is the ground line alone."""
    highest, ground = max(curve.values, default=0), y + CURVE_HEIGHT
    path, before = [f"M {scale.x(0)} {ground}"], 0
    for number, value in enumerate([*curve.values, 0]):
        if value != before:
            x = scale.x(number * curve.step_ms)
            path += [f"H {x}", f"V {round(ground - value / max(highest, 1) * CURVE_HEIGHT, 2)}"]
            before = value
    path += [f"H {scale.x(len(curve.values) * curve.step_ms)}", "Z"]
    peak = f"{highest:,} {curve.unit}"
    return Area(curve.label, y, CURVE_HEIGHT, " ".join(path), peak, f"{curve.label}: at most {peak}")


def _key_mark(scale: _Scale, y: float, portion: AirPortion, delivered_ms: int, lead_ms: int) -> Mark:
    tip = f"key of portion {portion.index} at {seconds(delivered_ms)}, "
    x, to_x = scale.x(delivered_ms), scale.x(portion.started_ms)
    if lead_ms < 0:
        # To the left of its dot: the next portion's key may follow at once.
        return Mark(x, y, to_x, "at once", tip + "while it ran", "end")
    label = f"{lead_ms} ms" if scale.portion_width >= _LABEL_ROOM else ""
    return Mark(x, y, to_x, label, tip + f"{lead_ms} ms before it began")


def lead_histogram(model: ReportModel, width: float = 460.0, height: float = 110.0) -> Histogram | None:
    """How long before their portions the keys came, over all terminals; None for fewer than eight keys."""
    given = [lead for terminal in model.terminals for lead in model.leads_ms(terminal)]
    leads = sorted(lead for lead in given if lead is not None and lead >= 0)
    if len(leads) < _MIN_LEADS:
        return None
    low, high = leads[0], max(leads[-1], leads[0] + 1)
    counts = [0] * _BINS
    for lead in leads:
        counts[min((lead - low) * _BINS // (high - low), _BINS - 1)] += 1
    step = width / _BINS
    bars = []
    for number, count in enumerate(counts):
        tall = round(count / max(counts) * (height - 18), 2)
        edges = [low + (high - low) * edge // _BINS for edge in (number, number + 1)]
        tip = f"{count} keys, {edges[0]} to {edges[1]} ms ahead"
        x = round(number * step, 2)
        bars.append(Box(x, height - tall, round(step - 2, 2), tall, "bar", str(count) if count else "", tip))
    return Histogram(tuple(bars), low, high, len(leads))
