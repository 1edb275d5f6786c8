"""Named mutants of the decoder chip's driver, the codec units, the chip's model: what a listener would hear, or not."""

from tests.soak.mutants import Mutant

_DRIVER = "firmware/settop/codec/vs1053.py"
_ADPCM = "firmware/settop/codec/adpcm.py"
_UNIT = "firmware/settop/codec/unit.py"
_AAC = "firmware/settop/codec/aac.py"
_PLAIN = "firmware/settop/codec/kernels_plain.py"
_CHIP = "emulator/testbed/machines/codec/chip.py"
_DECODER = "emulator/testbed/machines/codec/decoder.py"
_FORMATS = "emulator/testbed/machines/codec/formats.py"
_SOUND = "emulator/testbed/machines/codec/sound.py"
_BY_DRIVER = ("tests/firmware/test_codec_vs1053.py",)
_BY_UNITS = ("tests/firmware/test_codec_units.py",)
_BY_ADPCM = ("tests/firmware/test_codec_adpcm.py",)
_BY_CHIP = ("tests/emulator/test_codec_chip.py",)
_BY_BOTH = ("tests/emulator/test_codec_driver.py",)

MUTANTS = (
    Mutant("data goes without a look at DREQ", _DRIVER, "while at < end and dreq():", "while at < end:", _BY_DRIVER),
    Mutant(
        "a pause takes octets",
        _DRIVER,
        'if self.state != "ready" or self.paused:',
        'if self.state != "ready":',
        _BY_DRIVER,
    ),
    Mutant("any chip will do", _DRIVER, "if self._read(_STATUS) >> 4 & 15 != _VERSION:", "if False:", _BY_DRIVER),
    Mutant(
        "the bus is fast before the chip is",
        _DRIVER,
        "self._spi.init(baudrate=_SLOW_BAUD)",
        "self._spi.init(baudrate=_FAST_BAUD)",
        _BY_DRIVER,
    ),
    Mutant(
        "the last octets of a piece are its first again",
        _DRIVER,
        "copy(octets, at, view, len(view))",
        "copy(octets, 0, view, len(view))",
        _BY_DRIVER,
    ),
    Mutant("a title's last frames stay in the chip", _DRIVER, "_FILL_BYTES = 2052", "_FILL_BYTES = 52", _BY_DRIVER),
    Mutant(
        "the fill octet is 0 whatever the chip says",
        _DRIVER,
        "self._fill_octet = self._read(_WRAM) & 0xFF",
        "self._fill_octet = 0",
        _BY_DRIVER,
    ),
    Mutant(
        "a chip that does not cancel is never reset",
        _DRIVER,
        '            if not self._left:\n                self._given("late")\n',
        "",
        _BY_DRIVER,
    ),
    Mutant(
        "a chip that takes nothing is waited for",
        _DRIVER,
        "if self._due_ms is not None and now_ms >= self._due_ms",
        "if False and now_ms >= self._due_ms",
        _BY_DRIVER,
    ),
    Mutant(
        "cancel leaves the pause",
        _DRIVER,
        "        self.paused = False\n        self._given",
        "        self._given",
        _BY_DRIVER,
    ),
    Mutant(
        "a cancelled title is not pushed out",
        "firmware/settop/codec/states.py",
        '("cancelling", "cleared", "_fill", "filling")',
        '("cancelling", "cleared", "", "ready")',
        _BY_DRIVER,
    ),
    Mutant("a sample may be longer than it said", _UNIT, "if end - start > self._due:", "if False:", _BY_UNITS),
    Mutant(
        "what waits is overtaken",
        _UNIT,
        "        if not self.flush():\n            return 0\n        taken",
        "        taken",
        _BY_UNITS,
    ),
    Mutant(
        "every AAC frame says the same length", _AAC, "head[4] = self._length >> 3 & 0xFF", "head[4] = 0", _BY_UNITS
    ),
    Mutant(
        "AAC of any kind is given to the chip",
        _AAC,
        "if kind != _LOW_COMPLEXITY and kind not in _WITH_BANDS:",
        "if False:",
        _BY_UNITS,
    ),
    Mutant(
        "a codec's name goes to the console as it is",
        "firmware/settop/codec/units.py",
        'c if " " < c < "\\x7f" else "?"',
        "c",
        _BY_UNITS,
    ),
    Mutant(
        "a damaged block is noise",
        _ADPCM,
        "        if self._silent:\n            for i in range(count):",
        "        if False:\n            for i in range(count):",
        _BY_ADPCM,
    ),
    Mutant(
        "an impossible step is believed", _ADPCM, "or head[at + 2] > _LAST_STEP", "or head[at + 2] > 255", _BY_ADPCM
    ),
    Mutant(
        "the head of the next block is samples",
        _ADPCM,
        "        self._opened = False\n        self._want",
        "        self._want",
        _BY_ADPCM,
    ),
    Mutant("a predictor runs over", _PLAIN, "max(-32768, value - change)", "value - change", _BY_ADPCM),
    Mutant("the high half comes first", _PLAIN, ">> 4 * (place & 1) & 15", ">> 4 * (~place & 1) & 15", _BY_ADPCM),
    Mutant(
        "the chip reads at any clock",
        _CHIP,
        "if bit_hz > self.clki_hz / (",
        "if bit_hz > 1e9 * self.clki_hz / (",
        _BY_CHIP,
    ),
    Mutant(
        "DREQ does not wait for a command", _CHIP, "now_ns >= self._ready_ns and self.decoder", "self.decoder", _BY_CHIP
    ),
    Mutant(
        "DREQ does not say that the FIFO is full", _CHIP, " and self.decoder.room() >= _SAFE_BYTES\n", "\n", _BY_CHIP
    ),
    Mutant("the FIFO has no end", _DECODER, "if len(self._fifo) >= FIFO_BYTES:", "if False:", _BY_CHIP),
    Mutant(
        "a file is decoded as fast as it comes",
        _DECODER,
        "self._gate_ns = max(self._read_ns, end_ns",
        "self._gate_ns = min(0, end_ns",
        _BY_CHIP,
    ),
    Mutant(
        "SM_CANCEL keeps the FIFO",
        _DECODER,
        "        self.cancel = False\n        self._fifo.clear()\n        self._arrivals.clear()\n        self.head",
        "        self.cancel = False\n        self.head",
        _BY_CHIP,
    ),
    Mutant(
        "a cancel begins to count files anew",
        _DECODER,
        "        self._measured = (0, 0)\n        self._begin(self._recogniser.number)\n\n    def _read",
        "        self._measured = (0, 0)\n        self._begin(0)\n\n    def _read",
        _BY_CHIP,
    ),
    Mutant("noise is decoded", _FORMATS, "if behind is not None and behind.kind == header.kind:", "if True:", _BY_CHIP),
    Mutant(
        "a damaged frame takes no time",
        _FORMATS,
        "silence = np.zeros((header.samples, header.channels), np.int16)",
        "silence = np.zeros((0, header.channels), np.int16)",
        _BY_CHIP,
    ),
    Mutant(
        "silence is left out of what is heard",
        _SOUND,
        "start_ns = at_ns if last is None else max(at_ns, last.end_ns)",
        "start_ns = at_ns if last is None else last.end_ns",
        _BY_CHIP,
    ),
    Mutant(
        "the time between two titles is an underrun",
        _SOUND,
        "if before.file == after.file and after.start_ns > before.end_ns",
        "if after.start_ns > before.end_ns",
        _BY_CHIP,
    ),
    Mutant("volume is not heard", _DECODER, "if self.gain == (1.0, 1.0):", "if True:", _BY_CHIP),
    Mutant("a title of another rate has another pitch", _SOUND, "if rate == wanted:", "if True:", _BY_CHIP),
    Mutant(
        "the far end of a line answers no question",
        "emulator/testbed/machines/codec/line_bus.py",
        'self._out += b"E" + bytes((len(back),)) + back',
        "pass",
        ("tests/emulator/test_codec_on_unix.py",),
    ),
    Mutant(
        "a pass-through unit for ADPCM",
        "firmware/settop/codec/units.py",
        '("ms.0011", "settop.codec.adpcm")',
        '("ms.0011", "settop.codec.pcm")',
        _BY_BOTH,
    ),
)
