"""What a scenario of titles showed: its members of the JSON, the checks of what was heard and what was not."""

from typing import Any

from headend.titles.protection import NONE

from testbed.scenario.run import Check
from testbed.scenario.sounds.hearing import Heard
from testbed.systems.titles.plan import TitlesExpect
from testbed.systems.titles.setup import MadeTitle, TitlesRun, TitlesTerminal

ALIKE = 0.95
"""Of a title's samples so many are those of the clear file; behind a seek the first frame lacks the one before it."""
_TOLD = ("title_playing", "title_paused", "title_resumed", "title_ended", "title_stopped", "title_dark", "title_failed")


def is_alike(heard: Heard) -> bool:
    return heard.title is not None and heard.equal >= ALIKE


def told(run: TitlesRun, terminal: TitlesTerminal, *names: str) -> list[tuple[int, str, str]]:
    """(ms of the run, event, text) of what the console said of titles, or of these events of them."""
    return [
        (event.at_ms - run.begin_ms, event.name, event.text)
        for event in terminal.station.console
        if event.name in (names or _TOLD)
    ]


def pauses(run: TitlesRun, terminal: TitlesTerminal) -> list[tuple[int, int]]:
    """(from, to) of each pause that went on afterwards, ms of the run."""
    found, since = [], None
    for at_ms, name, _ in told(run, terminal):
        if name == "title_paused":
            since = at_ms
        elif since is not None:
            found.append((since, at_ms))
            since = None
    return found


def underruns(run: TitlesRun, terminal: TitlesTerminal) -> list[tuple[int, int]]:
    """Silences inside a title that no pause explains."""
    held = pauses(run, terminal)
    gaps = [gap for heard in terminal.heard for gap in heard.gaps]
    return [gap for gap in gaps if not any(since <= gap[0] and gap[1] >= to - 1 for since, to in held)]


def unlicensed(run: TitlesRun, terminal: TitlesTerminal) -> list[Heard]:
    """What was heard of a title before there was a key to it."""
    return [
        heard
        for heard in terminal.heard
        if heard.title is not None
        and run.titles[heard.title].plan.scheme != NONE
        and not any(title == heard.title and at_ms <= heard.from_ms for at_ms, title in terminal.licences)
    ]


def title_json(made: MadeTitle) -> dict[str, Any]:
    plan = made.plan
    return {
        "codec": plan.codec,
        "scheme": plan.scheme,
        "octets": len(made.data),
        "kid": made.kid.hex() or None,
        "samples": len(made.clear),
    }


def terminal_json(run: TitlesRun, terminal: TitlesTerminal) -> dict[str, Any]:
    """Times are ms of the run."""
    return {
        "licences": [{"at_ms": at_ms, "title": title} for at_ms, title in terminal.licences],
        "told": [{"at_ms": at_ms, "event": name, "text": text} for at_ms, name, text in told(run, terminal)],
        "heard": [
            {
                "title": heard.title,
                "from_ms": heard.from_ms,
                "to_ms": heard.to_ms,
                "title_ms": heard.title_ms,
                "samples": heard.samples,
                "equal_to_clear": round(heard.equal, 6),
                "gaps": [list(gap) for gap in heard.gaps],
            }
            for heard in terminal.heard
        ],
        "underruns": [list(gap) for gap in underruns(run, terminal)],
    }


def honest(run: TitlesRun) -> list[Check]:
    """Whatever a scenario expects: nothing sounds but titles, and none without its key."""
    noise = [f"{t.name} at {h.from_ms} ms" for t in run.terminals for h in t.heard if not is_alike(h)]
    early = [f"{t.name} {h.title} at {h.from_ms} ms" for t in run.terminals for h in unlicensed(run, t)]
    return [
        Check("what was heard is a title's sound, as PyAV decodes the clear one", not noise, _list(noise, "all of it")),
        Check("no title was heard without its key", not early, _list(early, "silence")),
    ]


def terminal_checks(run: TitlesRun, terminal: TitlesTerminal, expect: TitlesExpect) -> list[Check]:
    """What an [[expect]] asked for of a terminal."""
    name, checks = terminal.name, []
    if expect.heard is not None:
        heard = tuple(one.title for one in terminal.heard if is_alike(one))
        seen = "; ".join(words(one) for one in terminal.heard) or "silence"
        checks.append(Check(f"{name}: heard {', '.join(expect.heard)}", heard == expect.heard, seen))
    if expect.seconds is not None:
        seconds = sum(one.seconds for one in terminal.heard)
        checks.append(
            Check(f"{name}: {expect.seconds:g} s of sound or more", seconds >= expect.seconds, f"{seconds:.2f} s")
        )
    for what, wanted in (("title_dark", expect.dark), ("title_failed", expect.failed)):
        if wanted is not None:
            texts = [text for _, _, text in told(run, terminal, what)]
            why = "for want of a key" if what == "title_dark" else "otherwise"
            checks.append(
                Check(f"{name}: {wanted} titles not played {why}", len(texts) == wanted, _list(texts, "none"))
            )
    if expect.underruns is not None:
        gaps = [f"{since} to {to} ms" for since, to in underruns(run, terminal)]
        checks.append(
            Check(f"{name}: {expect.underruns} underruns", len(gaps) == expect.underruns, _list(gaps, "none"))
        )
    return checks


def words(heard: Heard) -> str:
    """What was heard, in a few words."""
    if heard.title is None:
        return f"NOBODY'S SOUND for {heard.seconds:.2f} s"
    equal = "every sample" if heard.equal == 1.0 else f"{100 * heard.equal:.2f} % of samples"
    return f"{heard.title} for {heard.seconds:.2f} s, {equal} as the clear file's"


def _list(texts: list[str], nothing: str) -> str:
    return "; ".join(texts) or nothing
