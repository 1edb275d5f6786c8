"""A terminal's line on its console, for people and for the bench: THE definition, for both ends.

    @ MS EVENT TEXT

one blank between the parts; MS: decimal, milliseconds by the terminal's clock; EVENT: one word; TEXT: the rest, mostly
words `key=value`, left out together with its blank where there is none. CR LF ends a line.
"""

_MS_DIGITS = 15


def pack(now_ms, event, text):
    """The line, without its end."""
    return ("@ %d %s %s" % (now_ms, event, text)).rstrip()


def parse(line):
    """(MS, EVENT, TEXT) of a line with or without its end; None for any other. TEXT is "" where there is none."""
    words = line.rstrip().split(" ", 3)
    if len(words) < 3 or words[0] != "@" or not words[2]:
        return None
    # int() would take signs, underscores, other scripts' digits, and a second for a number without end.
    if not 0 < len(words[1]) <= _MS_DIGITS or words[1].strip("0123456789"):
        return None
    return int(words[1]), words[2], words[3] if len(words) > 3 else ""


def value(text, key):
    """What the first word `key=...` of a TEXT says; None where there is no such word."""
    key += "="
    for word in text.split():
        if word.startswith(key):
            return word[len(key) :]
    return None
