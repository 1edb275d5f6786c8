"""What Wireshark reads in our RTP and RTCP packets."""

import struct
import subprocess

from settop.wire import rtcp
from settop.wire.rtp import MPEG_VIDEO, pad, write_header


def capture(path, port, payload):
    """A file of one UDP datagram, of IPv4 itself (DLT_RAW)."""
    udp = struct.pack(">4H", port, port, 8 + len(payload), 0) + payload
    ends = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ends + udp
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    path.write_bytes(head + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def told(need, path, port, kind):
    """The lines of its description, without blanks around them."""
    command = [need("tshark"), "-r", str(path), "-d", f"udp.port=={port},{kind}", "-V"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines()]


def test_a_compound_packet_says_there_what_was_packed(tmp_path, need):
    block = (0x55667788, 64, -2, 0x20005, 100, 0xC0FFEE80, 0x18000)
    packet = rtcp.pack_sender(0x11223344, 0xE5C0FFEE, 0x80000000, 90000, 16, 21056, (block,))
    packet += rtcp.pack_description(0x11223344, b"hello") + rtcp.pack_next_unit(0x11223344, 0x55667788, 500, 9, 1030)
    packet += rtcp.pack_goodbye((0x11223344,), b"done")
    capture(tmp_path / "rtcp.pcap", 5005, packet)
    lines = told(need, tmp_path / "rtcp.pcap", 5005, "rtcp")
    for line in (
        "Sender SSRC: 0x11223344 (287454020)",
        "RTP timestamp: 90000",
        "Sender's packet count: 16",
        "Sender's octet count: 21056",
        "Fraction lost: 64 / 256",
        "Cumulative number of packets lost: -2",
        "Sequence number cycles count: 2",
        "Highest sequence number received: 5",
        "Interarrival jitter: 100",
        "Last SR timestamp: 3237998208 (0xc0ffee80)",
        "Delay since last SR timestamp: 98304 (1500 milliseconds)",
        "Type: CNAME (user and domain) (1)",
        "Text: hello",
        "...0 0000 = Subtype: 0",
        "Length: 5 (24 bytes)",
        "Name (ASCII): PSS0",
        "Application specific data: 5566778801f4000900000010",
        "Text: done",
        f"[RTCP frame length check: OK - {len(packet)} bytes]",
    ):
        assert line in lines, line


def test_a_header_with_everything_says_there_what_was_written(tmp_path, need):
    buffer = bytearray(200)
    size = write_header(buffer, MPEG_VIDEO, 0xFFFE, 90000, 0xCAFEBABE, True, (1, 2), (0x1234, bytes(8)))
    size = pad(buffer, size + 50, 6)
    capture(tmp_path / "rtp.pcap", 5004, bytes(buffer[:size]))
    lines = told(need, tmp_path / "rtp.pcap", 5004, "rtp")
    for line in (
        "..1. .... = Padding: True",
        "...1 .... = Extension: True",
        ".... 0010 = Contributing source identifiers count: 2",
        "1... .... = Marker: True",
        "Payload type: MPEG-I/II Video (32)",
        "Sequence number: 65534",
        "Timestamp: 90000",
        "Synchronization Source identifier: 0xcafebabe (3405691582)",
        "Extension length: 2",
        "Padding count: 6",
    ):
        assert line in lines, (line, lines)
