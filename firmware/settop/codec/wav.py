"""The head of a WAV file without an end, by which the chip plays PCM until it is told to stop (datasheet 10.6)."""

HEAD_BYTES = 44
_NO_END = b"\xff\xff\xff\xff"


def head(rate, channels, bits):
    """44 octets. rate: Hz; bits: 8 (unsigned) or 16 (signed, low octet first) of each sample."""
    align = channels * bits // 8
    return (
        b"RIFF"
        + _NO_END
        + b"WAVEfmt \x10\0\0\0\x01\0"
        + channels.to_bytes(2, "little")
        + rate.to_bytes(4, "little")
        + (rate * align).to_bytes(4, "little")
        + align.to_bytes(2, "little")
        + bits.to_bytes(2, "little")
        + b"data"
        + _NO_END
    )
