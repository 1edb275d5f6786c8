"""`ringcast title weigh`: what partial encryption leaves to who has no key, beside what it costs who has it."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from testbed.bench.weighing.weigh import Weight

LONGEST_S = 600.0
_HEADINGS = (
    "octets\ndiffer",
    "frames\ndecode",
    "SNR\ndB",
    "headers\nback",
    "SNR\ndB",
    "ffmpeg\nexit",
    "opening\nMcycles/s",
    "of a\ncore",
)


def weigh(
    source: Annotated[
        Path | None, typer.Argument(metavar="[IN]", help="Sound; MP3 goes in as it is. Without it, a chord is made.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for report.html and WAV files of what is heard.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures as JSON.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How much of IN, from its beginning, 1 to 600.")] = 20.0,
) -> None:
    """Weigh ways to encrypt a part of a clip against each other, and against the whole.

    Every tenth octet of an MP3 file, with the headers of its frames and without them; one block of ten of each frame
    (cbcs, 1:9); all of it (cbcs, cenc). For each: how many octets differ, what a decoder makes of it without the key,
    also where the headers are put back, how far the noise is from the sound (SNR), what ffmpeg says to the file; and
    how many cycles the emulated Pico takes for a second of sound with the key. It takes half a minute.

    \b
      ringcast title weigh song.mp3 --out weights
      ringcast title weigh song.mp3 --seconds 60 --json weights.json

    The key is a fixed one, and so are IVs: the same clip gives the same figures. Listen to OUT/tenth.wav.

    Exit status: 0 done; 1 it cannot be done, and a line says why; 2 for options that mean nothing.
    """
    if not (math.isfinite(seconds) and 1 <= seconds <= LONGEST_S):
        raise typer.BadParameter(f"--seconds must be 1 to {LONGEST_S:g}, not {seconds:g}")
    from headend.files import write_file
    from rich.console import Console

    from testbed.bench.weighing.clip import own_clip, read_clip
    from testbed.bench.weighing.report import write_report
    from testbed.bench.weighing.weigh import as_json
    from testbed.bench.weighing.weigh import weigh as weigh_it
    from testbed.runtimes.find import pico_image

    clip = own_clip(seconds) if source is None else read_clip(source, seconds)
    image = pico_image()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
    weights = weigh_it(clip, image, out, lambda line: typer.echo(line, err=True))
    Console().print(_screen(clip.origin, weights))
    if json_file is not None:
        write_file(json_file, json.dumps(as_json(clip, weights), indent=1).encode() + b"\n")
    if out is not None:
        write_report(out / "report.html", clip, weights)
        typer.echo(f"{out / 'report.html'}, and what is heard as WAV files beside it")


def _screen(origin: str, weights: "list[Weight]") -> "Table":
    from rich.table import Table

    table = Table(title=origin, padding=(0, 0, 0, 1))
    table.add_column("scheme", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for weight in weights:
        left, again, said = weight.without_key.as_it_is, weight.without_key.repaired, weight.without_key.ffmpeg
        table.add_row(
            weight.scheme.name,
            f"{100 * weight.changed / weight.counted:.1f} %",
            f"{100 * left.decodable:.0f} %",
            f"{left.snr_db:.1f}",
            f"{100 * again.decodable:.0f} %",
            f"{again.snr_db:.1f}",
            "-" if said is None else str(said.exit_code),
            f"{weight.cost.opening / 1e6:.2f}",
            f"{weight.cost.opening_percent:.1f} %",
        )
    return table
