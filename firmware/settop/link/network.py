"""The cable's channel for PPP: IP on a board whose WIRES name a network. Loaded there alone; docs/protocols/cable.md.

PPP has an acknowledgement of its own for what is worth one, so nothing waits here: what the line does not take now is
told, and whoever sends may come again.
"""

from settop.link import channels
from settop.link.faces import Sink, Source

# After all others: a page may come later, a programme may not.
CHANNELS = channels.CHANNELS + (("network", "n", 4096, "network", "network"),)


def usb_cable():
    """The Cable on sys.stdin and sys.stdout with this channel, too; its `network` is a Both."""
    from settop.link import cable

    return with_network(cable.usb_cable(CHANNELS))


def with_network(cable):
    """The same Cable, made with CHANNELS, with a Both for the Line that it has made of the channel."""
    cable._lines.remove(cable.network)
    cable.network = Both(cable, len(CHANNELS) - 1, CHANNELS[-1][2])
    return cable


class Both(Source):
    """any(), readinto(view), write(data) of a line with octets in bulk both ways.

    It has nothing to read while a quarter of the tuner's window is full of what has come by now: a programme that is
    not taken in time is lost, and a page waits at the host for want of credit.
    """

    def __init__(self, cable, line, window):
        Source.__init__(self, cable, line, window)
        self._core = cable.mux
        self._number = line
        self._sink = Sink(cable, line)
        self._tuner = cable.tuner

    def any(self):
        level = Source.any(self)
        return 0 if 2 * self._tuner._inflow.level >= self._tuner._few else level

    def write(self, data):
        """Send what goes now, and give the number of octets. Without a host that has this line all of it is lost, as
        where nothing is plugged in."""
        return self._sink.write(data) if self._core.carries(self._number) else len(data)
