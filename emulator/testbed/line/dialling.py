"""Dial strings (ITU-T V.250 clause 6.3.1) as a list of timed steps."""

from dataclasses import dataclass

from testbed.line.registers import Profile

TONE_DIGITS = "0123456789*#+ABCD"
PULSE_DIGITS = "0123456789"
PULSE_MS = 100  # ten pulses a second
PULSE_GAP_MS = 800


@dataclass(frozen=True)
class Step:
    """`kind`: "pause", "digits" (sent when `ms` are over), "tone" (wait for dial tone), "quiet" (the @)."""

    kind: str
    ms: int = 0
    digits: str = ""


def plan_dialling(dial_string: str, profile: Profile) -> list[Step]:
    """Steps for a dial string without its `;`. P and T set the profile.

    What is neither a digit nor a modifier is ignored (6.3.1), as are the digits that pulses cannot say.
    """
    steps: list[Step] = []
    for char in dial_string:
        if char in "TP":
            profile.tone = char == "T"
        elif char in (TONE_DIGITS if profile.tone else PULSE_DIGITS):
            ms = 2 * profile.s[11] if profile.tone else (int(char) or 10) * PULSE_MS + PULSE_GAP_MS
            if steps and steps[-1].kind == "digits":
                steps[-1] = Step("digits", steps[-1].ms + ms, steps[-1].digits + char)
            else:
                steps.append(Step("digits", ms, char))
        elif char == ",":
            steps.append(Step("pause", profile.s[8] * 1000))
        elif char == "!":
            steps.append(Step("pause", profile.s[29] * 10))
        elif char == "W":
            steps.append(Step("tone"))
        elif char == "@":
            steps.append(Step("quiet"))
    return steps
