"""The console on the port's own standard input and output; the REPL is there when the firmware stops (Ctrl-C)."""

import select
import sys

_LINE_BYTES = 600  # the longest console line


class Console:
    """Lines on standard input and output. Neither method waits."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._room = select.poll()
        self._room.register(sys.stdout, select.POLLOUT)
        self._octet = bytearray(1)
        self._line = bytearray(_LINE_BYTES)
        self._count = 0

    def read_line(self):
        """The next whole line without its end, or None. Raises UnicodeError for one that is not UTF-8.

        A line of more than 600 bytes is dropped whole: its beginning might be a command of its own. Ends the program
        where the input has ended, which only a process's can.
        """
        while self._poll.poll(0):
            if not sys.stdin.buffer.readinto(self._octet):  # type: ignore[union-attr] # the stubs lack it
                sys.exit(0)
            if self._octet[0] not in b"\r\n":
                if self._count < _LINE_BYTES:
                    self._line[self._count] = self._octet[0]
                self._count += 1
                continue
            count, self._count = self._count, 0
            if 0 < count <= _LINE_BYTES:
                return bytes(memoryview(self._line)[:count]).decode()
        return None

    def write_line(self, text):
        """Write one line; what finds no room is dropped, a line as a whole if not even its first octet does.

        print would wait half a second for each piece that an open port, which nobody reads, has no room for. The
        player cannot wait. A poll tells of room for one octet, so they go one by one.
        """
        line = memoryview(text.encode() + b"\r\n")
        for at in range(len(line)):
            if not self._room.poll(0):
                return
            sys.stdout.buffer.write(line[at : at + 1])
