"""Every parser against damaged and invented input: a value, or the one error that says the other end was wrong.

Each case begins with something valid and changes it, or makes it up; where a format has a checksum, half of the cases
get a right one, or nothing would come any further than that.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from headend.ts.signal import psi as host_psi
from settop.errors import LocalError, RemoteError
from settop.keystore import identity, listing, slots
from settop.link import hdlc
from settop.net import url, validity
from settop.net.http_core import HttpClient
from settop.ts import psi
from settop.wire import call, dns, ecm, http, offer
from settop.wire.crc import fcs16
from settop.wire.sealed import HEADER_BYTES, pack_header
from testbed.line.at_parser import parse_line
from testbed.line.cable import CableHost
from testbed.scenario.plan import load_plan

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
sys.path.append(str(Path(__file__).parent.parent / "firmware"))
import small_stream as air
from certificates import SELF_SIGNED, SIGNED

NO_CHECK = bytes
SLOT_KEYS = slots.derive_keys(bytes(range(32)), b"device", "rec")
OFFER = offer.pack_offer(offer.Offer(10, "EUR", "evening", 5))
CA = ecm.pack_ca_descriptor(0x150, 7, offer.Offer(10, "EUR", "evening", 5))
PAT = air.pat(((1, 0x100), (2, 0x200)))
DNS_NAME = dns.pack_name("shop.example")
DNS_ANSWER = bytes.fromhex("abcd8180000100020000000004") + bytes.fromhex(
    "73686f70076578616d706c650000010001"  # shop.example
    "c00c00050001000000640004"
    "0177c00c"  # an alias, w.shop.example
    "c02a00010001000000640004"
    "0a000202"
)
PMT = air.pmt(1, ((0x1B, 0x101), (0x0F, 0x102)), CA)


def with_crc(data: bytes) -> bytes:
    return data[:-4] + host_psi.crc32_mpeg2(data[:-4]).to_bytes(4, "big")


def with_fcs(data: bytes) -> bytes:
    inside = data.strip(b"\x7e")[:-2]
    check = fcs16(inside) ^ 0xFFFF
    return b"\x7e" + inside + check.to_bytes(2, "little") + b"\x7e"


def sealed_body(message: bytes) -> object:
    """What stands behind a sealed message's header, read by the parser of its kind, as the cores do."""
    kind = call.check_sealed(message)
    body = bytes(message)[HEADER_BYTES : -call.TAG_BYTES]
    readers = {
        call.REQUEST: call.unpack_request,
        call.KEY: call.unpack_key,
        call.DARK: call.unpack_dark,
        call.FAREWELL: call.unpack_farewell,
    }
    return readers[kind](body) if kind in readers else kind


def sealed(kind: int, body: bytes) -> bytes:
    return pack_header(kind, 1) + body + bytes(call.TAG_BYTES)


def deframe(data: bytes) -> object:
    found = hdlc.Deframer().feed(data)
    assert all(len(payload) <= hdlc.MAX_PAYLOAD_BYTES for payload in found)
    return found


def host_sections(data: bytes) -> object:
    assembler = host_psi.SectionAssembler()
    packet = b"\x47\x40\x00\x10" + data[:184].ljust(184, b"\xff")
    return list(assembler.feed(packet))


def cable(data: bytes) -> object:
    host = CableHost(1)
    host.receive(data)
    return [host.take(line) for line in ("modem", "output", "console")]


def http_head(data: bytes) -> object:
    head = http.Head()
    head.feed(data)
    return head.whole and (head.fields(), head.body_length(), head.words(b"connection"))


def http_answer(data: bytes) -> object:
    """The events of an answer to a request for a part, and what came of its body."""
    core = HttpClient("shop", window=32)
    core.request("GET", "/", 0, first=4, limit=1000)
    core.sent(len(core.to_send() or b""), 0)
    body = b""
    while data and core.state not in ("idle", "closed"):
        data = data[core.receive(data, 0) :]
        body += core.body()
        core.taken(len(core.body()), 0)
    core.ended(0)
    events = list(iter(core.next_event, None))
    ends = [event for event in events if event[0] in ("done", "failed")]
    assert len(ends) == 1 and len(body) <= 1000 and core.state == "closed"
    if ends[0][0] == "failed":
        raise RemoteError(ends[0][1])
    return events, body


@dataclass(frozen=True)
class Parser:
    """samples: valid inputs. repair: puts the checksum right. may_raise: the errors that a caller is told of."""

    name: str
    parse: Callable[[bytes], object]
    samples: tuple[bytes, ...]
    repair: Callable[[bytes], bytes] = NO_CHECK
    may_raise: tuple[type[Exception], ...] = (RemoteError,)


PARSERS = (
    Parser("ECM", ecm.unpack_ecm, (air.ecm(0), air.ecm(7)), with_crc),
    Parser("CA descriptor", ecm.unpack_ca_descriptor, (CA, ecm.pack_ca_descriptor(0x150, 7)), may_raise=()),
    Parser("CA descriptor's offer", ecm.unpack_ca_offer, (CA,), may_raise=()),
    Parser("offer", offer.unpack_offer, (OFFER,), may_raise=()),
    Parser("PAT in the terminal", psi.unpack_pat, (PAT,), with_crc),
    Parser("PMT in the terminal", psi.unpack_pmt, (PMT,), with_crc),
    Parser("PAT at the head-end", host_psi.parse_pat, (PAT,), with_crc),
    Parser("PMT at the head-end", host_psi.parse_pmt, (PMT,), with_crc),
    Parser("descriptors at the head-end", host_psi.descriptors_of, (CA,), may_raise=()),
    Parser("PIDs of CA descriptors", host_psi.ca_pids_named, (CA,), may_raise=()),
    Parser("HELLO", call.unpack_hello, (call.pack_hello(0, bytes(8), bytes(16)),)),
    Parser("CHALLENGE", call.unpack_challenge, (call.pack_challenge(0, 1, bytes(16)) + bytes(call.PROOF_BYTES),)),
    Parser(
        "sealed messages",
        sealed_body,
        (
            sealed(call.REQUEST, call.pack_request(1, bytes(8))),
            sealed(call.KEY, call.pack_key(1, bytes(8), 2, bytes(16))),
            sealed(call.DARK, call.pack_dark(1, 2, 3)),
            sealed(call.FAREWELL, call.pack_farewell(0, 3)),
            sealed(call.TOKEN, bytes(range(8))),
        ),
    ),
    Parser("frames on the telephone line", deframe, (hdlc.encode(bytes(range(40))),), with_fcs, ()),
    Parser(
        "identity record",
        identity.unpack_identity,
        (bytes(identity.pack_identity(identity.Identity(bytes(8), bytes(32)))),),
    ),
    Parser(
        "keystore list",
        listing.unpack_list,
        (bytes(listing.pack_list(3, "call-token shop-film", listing.entry_of("call-number", 0))),),
    ),
    Parser(
        "keystore slot",
        lambda data: slots.open_slot(SLOT_KEYS, data),
        tuple(slots.seal_slot(SLOT_KEYS, kind, 1, b"a record") for kind in (slots.PLAIN, slots.COUNTED)),
    ),
    Parser(
        "AT command line",
        lambda data: list(parse_line(data.decode("latin-1"))),
        (b"AT&F E0 S0=1 DT123W,4", b"AT+IPR=9600;+GMM", b"ATX4&C1&D2"),
        may_raise=(RemoteError, LocalError, ValueError),
    ),
    Parser(
        "head of HTTP",
        http_head,
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n",
            b"GET /film HTTP/1.1\r\nHost: shop\r\n\r\n",
        ),
    ),
    Parser(
        "answer of HTTP",
        http_answer,
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a\r\nabcd\r\n0\r\nA: b\r\n\r\n",
            b"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 4-7/8\r\n\r\nabcd",
            b"HTTP/1.0 200 OK\r\n\r\nall of it",
        ),
    ),
    Parser(
        "URL", lambda data: url.parse_url(data.decode("latin-1")).text, (b"https://shop.example:8443/film?part=3#x",)
    ),
    Parser(
        "redirect",
        lambda data: url.resolve(url.parse_url("http://a/b/c?d"), data.decode("latin-1")).text,
        (b"../e/./f?g=h", b"//other/x", b"https://shop/"),
    ),
    Parser("answer of the name service", lambda data: dns.unpack_answer(data, 0xABCD, DNS_NAME), (DNS_ANSWER,)),
    Parser("dates of a certificate", validity.validity, (SIGNED, SELF_SIGNED)),
    Parser("octets on the cable", cable, (b"~" * 8 + bytes(range(30, 90)),), may_raise=()),
)


def invented(rng: random.Random, parser: Parser) -> bytes:
    """A sample with octets changed, cut, repeated or put in, two samples in one, or noise."""
    data = bytearray(rng.choice(parser.samples))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            data[at:at] = data[: rng.randrange(len(data) + 1)]
        elif rng.randrange(8) == 0:
            data[:] = rng.randbytes(rng.randrange(80))
    return parser.repair(bytes(data)) if rng.randrange(2) else bytes(data)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_whatever_comes_gives_a_value_or_the_error_that_is_promised(parser, cases):
    rng = random.Random(f"fuzz {parser.name}")
    for sample in parser.samples:
        parser.parse(sample)  # what the cases begin with is valid
    taken = 0
    for number in cases(300):
        data = invented(rng, parser)
        try:
            parser.parse(data)
            taken += 1
        except parser.may_raise:
            pass
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
    assert taken or parser.name == "keystore slot"  # some got all the way through


@pytest.mark.soak
def test_whatever_stands_in_a_scenario_gives_a_plan_or_one_line(tmp_path, cases):
    rng = random.Random(5)
    samples = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))]
    parser = Parser("scenario", bytes, tuple(samples))
    path = tmp_path / "plan.toml"
    for _ in cases(300):
        path.write_bytes(invented(rng, parser))
        try:
            load_plan(path)
        except LocalError as error:
            assert "\n" not in str(error).strip()
