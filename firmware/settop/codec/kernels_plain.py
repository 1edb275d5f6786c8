"""Plain versions of settop.codec.kernels: the definition of what the viper ones do."""


def copy(source, at, target, span):
    """`span` & 0xFFFF octets from source[at] on, to target[span >> 16] on."""
    count = span & 0xFFFF
    to = span >> 16
    target[to : to + count] = source[at : at + count]


def decode(source, target, state, span):
    """IMA ADPCM: `span` & 0xFF groups of `span` >> 8 channels, four octets each channel, that is 8 samples each.

    target takes 16-bit samples, low octet first, channel by channel, and lies at an even address. state: array("i") of
    a predictor and a step index for each of two channels, also where there is one, then the 89 steps. Predictors are
    kept 32,768 above what they are: viper on a 64-bit processor reads words without their sign.
    """
    channels = span >> 8
    octets = 0
    for group in range(span & 0xFF):
        for channel in range(channels):
            value = state[2 * channel] - 32768
            index = state[2 * channel + 1]
            out = (8 * channels * group + channel) * 2
            for place in range(8):
                code = source[octets + (place >> 1)] >> 4 * (place & 1) & 15
                step = state[4 + index]
                change = (step >> 3) + (step >> 2 if code & 1 else 0) + (step >> 1 if code & 2 else 0)
                if code & 4:
                    change += step
                value = max(-32768, value - change) if code & 8 else min(32767, value + change)
                index = min(88, index + 2 * (code & 3) + 2) if code & 4 else max(0, index - 1)
                target[out] = value & 0xFF
                target[out + 1] = value >> 8 & 0xFF
                out += 2 * channels
            octets += 4
            state[2 * channel] = value + 32768
            state[2 * channel + 1] = index
