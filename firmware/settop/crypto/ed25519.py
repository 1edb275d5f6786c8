"""Ed25519 signatures (RFC 8032, 5.1), verified; a board signs nothing.

As strict as may be, so that one signature has one form and every verifier of ours says the same of it:

- S is below L, or whoever has a signature could make others of it (RFC 8032, 8.4).
- The key is the one encoding of its point (y below p, no sign on x = 0), and its order is not small: under such a key
  a signature may hold for anything.
- The equation is the one without the cofactor, R = [S]B - [k]A, and R is compared as it was sent. So a second form of R
  fails by itself, R need not be decompressed, and it is what OpenSSL asks: with the cofactor, which RFC 8032 also
  allows, a key of mixed order would have signatures that OpenSSL does not take.

MicroPython's big integers take time that depends on their values: all that comes in here is public.
"""

from settop.crypto.sha512 import sha512
from settop.errors import LocalError, RemoteError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_TOP = 1 << 255
_WIDTH = 16  # of a window: odd multiples to 15, eight of each point
_REFUSED = "the signature is not that of this key"


def verify(public_key, signature, *parts):
    """Whether `signature` is that of `public_key` over the parts' concatenation: RemoteError where it is not.

    LocalError: a key of another length, of small order, or that is no point: the fault of who keeps it.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise RemoteError("a signature of %d bytes, expected %d" % (len(signature), SIGNATURE_BYTES))
    point = _key_point(public_key)
    r = bytes(signature[:KEY_BYTES])
    s = int.from_bytes(bytes(signature[KEY_BYTES:]), "little")
    if s >= _L:
        raise RemoteError(_REFUSED)
    k = int.from_bytes(sha512(r, public_key, *parts), "little") % _L
    x, y = point
    if _encoded(_combined(s, _odd_multiples(_BASE_X, _BASE_Y), k, _odd_multiples(_P - x, y))) != r:
        raise RemoteError(_REFUSED)


def check_key(public_key):
    """LocalError: it is none under which anything should be verified."""
    _key_point(public_key)


def _key_point(public_key):
    if len(public_key) != KEY_BYTES:
        raise LocalError("Ed25519 public key of %d bytes, expected %d" % (len(public_key), KEY_BYTES))
    point = _decompressed(public_key)
    if point is None:
        raise LocalError("Ed25519 public key that is no point of the curve")
    eightfold = _doubled(_doubled(_doubled((point[0], point[1], 1))))
    if eightfold[0] == 0 and eightfold[1] == eightfold[2]:
        raise LocalError("Ed25519 public key of small order: any signature may hold under it")
    return point


def _decompressed(encoded):
    """(x, y), or None: RFC 8032, 5.1.3."""
    number = int.from_bytes(bytes(encoded), "little")
    sign = number >> 255
    y = number & _TOP - 1
    if y >= _P:
        return None
    yy = y * y % _P
    u = yy - 1
    v = (_D * yy + 1) % _P
    v3 = v * v % _P * v % _P
    x = u * v3 % _P * _power_58(u * v3 % _P * v3 % _P * v % _P) % _P
    found = v * (x * x % _P) % _P
    if found != u % _P:
        if found != (_P - u) % _P:
            return None
        x = x * _ROOT % _P
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y


def _power_58(x):
    """x to the power of (p - 5) / 8 = 2^252 - 3, whose bits are nearly all 1: by powers of 2^n - 1."""
    x2 = x * x % _P * x % _P
    x4 = _squared(x2, 2) * x2 % _P
    x5 = _squared(x4, 1) * x % _P
    x10 = _squared(x5, 5) * x5 % _P
    x20 = _squared(x10, 10) * x10 % _P
    x40 = _squared(x20, 20) * x20 % _P
    x50 = _squared(x40, 10) * x10 % _P
    x100 = _squared(x50, 50) * x50 % _P
    x200 = _squared(x100, 100) * x100 % _P
    x250 = _squared(x200, 50) * x50 % _P
    return _squared(x250, 2) * x % _P


def _squared(x, times):
    for _ in range(times):
        x = x * x % _P
    return x


def _inverse(x):
    """By Euclid: a tenth of the time that Fermat takes."""
    a, b = _P, x
    of_a, of_b = 0, 1
    while b:
        quotient, rest = divmod(a, b)
        a, b = b, rest
        of_a, of_b = of_b, of_a - quotient * of_b
    return of_a % _P


def _doubled(point):
    """Twice (X, Y, Z), as (X, Y, Z); RFC 8032, 5.1.4."""
    e, f, g, h = _double(point)
    return e * f % _P, g * h % _P, f * g % _P


def _double(point):
    x, y, z = point
    a = x * x % _P
    b = y * y % _P
    h = a + b
    e = h - (x + y) ** 2 % _P
    g = a - b
    return e, 2 * z * z % _P + g, g, h


def _add(point, entry, minus):
    """(e, f, g, h) of (X, Y, Z, T) and an entry of a table, or the same less that entry."""
    x, y, z, t = point
    total, gap, twice_z, twice_dt = entry
    if minus:
        total, gap = gap, total
    a = (y - x) * gap % _P
    b = (y + x) * total % _P
    c = t * twice_dt % _P
    d = z * twice_z % _P
    if minus:
        c = _P - c
    return b - a, d - c, d + c, b + a


def _odd_multiples(x, y):
    """The point times 1, 3, ... 15, as entries: Y + X, Y - X, 2 Z, 2 d T."""
    point = (x, y, 1, x * y % _P)
    e, f, g, h = _double((x, y, 1))
    two = _entry((e * f % _P, g * h % _P, f * g % _P, e * h % _P))
    out = [_entry(point)]
    for _ in range(_WIDTH // 2 - 1):
        e, f, g, h = _add(point, two, False)
        point = (e * f % _P, g * h % _P, f * g % _P, e * h % _P)
        out.append(_entry(point))
    return out


def _entry(point):
    x, y, z, t = point
    return y + x, y - x, 2 * z, 2 * _D * t % _P


def _windows(scalar):
    """For each bit of the scalar, from the lowest, 0 or an odd digit + 128: few of them are not 0."""
    digits = bytearray(256)
    at = 0
    while scalar:
        if scalar & 1:
            digit = scalar & 2 * _WIDTH - 1
            if digit > _WIDTH:
                digit -= 2 * _WIDTH
            digits[at] = digit + 128
            scalar -= digit
        scalar >>= 1
        at += 1
    return digits


def _combined(s, of_base, k, of_key):
    """[s] one point + [k] the other, as (X, Y, Z): both share the doublings (Straus)."""
    of_s = _windows(s)
    of_k = _windows(k)
    point = (0, 1, 1)
    for at in range(255, -1, -1):
        e, f, g, h = _double(point)
        for digits, table in ((of_s, of_base), (of_k, of_key)):
            digit = digits[at]
            if digit:
                digit -= 128
                so_far = (e * f % _P, g * h % _P, f * g % _P, e * h % _P)
                e, f, g, h = _add(so_far, table[abs(digit) >> 1], digit < 0)
        point = (e * f % _P, g * h % _P, f * g % _P)
    return point


def _encoded(point):
    x, y, z = point
    z = _inverse(z)
    return (y * z % _P | (x * z % _P & 1) << 255).to_bytes(KEY_BYTES, "little")
