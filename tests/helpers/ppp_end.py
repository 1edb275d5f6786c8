"""The least that can stand at the far end of a PPP line (RFC 1661, 1332, 1662) and give an address."""

import struct

IPV4, IPCP, LCP = 0x0021, 0x8021, 0xC021
REQUEST, ACK, NAK, REJECT, ECHO, ECHO_REPLY = 1, 2, 3, 4, 9, 10
ADDRESS, NAME_SERVERS = 3, (129, 131)
HERE, THERE = bytes((10, 1, 2, 1)), bytes((10, 1, 2, 3))
_GOOD_FCS = 0xF0B8


def fcs16(data):
    """RFC 1662, appendix C."""
    fcs = 0xFFFF
    for octet in data:
        fcs ^= octet
        for _ in range(8):
            fcs = fcs >> 1 ^ (0x8408 if fcs & 1 else 0)
    return fcs


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class PppEnd:
    """`receive` octets, `take` what goes back. `packets`: IPv4 packets from the terminal."""

    def __init__(self):
        self.packets = []
        self.damaged = 0
        self.answers_echoes = True
        self.open = {LCP: False, IPCP: False}  # the terminal agrees to what we asked
        self._asked = set()
        self._part = b""
        self._out = b""

    @property
    def up(self):
        return all(self.open.values())

    def receive(self, octets):
        *frames, self._part = (self._part + octets).split(b"\x7e")
        for frame in filter(None, frames):
            head, *escaped = frame.split(b"\x7d")
            frame = head + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in escaped if part)
            if len(frame) < 4 or fcs16(frame) != _GOOD_FCS:
                self.damaged += 1
                continue
            self._packet(frame[:-2].removeprefix(b"\xff\x03"))

    def take(self):
        octets, self._out = self._out, b""
        return octets

    def _packet(self, packet):
        wide = 1 if packet[0] & 1 else 2  # protocol field compression
        protocol, packet = int.from_bytes(packet[:wide], "big"), packet[wide:]
        if protocol == IPV4:
            self.packets.append(packet)
        elif protocol in self.open:
            self._control(protocol, *struct.unpack_from(">BBH", packet), packet[4:])

    def _control(self, protocol, code, identifier, length, options):
        options = options[: length - 4]
        if code == REQUEST:
            if self.open[protocol]:  # the terminal begins anew, and so must we
                self.open.update({LCP: False, IPCP: False} if protocol == LCP else {IPCP: False})
                self._asked -= {protocol, IPCP}
            code, options = self._judge(protocol, options)
            self._say(protocol, code, identifier, options)
            if protocol not in self._asked:  # once: it would begin anew
                self._asked.add(protocol)
                self._say(protocol, REQUEST, 1, b"" if protocol == LCP else bytes((ADDRESS, 6)) + HERE)
        elif code == ACK:
            self.open[protocol] = True
        elif code == ECHO and self.answers_echoes and self.open[LCP]:  # RFC 1661, 5.8: in no other state
            self._say(protocol, ECHO_REPLY, identifier, bytes(4) + options[4:])

    def _judge(self, protocol, options):
        """Our answer to a request, and the options in it."""
        if protocol == LCP:
            return ACK, options
        unknown, other, rest = b"", b"", options
        while rest:
            option, rest = rest[: rest[1]], rest[rest[1] :]
            wanted = THERE if option[0] == ADDRESS else HERE
            if option[0] not in (ADDRESS, *NAME_SERVERS):
                unknown += option
            elif option[2:] != wanted:
                other += option[:2] + wanted
        if unknown:
            return REJECT, unknown
        return (NAK, other) if other else (ACK, options)

    def _say(self, protocol, code, identifier, data):
        self._frame(protocol, struct.pack(">BBH", code, identifier, 4 + len(data)) + data)

    def _frame(self, protocol, packet):
        frame = b"\xff\x03" + protocol.to_bytes(2, "big") + packet
        frame += (fcs16(frame) ^ 0xFFFF).to_bytes(2, "little")
        hidden = b"".join(bytes((0x7D, o ^ 0x20)) if o < 0x20 or o in (0x7D, 0x7E) else bytes((o,)) for o in frame)
        self._out += b"\x7e" + hidden + b"\x7e"

    def send_udp(self, port, data, to=THERE):
        """A datagram from HERE, port 9, to the terminal, or to the group `to`."""
        udp = struct.pack(">HHHH", 9, port, 8 + len(data), 0) + data  # 0: without a checksum
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + HERE + to
        head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
        self._frame(IPV4, head + udp)
