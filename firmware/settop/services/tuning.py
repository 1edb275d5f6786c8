"""The console's `programmes` and `tune`: what is on air, and which of it the viewer wants."""

from settop.errors import LocalError

MAX_SERVICE = 65535


def listing(programmes):
    """What the console is to say, one (event, text) for each service of the PAT, and how many there are."""
    count = 0
    number = programmes.service_behind(0)
    while number is not None:
        count += 1
        yield (
            "programme",
            "service=%d ringcast=%s tuned=%s%s"
            % (
                number,
                "yes" if programmes.is_ours(number) else "no",
                "yes" if programmes.is_tuned(number) else "no",
                _name(programmes, number),
            ),
        )
        number = programmes.service_behind(number)
    yield "programmes", "services=%d" % count


def tune(player, words):
    """Choose a service by its number or name, none for the lowest; returns what the console is to say. LocalError."""
    programmes = player.programmes
    if not words:
        player.tune(None)
        return "service=lowest"
    wanted = " ".join(words)
    number = _number(wanted) or _by_name(programmes, wanted)
    if number is None:
        raise LocalError("no service has that number (1 to %d) or name; `programmes` says what there is" % MAX_SERVICE)
    player.tune(number)
    seen = "ringcast" if programmes.is_ours(number) else "other" if programmes.has(number) else "none"
    return "service=%d seen=%s%s" % (number, seen, _name(programmes, number))


def _name(programmes, number):
    name = programmes.names.get(number)
    return " name=" + name if name else ""


def _number(word):
    for char in word:
        if char not in "0123456789":
            return None
    return int(word) if len(word) <= 5 and 0 < int(word) <= MAX_SERVICE else None


def _by_name(programmes, wanted):
    """The lowest service of that name, however it is spelt; one of ours before others. None: there is none."""
    found = None
    number = programmes.service_behind(0)
    while number is not None:
        if programmes.names.get(number).lower() == wanted.lower():
            if programmes.is_ours(number):
                return number
            found = found or number
        number = programmes.service_behind(number)
    return found
