"""The host's part of a provisioning, made of the board's own cryptography: it runs wherever the firmware does."""

from app_rig import answer
from settop.crypto import ccm, x25519
from settop.crypto.hkdf import hkdf, sha256
from settop.wire import provision as wire

NEW_ID = b"newterm1"
NEW_KEY = bytes(range(50, 82))
NEW_NUMBER = "5550177"
RECORDS = (("call", "number", NEW_NUMBER.encode()), ("call", "token", b"\x01" + NEW_ID + bytes(8)))


def record(terminal_id=NEW_ID, device_key=NEW_KEY):
    return b"\x02" + terminal_id + device_key


class Host:
    """`headend`: the private key of a head-end, or None."""

    def __init__(self, seed=b"host", headend=None):
        self.private = sha256(seed)
        self.public = x25519.public_key(self.private)
        self.headend = headend
        self.code = None

    def ask(self):
        return "provision " + bytes(sha256(wire.COMMIT_LABEL, self.public)).hex()

    def open(self, said, authority="first", old_key=None):
        """The line for a board that said this."""
        words = said.split()
        assert words[0] == "provision-key", said
        board_public = bytes.fromhex(words[1])
        terminal_id = words[3].split("=")[1]
        terminal_id = None if terminal_id in ("none", "damaged") else bytes.fromhex(terminal_id)
        headend = None if self.headend is None else x25519.public_key(self.headend)
        secret = bytes(x25519.shared_secret(self.private, board_public))
        secret += bytes(32) if headend is None else bytes(x25519.shared_secret(self.headend, board_public))
        secret += bytes(32) if old_key is None else old_key
        said = wire.transcript(board_public, self.public, headend, authority, terminal_id)
        self.sealing = hkdf(secret, b"", said, wire.SECRETS_BYTES)
        self.code = wire.code_of(sha256(wire.CODE_LABEL, said))
        return wire.pack_open(self.public, authority)

    def bring(self, identity_record=None, records=RECORDS):
        content = wire.pack_content(b"\x77" * 32, identity_record or record(), records)
        view = memoryview(self.sealing)
        self.done, self.refused = wire.proofs_of(self.sealing)
        return wire.pack_set(ccm.seal(view[:16], bytes(view[16:29]), b"", content))


def provision(app, board, host=None, authority="first", old_key=None, **brought):
    """All that the board says to it, in words; it stops where the board refuses."""
    host = host or Host()
    said = answer(app, board, host.ask())
    if said[0].startswith("provision-key"):
        said += answer(app, board, host.open(said[0], authority, old_key))
        if said[-1].startswith("provision-consent"):
            said += answer(app, board, "provision-replace " + said[-1].split()[2])
        if said[-1].startswith("provision-code"):
            assert said[-1] == "provision-code " + host.code
            said += answer(app, board, host.bring(**brought))
    return said
