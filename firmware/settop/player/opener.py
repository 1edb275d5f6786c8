"""What opens a broadcast, as the player sees it: the face of a system's way from packets and messages to clear packets.

A service has its opener in `opener`, and the registry attaches it to the player. One that recognises a descriptor in
the PMT in force gets the packets and messages of that programme; where none does, nothing that is scrambled is put out.

No board loads this module, it would cost half a kilobyte of heap: an opener has these names by itself, and a test holds
every one against them (tests/firmware/test_faces.py).
"""

from settop.wire.dark import CLEAR


class Opener:
    """The face, as an opener that leaves everything dark. `slots`: where the packets are (settop.ts.slots).

    `portion`: index of what is on air, None while that is not known; `programme_id` and `broadcast_id` likewise.
    """

    portion = None
    programme_id = None
    broadcast_id = None
    slots = None

    def attach(self, player, slots):
        """The player's slots are there, before the first packet. `player` has tell(event, opener) for what its service
        is to hear, and make_ring(), to be called before keys come."""
        self.slots = slots

    def recognise(self, descriptor):
        """((PID of the messages, programme id), Offer or None) of a PMT's descriptor (octets) of this system's; None
        for others."""
        return None

    def take_up(self, ca):
        """The tables now lead to these messages, or (None) to none of this system's: other streams perhaps, under other
        keys. `ca`: (PID, programme id, this opener)."""

    def tune(self, ca):
        """The viewer has chosen, and `ca` (see take_up) is where the tables lead now."""

    def leave(self, chosen):
        """The tables lead to another system's messages: nothing opens until they lead here again and a message says
        what. `chosen`: the viewer wants it so, and the keys go; else they stay until they are over."""

    def on_message(self, packet, now_ms):
        """A packet of the messages' PID (188 octets). Raises RemoteError for one that breaks the rules."""

    def stall(self, gap_ms):
        """Nobody has looked for so long: packets may have waited, and are not late by the broadcaster's doing."""

    def look(self, now_ms, fed):
        """Once a step. `fed`: packets have come."""

    def open_run(self, slot, count, parity, now_ms):
        """Open the run of packets that begins at `slot` (`parity`: 0 for even keys, 1 for odd ones) or pass over it;
        `count` packets are sorted. Returns the slot behind it; `slots.run_packets` is their number. What is opened goes
        to the slots' output, what is passed over does not."""
        return self.slots.pass_over(slot, count)

    def holds_key(self):
        """Whether what is on air now is being opened: packets without a payload go with it."""
        return False

    def missing(self):
        """What keeps the picture dark where the tables are there: a cause of settop.wire.dark, CLEAR for nothing."""
        return CLEAR
