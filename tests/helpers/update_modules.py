"""Signed modules for tests; those of tests/vectors/update_vectors.py are made of `ROWS`."""

from headend.updates.module import SignedModule, sign
from headend.updates.signing_key import SigningKey

KEY = SigningKey(bytes(range(32)))
STRANGER = SigningKey(bytes(range(32, 64)))

UNIT = b'def make(sink, rate, channels, extra):\n    return "beep %d"\n'
SERVICE = b"""class S:
    COMMANDS = ("tick",)
    opener = None
    busy = ""
    refused = 0
    def step(self, now_ms):
        %s
    def on_event(self, event, now_ms):
        pass
    def command(self, words, now_ms):
        self.t.report("tick", "%d")
    def status(self):
        return ""
    def stop(self):
        pass
def make(terminal):
    s = S()
    s.t = terminal
    return s
"""
FOREIGN = b"M\x06\x2b\x1fmachine code of an ESP32"

# Name in the vectors: name of the module, version, module, codec, board
ROWS = {
    "BEEP_1": ("beep", 1, UNIT % 1, "beep", ""),
    "BEEP_2": ("beep", 2, UNIT % 2, "beep", "test"),
    "BEEP_3_RAISES": ("beep", 3, b"1 // 0\n", "beep", ""),
    "BEEP_4_IS_NO_UNIT": ("beep", 4, b"make = 4\n", "beep", ""),
    "BEEP_5_FAILS_ITS_CHECK": ("beep", 5, UNIT % 5 + b"def check():\n    return False\n", "beep", ""),
    "BEEP_6_OF_ANOTHER_BOARD": ("beep", 6, UNIT % 6, "beep", "other"),
    "BEEP_7_OF_ANOTHER_PROCESSOR": ("beep", 7, FOREIGN, "beep", ""),
    "BEEP_8_OF_ANOTHER_CODEC": ("beep", 8, UNIT % 8, "boop", ""),
    "BEEP_9": ("beep", 9, UNIT % 9, "beep", ""),
    "TICK_1": ("tick", 1, SERVICE % (b"return None", 1), "", ""),
    "TICK_2_STOPS": ("tick", 2, SERVICE % (b"raise ValueError", 2), "", ""),
    "TICK_3": ("tick", 3, SERVICE % (b"return None", 3), "", ""),
}


def made(name: str) -> SignedModule:
    """One of ROWS, signed by KEY."""
    called, version, module, codec, board = ROWS[name]
    return sign(KEY, called, version, module, codec, board)


def vectors() -> str:
    """The text of tests/vectors/update_vectors.py."""
    lines = [
        '"""Signed modules, made by tests/helpers/update_modules.py; a test compares. Runs on MicroPython too."""',
        "",
        "from binascii import unhexlify",
        "",
        "",
        "def h(text):",
        '    return unhexlify("".join(text.split()))',
        "",
        "",
        f'SIGNER = "{KEY.public.hex()}"',
    ]
    for name in ROWS:
        text = made(name).octets().hex()
        lines += [f"{name} = h(", '    """']
        lines += [f"    {text[at : at + 112]}" for at in range(0, len(text), 112)]
        lines += ['    """', ")"]
    return "\n".join(lines) + "\n"
