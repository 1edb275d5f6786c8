"""The plain version of settop.titles.tenth_kernels: the definition of what the viper one does."""


def unshift(buffer, stream, place, span):
    """buffer[start:end], whose span is start | end << 16, as it was before every tenth octet was shifted: place[0]
    octets are left until the next such one, by 1 + stream[place[1]] modulo 255. Both are those of what follows then.
    """
    end = span >> 16
    at = (span & 0xFFFF) + place[0]
    used = place[1]
    while at < end:
        buffer[at] = buffer[at] - stream[used] % 255 - 1 & 0xFF
        used += 1
        at += 10
    place[0] = at - end
    place[1] = used
