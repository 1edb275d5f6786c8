"""X.509 certificates (RFC 5280) of P-256: an authority and what it signs; in DER, with dates to the second.

Made here octet by octet, so that a service has an authority, and a test an expired certificate or one with two names,
without any program; OpenSSL, which Python's ssl is, has to agree with every one that is served.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from Crypto.Hash import SHA1, SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from Crypto.Util.asn1 import DerBoolean, DerInteger, DerObjectId, DerOctetString

ALGORITHM = "1.2.840.10045.4.3.2"  # ecdsa-with-SHA256
COMMON_NAME = "2.5.4.3"
BASIC_CONSTRAINTS = "2.5.29.19"
ALTERNATIVE_NAMES = "2.5.29.17"
KEY_USAGE = "2.5.29.15"
EXTENDED_USAGE = "2.5.29.37"
SUBJECT_KEY = "2.5.29.14"
AUTHORITY_KEY = "2.5.29.35"
_SERVER = "1.3.6.1.5.5.7.3.1"
SEQUENCE, SET, UTF8, BITS, UTC_TIME, GENERAL_TIME = 0x30, 0x31, 0x0C, 0x03, 0x17, 0x18


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


def oid(text: str) -> bytes:
    return DerObjectId(text).encode()


def time_of(at_s: int) -> bytes:
    when = datetime.fromtimestamp(at_s, UTC)
    if when.year < 2050:
        return tlv(UTC_TIME, when.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(GENERAL_TIME, when.strftime("%Y%m%d%H%M%SZ").encode())


def name_of(text: str) -> bytes:
    return tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, oid(COMMON_NAME), tlv(UTF8, text.encode()))))


def extension(kind: str, value: bytes, critical: bool = False) -> bytes:
    flag = DerBoolean(True).encode() if critical else b""
    return tlv(SEQUENCE, oid(kind), flag, DerOctetString(value).encode())


def alternative(name: str) -> bytes:
    if name.strip("0123456789.") and ":" not in name:
        return tlv(0x82, name.encode())
    return tlv(0x87, ip_address(name).packed)


def key_name(key: ECC.EccKey) -> bytes:
    """By which certificates name a key (RFC 5280, 4.2.1.2)."""
    return SHA1.new(key.public_key().export_key(format="raw")).digest()


def usages(key: ECC.EccKey, issuer: ECC.EccKey, authority: bool) -> tuple[bytes, ...]:
    """The extensions that say what the key of a certificate is for, and whose keys they are."""
    bits = b"\x01\x06" if authority else b"\x07\x80"  # signs certificates and their lists; signs
    found = (
        extension(KEY_USAGE, tlv(BITS, bits), True),
        extension(SUBJECT_KEY, DerOctetString(key_name(key)).encode()),
        extension(AUTHORITY_KEY, tlv(SEQUENCE, tlv(0x80, key_name(issuer)))),
    )
    return found if authority else (*found, extension(EXTENDED_USAGE, tlv(SEQUENCE, oid(_SERVER))))


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    der: bytes
    key: ECC.EccKey
    subject: str

    def pem(self) -> str:
        """Certificate and key as Python's ssl wants them. Secret."""
        import ssl

        return ssl.DER_cert_to_PEM_cert(self.der) + str(self.key.export_key(format="PEM")) + "\n"

    def pem_file(self, folder: Path) -> Path:
        """A file with both."""
        path = folder / f"{SHA256.new(self.der).hexdigest()[:12]}.pem"
        path.write_text(self.pem())
        return path


def certificate(
    subject: str,
    first_s: int,
    last_s: int,
    names: tuple[str, ...] = (),
    issuer: Identity | None = None,
    authority: bool = False,
    serial: int | None = None,
    with_usages: bool = False,
) -> Identity:
    """Valid from `first_s` to `last_s`, seconds since 1970; signed by `issuer`, or by itself. serial: without one it
    comes of the subject, for tests. with_usages: says all that RFC 5280 wants of one that is not thrown away.
    """
    key = ECC.generate(curve="P-256")
    more = [extension(BASIC_CONSTRAINTS, tlv(SEQUENCE, DerBoolean(authority).encode() if authority else b""), True)]
    if names:
        more.append(extension(ALTERNATIVE_NAMES, tlv(SEQUENCE, *map(alternative, names))))
    if with_usages:
        more += usages(key, issuer.key if issuer else key, authority)
    if serial is None:
        serial = int.from_bytes(SHA256.new(subject.encode()).digest()[:8], "big") >> 1
    algorithm = tlv(SEQUENCE, oid(ALGORITHM))
    body = tlv(
        SEQUENCE,
        tlv(0xA0, DerInteger(2).encode()),
        DerInteger(serial).encode(),
        algorithm,
        name_of(issuer.subject if issuer else subject),
        tlv(SEQUENCE, time_of(first_s), time_of(last_s)),
        name_of(subject),
        key.public_key().export_key(format="DER"),
        tlv(0xA3, tlv(SEQUENCE, *more)),
    )
    signature = DSS.new(issuer.key if issuer else key, "fips-186-3", encoding="der").sign(SHA256.new(body))
    return Identity(tlv(SEQUENCE, body, algorithm, tlv(BITS, b"\x00", signature)), key, subject)
