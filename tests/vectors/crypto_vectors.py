"""Published values, as bytes; runs on MicroPython too. Each block names its source."""

from binascii import unhexlify as h

# FIPS 197, appendix C.1 and C.3: key, plaintext, ciphertext
FIPS197_PLAINTEXT = h("00112233445566778899aabbccddeeff")
FIPS197 = (
    (h("000102030405060708090a0b0c0d0e0f"), h("69c4e0d86a7b0430d8cdb78070b4c55a")),
    (
        h("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        h("8ea2b7ca516745bfeafc49904b496089"),
    ),
)

# SP 800-38A, F.1.1, F.2.1: four blocks under one key
SP800_38A_KEY = h("2b7e151628aed2a6abf7158809cf4f3c")
SP800_38A_IV = h("000102030405060708090a0b0c0d0e0f")
SP800_38A_PLAINTEXT = h(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
SP800_38A_ECB = h(
    "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
    "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"
)
SP800_38A_CBC = h(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)

# RFC 4493, 4: the first n bytes of the SP 800-38A text under its key
CMAC = (
    (0, h("bb1d6929e95937287fa37d129b756746")),
    (16, h("070a16b46b4d4144f79bdd9dd04a287c")),
    (40, h("dfa66747de9ae63030ca32611497c827")),
    (64, h("51f0bebf7e3b9d92fc49741779363cfe")),
)

# SP 800-38C examples 1 to 3, RFC 3610 packet vector 1: key, nonce, aad, plaintext, tag bytes, sealed
_K = h("404142434445464748494a4b4c4d4e4f")
CCM = (
    (_K, h("10111213141516"), bytes(range(8)), h("20212223"), 4, h("7162015b4dac255d")),
    (
        _K,
        h("1011121314151617"),
        bytes(range(16)),
        h("202122232425262728292a2b2c2d2e2f"),
        6,
        h("d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"),
    ),
    (
        _K,
        h("101112131415161718191a1b"),
        bytes(range(0x14)),
        bytes(range(0x20, 0x38)),
        8,
        h("e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"),
    ),
    (
        bytes(range(0xC0, 0xD0)),
        h("00000003020100a0a1a2a3a4a5"),
        bytes(range(8)),
        bytes(range(8, 0x1F)),
        8,
        h("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"),
    ),
)

# FIPS 180-4 example ("abc") and RFC 4231: key, message, HMAC-SHA-256
SHA256_ABC = h("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
HMAC_SHA256 = (
    (b"\x0b" * 20, b"Hi There", h("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        h("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ),
    (b"\xaa" * 20, b"\xdd" * 50, h("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe")),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        h("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        h("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        h("9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ),
)

# RFC 5869, A.1 to A.3: secret, salt, info, PRK, output
HKDF = (
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        h("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
        h("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        h("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"),
        h(
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        h("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"),
        h("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ),
)

# RFC 3394, 4.1, 4.3, 4.6: KEK, key, wrapped
_KEK = bytes(range(32))
_DATA = h("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
KEY_WRAP = (
    (_KEK[:16], _DATA[:16], h("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5")),
    (_KEK, _DATA[:16], h("64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7")),
    (_KEK, _DATA, h("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")),
)

# RFC 7748, 5.2: scalar, u, result; k = u = 9, once and 1,000 times; 6.1: a, A, b, B, shared secret
X25519 = (
    (
        h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
        h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
        h("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
    ),
    (
        h("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
        h("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
        h("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
    ),
)
X25519_ONCE = h("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
X25519_1000_TIMES = h("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
X25519_ALICE = (
    h("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    h("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
)
X25519_BOB = (
    h("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
    h("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
)
X25519_SHARED = h("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
