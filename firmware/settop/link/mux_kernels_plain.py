"""Plain twins of settop.link.mux_kernels_viper: the definition of what those do, and what CPython runs.

The frame is that of settop.link.mux; `table` is mux.TABLE, the FCS-16 of each octet.
"""


def seal(frame, data, span, table):
    """Put data[span >> 8 :][: span & 0xFF] into `frame`, whose channel and position are set; returns its length.

    Nothing is hidden: the link is 0.
    """
    count = span & 0xFF
    at = span >> 8
    length = count + 4
    frame[2] = length
    frame[3] = 0
    frame[4] = frame[1] + 5 * length & 0x7F | 0x80
    end = 7 + count
    frame[7:end] = data[at : at + count]
    fcs = 0xFFFF
    fcs = fcs >> 8 ^ table[(fcs ^ frame[1]) & 0xFF]
    fcs = fcs >> 8 ^ table[(fcs ^ length) & 0xFF]
    for octet in memoryview(frame)[5:end]:
        fcs = fcs >> 8 ^ table[(fcs ^ octet) & 0xFF]
    fcs ^= 0xFFFF
    frame[end] = fcs & 0xFF
    frame[end + 1] = fcs >> 8
    return end + 2


def missing(frame):
    """How many octets follow the header in `frame`, 4 to 244, or 0 if it is none."""
    length = frame[2]
    if frame[4] != frame[1] + 5 * length + 3 * frame[3] & 0x7F | 0x80 or not 4 <= length <= 244:
        return 0
    return length


def unseal(frame, total, table):
    """1 and the hidden octets in their places if the frame of `total` octets is undamaged; 0 and no change if not."""
    fcs = 0xFFFF
    fcs = fcs >> 8 ^ table[(fcs ^ frame[1]) & 0xFF]
    fcs = fcs >> 8 ^ table[(fcs ^ frame[2]) & 0xFF]
    hidden = frame[3]
    at = 5
    for octet in memoryview(frame)[5:total]:
        if at == hidden:
            hidden = octet
            octet = 3
        fcs = fcs >> 8 ^ table[(fcs ^ octet) & 0xFF]
        at += 1
    if hidden or fcs != 0xF0B8:  # a chain that leads back or out of the frame has not come to its end
        return 0
    at = frame[3]
    while at:
        hidden = frame[at]
        frame[at] = 3
        at = hidden
    return 1


def copy(to, source, count, offsets):
    """source[offsets >> 16 :][:count] to to[offsets & 0xFFFF :]."""
    at = offsets >> 16
    start = offsets & 0xFFFF
    to[start : start + count] = source[at : at + count]


def accept(frame, count, state):
    """Account for the `count` octets of payload of a good frame. -1, and nothing done, if they have no credit.

    state: array of POSITION, GRANTED, START, LEVEL, SIZE, LOST of settop.link.inflow, in this order. Returns where in
    the ring they go.
    """
    position, granted, start, level, size, lost = state
    gap = (frame[5] << 8 | frame[6]) - position & 0xFFFF
    if gap + count > (granted - position & 0xFFFF):
        return -1
    state[0] = position + gap + count & 0xFFFF
    state[3] = level + count
    state[5] = lost + gap & 0x3FFFFFFF
    at = start + level
    return at - size if at >= size else at
