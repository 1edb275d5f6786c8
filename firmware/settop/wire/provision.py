"""Provisioning over the console: the identity comes wrapped, so no console, cable or log shows the device key.

    to the board              its answer (settop.wire.console)
    provision                 provision-key KEY    KEY: the board's ephemeral X25519 public key
    provision-set KEY BLOB    provisioned ID       KEY: the host's; ID: of the terminal that the board is from now on

KEY, BLOB and ID in hex, two digits an octet.
kek = HKDF-SHA256(IKM = shared secret, no salt, info = LABEL + board's public key + host's public key, KEK_BYTES).
BLOB = AES key wrap (RFC 3394) under the kek of: host randomness (HOST_RANDOM_BYTES, for the lock key), identity record
(settop.keystore.identity), the call centre's telephone number, zeros to a multiple of 8.
The exchange is not authenticated: it keeps the key from those who listen or read logs, not from a man in the middle.
"""

ASK = "provision"
KEY = "provision-key"
SET = "provision-set"
DONE = "provisioned"

LABEL = b"ringcast provision 1"
PUBLIC_KEY_BYTES = 32
HOST_RANDOM_BYTES = 32
KEK_BYTES = 16
_BLOCK_BYTES = 8
MAX_NUMBER_CHARS = 20
_DIGITS = b"0123456789*#ABCD"  # what a modem dials: no + of international notation


def kek_info(board_public, host_public):
    """HKDF's info for the kek; both public keys PUBLIC_KEY_BYTES."""
    return LABEL + bytes(board_public) + bytes(host_public)


def number_fault(number):
    """What is wrong with these octets as a telephone number, or ""."""
    if 1 <= len(number) <= MAX_NUMBER_CHARS and all(char in _DIGITS for char in number):
        return ""
    return "telephone number: expected 1 to %d characters of 0-9 * # A-D" % MAX_NUMBER_CHARS


def pack_blob(host_random, record):
    """What is wrapped, as a bytearray for the caller to wipe."""
    size = len(host_random) + len(record)
    out = bytearray(size + -size % _BLOCK_BYTES)
    out[: len(host_random)] = host_random
    out[len(host_random) : size] = record
    return out


def split_blob(blob):
    """(host randomness, record and number) of what was unwrapped: views of it, so that no copy is left behind."""
    view = memoryview(blob)
    end = len(view)
    # The telephone number does not end with a zero octet.
    while end > HOST_RANDOM_BYTES and view[end - 1] == 0:
        end -= 1
    return view[:HOST_RANDOM_BYTES], view[HOST_RANDOM_BYTES:end]


def pack_set(host_public, blob):
    """The console command that brings a board its identity."""
    return "%s %s %s" % (SET, bytes(host_public).hex(), bytes(blob).hex())
