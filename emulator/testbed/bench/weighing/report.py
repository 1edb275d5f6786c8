"""The weights as a page that needs nothing else: a table, and a plot of what is left against what it costs."""

from dataclasses import dataclass
from pathlib import Path

import jinja2
from headend.files import write_file

from testbed.bench.weighing.clip import Clip
from testbed.bench.weighing.on_pico import SECONDS
from testbed.bench.weighing.weigh import Weight
from testbed.bench.weighing.without_key import GOOD_DB

LABEL, BAR, GAP, HEIGHT = 250, 330, 96, 58
_TOP = 26


@dataclass(frozen=True)
class Bar:
    """A bar of the plot: its style class, where it is, how long, what stands behind it and in its tooltip."""

    kind: str
    x: float
    y: float
    width: float
    text: str
    tip: str


def plot(weights: list[Weight]) -> list[Bar]:
    """Left what is left without the key, right what it costs with it; in units of the SVG."""
    most = max(1, *(weight.cost.opening for weight in weights))
    bars = []
    for number, weight in enumerate(weights):
        y = _TOP + number * HEIGHT
        name, left, cost = weight.scheme.name, weight.without_key, weight.cost
        for line, (kind, heard, words) in enumerate(
            (("even", left.as_it_is, "as it is"), ("odd", left.repaired, "headers put back"))
        ):
            text = f"{100 * heard.decodable:.0f} % of frames, {heard.snr_db:.1f} dB"
            bars.append(
                Bar(kind, LABEL, y + 18 * line, round(BAR * heard.decodable, 1), text, f"{name}, {words}: {text}")
            )
        text = f"{cost.opening / 1e6:.2f} Mcycles/s, {cost.opening_percent:.1f} % of a core"
        width = round(BAR * max(cost.opening, 0) / most, 1)
        bars.append(Bar("bar", LABEL + BAR + GAP + 60, y + 9, width, text, f"{name}, opened on the Pico: {text}"))
    return bars


def write_report(path: Path, clip: Clip, weights: list[Weight]) -> None:
    """One HTML page; the same weights give the same bytes. Raises OSError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        clip=clip,
        weights=weights,
        bars=plot(weights),
        top=_TOP,
        row=HEIGHT,
        height=_TOP + HEIGHT * len(weights),
        width=LABEL + 2 * BAR + GAP + 250,
        right=LABEL + BAR + GAP + 60,
        left=LABEL,
        good_db=GOOD_DB,
        board_seconds=SECONDS,
    )
    write_file(path, page.encode("utf-8"))
