"""What the modem remembers between commands: S-parameters and one-letter settings (ITU-T V.250)."""

from dataclasses import dataclass, field

# number: (smallest, largest, factory value, meaning)
S_PARAMETERS: dict[int, tuple[int, int, int, str]] = {
    0: (0, 255, 0, "rings before automatic answer, 0 never"),
    1: (0, 255, 0, "rings counted"),
    2: (0, 255, 43, "escape character, above 127 none"),
    3: (0, 127, 13, "command line termination character"),
    4: (0, 127, 10, "response formatting character"),
    5: (0, 127, 8, "command line editing character"),
    6: (2, 10, 2, "pause before blind dialling, s"),
    7: (1, 255, 30, "connection completion timeout, s"),
    8: (0, 255, 2, "comma dial modifier, s"),
    10: (1, 254, 14, "carrier lost before hanging up, 0.1 s"),
    11: (50, 255, 70, "tone dialling: length of a tone and of a gap, ms"),
    12: (0, 255, 50, "escape guard time, 0.02 s"),
}

# command letter: (largest value, factory value); values run from 0
SETTINGS: dict[str, tuple[int, int]] = {
    "E": (1, 1),  # echo of commands
    "Q": (1, 0),  # 1: no result codes
    "V": (1, 1),  # 1: words, 0: numbers
    "X": (4, 4),  # which tones are watched and which result codes are given
    "L": (3, 1),  # loudspeaker volume (there is none)
    "M": (3, 1),  # loudspeaker use
    "&C": (1, 1),  # circuit 109 follows the carrier
    "&D": (3, 2),  # what an ON-to-OFF change of circuit 108/2 does
}

IPR_RATES = (0, 300, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


@dataclass
class Profile:
    """Every value that Z and &F restore. `ipr_baud` 0 means automatic detection."""

    s: dict[int, int] = field(default_factory=lambda: {n: row[2] for n, row in S_PARAMETERS.items()})
    settings: dict[str, int] = field(default_factory=lambda: {n: row[1] for n, row in SETTINGS.items()})
    tone: bool = True
    ipr_baud: int = 0

    def copy(self) -> "Profile":
        """A profile that shares nothing with this one; the count of rings starts anew."""
        return Profile({**self.s, 1: 0}, dict(self.settings), self.tone, self.ipr_baud)

    @property
    def guard_ms(self) -> int:
        return self.s[12] * 20

    @property
    def escape_char(self) -> int | None:
        return self.s[2] if self.s[2] <= 127 else None

    @property
    def waits_for_dial_tone(self) -> bool:
        return self.settings["X"] in (2, 4)

    @property
    def hears_busy(self) -> bool:
        return self.settings["X"] >= 3

    def show(self) -> list[str]:
        """The lines of AT&V."""
        letters = " ".join(f"{name}{value}" for name, value in self.settings.items())
        values = [f"S{number:02}:{value:03}" for number, value in self.s.items()]
        return [
            "ACTIVE PROFILE:",
            f"{letters} {'T' if self.tone else 'P'} +FCLASS:0 +IPR:{self.ipr_baud}",
            " ".join(values[:6]),
            " ".join(values[6:]),
        ]
