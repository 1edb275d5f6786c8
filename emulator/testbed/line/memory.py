"""What a modem keeps beside its profile in force: stored profiles, telephone numbers."""

import re

from testbed.line.at_parser import AtError, Command
from testbed.line.registers import CHARACTER_FLOW, Profile

NUMBERS = 4
PROFILES = 2
COMMANDS = frozenset(("Z", "&F", "&W", "&Y"))
"""Those of `profile_command`."""

_NAME = re.compile(r'[TP]?>"?(?![TP@,!W]*[0-9*#+])[A-Z]')
_STORED = re.compile(r"([TP]?)S=?([0-3]?)")
_LAST = re.compile(r"([TP]?)L")


class Memory:
    """`last_number`: the last dial string. `numbers`: those of &Z0 to &Z3, "" where there is none.

    `profiles`: those of &W0 and &W1. `chosen`: the one of &Y, which a drop of DTR under &D3 restores.
    """

    def __init__(self) -> None:
        self.profiles = [Profile() for _ in range(PROFILES)]
        self.chosen = 0
        self.last_number = ""
        self.numbers = [""] * NUMBERS

    def dial_string(self, text: str) -> str | None:
        """What D with `text` dials: DL the last number, DS=n a stored one. None when there is no such number.

        D>name asks a telephone book for a name (3GPP TS 27.007 6.3); it has none, and its letters are no digits.
        """
        if _NAME.match(text):
            return None
        if match := _LAST.fullmatch(text):
            number = self.last_number
        elif match := _STORED.fullmatch(text):
            number = self.numbers[int(match[2] or "0")]
        else:
            return text
        return match[1] + number if number else None

    def number_command(self, command: Command) -> list[str]:
        """&Zn=number stores (none forgets, L is the last one dialled), &Zn? shows. AtError: neither, or no such n."""
        if command.number >= NUMBERS or not command.op:
            raise AtError(f"&Z; expected &Z0 to &Z{NUMBERS - 1} with =number or ?")
        if command.op == "?":
            return [self.numbers[command.number]]
        number = command.text.replace(" ", "").upper()
        self.numbers[command.number] = self.last_number if number == "L" else number
        return []

    def profile_command(self, command: Command, profile: Profile) -> Profile:
        """Zn recalls, &Wn stores, &Fn restores the factory's, &Yn chooses: the profile then in force.

        &F2 is &F with flow control by characters, &F1 is &F. AtError: no such n.
        """
        number = command.number
        if number >= (3 if command.name == "&F" else PROFILES):
            raise AtError("no such profile")
        if command.name == "&F":
            profile = Profile()
            if number == 2:
                profile.flow = CHARACTER_FLOW
        elif command.name == "&W":
            self.profiles[number] = profile.copy()
        elif command.name == "&Y":
            self.chosen = number
        else:
            profile = self.profiles[number].copy()
        return profile

    def show(self) -> list[str]:
        """Its lines of AT&V."""
        numbers = [f"&Z{n}={number}" for n, number in enumerate(self.numbers)]
        return [f"&Y{self.chosen} (STORED: 0, 1)", "TELEPHONE NUMBERS:", *numbers]
