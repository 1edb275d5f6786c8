"""`ringcast demo` and `ringcast run`: play a scenario, show it, say whether what had to be seen was seen."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from settop.errors import LocalError

from testbed.commands.ending import interruption

if TYPE_CHECKING:
    from rich.console import Console

    from testbed.scenario.plan import Plan
    from testbed.scenario.run import Check
    from testbed.terminals import Runtime

ModemPort = Annotated[
    str | None, typer.Option("--modem-port", metavar="PORT", help="serial:URL: the serial adapter on the modem's UART.")
]
TunerPort = Annotated[
    str | None,
    typer.Option("--tuner-port", metavar="PORT", help="serial:URL: the one on the tuner's and decoder's UART."),
]
NetworkPort = Annotated[
    str | None,
    typer.Option("--network-port", metavar="PORT", help="serial:URL: the one on a UART that leads to the network."),
]
BoardName = Annotated[str | None, typer.Option("--board", metavar="NAME", help="serial:URL: which board it is; pico.")]
Link = Annotated[
    str | None,
    typer.Option(
        "--link", metavar="uarts|cable", help="serial: three serial lines (the default), or all on one cable."
    ),
]
Network = Annotated[
    bool, typer.Option("--network", help="Emulated Picos have the image with IP and TLS, settop inside.")
]
DEFAULT_CLIP_S = 24
CALL_SET_UP_S = 3.5
TUNE_AHEAD_S = 0.5
"""Before dialling: names come with the SDT, which may take two seconds (ETSI TS 101 211, 4.4)."""
_LATE_S, _LATE_SHARE = 1.0, 0.05
"""A board that lags by more than both is no real one: a crystal is right to tens of ppm."""
_INTERRUPTED = "interrupted: the run was given up and there is no report of it"


def demo(
    source: Annotated[
        Path | None, typer.Option("--input", help="An MPEG-TS file to broadcast; without it a clip is made.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for broadcast, received stream and report.")] = Path(
        "demo-out"
    ),
    runtime: Annotated[
        str,
        typer.Option(
            help="pico: an emulated Raspberry Pi Pico. unix: MicroPython here. cpython: no MicroPython. serial: an "
            "emulated Pico behind pseudo-terminals. serial:URL: a board that was flashed, its console at URL."
        ),
    ] = "pico",
    portion_seconds: Annotated[float, typer.Option(help="Length of a portion (crypto-period).")] = 2.0,
    dial_at: Annotated[float, typer.Option(help="When the viewer dials, in seconds of the broadcast.")] = 3.0,
    hang_up_at: Annotated[
        float | None,
        typer.Option(help="When the viewer presses the button; default: at five eighths of the broadcast, or later."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what was seen as JSON.")] = None,
    uf2: Annotated[
        Path | None, typer.Option(help="A MicroPython image for the Pico instead of the cached one.")
    ] = None,
    programme: Annotated[
        int | None, typer.Option(help="Programme number to scramble; default: all, cut by the first one's clock.")
    ] = None,
    clip_seconds: Annotated[int, typer.Option(help="Length of the clip that is made.")] = DEFAULT_CLIP_S,
    tune: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|NAME", help="Service that the viewer tunes to before dialling; default: the lowest one."
        ),
    ] = None,
    modem_port: ModemPort = None,
    tuner_port: TunerPort = None,
    board: BoardName = None,
    link: Link = None,
    network: Network = False,
) -> None:
    """The call, end to end: a viewer phones in and the picture clears; hangs up, and it goes dark at the next portion.

    Writes OUT/broadcast.ts, OUT/received.ts (what the terminal put out) and OUT/report.html, and says in one screen
    what happened.

    \b
    Try it:
      ringcast demo
      ringcast demo --runtime cpython --input film.ts --portion-seconds 4 --dial-at 6
      ringcast demo --network

    \b
    On a board (docs/boards.md), which gets an identity of the demonstration's own:
      ringcast demo --runtime serial:/dev/ttyACM0 --modem-port /dev/ttyUSB0 --tuner-port /dev/ttyUSB1
      ringcast demo --runtime serial:/dev/ttyACM0 --link cable

    \b
    Of several services in one stream (`programmes` on the console lists them):
      ringcast demo --input multiplex.ts --tune 2

    \b
    Exit status:
      0  every portion inside the call was clear and equal to the original, every other one dark
      1  one was not, or the demo cannot be played; the line says why
      130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP: there is no report
    """
    from testbed.scenario.broadcasts.watching import tuning_checks
    from testbed.scenario.plan import ActionPlan
    from testbed.systems.call.judging import demo_checks
    from testbed.systems.call.plan import CallPlan

    with interruption(_INTERRUPTED):
        length_s = _length_s(source, programme) if source is not None else float(clip_seconds)
        hang_up_s = hang_up_at
        if hang_up_s is None:
            # Long enough for a call to be set up and two portions to be watched, where the programme is.
            late_s = dial_at + CALL_SET_UP_S + 2.5 * portion_seconds
            hang_up_s = round(min(length_s, max(length_s * 0.625, late_s)), 1)
        plan = CallPlan(
            runtime=runtime.partition(":")[0],
            seed=seed,
            input=source,
            clip_seconds=clip_seconds,
            portion_seconds=portion_seconds,
            programme=programme,
            actions=(
                *([ActionPlan(max(0.0, dial_at - TUNE_AHEAD_S), "T1", "tune", tune)] if tune else []),
                ActionPlan(dial_at, "T1", "call"),
                ActionPlan(hang_up_s, "T1", "hang_up"),
            ),
            title="A viewer phones in and the picture clears",
        )
        _check_times(dial_at, hang_up_s, length_s)
        how = _How(runtime, uf2, modem_port, tuner_port, board, link, network)
        _play(plan, out, json_file, how, lambda run: tuning_checks(run) + demo_checks(run))


def run(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenarios in TOML; scenarios/ has examples.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was seen as JSON (one scenario only).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for streams and report; default: out/NAME.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Use this runtime instead of the scenario's.")] = None,
    uf2: Annotated[Path | None, typer.Option(help="A MicroPython image for the Pico.")] = None,
    modem_port: ModemPort = None,
    tuner_port: TunerPort = None,
    network_port: NetworkPort = None,
    board: BoardName = None,
    link: Link = None,
    network: Network = False,
) -> None:
    """Play scenario files: who calls when, what goes wrong, and what has to be seen of it.

    docs/scenarios.md says what a file may have; scenarios/ has some to begin with.

    \b
    Try it:
      ringcast run scenarios/line-drop.toml --runtime cpython
      ringcast run scenarios/*.toml --out out

    \b
    Exit status:
      0  everything that they expect was seen
      1  something was not, or a file cannot be played; the line says which
      130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP: there is no report
    """
    from testbed.scenario.outcome import check_expectations
    from testbed.scenario.plan import load_plan
    from testbed.systems.registry import find_system

    if len(scenarios) > 1 and json_file is not None:
        raise typer.BadParameter("--json takes one scenario")
    missed = False
    with interruption(_INTERRUPTED):
        for scenario in scenarios:
            plan = load_plan(scenario, find_system)
            if runtime is not None:
                plan = dataclasses.replace(plan, runtime=runtime.partition(":")[0])
            folder = out or Path("out") / scenario.stem
            if out is not None and len(scenarios) > 1:
                folder = out / scenario.stem
            try:
                how = _How(runtime or plan.runtime, uf2, modem_port, tuner_port, board, link, network, network_port)
                _play(plan, folder, json_file, how, check_expectations)
            except typer.Exit:
                missed = True
    if missed:
        raise typer.Exit(1)


def play_plan(plan: "Plan", runtime: str, out: Path, json_file: Path | None) -> None:
    """Play a plan of a system's own demonstration, by what it expects; ends as `run` does."""
    from testbed.scenario.outcome import check_expectations

    with interruption(_INTERRUPTED):
        _play(plan, out, json_file, _How(runtime, None, None, None, None, None), check_expectations)


def _length_s(source: Path, programme: int | None) -> float:
    from headend.ts.portions import packet_times_ns

    from testbed.scenario.folders import refuse_pipe

    refuse_pipe(source)
    return float(packet_times_ns(source, programme)[-1]) / 1e9


def _check_times(dial_at_s: float, hang_up_s: float, length_s: float) -> None:
    if hang_up_s <= dial_at_s:
        raise LocalError(
            f"the viewer hangs up at {hang_up_s:g} s, before dialling at {dial_at_s:g} s: "
            "use --dial-at, --hang-up-at or a longer clip"
        )
    if dial_at_s >= length_s:
        raise LocalError(
            f"the viewer dials at {dial_at_s:g} s, and the broadcast is over at {length_s:.1f} s: "
            "use --dial-at or a longer clip"
        )


@dataclass(frozen=True)
class _How:
    """What a scenario is to run on: `runtime` as it was said, with its URL."""

    runtime: str
    uf2: Path | None
    modem_port: str | None
    tuner_port: str | None
    board: str | None
    link: str | None
    network: bool = False
    network_port: str | None = None

    def find(self, out: Path, tell: Callable[[str], None]) -> "Runtime":
        """Raises LocalError for options that do not fit, RuntimeUnavailable."""
        from testbed.terminals import find_runtime, find_runtime_or_next

        given = {
            "--modem-port": self.modem_port, "--tuner-port": self.tuner_port, "--network-port": self.network_port,
            "--board": self.board, "--link": self.link,
        }  # fmt: skip
        named = [option for option, value in given.items() if value is not None]
        name, _, url = self.runtime.partition(":")
        if name != "serial":
            if named or url:
                raise LocalError(f"{named[0] if named else self.runtime} is for a board: --runtime serial:URL")
            return find_runtime_or_next(name, self.uf2, tell, self.network)
        if not url and self.runtime != "serial":
            raise LocalError(
                "--runtime serial: has no URL: serial:/dev/ttyACM0, say, or serial alone for an emulated Pico"
            )
        return find_runtime(
            self.runtime,
            self.uf2,
            tell,
            self.network,
            board=self.board or "pico",
            modem_port=self.modem_port,
            tuner_port=self.tuner_port,
            network_port=self.network_port,
            link=self.link or "uarts",
            logs=out / "lines",
        )

    def hints(self, out: Path) -> list[str]:
        """Where to look when a board did not do what it had to."""
        from testbed.hil.line_log import clocks

        if not self.runtime.startswith("serial:"):
            return []
        hints = [f"what each line carried: {out / 'lines'}"]
        seen = clocks(out / "lines" / "console.log")
        if seen is not None and seen[1] - seen[0] > max(_LATE_S, _LATE_SHARE * seen[1]):
            hints.append(
                f"the board's clock went {seen[0]:.1f} s while {seen[1]:.1f} s passed here: it is an emulated one, and "
                "this computer is too busy or too slow for it. `--runtime serial` starts one that the demonstration "
                f"waits for: ringcast demo --runtime serial --link {self.link or 'uarts'}"
            )
        return hints


def _play(plan: "Plan", out: Path, json_file: Path | None, how: _How, judge: "Callable[[Any], list[Check]]") -> None:
    from headend.files import write_file
    from rich.console import Console

    from testbed.scenario import outcome
    from testbed.scenario.folders import appearing_at_once
    from testbed.scenario.report import screen, write_report
    from testbed.scenario.runner import refuse_to_overwrite, run_plan, written_files
    from testbed.scenario.system import system_of

    refuse_to_overwrite(plan.source, written_files(plan, out), "--out")
    if json_file is not None:
        refuse_to_overwrite(plan.source, [json_file], "--json")
    console = Console(stderr=True)

    def tell(line: str) -> None:
        console.print(line, style="dim", highlight=False, soft_wrap=True)

    if system_of(plan).network:
        how = dataclasses.replace(how, network=True)
    runtime = how.find(out, tell)
    with appearing_at_once(out) as work, _ProgressLine(console) as show:
        result = run_plan(plan, runtime, work, show, tell)
        show("writing the report", 0.0)
        checks = judge(result)
        model = outcome.report_model(result)
        write_report(work / "report.html", model)
    text = outcome.run_json(result, checks)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        write_file(json_file, text.encode())
    shown = Console()
    shown.print(screen(model))
    for check in checks:
        mark = "[green]seen[/green]    " if check.passed else "[red]NOT SEEN[/red]"
        shown.print(f"{mark} {check.what} [dim]({check.seen})[/dim]", highlight=False)
    shown.print(f"report: {out / 'report.html'}", highlight=False, soft_wrap=True)
    if not all(check.passed for check in checks):
        for line in how.hints(out):
            typer.echo(line, err=True)
        raise typer.Exit(1)


class _ProgressLine:
    """A progress line on a terminal; one plain line per step elsewhere."""

    def __init__(self, console: "Console") -> None:
        self._console = console

    def __enter__(self) -> Callable[[str, float], None]:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._said = ""
        self._share = -1.0
        if self._console.is_terminal:
            self._bar.start()
        return self._show

    def _show(self, what: str, share: float) -> None:
        if not self._console.is_terminal:
            if what != self._said:
                self._console.print(f"{what} ...", highlight=False)
        elif what != self._said or share >= self._share + 0.005:
            self._bar.update(self._task, description=what, completed=share)
            self._share = share
        self._said = what

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
