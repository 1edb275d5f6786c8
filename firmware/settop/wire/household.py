"""A household's list as the shop gives it to one terminal (docs/protocols/dock.md): which players are of the account,
and each one's key for the pair that it makes with this terminal. Big-endian:

    household 8, serial u32, sealed
    sealed     AES-128-CCM(key, nonce = household || serial || 00, aad = household || serial, tag 16) of
               format u8 = 1, most u8, then for each player: standing u8, id 8, the pair's key 16
    key        HKDF-SHA256(IKM = terminal's device key, no salt, info = info_of(terminal id)), KEY_BYTES

`most`: how many members the household may have. Standing: settop.wire.dock.MEMBER, or GONE for one that has left and is
to lose its keys. Serials grow over all lists of the shop.
"""

import struct

from settop.errors import LocalError, RemoteError
from settop.wire.dock import GONE, HOUSEHOLD_BYTES, MEMBER, PAIR_BYTES
from settop.wire.ids import TERMINAL_ID_BYTES

COMMAND = "household"
KEY_BYTES = 16
TAG_BYTES = 16
HEAD_BYTES = HOUSEHOLD_BYTES + 4
PLAYERS = 10
"""In a list at most, those that have left among them: a console line has 600 characters."""
MOST = 6
"""Members that a household may have at most."""
_FORMAT = 1
_PLAYER_BYTES = 1 + TERMINAL_ID_BYTES + PAIR_BYTES


def info_of(terminal_id):
    """What the key that seals is for."""
    return b"ringcast household 1" + bytes(terminal_id)


def pack_head(household, serial):
    """The associated data; a zero behind it is the nonce."""
    if len(household) != HOUSEHOLD_BYTES or not 0 < serial <= 0xFFFFFFFF:
        raise LocalError("a household has an id of %d bytes, and a serial of 32 bits" % HOUSEHOLD_BYTES)
    return bytes(household) + struct.pack(">I", serial)


def pack_list(most, players):
    """What is sealed. players: (standing, id, the pair's key) of each."""
    members = sum([1 for standing, _, _ in players if standing == MEMBER])
    if not 1 <= most <= MOST or members > most or len(players) > PLAYERS:
        raise LocalError("a household has 1 to %d members, and a list %d players at most" % (MOST, PLAYERS))
    out = bytearray((_FORMAT, most))
    for standing, player_id, key in players:
        if len(player_id) != TERMINAL_ID_BYTES or len(key) != PAIR_BYTES or standing not in (MEMBER, GONE):
            raise LocalError("a player has an id of %d bytes and a key of %d" % (TERMINAL_ID_BYTES, PAIR_BYTES))
        out.append(standing)
        out.extend(player_id)
        out.extend(key)
    return out


class Household:
    """A list that was opened: `most`, `members` (how many there are), and players by number."""

    def __init__(self, content):
        count = (len(content) - 2) // _PLAYER_BYTES
        if len(content) < 2 or content[0] != _FORMAT or len(content) != 2 + count * _PLAYER_BYTES or count > PLAYERS:
            raise RemoteError("a household's list of %d octets, or of another format" % len(content))
        self.most = content[1]
        self.count = count
        self.members = 0
        self._content = content
        for number in range(count):
            standing = content[2 + number * _PLAYER_BYTES]
            if standing not in (MEMBER, GONE):
                raise RemoteError("a player of no known standing in the household's list")
            self.members += standing == MEMBER
            for before in range(number):
                if self.player(before)[1] == self.player(number)[1]:
                    raise RemoteError("a player that is twice in the household's list")
        if self.members > self.most:
            raise RemoteError("a household of %d players, of which %d may be" % (self.members, self.most))

    def player(self, number):
        """(standing, id)"""
        at = 2 + number * _PLAYER_BYTES
        return self._content[at], bytes(self._content[at + 1 : at + 1 + TERMINAL_ID_BYTES])

    def key(self, number):
        """The pair's key, in a bytearray for the caller to wipe."""
        at = 2 + (number + 1) * _PLAYER_BYTES
        return bytearray(memoryview(self._content)[at - PAIR_BYTES : at])


def split(blob):
    """(household, serial, what is sealed). RemoteError: too short."""
    if not HEAD_BYTES + 2 + TAG_BYTES <= len(blob) <= HEAD_BYTES + 2 + TAG_BYTES + PLAYERS * _PLAYER_BYTES:
        raise RemoteError("a household's list of %d octets" % len(blob))
    return bytes(blob[:HOUSEHOLD_BYTES]), struct.unpack(">I", blob[HOUSEHOLD_BYTES:HEAD_BYTES])[0], blob[HEAD_BYTES:]


def pack_command(blob):
    """The console line that brings it."""
    return "%s %s" % (COMMAND, bytes(blob).hex())
