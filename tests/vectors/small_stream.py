"""A broadcast of a few packets, made packet by packet; runs on MicroPython too.

Written from the standards, without the code under test: ISO/IEC 13818-1 (packets, PAT, PMT), ETSI TS 103 127 (CISSA);
the ECM section from its description in settop.wire.ecm.
"""

import gc
import hashlib
import struct
import sys

import cryptolib

if hasattr(gc, "threshold"):
    gc.threshold(16384)  # MicroPython: collect early, or packets that live on are strewn over the whole heap

PMT_PID, ES_PID, ECM_PID = 0x1000, 0x100, 0x1FF0
PROGRAMME_ID = 7
BROADCAST = b"broadcst"
IV = b"DVBTMCPTAESCISSA"


def times(many):
    """Repetitions of a random test: `many`, on a board, where each is slow, an eighth of it."""
    return many if sys.platform != "rp2" else max(1, many // 8)


class Rng:
    """SHA-256 of seed and counter: the same numbers on every interpreter, 32 octets at a time."""

    def __init__(self, seed):
        self._seed = seed
        self._blocks = 0
        self._left = b""

    def octets(self, count):
        while len(self._left) < count:
            self._left += hashlib.sha256(b"%d %d" % (self._seed, self._blocks)).digest()
            self._blocks += 1
        out = self._left[:count]
        self._left = self._left[count:]
        return out

    def below(self, limit):
        drawn = self.octets(3)
        return (drawn[0] << 16 | drawn[1] << 8 | drawn[2]) % limit


def crc32(data):
    """CRC-32/MPEG-2, bit by bit."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def with_crc(body):
    return body + struct.pack(">I", crc32(body))


def packet(pid, counter, payload, field=None, start=False, tsc=0):
    """One packet. `field`: adaptation field behind its length octet, None for none; it makes up 188 octets."""
    if field is None and len(payload) < 184:
        field = b"\x00" * (len(payload) < 183) + b"\xff" * (182 - len(payload))
    control = tsc << 6 | counter & 15 | (0x10 if payload else 0)
    head = bytes((0x47, pid >> 8 | (0x40 if start else 0), pid & 255))
    if field is None:
        out = head + bytes((control,)) + payload
    else:
        out = head + bytes((control | 0x20, len(field))) + field + payload
    assert len(out) == 188
    return out


def stream_packet(rng, counter, length=None, pid=ES_PID):
    """Random payload behind an adaptation field whose length octet is `length` (None: no field; 183: no payload)."""
    field = None if length is None else b"\x00" * (length > 0) + b"\xff" * (length - 1)
    return packet(pid, counter, rng.octets(184 if length is None else 183 - length), field)


def payload_at(one):
    return 5 + one[4] if one[3] & 0x20 else 4


def scrambled(one, key, parity):
    """CISSA: CBC over the whole blocks of the payload."""
    at = payload_at(one)
    end = 188 - (188 - at) % 16
    body = cryptolib.aes(key, 2, IV).encrypt(one[at:end]) if end > at else b""
    return one[:3] + bytes((one[3] & 0x3F | 0x80 | parity << 6,)) + one[4:at] + body + one[end:]


def section_packets(pid, section, counter=0, first=184):
    """The section's packets; `first` octets of payload in the first of them."""
    data = b"\x00" + section
    out = [packet(pid, counter, data[:first], start=True)] if first < 184 else []
    at = first if out else 0
    while at < len(data):
        part = data[at : at + 184]
        part += b"\xff" * (184 - len(part))
        out.append(packet(pid, counter + len(out), part, start=at == 0))
        at += 184
    return out


def table(table_id, extension, body, version=0, current=1, number=0, last=0):
    head = struct.pack(
        ">BHHBBB", table_id, 0xB000 | len(body) + 9, extension, 0xC0 | version << 1 | current, number, last
    )
    return with_crc(head + body)


def pat(programmes, version=0, current=1, number=0, last=0):
    """`programmes`: ((number, PID), ...)."""
    return table(
        0, 1, b"".join([struct.pack(">HH", n, 0xE000 | pid) for n, pid in programmes]), version, current, number, last
    )


def ca_descriptor(ca_pid=ECM_PID, programme_id=PROGRAMME_ID):
    return struct.pack(">BBHHBI", 9, 9, 0xFFFE, 0xE000 | ca_pid, 1, programme_id)


def sdt(services, version=0, current=1, number=0, last=0, flags=0x80):
    """`services`: ((number, name[, descriptors in front]), ...); names as bytes, None for a service without one."""
    body = b"\x00\x02\xff"
    for service in services:
        inner = service[2] if len(service) > 2 else b""
        if service[1] is not None:
            inner += (
                struct.pack(">BBBB", 0x48, 6 + len(service[1]), 1, 3) + b"ACB" + bytes((len(service[1]),)) + service[1]
            )
        body += struct.pack(">HBH", service[0], 0xFC, flags << 8 | len(inner)) + inner
    return table(0x42, 1, body, version, current, number, last)


def pmt(number=1, streams=((0x1B, ES_PID),), descriptors=None, pcr=ES_PID, version=0, current=1):
    """`streams`: ((type, PID[, descriptors]), ...). Our CA descriptor unless `descriptors` says otherwise."""
    if descriptors is None:
        descriptors = ca_descriptor()
    body = struct.pack(">HH", 0xE000 | pcr, 0xF000 | len(descriptors)) + descriptors
    for stream in streams:
        extra = stream[2] if len(stream) > 2 else b""
        body += struct.pack(">BHH", stream[0], 0xE000 | stream[1], 0xF000 | len(extra)) + extra
    return table(2, number, body, version, current)


def ecm(portion, remaining_ms=1000, programme_id=PROGRAMME_ID, broadcast=BROADCAST):
    return with_crc(
        struct.pack(">BHBI8sII", 0x80 | portion & 1, 0x7019, 1, programme_id, broadcast, portion, remaining_ms)
    )


def ecm_packet(portion, remaining_ms=1000, counter=0, programme_id=PROGRAMME_ID, broadcast=BROADCAST, pid=ECM_PID):
    return section_packets(pid, ecm(portion, remaining_ms, programme_id, broadcast), counter)[0]


def key_of(portion):
    """This broadcast's control word of a portion."""
    return bytes([portion * 31 + i & 255 for i in range(16)])
