"""Sockets as MicroPython's ports and CPython have them, without waiting: one way to say each thing.

The ports differ: an address is a tuple over lwIP and a structure on unix, so only getaddrinfo makes one; an octet that
is not there yet is None from a stream and EAGAIN from a socket.
"""

import errno

# A connection that is on its way, and a line that has nothing or takes nothing just now. CPython has names for all of
# them; MicroPython's errno has not, and its numbers are Linux's.
IN_PROGRESS = (errno.EINPROGRESS, errno.EALREADY)
NOT_NOW = (errno.EAGAIN, getattr(errno, "ENOMEM", 12))  # lwIP has no memory for a segment until others are acknowledged


class Sockets:
    """The modules that a network is reached by: MicroPython's own, or what stands in for them."""

    def __init__(self, socket=None, select=None, tls=None):
        # By name, as a stock Pico has neither socket nor tls; nothing loads this room there.
        self.socket = socket or __import__("socket")
        self.select = select or __import__("select")
        self._tls = tls

    def tls(self):
        """The module of that name, which is loaded when the first connection wants it."""
        if self._tls is None:
            self._tls = __import__("tls")
        return self._tls

    def stream(self):
        module = self.socket
        line = module.socket(module.AF_INET, module.SOCK_STREAM)
        line.setblocking(False)
        return line

    def datagrams(self):
        module = self.socket
        line = module.socket(module.AF_INET, module.SOCK_DGRAM)
        line.setblocking(False)
        return line

    def address(self, numbers, port):
        """What connect, bind and sendto take. `numbers`: an IPv4 address as str, never a name, which would wait."""
        return self.socket.getaddrinfo(numbers, port)[0][-1]

    def membership(self, line, group, joins):
        """`line` joins the group of that address, or leaves it. Raises OSError where there is no link."""
        module = self.socket
        option = getattr(module, "IP_ADD_MEMBERSHIP", 35) if joins else getattr(module, "IP_DROP_MEMBERSHIP", 36)
        numbers = bytes([int(number) for number in group.split(".")])
        line.setsockopt(getattr(module, "IPPROTO_IP", 0), option, numbers + bytes(4))

    def watch(self, line, writable=False):
        """Something to ask whether the line has octets, or room: is_ready(it)."""
        poll = self.select.poll()
        poll.register(line, self.select.POLLOUT if writable else self.select.POLLIN)
        return poll


def is_ready(watch):
    """Whether it is readable, writable, or broken. No wait."""
    look = getattr(watch, "ipoll", None) or watch.poll
    for _ in look(0):
        return True
    return False
