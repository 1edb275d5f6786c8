"""Random bytes that never repeat from boot to boot, even where a board's os.urandom does.

A hash generator in the manner of Hash_DRBG (SP 800-90A, 10.1.1), simplified; not validated against that
standard. Secrecy of the output rests on the seed: a device seed from provisioning or a board with a good
os.urandom. A boot counter only keeps outputs apart. No reseeding is needed within the few thousand draws of
one boot.
"""

from settop.crypto.hkdf import HASH_BYTES, sha256
from settop.crypto.wipe import wipe
from settop.errors import LocalError

_SEED = b"\x00"
_OUTPUT = b"\x01"
_STEP = b"\x02"
_RESEED = b"\x03"


class Drbg:
    """Generator seeded from byte strings: device seed, boot counter, os.urandom, clock ticks.

    Their order counts. One part that differs from every earlier boot is enough to make all output differ. The
    same parts give the same output, which repeatable tests rely on. The caller wipes the parts. Raises
    LocalError where no part holds a byte.
    """

    def __init__(self, *seed_parts):
        if not any(len(part) for part in seed_parts):
            raise LocalError("a generator needs seed bytes: give at least the device seed and the boot counter")
        self._state = sha256(_SEED, *_with_lengths(seed_parts))

    def random(self, n):
        """`n` random bytes, n >= 0; the state moves on one way, so it never gives away an earlier draw."""
        out = bytearray(n)
        self.fill(out)
        result = bytes(out)
        wipe(out)
        return result

    def fill(self, buf):
        """Fills a bytearray or memoryview with random bytes: for secrets, which bytes objects would keep."""
        self._check_alive()
        for start in range(0, len(buf), HASH_BYTES):
            block = sha256(_OUTPUT, self._state, (start // HASH_BYTES).to_bytes(4, "big"))
            for i in range(min(HASH_BYTES, len(buf) - start)):
                buf[start + i] = block[i]
            wipe(block)
        self._replace(sha256(_STEP, self._state))

    def reseed(self, *parts):
        """Mixes more entropy in; it cannot make the state easier to guess."""
        self._check_alive()
        self._replace(sha256(_RESEED, self._state, *_with_lengths(parts)))

    def wipe(self):
        """Ends the generator: later calls raise LocalError; may be called twice."""
        if self._state is not None:
            wipe(self._state)
        self._state = None

    def _check_alive(self):
        if self._state is None:
            raise LocalError("this generator has been wiped; make a new Drbg")

    def _replace(self, state):
        wipe(self._state)
        self._state = state


def _with_lengths(parts):
    """Each part behind its length, so that no two lists of parts run together to the same bytes."""
    framed = []
    for part in parts:
        framed.append(len(part).to_bytes(4, "big"))
        framed.append(part)
    return framed
