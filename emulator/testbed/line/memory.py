"""What a modem keeps beside its profile in force: telephone numbers."""

import re

from testbed.line.at_parser import AtError, Command

NUMBERS = 4

_NAME = re.compile(r'[TP]?>"?(?![TP@,!W]*[0-9*#+])[A-Z]')
_STORED = re.compile(r"([TP]?)S=?([0-3]?)")
_LAST = re.compile(r"([TP]?)L")


class Memory:
    """`last_number`: the last dial string. `numbers`: those of &Z0 to &Z3, "" where there is none."""

    def __init__(self) -> None:
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
