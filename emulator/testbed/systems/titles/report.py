"""Titles in report and screen: when one played or was dark, waveforms of title and loudspeaker, story and figures."""

from testbed.scenario import model
from testbed.scenario.narrative import seconds
from testbed.scenario.sounds.hearing import SLICE_MS, peaks
from testbed.systems.titles.judging import pauses, told, underruns, words
from testbed.systems.titles.plan import BOARD
from testbed.systems.titles.setup import TitlesRun, TitlesTerminal

PLAYING, PAUSED, DARK, SILENT = "playing", "paused", "no key", "silent"
WORDS = model.Words(
    states=(DARK, PAUSED, PLAYING, SILENT),
    path="title",
    short="title",
    axis="The titles as they are, and what came out of the decoder chip, on one axis",
    alternative="Timeline of the terminals' titles, with the waveforms of title and loudspeaker",
    footer="ringcast: titles under Common Encryption, through a decoder chip. Times count from the start of the run.",
)
DARK_MS = 1000
"""How long the bar shows that there was no key: nothing goes on meanwhile."""
_STATES = {
    "title_playing": PLAYING,
    "title_resumed": PLAYING,
    "title_paused": PAUSED,
    "title_dark": DARK,
    "title_ended": SILENT,
    "title_stopped": SILENT,
    "title_failed": SILENT,
}
_HEARD = (
    model.Column("from"),
    model.Column("to"),
    model.Column("title", word=True),
    model.Column("from its"),
    model.Column("samples"),
    model.Column("equal to the clear file's", strong=True),
    model.Column("silences"),
)


def terminal_report(run: TitlesRun, terminal: TitlesTerminal) -> model.Terminal:
    """A terminal of a run."""
    licence = terminal.licences[0] if terminal.licences else None
    return model.Terminal(
        terminal.name,
        phases=_phases(run, terminal),
        instant=model.Instant(licence[0], "licence", f"the key of {licence[1]} is brought") if licence else None,
        story=model.Story(before=tuple(_story(run, terminal))),
        records=(_heard(terminal),) if terminal.heard else (),
        curves=(
            model.Curve("title", "‰ of full", SLICE_MS, _wanted(run, terminal)),
            model.Curve("heard", "‰ of full", SLICE_MS, terminal.loudness),
        ),
    )


def figures(run: TitlesRun) -> tuple[tuple[str, str], ...]:
    """Of all terminals together."""
    heard = [one for terminal in run.terminals for one in terminal.heard]
    samples = sum(one.samples for one in heard)
    equal = sum(one.equal * one.samples for one in heard)
    found = [
        (title.plan.name, f"{title.plan.codec}, {title.plan.scheme}, {len(title.data):,} octets")
        for title in run.titles.values()
    ]
    found.append(("heard", f"{sum(one.seconds for one in heard):.2f} s in {len(heard)} pieces"))
    if samples:
        found.append(("samples equal to the clear file's", f"{100 * equal / samples:.2f} %"))
    found.append(("underruns", str(sum(len(underruns(run, terminal)) for terminal in run.terminals))))
    return tuple(found)


def _phases(run: TitlesRun, terminal: TitlesTerminal) -> tuple[model.Phase, ...]:
    events = [(at_ms, _STATES[name]) for at_ms, name, _ in told(run, terminal) if at_ms < run.end_ms]
    found = []
    for number, (from_ms, state) in enumerate(events):
        to_ms = events[number + 1][0] if number + 1 < len(events) else run.end_ms
        if state == DARK:
            to_ms = min(to_ms, from_ms + DARK_MS)
        if max(0, from_ms) < to_ms:
            found.append(model.Phase(state, max(0, from_ms), min(to_ms, run.end_ms)))
    return tuple(found)


def _wanted(run: TitlesRun, terminal: TitlesTerminal) -> tuple[int, ...]:
    """The waveform of the clear title, from each instant on at which the viewer said play."""
    found = [0] * len(terminal.loudness)
    for action in run.plan.actions:
        if action.terminal == terminal.name and action.action == "play":
            title = run.titles[action.argument]
            at_ms = round(action.at_s * 1000)
            for place, value in enumerate(peaks(title.clear, title.plan.rate, run.end_ms, at_ms)):
                found[place] = max(found[place], value) if value else found[place]
    return tuple(found)


def _story(run: TitlesRun, terminal: TitlesTerminal) -> list[model.Sentence]:
    where = "from its flash" if run.plan.where == BOARD else "from a server"
    sentences = [model.Sentence(f"plays {where} through its decoder chip.", named=True)]
    for at_ms, name, text in told(run, terminal, "title_dark", "title_failed"):
        what = "It stayed silent" if name == "title_dark" else "A title failed"
        sentences.append(model.Sentence(f"{what} at {seconds(at_ms)}: {text}."))
    sentences += [
        model.Sentence(f"The key of {title} came at {seconds(at_ms)}, sealed for this terminal.")
        for at_ms, title in terminal.licences
    ]
    sentences += [
        model.Sentence(f"From {seconds(since)} to {seconds(to)} the viewer paused it.")
        for since, to in pauses(run, terminal)
    ]
    sentences += [model.Sentence(f"From {seconds(one.from_ms)} on it was {words(one)}.") for one in terminal.heard]
    if not terminal.heard:
        sentences.append(model.Sentence("Nothing was heard."))
    return sentences


def _heard(terminal: TitlesTerminal) -> model.Records:
    rows = tuple(
        (
            seconds(one.from_ms),
            seconds(one.to_ms),
            one.title or "nobody's",
            seconds(one.title_ms),
            f"{one.samples:,}",
            f"{100 * one.equal:.2f} %",
            ", ".join(f"{since} to {to} ms" for since, to in one.gaps) or "–",
        )
        for one in terminal.heard
    )
    return model.Records(f"What was heard of {terminal.name}", _HEARD, rows)
