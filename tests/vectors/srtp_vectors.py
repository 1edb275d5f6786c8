"""Published packets and keys of SRTP; readable by MicroPython too."""

from binascii import unhexlify


def _hex(text):
    return unhexlify("".join(text.split()))


# RFC 3711, B.2: key stream of blocks 0, 1, 2 and 0xfeff, 0xff00, 0xff01, for SSRC and index 0
STREAM_KEY = _hex("2b7e151628aed2a6abf7158809cf4f3c")
STREAM_SALT = _hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd")
STREAM_FIRST = _hex(
    "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0"
)
STREAM_LAST = _hex("ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae 6a2cc3787889374fbeb4c81b17ba6c44")

# RFC 3711, B.3
MASTER_KEY = _hex("e1f97a0d3e018be0d64fa32c06de4139")
MASTER_SALT = _hex("0ec675ad498afeebb6960b3aabe6")
CIPHER_KEY = _hex("c61e7a93744f39ee10734afe3ff7a087")
CIPHER_SALT = _hex("30cbbc08863d8c85d49db34a9ae1")
AUTH_KEY = _hex(
    "cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce e049646c43d9327ad175578ef7227098"
    "6371c10c9a369ac2f94a8c5fbcdddc25 6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2"
)

# libsrtp's test driver: packets under that master key and salt, AES_CM_128_HMAC_SHA1_80
RTP = _hex("800f1234decafbadcafebabe abababababababababababababababab")
SRTP = _hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb")
RTCP = _hex("81c8000bcafebabe abababababababababababababababab")
SRTCP = _hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798")

# RFC 7714, 16.1 and 17.1: under a session key and salt
GCM_KEY = _hex("000102030405060708090a0b0c0d0e0f")
GCM_SALT = _hex("517569642070726f2071756f")
GCM_RTP = _hex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
GCM_SRTP = _hex(
    "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
    "899d7f27beb16a9152cf765ee4390cce"
)
GCM_RTCP = _hex(
    "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)
GCM_SRTCP = _hex(
    "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b"
    "c84aa45896cf4d2fc5abf87245d9eade 800005d4"
)

# SP 800-38D's examples (McGrew and Viega, test case 2): what GHASH makes of one block
GHASH_KEY = _hex("66e94bd4ef8a2c3b884cfa59ca342b2e")
GHASH_BLOCK = _hex("0388dace60b6a392f328c2b971b2fe78")
GHASH = _hex("f38cbb1ad69223dcc3457ae5b6b0f885")

# RFC 2202, 3: key, message, HMAC-SHA-1
HMACS = (
    (b"\x0b" * 20, b"Hi There", _hex("b617318655057264e28bc0b6fb378c8ef146be00")),
    (b"Jefe", b"what do ya want for nothing?", _hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")),
    (b"\xaa" * 20, b"\xdd" * 50, _hex("125d7342b9ac11cd91a39af48aa17b4f63f175d3")),
)
