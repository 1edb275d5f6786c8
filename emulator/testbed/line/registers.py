"""What the modem remembers between commands: S-parameters, settings and extended parameters (ITU-T V.250).

Much of it has no effect here: its line has no modulation to choose and no error control. It is taken, stored and shown
all the same, since programs send it to every modem and give up on an ERROR. The names without a `+` that V.250 lacks
are those of Hayes's, Rockwell's and USRobotics's manuals.
"""

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
    9: (1, 255, 6, "carrier there before it counts, 0.1 s; no effect"),
    10: (1, 255, 14, "carrier lost before hanging up, 0.1 s, 255 never"),
    11: (50, 255, 70, "tone dialling: length of a tone and of a gap, ms"),
    12: (0, 255, 50, "escape guard time, 0.02 s"),
    13: (0, 255, 0, "no effect"),
    15: (0, 255, 0, "no effect"),
    18: (0, 255, 0, "duration of a test, s; no effect"),
    19: (0, 255, 0, "no effect"),
    25: (0, 255, 5, "DTR off before it counts, 0.01 s; no effect"),
    26: (0, 255, 1, "from RTS to CTS, 0.01 s; no effect"),
    27: (0, 255, 0, "no effect"),
    29: (0, 255, 50, "flash dial modifier, 0.01 s"),
    30: (0, 255, 0, "nothing sent or received before hanging up, 10 s, 0 never"),
    36: (0, 255, 7, "when error control fails; no effect"),
    37: (0, 255, 0, "line rate wanted; no effect"),
    38: (0, 255, 20, "buffered data before hanging up, s; no effect"),
    46: (0, 255, 138, "protocol and compression; no effect"),
    48: (0, 255, 7, "V.42 negotiation; no effect"),
    95: (0, 255, 0, "result codes; no effect"),
}

# command: (largest value, factory value, effect); values run from 0
SETTINGS: dict[str, tuple[int, int, str]] = {
    "E": (1, 1, "1 echoes commands"),
    "Q": (1, 0, "1 gives no result codes"),
    "V": (1, 1, "result codes as numbers or words"),
    "X": (4, 4, "which tones are watched and which result codes are given"),
    "L": (3, 1, "loudspeaker volume: none"),
    "M": (3, 1, "loudspeaker use: none"),
    "B": (16, 0, "modulation: none"),
    "C": (1, 1, "transmit carrier: none"),
    "F": (10, 1, "modulation: none"),
    "N": (5, 1, "modulation: none"),
    "W": (2, 0, "rate that CONNECT gives: none, it is the line's"),
    "Y": (1, 0, "long space disconnect: none"),
    "&A": (3, 1, "result codes: none"),
    "&B": (3, 1, "DTE rate: none"),
    "&C": (1, 1, "1: circuit 109 follows the carrier"),
    "&D": (3, 2, "what DTR dropped does: 0 nothing, 1 escape, 2 hang up, 3 hang up and restore the profile of `&Y`"),
    "&G": (2, 0, "guard tone: none"),
    "&H": (3, 1, "flow control: none"),
    "&I": (5, 0, "flow control: none"),
    "&J": (1, 0, "telephone jack: none"),
    "&K": (6, 3, "flow control, below"),
    "&L": (1, 0, "leased line: none"),
    "&M": (5, 0, "error control: none"),
    "&N": (36, 0, "line rate: none"),
    "&P": (3, 0, "pulse ratio: none"),
    "&Q": (9, 0, "error control: none"),
    "&R": (2, 1, "circuit 106: none"),
    "&S": (2, 0, "circuit 107: none"),
    "&U": (36, 0, "line rate: none"),
    "&X": (2, 0, "clock: none"),
    "\\A": (3, 1, "MNP block: none"),
    "\\C": (2, 0, "MNP fallback: none"),
    "\\G": (1, 0, "flow control of the line: none"),
    "\\J": (1, 0, "DTE rate: none"),
    "\\K": (5, 5, "break: none"),
    "\\L": (1, 0, "MNP mode: none"),
    "\\N": (7, 0, "error control: none"),
    "\\Q": (3, 3, "flow control, below"),
    "\\V": (2, 1, "result codes: none"),
    "\\X": (1, 0, "flow control: none"),
    "%C": (3, 0, "compression: none"),
    "%E": (3, 0, "line quality: none"),
    "%G": (1, 0, "rate renegotiation: none"),
    "-C": (2, 0, "calling tone: none"),
    "-J": (1, 1, "V.42 detection: none"),
    "-K": (2, 0, "MNP 10: none"),
    "-Q": (1, 0, "MNP 10: none"),
}

# command: (its values as the test command gives them, factory values, effect)
PARAMETERS: dict[str, tuple[str, str, str]] = {
    "+IFC": ("(0-3),(0-2)", "2,2", "flow control, below"),
    "+ICF": ("(0-6),(0-3)", "3,3", "character format: none"),
    "+ILRR": ("(0,1)", "0", "report of the DTE rate: none"),
    "+MS": (
        "(B103,B212,V21,V22,V22B,V23C,V32,V32B,V34,V34B,V90,V92),(0,1),(0-56000),(0-56000),(0-56000),(0-56000)",
        "V34,1,0,0,0,0",
        "modulation: none, the rate is the line's",
    ),
    "+MR": ("(0-2)", "0", "1, 2: `+MCR:` and `+MRR:` before CONNECT"),
    "+ES": ("(0-7),(0-4),(0-9)", "3,0,2", "error control: none"),
    "+ER": ("(0,1)", "0", "1: `+ER: NONE` before CONNECT"),
    "+ESR": ("(0-2)", "1", "error control: none"),
    "+EFCS": ("(0-2)", "0", "error control: none"),
    "+ETBM": ("(0-2),(0-2),(0-30)", "1,1,20", "buffered data when a call ends: none"),
    "+EWIND": ("(1-127),(1-127)", "15,15", "error control: none"),
    "+EFRAM": ("(1-65535),(1-65535)", "128,128", "error control: none"),
    "+DS": ("(0-3),(0,1),(512-65535),(6-250)", "3,0,2048,32", "compression: none"),
    "+DR": ("(0,1)", "0", "1: `+DR: NONE` before CONNECT"),
}

IPR_RATES = (0, 300, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)

# How the DTE stops the DCE and the DCE the DTE, as +IFC has it (6.2.12)
NO_FLOW = (0, 0)
CIRCUIT_FLOW = (2, 2)
CHARACTER_FLOW = (1, 1)
K_FLOWS = {0: NO_FLOW, 3: CIRCUIT_FLOW, 4: CHARACTER_FLOW, 5: (3, 1), 6: (1, 2), 1: CIRCUIT_FLOW, 2: CHARACTER_FLOW}
Q_FLOWS = {0: NO_FLOW, 1: CHARACTER_FLOW, 2: (0, 2), 3: CIRCUIT_FLOW}


@dataclass
class Profile:
    """Every value that Z and &F restore. `ipr_baud` 0 means automatic detection."""

    s: dict[int, int] = field(default_factory=lambda: {n: row[2] for n, row in S_PARAMETERS.items()})
    settings: dict[str, int] = field(default_factory=lambda: {n: row[1] for n, row in SETTINGS.items()})
    parameters: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {n: tuple(row[1].split(",")) for n, row in PARAMETERS.items()}
    )
    tone: bool = True
    ipr_baud: int = 0

    def copy(self) -> "Profile":
        """A profile that shares nothing with this one; the count of rings starts anew."""
        return Profile({**self.s, 1: 0}, dict(self.settings), dict(self.parameters), self.tone, self.ipr_baud)

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

    @property
    def flow(self) -> tuple[int, int]:
        """The two values of +IFC."""
        by_dte, by_dce = self.parameters["+IFC"]
        return int(by_dte), int(by_dce)

    @flow.setter
    def flow(self, flow: tuple[int, int]) -> None:
        """Sets what +IFC, &K and \\Q say of it. Some pairs of +IFC have no &K or \\Q: those keep what they said."""
        self.parameters["+IFC"] = (str(flow[0]), str(flow[1]))
        for name, flows in (("&K", K_FLOWS), ("\\Q", Q_FLOWS)):
            if flows[self.settings[name]] != flow:
                same = (number for number, other in flows.items() if other == flow)
                self.settings[name] = next(same, self.settings[name])

    def show(self) -> list[str]:
        """The lines of AT&V."""
        letters = [f"{name}{value}" for name, value in self.settings.items()]
        letters.insert(6, "T" if self.tone else "P")
        extended = ["+FCLASS:0", f"+IPR:{self.ipr_baud}"]
        extended += [f"{name}:{','.join(values)}" for name, values in self.parameters.items()]
        values = [f"S{number:02}:{value:03}" for number, value in self.s.items()]
        return ["ACTIVE PROFILE:", *_rows(letters, 16), *_rows(extended, 6), *_rows(values, 8)]


def _rows(words: list[str], count: int) -> list[str]:
    return [" ".join(words[at : at + count]) for at in range(0, len(words), count)]
