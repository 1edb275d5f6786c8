"""Transport streams of several services with names, and a multiplex of two broadcasts under different programme ids."""

import struct
from pathlib import Path

from headend.broadcast.broadcaster import Broadcaster
from headend.ts.portions import TICKS_PER_MS
from headend.ts.signal.psi import Packetiser, Pat, Stream, build_pat
from settop.wire.crc import crc32_mpeg2

from tests.helpers.ts_builder import TsBuilder

STEP_MS = 100


def stream_pid(number: int) -> int:
    return 0x100 * number


def pmt_pid(number: int) -> int:
    return 0x1000 + number


def build_sdt(names: dict[int, bytes]) -> bytes:
    """ETSI EN 300 468, 5.2.3, with a service_descriptor for each service that has a name."""
    body = b"\x00\x02\xff"
    for number, name in names.items():
        inner = struct.pack(">BBBBB", 0x48, 3 + len(name), 1, 0, len(name)) + name if name else b""
        body += struct.pack(">HBH", number, 0xFC, 0x8000 | len(inner)) + inner
    section = struct.pack(">BHHBBB", 0x42, 0xB000 | len(body) + 9, 1, 0xC1, 0, 0) + body
    return section + struct.pack(">I", crc32_mpeg2(section))


def services(path: Path, seconds: int, names: dict[int, bytes], used: int | None = None, seed: int = 1) -> Path:
    """Services by number with one stream each, 40 packets/s; `used`: a PID that shall not be free."""
    builder = TsBuilder(seed)
    sdt = build_sdt(names)
    for ms in range(0, 1000 * seconds, STEP_MS):
        builder.pat({number: pmt_pid(number) for number in names})
        builder.sections(0x11, sdt)
        if used is not None:
            builder.sections(used, b"\x80\x00\x00")
        for number in names:
            pid = stream_pid(number)
            builder.pmt(number, pmt_pid(number), (Stream(0x1B, pid),), pid)
            builder.es(pid, pcr=ms * TICKS_PER_MS)
            for _ in range(3):
                builder.es(pid, builder.random.choice((None, None, builder.random.randrange(183))))
    return builder.write(path)


def packets_of(data: bytes, pid: int) -> list[bytes]:
    packets = (data[at : at + 188] for at in range(0, len(data) - 187, 188))
    return [one for one in packets if (one[1] & 0x1F) << 8 | one[2] == pid]


class Multiplex(Broadcaster):
    """Two broadcasts on one carrier, under a PAT of both. The second's portions are announced with the first's."""

    def __init__(self, first: Broadcaster, second: Broadcaster, numbers: dict[int, int]) -> None:
        self.broadcast = first.broadcast
        self.end_ms = first.end_ms
        self._both = (first, second)
        self._pat = build_pat(Pat(1, 0, True, numbers))
        self._packetiser = Packetiser(0)

    def due(self, at_ms: int, centre_now_ms: int) -> bytes:
        out = b""
        for number, one in enumerate(self._both):
            data = one.due(at_ms, centre_now_ms)
            for at in range(0, len(data), 188):
                packet = data[at : at + 188]
                if packet[1] & 0x1F == 0 and packet[2] == 0:
                    packet = b"".join(self._packetiser.packets(self._pat)) if number == 0 else b""
                elif number == 1 and (packet[1] & 0x1F) << 8 | packet[2] == 0x11:
                    packet = b""
                out += packet
        return out

    def next_timer(self) -> int | None:
        return min((at_ms for one in self._both if (at_ms := one.next_timer()) is not None), default=None)
