"""Provisioning over the console, version 2: THE definition, for both ends (docs/protocols/provision.md has it in hex).

    to the board                    its answer (settop.wire.console)
    provision COMMIT                provision-key KEY headend=PRINT|none terminal=ID|none|damaged
    provision-open KEY AUTHORITY    provision-code CODE, or provision-consent TEXT
    provision-replace NUMBER        provision-code CODE
    provision-set BLOB              provisioned ID PROOF, or provision-refused PROOF TEXT

COMMIT: SHA-256 of COMMIT_LABEL and the host's ephemeral X25519 public key, which `provision-open` then shows. So nobody
between the two can look for a key that leads to the CODE that he wants. PRINT: how the head-end's static public key
begins that the board trusts. All in hex, two digits an octet, but AUTHORITY (a word of AUTHORITIES), and CODE and
NUMBER, six decimal digits.

    secret = X25519(ephemeral, ephemeral) + X25519(board's ephemeral, head-end's static) + old device key
    KEY, NONCE, DONE, NO = HKDF-SHA256(IKM = secret, no salt, info = transcript): SEALING_KEY_BYTES,
        SEALING_NONCE_BYTES and twice PROOF_BYTES; the last two are what PROOF is in either answer
    BLOB = AES-128-CCM under KEY and NONCE, no associated data, tag SEALING_TAG_BYTES, of `pack_content`

32 zeros stand for the second part where the board trusts no head-end, and for the third where AUTHORITY is not "old".
"""

import struct

from settop.errors import LocalError, RemoteError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES

ASK = "provision"
KEY = "provision-key"
SHOW_KEY = "provision-open"
SHORT_CODE = "provision-code"
ASK_CONSENT = "provision-consent"
GIVE_CONSENT = "provision-replace"
SET = "provision-set"
DONE = "provisioned"
SAID_NO = "provision-refused"

SAID_NONE = "none"
SAID_DAMAGED = "damaged"
WORD_HEADEND = "headend"
WORD_TERMINAL = "terminal"

AUTHORITY_FIRST = "first"  # there is no identity that could be lost
AUTHORITY_OLD = "old"  # the head-end knows the device key that the board has
AUTHORITY_CONSENT = "consent"  # whoever is at the board has agreed: by its button, or on its console
AUTHORITIES = (AUTHORITY_FIRST, AUTHORITY_OLD, AUTHORITY_CONSENT)

LABEL = b"ringcast provision 2"
COMMIT_LABEL = b"ringcast provision 2 commitment"
CODE_LABEL = b"ringcast provision 2 code"
PUBLIC_KEY_BYTES = 32
COMMIT_BYTES = 32
HEADEND_PRINT_BYTES = 8
HOST_RANDOM_BYTES = 32
IDENTITY_RECORD_BYTES = 1 + TERMINAL_ID_BYTES + DEVICE_KEY_BYTES  # settop.keystore.identity
SEALING_KEY_BYTES = 16
SEALING_NONCE_BYTES = 13
SEALING_TAG_BYTES = 16
PROOF_BYTES = 8
SECRETS_BYTES = SEALING_KEY_BYTES + SEALING_NONCE_BYTES + 2 * PROOF_BYTES
CONTENT_STEP_BYTES = 16  # a content is a multiple of this long, so that its length tells little
MAX_CONTENT_BYTES = 256  # a console line has 600 characters at most
SHORT_CODE_DIGITS = 6
_MAX_NAME_CHARS = 16
_RECORDS_AT = HOST_RANDOM_BYTES + IDENTITY_RECORD_BYTES
MAX_NUMBER_CHARS = 20
_DIGITS = b"0123456789*#ABCD"  # what a modem dials: no + of international notation
_REFUSED = "what was brought is no identity"


def transcript(board_public, host_public, headend, authority, terminal_id):
    """What both ends must have seen alike. headend: the static key that the board trusts, None for none;
    terminal_id: of the identity that the board has, None for none."""
    return (
        LABEL
        + bytes((AUTHORITIES.index(authority),))
        + bytes(board_public)
        + bytes(host_public)
        + bytes(headend or bytes(PUBLIC_KEY_BYTES))
        + bytes(terminal_id or bytes(TERMINAL_ID_BYTES))
    )


def number_fault(number):
    """What is wrong with these octets as a telephone number, or ""."""
    if 1 <= len(number) <= MAX_NUMBER_CHARS and all(char in _DIGITS for char in number):
        return ""
    return "telephone number: expected 1 to %d characters of 0-9 * # A-D" % MAX_NUMBER_CHARS


def code_of(digest):
    """The short code, of the SHA-256 of CODE_LABEL and the transcript."""
    return "%0*d" % (SHORT_CODE_DIGITS, struct.unpack(">I", bytes(digest[:4]))[0] % 10**SHORT_CODE_DIGITS)


def proofs_of(secrets):
    """What proves `provisioned` and `provision-refused`, in hex, of the SECRETS_BYTES that both ends have."""
    at = SECRETS_BYTES - 2 * PROOF_BYTES
    return bytes(secrets[at : at + PROOF_BYTES]).hex(), bytes(secrets[at + PROOF_BYTES :]).hex()


def print_of(headend):
    """How a head-end's public key is named, or "none"."""
    return bytes(headend[:HEADEND_PRINT_BYTES]).hex() if headend else SAID_NONE


def pack_content(host_random, identity_record, records):
    """What is sealed, as a bytearray for the caller to wipe: the host's share of a lock key (HOST_RANDOM_BYTES), an
    identity record (IDENTITY_RECORD_BYTES), and (service, name, data) of each record: length and characters of the two
    names, length u8 and data. A zero ends them, and fills up to a multiple of CONTENT_STEP_BYTES.

    Raises LocalError where it is more than MAX_CONTENT_BYTES.
    """
    size = _RECORDS_AT + 1
    for service, name, data in records:
        size += 3 + len(service) + len(name) + len(data)
    size += -size % CONTENT_STEP_BYTES
    if size > MAX_CONTENT_BYTES:
        raise LocalError("%d octets to provision, expected at most %d" % (size, MAX_CONTENT_BYTES))
    out = bytearray(size)
    out[:HOST_RANDOM_BYTES] = host_random
    out[HOST_RANDOM_BYTES:_RECORDS_AT] = identity_record
    at = _RECORDS_AT
    for service, name, data in records:
        for part in (service.encode(), name.encode(), data):
            out[at] = len(part)
            at += 1
            out[at : at + len(part)] = part
            at += len(part)
    return out


def split_content(content):
    """(host randomness, identity record, [(service, name, data)]), as views, so that no copy is left behind.

    Raises RemoteError, always with one text.
    """
    view = memoryview(content)
    records = []
    at = _RECORDS_AT
    while at < len(view) and view[at]:
        parts = []
        for _ in range(3):
            end = at + 1 + view[at] if at < len(view) else at
            if not at < end <= len(view):
                raise RemoteError(_REFUSED)
            parts.append(view[at + 1 : end])
            at = end
        service, name = _name(parts[0]), _name(parts[1])
        if service == WORD_TERMINAL:  # its identity is above, and no other record of its own is the head-end's to set
            raise RemoteError(_REFUSED)
        records.append((service, name, parts[2]))
    if at >= len(view):  # no zero ends it: cut short
        raise RemoteError(_REFUSED)
    return view[:HOST_RANDOM_BYTES], view[HOST_RANDOM_BYTES:_RECORDS_AT], records


def _name(part):
    for octet in part:
        if octet not in b"abcdefghijklmnopqrstuvwxyz0123456789_":
            raise RemoteError(_REFUSED)
    if not 1 <= len(part) <= _MAX_NAME_CHARS:
        raise RemoteError(_REFUSED)
    return bytes(part).decode()


def pack_open(host_public, authority):
    """The console command that shows the host's key."""
    return "%s %s %s" % (SHOW_KEY, bytes(host_public).hex(), authority)


def pack_set(blob):
    """The console command that brings a board its identity."""
    return "%s %s" % (SET, bytes(blob).hex())
