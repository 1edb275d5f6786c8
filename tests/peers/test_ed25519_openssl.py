"""The firmware's Ed25519 against OpenSSL's."""

import random
import subprocess
from pathlib import Path

from Crypto.PublicKey import ECC
from settop.crypto import ed25519
from settop.errors import RemoteError

# RFC 8410: what stands before a key's 32 octets
_SPKI = bytes.fromhex("302a300506032b6570032100")
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def taken(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        ed25519.verify(public, signature, message)
    except RemoteError:
        return False
    return True


def test_openssl_signs_what_the_board_verifies_and_refuses_what_it_refuses(tmp_path: Path, need):
    program = need("openssl")
    rng = random.Random(8410)
    private, public_file, text, made = (tmp_path / name for name in ("private", "public", "text", "signature"))

    def openssl(*words: object) -> int:
        command = [program, "pkeyutl", *map(str, words), "-keyform", "DER", "-rawin", "-in", str(text)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    for _ in range(4):
        seed, message = rng.randbytes(32), rng.randbytes(rng.randrange(1, 200))
        public = ECC.construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw")
        private.write_bytes(_PKCS8 + seed)
        public_file.write_bytes(_SPKI + public)
        text.write_bytes(message)
        assert openssl("-sign", "-inkey", private, "-out", made) == 0
        signature = made.read_bytes()
        assert taken(public, signature, message)
        # The same signature with S + L, and one of another message
        s = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
        for wrong in (signature[:32] + s.to_bytes(32, "little"), signature[:63] + bytes([signature[63] ^ 1])):
            made.write_bytes(wrong)
            assert openssl("-verify", "-pubin", "-inkey", public_file, "-sigfile", made) != 0
            assert not taken(public, wrong, message)
