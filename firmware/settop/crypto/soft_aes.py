"""AES in plain MicroPython (FIPS 197), for ports without `cryptolib`.

The same interface: ECB and CBC, keys of 16 or 32 bytes.

Slow (milliseconds a block on a board) and not free of table look-ups, which leak through a data cache; the
microcontrollers that need it have none.
"""

_SBOX = (
    b"\x63\x7c\x77\x7b\xf2\x6b\x6f\xc5\x30\x01\x67\x2b\xfe\xd7\xab\x76"
    b"\xca\x82\xc9\x7d\xfa\x59\x47\xf0\xad\xd4\xa2\xaf\x9c\xa4\x72\xc0"
    b"\xb7\xfd\x93\x26\x36\x3f\xf7\xcc\x34\xa5\xe5\xf1\x71\xd8\x31\x15"
    b"\x04\xc7\x23\xc3\x18\x96\x05\x9a\x07\x12\x80\xe2\xeb\x27\xb2\x75"
    b"\x09\x83\x2c\x1a\x1b\x6e\x5a\xa0\x52\x3b\xd6\xb3\x29\xe3\x2f\x84"
    b"\x53\xd1\x00\xed\x20\xfc\xb1\x5b\x6a\xcb\xbe\x39\x4a\x4c\x58\xcf"
    b"\xd0\xef\xaa\xfb\x43\x4d\x33\x85\x45\xf9\x02\x7f\x50\x3c\x9f\xa8"
    b"\x51\xa3\x40\x8f\x92\x9d\x38\xf5\xbc\xb6\xda\x21\x10\xff\xf3\xd2"
    b"\xcd\x0c\x13\xec\x5f\x97\x44\x17\xc4\xa7\x7e\x3d\x64\x5d\x19\x73"
    b"\x60\x81\x4f\xdc\x22\x2a\x90\x88\x46\xee\xb8\x14\xde\x5e\x0b\xdb"
    b"\xe0\x32\x3a\x0a\x49\x06\x24\x5c\xc2\xd3\xac\x62\x91\x95\xe4\x79"
    b"\xe7\xc8\x37\x6d\x8d\xd5\x4e\xa9\x6c\x56\xf4\xea\x65\x7a\xae\x08"
    b"\xba\x78\x25\x2e\x1c\xa6\xb4\xc6\xe8\xdd\x74\x1f\x4b\xbd\x8b\x8a"
    b"\x70\x3e\xb5\x66\x48\x03\xf6\x0e\x61\x35\x57\xb9\x86\xc1\x1d\x9e"
    b"\xe1\xf8\x98\x11\x69\xd9\x8e\x94\x9b\x1e\x87\xe9\xce\x55\x28\xdf"
    b"\x8c\xa1\x89\x0d\xbf\xe6\x42\x68\x41\x99\x2d\x0f\xb0\x54\xbb\x16"
)  # fmt: skip
_INVERSE_SBOX = (
    b"\x52\x09\x6a\xd5\x30\x36\xa5\x38\xbf\x40\xa3\x9e\x81\xf3\xd7\xfb"
    b"\x7c\xe3\x39\x82\x9b\x2f\xff\x87\x34\x8e\x43\x44\xc4\xde\xe9\xcb"
    b"\x54\x7b\x94\x32\xa6\xc2\x23\x3d\xee\x4c\x95\x0b\x42\xfa\xc3\x4e"
    b"\x08\x2e\xa1\x66\x28\xd9\x24\xb2\x76\x5b\xa2\x49\x6d\x8b\xd1\x25"
    b"\x72\xf8\xf6\x64\x86\x68\x98\x16\xd4\xa4\x5c\xcc\x5d\x65\xb6\x92"
    b"\x6c\x70\x48\x50\xfd\xed\xb9\xda\x5e\x15\x46\x57\xa7\x8d\x9d\x84"
    b"\x90\xd8\xab\x00\x8c\xbc\xd3\x0a\xf7\xe4\x58\x05\xb8\xb3\x45\x06"
    b"\xd0\x2c\x1e\x8f\xca\x3f\x0f\x02\xc1\xaf\xbd\x03\x01\x13\x8a\x6b"
    b"\x3a\x91\x11\x41\x4f\x67\xdc\xea\x97\xf2\xcf\xce\xf0\xb4\xe6\x73"
    b"\x96\xac\x74\x22\xe7\xad\x35\x85\xe2\xf9\x37\xe8\x1c\x75\xdf\x6e"
    b"\x47\xf1\x1a\x71\x1d\x29\xc5\x89\x6f\xb7\x62\x0e\xaa\x18\xbe\x1b"
    b"\xfc\x56\x3e\x4b\xc6\xd2\x79\x20\x9a\xdb\xc0\xfe\x78\xcd\x5a\xf4"
    b"\x1f\xdd\xa8\x33\x88\x07\xc7\x31\xb1\x12\x10\x59\x27\x80\xec\x5f"
    b"\x60\x51\x7f\xa9\x19\xb5\x4a\x0d\x2d\xe5\x7a\x9f\x93\xc9\x9c\xef"
    b"\xa0\xe0\x3b\x4d\xae\x2a\xf5\xb0\xc8\xeb\xbb\x3c\x83\x53\x99\x61"
    b"\x17\x2b\x04\x7e\xba\x77\xd6\x26\xe1\x69\x14\x63\x55\x21\x0c\x7d"
)  # fmt: skip


class aes:
    """`mode` 1 is ECB, 2 is CBC with a 16-byte `iv`. Raises ValueError for any other key, mode or IV.

    Unlike `cryptolib`, one object takes both directions. `wipe()` zeroes all that came from the key.
    """

    def __init__(self, key, mode, iv=None):
        if mode not in (1, 2):
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        if (mode == 2 and iv is None) or (iv is not None and len(iv) != 16):
            raise ValueError("IV")
        self._schedule = _expand(key)
        self._chain = bytearray(iv) if mode == 2 else None
        self._state = bytearray(16)
        self._scratch = bytearray(16)

    def encrypt(self, data, out=None):
        """Whole blocks of `data`, as bytes or into `out` (which may be `data` itself) and returned."""
        return self._process(data, out, True)

    def decrypt(self, data, out=None):
        """The inverse of encrypt."""
        return self._process(data, out, False)

    def wipe(self):
        """Zeroes the key schedule and the last block; the object then enciphers under nothing of use."""
        for buf in (self._schedule, self._chain or bytearray(0), self._state, self._scratch):
            for i in range(len(buf)):
                buf[i] = 0

    def _process(self, data, out, encrypts):
        if len(data) % 16:
            raise ValueError("blksize % 16")
        if out is not None and len(out) < len(data):
            raise ValueError("output too small")
        target = bytearray(len(data)) if out is None else out
        state = self._state
        chain = self._chain
        for at in range(0, len(data), 16):
            for i in range(16):
                state[i] = data[at + i]
            if encrypts:
                if chain is not None:
                    for i in range(16):
                        state[i] ^= chain[i]
                self._encrypt_state()
                if chain is not None:
                    chain[:] = state
            else:
                self._decrypt_state()
                if chain is not None:
                    for i in range(16):
                        state[i] ^= chain[i]
                        chain[i] = data[at + i]
            for i in range(16):
                target[at + i] = state[i]
        return bytes(target) if out is None else out

    def _encrypt_state(self):
        state = self._state
        shifted = self._scratch
        schedule = self._schedule
        last = len(schedule) - 16
        _add_key(state, schedule, 0)
        for key_at in range(16, len(schedule), 16):
            for i in range(16):
                shifted[i] = _SBOX[state[i * 5 & 15]]  # SubBytes and ShiftRows at once
            if key_at != last:
                _mix_columns(shifted)
            state[:] = shifted
            _add_key(state, schedule, key_at)

    def _decrypt_state(self):
        state = self._state
        shifted = self._scratch
        schedule = self._schedule
        _add_key(state, schedule, len(schedule) - 16)
        for key_at in range(len(schedule) - 32, -1, -16):
            for i in range(16):
                shifted[i * 5 & 15] = _INVERSE_SBOX[state[i]]
            _add_key(shifted, schedule, key_at)
            if key_at:
                # Inverse MixColumns is the forward one after this step: 0e 0b 0d 09 = 02 03 01 01 times 05 00
                # 04 00.
                for at in range(0, 16, 4):
                    even = _times_2(_times_2(shifted[at] ^ shifted[at + 2]))
                    odd = _times_2(_times_2(shifted[at + 1] ^ shifted[at + 3]))
                    shifted[at] ^= even
                    shifted[at + 1] ^= odd
                    shifted[at + 2] ^= even
                    shifted[at + 3] ^= odd
                _mix_columns(shifted)
            state[:] = shifted


def _times_2(byte):
    return byte << 1 ^ (byte >> 7) * 0x11B


def _add_key(state, schedule, at):
    for i in range(16):
        state[i] ^= schedule[at + i]


def _mix_columns(state):
    for at in range(0, 16, 4):
        a = state[at]
        b = state[at + 1]
        c = state[at + 2]
        d = state[at + 3]
        total = a ^ b ^ c ^ d
        state[at] = a ^ total ^ _times_2(a ^ b)
        state[at + 1] = b ^ total ^ _times_2(b ^ c)
        state[at + 2] = c ^ total ^ _times_2(c ^ d)
        state[at + 3] = d ^ total ^ _times_2(d ^ a)


def _expand(key):
    """Key schedule (FIPS 197, 5.2), 176 or 240 bytes."""
    size = len(key)
    schedule = bytearray(16 * (size // 4 + 7))
    for i in range(size):
        schedule[i] = key[i]
    round_constant = 1
    word = bytearray(4)
    for at in range(size, len(schedule), 4):
        for i in range(4):
            word[i] = schedule[at - 4 + i]
        if at % size == 0:
            first = word[0]
            for i in range(3):
                word[i] = _SBOX[word[i + 1]]
            word[3] = _SBOX[first]
            word[0] ^= round_constant
            round_constant = _times_2(round_constant)
        elif size == 32 and at % size == 16:
            for i in range(4):
                word[i] = _SBOX[word[i]]
        for i in range(4):
            schedule[at + i] = schedule[at + i - size] ^ word[i]
    for i in range(4):
        word[i] = 0
    return schedule
