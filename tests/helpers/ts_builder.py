"""Small synthetic transport streams for the cases that no multiplexer makes."""

import random
from pathlib import Path

from headend.ts.portions import PCR_MODULUS, TICKS_PER_MS
from headend.ts.signal.psi import Packetiser, Pat, Pmt, Stream, build_pat, build_pmt

VIDEO_PID = 0x100
AUDIO_PID = 0x101
PMT_PID = 0x1000


def pcr_field(ticks: int) -> bytes:
    base, extension = divmod(ticks % PCR_MODULUS, 300)
    return (base << 15 | 0x7E00 | extension).to_bytes(6, "big")


class TsBuilder:
    """Appends packets; `write` makes the file. All content comes from `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.packets: list[bytes] = []
        self._cc: dict[int, int] = {}
        self._packetisers: dict[int, Packetiser] = {}

    def es(
        self,
        pid: int,
        adaptation_length: int | None = None,
        pcr: int | None = None,
        discontinuity: bool = False,
        tsc: int = 0,
        adaptation_only: bool = False,
    ) -> None:
        """One elementary stream packet with random payload; `adaptation_length` 0..183 as in the length byte."""
        if pcr is not None:
            adaptation_length = max(adaptation_length or 0, 7)
        field = b""
        control = 1
        if adaptation_length is not None:
            control = 2 if adaptation_only else 3
            body = b""
            if adaptation_length:
                body = bytes((0x10 * (pcr is not None) | 0x80 * discontinuity,))
                body += b"" if pcr is None else pcr_field(pcr)
            field = bytes((adaptation_length,)) + body.ljust(adaptation_length, b"\xff")
        cc = self._cc.get(pid, 0)
        self._cc[pid] = cc + (control & 1) & 15
        payload = self.random.randbytes(184 - min(len(field), 184))
        head = bytes((0x47, pid >> 8, pid & 0xFF, tsc << 6 | control << 4 | cc))
        self.packets.append((head + field + payload)[:188])

    def null(self) -> None:
        self.packets.append(b"\x47\x1f\xff\x10" + b"\xff" * 184)

    def sections(self, pid: int, *sections: bytes) -> None:
        packetiser = self._packetisers.setdefault(pid, Packetiser(pid))
        self.packets += packetiser.packets(*sections)

    def pat(self, programmes: dict[int, int] | None = None) -> None:
        self.sections(0, build_pat(Pat(1, 0, True, programmes or {1: PMT_PID})))

    def pmt(
        self,
        programme: int = 1,
        pid: int = PMT_PID,
        streams: tuple[Stream, ...] = (Stream(0x1B, VIDEO_PID), Stream(0x0F, AUDIO_PID)),
        pcr_pid: int = VIDEO_PID,
        descriptors: bytes = b"",
        version: int = 0,
    ) -> None:
        self.sections(pid, build_pmt(Pmt(programme, version, True, pcr_pid, descriptors, streams)))

    def bytes(self) -> bytes:
        return b"".join(self.packets)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path


def plain_stream(
    duration_ms: int = 1000,
    start_ticks: int = 0,
    seed: int = 1,
    null_every: int = 0,
    pmt_descriptors: bytes = b"",
    pcr_ms: int = 20,
) -> TsBuilder:
    """One programme at 10 packets per `pcr_ms`; PAT and PMT every 100 ms; every `null_every`-th packet a null."""
    builder = TsBuilder(seed)
    for ms in range(0, duration_ms, pcr_ms):
        if ms % 100 == 0:
            builder.pat()
            builder.pmt(descriptors=pmt_descriptors)
        builder.es(VIDEO_PID, pcr=start_ticks + ms * TICKS_PER_MS)
        for row in range(9):
            if null_every and row % null_every == 0:
                builder.null()
            else:
                length = builder.random.choice((None, None, None, builder.random.randrange(184)))
                builder.es(AUDIO_PID if row == 5 else VIDEO_PID, length, adaptation_only=length == 183)
    return builder
