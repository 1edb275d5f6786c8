"""The shop's story as JSON, on screen and as a page: waveforms of what was heard, balances, what each adversary got."""

from typing import Any

from testbed.machines.codec.sound import Samples
from testbed.scenario import model
from testbed.scenario.narrative import seconds
from testbed.scenario.sounds.hearing import SLICE_MS, peaks
from testbed.systems.shop.scene import Seen
from testbed.systems.shop.story import PRICE, UNITS

PLAYING, SILENT = "playing", "silent"
WORDS = model.Words(
    states=(PLAYING, SILENT),
    path="sound",
    short="sound",
    axis="What came out of each decoder chip, on one axis",
    alternative="Timeline of terminals and players, with the waveforms of what was heard",
    footer="ringcast: a title bought once, played where it belongs. Times count from the start of the run.",
)
TITLE = "Bought once, played where it belongs"
_PEOPLE = {
    "living": "is her terminal on the network: it bought the title, was wiped, and got everything again for nothing.",
    "bedroom": "is her terminal with a dock: it made the copies.",
    "player": "is a portable player of her household.",
    "stranger": "is a portable player of another household: it was given copies and keystore of the other one.",
}
_ATTEMPTS = (
    model.Column("who", word=True),
    model.Column("tried", word=True),
    model.Column("times"),
    model.Column("got", word=True, strong=True),
    model.Column("what the same way gives to who may", word=True),
)
_LEFT_OUT = (model.Column("who", word=True), model.Column("why", word=True))
_BALANCES = (model.Column("behind", word=True), model.Column("units", strong=True))
_MARKS = (model.Column("at"), model.Column("where", word=True), model.Column("what", word=True))


def to_json(seen: Seen) -> dict[str, Any]:
    """What is the same on every runtime that has the same seed, and the runtime's name."""
    return {
        "seed": seen.seed,
        "runtime": seen.runtime,
        "balances": [{"behind": what, "units": units} for what, units in seen.balances],
        "copies": [{"way": way, "octets": octets} for way, octets in seen.copies],
        "heard": {
            name: [{"title": one.title, "samples": one.samples, "equal_to_clear": round(one.equal, 6)} for one in heard]
            for name, heard in seen.heard.items()
        },
        "adversaries": [
            {"who": one.who, "tried": one.what, "times": one.times, "got": one.got, "control": one.control}
            for one in seen.attempts
        ],
        "left_out": [{"who": who, "why": why} for who, why in seen.left_out],
        "checks": [{"what": what, "held": held, "seen": told} for what, held, told in seen.checks],
    }


def report_of(seen: Seen) -> model.ReportModel:
    """What page and screen show."""
    foiled = sum(one.foiled for one in seen.attempts)
    figures = (
        ("runtime", seen.runtime),
        ("paid", f"{PRICE} of {UNITS} units, once"),
        ("copies", ", ".join(f"{way} {octets:,} octets" for way, octets in seen.copies)),
        ("adversaries that got nothing", f"{foiled} of {len(seen.attempts)}"),
    )
    terminals = tuple(_terminal(seen, name, *seen.sounds[name]) for name in _PEOPLE)
    return model.ReportModel(TITLE, seen.runtime, seen.seed, WORDS, (), terminals, figures, length_ms=seen.end_ms)


def _terminal(seen: Seen, name: str, rate: int, samples: Samples) -> model.Terminal:
    heard = seen.heard[name]
    sentences = [model.Sentence(_PEOPLE[name], named=True)]
    for one in heard:
        equal = "every sample" if one.equal == 1.0 else f"{100 * one.equal:.2f} % of samples"
        sentences.append(
            model.Sentence(
                f"From {seconds(one.from_ms)} on the song was heard, {equal} as FFmpeg decodes the clear one."
            )
        )
    if not heard:
        sentences.append(model.Sentence("Nothing was heard of it."))
    records: tuple[model.Records, ...] = ()
    if name == "living":
        rows = tuple((one.who, one.what, f"{one.times:,}", one.got, one.control) for one in seen.attempts)
        balances = tuple((what, str(units)) for what, units in seen.balances)
        marks = tuple((seconds(at_ms), where, what) for at_ms, where, what in seen.marks)
        records = (
            model.Records("What each adversary got", _ATTEMPTS, rows),
            *([model.Records("Left out on this runtime", _LEFT_OUT, tuple(seen.left_out))] if seen.left_out else []),
            model.Records("Balances", _BALANCES, balances),
            model.Records("What happened", _MARKS, marks),
        )
    return model.Terminal(
        name,
        phases=tuple(model.Phase(PLAYING, one.from_ms, min(one.to_ms, seen.end_ms)) for one in heard),
        story=model.Story(before=tuple(sentences)),
        records=records,
        curves=(model.Curve("heard", "‰ of full", SLICE_MS, peaks(samples, rate, seen.end_ms)),),
    )
