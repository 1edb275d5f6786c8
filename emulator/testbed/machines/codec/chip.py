"""A VS1053b decoder chip (VLSI Solution, datasheet 1.22) as far as a player needs it: both serial interfaces, DREQ, the
registers, and what is heard. In virtual time: every call says when, in ns that never run back.

What it leaves out is listed in emulator/LIMITS.md.
"""

from testbed.machines.codec.decoder import Decoder
from testbed.machines.codec.sound import Sound

XTALI_HZ = 12_288_000
MODE, STATUS, BASS, CLOCKF, DECODE_TIME, AUDATA, WRAM, WRAMADDR, HDAT0, HDAT1, AIADDR, VOL = range(12)
SM_RESET, SM_CANCEL, SM_SDINEW = 1 << 2, 1 << 3, 1 << 11
END_FILL_BYTE, BYTE_RATE, VERSION, DREQ_PIN = 0x1E06, 0x1E05, 0x1E02, 0xC012
_MODE_AT_START = 0x4800
_STATUS_AT_START = 0x0040  # SS_VER: 4 for a VS1053
_IDLE_RATE = 0x1F40  # 8 kHz, as it is before anything was decoded
_RESET_XTALI = 22_000
_WRITE_CLKI = (80, 80, 80, 0, 100, 450, 100, 100, 80, 80, 210, 80, 80, 80, 80, 80)  # datasheet 9.6
_READ_CLKI = 80
_CLOCKF_XTALI = 1200
_MULTIPLIERS = (2, 4, 5, 6, 7, 8, 9, 10)  # of half of XTALI, by SC_MULT
_WRITE, _READ = 2, 3
_FROM_CLKI_TO_WRITE, _FROM_CLKI_TO_READ = 4, 7
_SAFE_BYTES = 32
_MUTE = 0xFE
_NS = 1_000_000_000


class Vs1053:
    """One chip with power on, from `now_ns` on; its XRESET is high.

    `sound` may be another one's: what was heard before a power cut. `end_fill`: what it says is to be sent behind a
    file. Counters of what a driver did wrong: `too_fast` octets clocked faster than the chip reads them, `missed`
    operations that came before the last was done or while it was in reset, `confused` octets with both selects low.
    """

    def __init__(self, now_ns: int = 0, sound: Sound | None = None, end_fill: int = 0) -> None:
        self.sound = sound or Sound()
        self.decoder = Decoder(self.sound)
        self.too_fast = self.missed = self.confused = 0
        self._end_fill = end_fill
        self._now_ns = now_ns
        self._xcs = self._xdcs = self._xreset = True
        self._command: list[int] = []
        self._answer = 0
        self._ready_ns = now_ns
        self._restart(now_ns)

    def _restart(self, now_ns: int) -> None:
        self.decoder.reset()
        self.decoder.gain = (1.0, 1.0)
        self._registers = [0] * 16
        self._registers[MODE] = _MODE_AT_START
        self._registers[STATUS] = _STATUS_AT_START
        self._registers[AUDATA] = _IDLE_RATE
        self._memory = {VERSION: 3, END_FILL_BYTE: self._end_fill}
        self._time_from_ns = 0
        self._ready_ns = now_ns + _RESET_XTALI * _NS // XTALI_HZ
        self._starting = True

    # Pins.

    def xcs(self, level: bool, now_ns: int) -> None:
        """Chip select of the control interface. Falling begins a command, rising ends it wherever it is."""
        self.advance(now_ns)
        self._xcs = level
        self._command.clear()

    def xdcs(self, level: bool, now_ns: int) -> None:
        """Chip select of the data interface."""
        self.advance(now_ns)
        self._xdcs = level

    def xreset(self, level: bool, now_ns: int) -> None:
        """Low holds it in reset, rising starts it."""
        self.advance(now_ns)
        if level and not self._xreset:
            self._restart(now_ns)
        self._xreset = level

    def dreq(self, now_ns: int) -> bool:
        """Whether it takes 32 octets of data, or one command."""
        self.advance(now_ns)
        return self._xreset and now_ns >= self._ready_ns and self.decoder.room() >= _SAFE_BYTES

    def next_change_ns(self) -> int | None:
        """When DREQ may change by itself; None: not before something comes."""
        if not self._xreset:
            return None
        times = [self._ready_ns] if self._ready_ns > self._now_ns else []
        reads_ns = self.decoder.reads_ns()
        if reads_ns is not None:
            times.append(max(self._now_ns + 1, reads_ns))
        return min(times, default=None)

    def advance(self, now_ns: int) -> None:
        """Nothing comes until then."""
        self._now_ns = max(self._now_ns, now_ns)
        self.decoder.run(self._now_ns)

    @property
    def clki_hz(self) -> int:
        """The internal clock."""
        return XTALI_HZ * _MULTIPLIERS[self._registers[CLOCKF] >> 13] // 2

    # The bus.

    def exchange(self, octet: int, end_ns: int, bit_hz: float) -> int:
        """One octet comes on SI while another goes on SO, most significant bit first, in SPI mode 0.

        end_ns: when its last bit is there. Gives what is on SO, 0xFF where that is nothing.
        """
        self.advance(end_ns)
        if self._xcs == self._xdcs:
            self.confused += not self._xcs
            return 0xFF
        if self._starting and self._ready_ns <= end_ns:
            self._starting = False
        if self._starting or not self._xreset:
            self.missed += 1
            return 0xFF
        reading = not self._xcs and self._command[:1] == [_READ]
        if bit_hz > self.clki_hz / (_FROM_CLKI_TO_READ if reading else _FROM_CLKI_TO_WRITE):
            self.too_fast += 1
            return 0xFF
        if not self._xdcs:
            self.decoder.put(octet, self._now_ns)
            return 0xFF
        return self._control(octet)

    def _control(self, octet: int) -> int:
        """SCI (7.4): operation, address, then 16 bits, of a write any number of times."""
        command = self._command
        command.append(octet)
        operation, address = command[0], command[1] & 15 if len(command) > 1 else 0
        if operation == _READ:
            if len(command) == 2:
                if not self._done():
                    return 0xFF
                self._answer = self._read(address)
                self._busy(_READ_CLKI)
            return 0xFF if len(command) < 3 else self._answer >> 8 if len(command) == 3 else self._answer & 0xFF
        if operation == _WRITE and len(command) == 4:
            value = command[2] << 8 | command[3]
            del command[2:]
            if self._done():
                self._write(address, value)
        return 0xFF

    def _done(self) -> bool:
        if self._now_ns < self._ready_ns:
            self.missed += 1
            self._answer = 0xFFFF
            return False
        return True

    def _busy(self, clki: int) -> None:
        self._ready_ns = self._now_ns + clki * _NS // self.clki_hz

    # Registers.

    def _read(self, address: int) -> int:
        decoder = self.decoder
        if address == MODE:
            return self._registers[MODE] & ~SM_CANCEL | (SM_CANCEL if decoder.cancel else 0)
        if address == DECODE_TIME:
            return (decoder.decoded_ns - self._time_from_ns) // _NS & 0xFFFF
        if address == AUDATA:
            if not decoder.rate:
                return self._registers[AUDATA]
            return decoder.rate // 2 << 1 | decoder.channels - 1
        if address == HDAT0:
            return decoder.byte_rate & 0xFFFF if decoder.head[1] is None else decoder.head[1]
        if address == HDAT1:
            return decoder.head[0]
        if address == WRAM:
            return self._read_memory()
        return self._registers[address]

    def _read_memory(self) -> int:
        where = self._registers[WRAMADDR]
        self._registers[WRAMADDR] = where + 1 & 0xFFFF
        if where == DREQ_PIN:
            return int(self.decoder.room() >= _SAFE_BYTES)
        if where == BYTE_RATE:
            return self.decoder.byte_rate & 0xFFFF
        return self._memory.get(where, 0)

    def _write(self, address: int, value: int) -> None:
        if address in (HDAT0, HDAT1):  # they are read only
            self._busy(_WRITE_CLKI[address])
            return
        if address == MODE and value & SM_RESET:
            self._restart(self._now_ns)
            return
        self._registers[address] = value
        if address == MODE:
            self.decoder.cancel = self.decoder.cancel or bool(value & SM_CANCEL)
        elif address == DECODE_TIME:
            self._time_from_ns = self.decoder.decoded_ns - value * _NS
        elif address == WRAM:
            where = self._registers[WRAMADDR]
            self._memory[where] = value
            self._registers[WRAMADDR] = where + 1 & 0xFFFF
        elif address == VOL:
            self.decoder.gain = (_gain(value >> 8), _gain(value & 0xFF))
        if address == CLOCKF:
            self._ready_ns = self._now_ns + _CLOCKF_XTALI * _NS // XTALI_HZ
        else:
            self._busy(_WRITE_CLKI[address])


def _gain(half_decibels: int) -> float:
    return 0.0 if half_decibels >= _MUTE else 10 ** (-half_decibels / 40)
