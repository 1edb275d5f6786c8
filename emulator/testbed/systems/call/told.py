"""What a terminal told its viewer on the console, in words for report and screen: price, what kept it dark, refusal."""

from collections.abc import Sequence

from settop.wire.dark import TEXTS, WORDS

from testbed.station import ConsoleEvent

_DENIED = "denied: "


def offer(console: Sequence[ConsoleEvent]) -> str | None:
    """The price that was told last, such as "0.05 EUR a portion, 0.20 EUR once (tariff demo)"; None where none was."""
    event = next((event for event in reversed(console) if event.name == "price"), None)
    if event is None:
        return None
    portion, set_up, currency = event.value("portion"), event.value("set_up"), event.value("currency")
    once = "" if not set_up or set_up == "0" else f", {money(set_up)} {currency} once"
    return f"{money(portion)} {currency} a portion{once} (tariff {event.text.partition('tariff=')[2]})"


def money(minor: str | None) -> str:
    """Hundredths as the console says them, as units with two decimals; other text stays what it is."""
    return f"{int(minor) / 100:.2f}" if minor and minor.isdecimal() and len(minor) <= 12 else str(minor)


def darkness(console: Sequence[ConsoleEvent]) -> tuple[str, ...]:
    """Each cause of darkness that the terminal named in a call, once, in the order in which they came."""
    causes = dict.fromkeys(event.value("cause") for event in console if event.name in ("dark", "not_clear"))
    return tuple(TEXTS[WORDS.index(cause)] for cause in causes if cause in WORDS[1:])


def refusal(console: Sequence[ConsoleEvent]) -> str | None:
    """Why the centre denied the last call that it denied, or None."""
    said = [event.text for event in console if event.name == "closed" and event.text.startswith(_DENIED)]
    return said[-1][len(_DENIED) :] if said else None
