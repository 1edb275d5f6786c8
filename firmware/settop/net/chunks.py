"""The lines around chunks: chunk-size [chunk-ext] CRLF before one, CRLF behind it (RFC 9112 7.1)."""

from settop.errors import RemoteError

MAX_LINE = 256  # with its extensions, which mean nothing here
_MAX_DIGITS = 7
_CR, _LF, _SEMICOLON, _HTAB, _BLANK, _DEL = 13, 10, 59, 9, 32, 127
_HEX = b"0123456789abcdef  ABCDEF"  # a capital's place is eight further


class ChunkLines:
    """Reads them octet by octet. Raises RemoteError for what is none."""

    def __init__(self):
        self.begin()

    def begin(self):
        """The next octet begins a line."""
        self._count = 0
        self._digits = 0
        self._size = 0
        self._ending = False

    def size(self, octet):
        """The next octet of the line before a chunk. Returns the chunk's size with the last one, else None."""
        self._count += 1
        if self._count > MAX_LINE:
            raise RemoteError("the line before a chunk is longer than %d octets" % MAX_LINE)
        if self._ending:
            if octet != _LF:
                raise RemoteError("a CR without LF before a chunk")
            size = self._size
            self.begin()
            return size
        first = self._count == self._digits + 1  # behind nothing but digits
        at = _HEX.find(bytes((octet,))) if first and octet != _BLANK else -1
        if at >= 0:
            if self._digits == _MAX_DIGITS:
                raise RemoteError("a chunk of more than %d digits" % _MAX_DIGITS)
            self._size = self._size * 16 + (at if at < 16 else at - 8)
            self._digits += 1
        elif not self._digits or (first and octet not in (_CR, _SEMICOLON)):
            raise RemoteError("a chunk without a length")
        elif octet == _CR:
            self._ending = True
        elif (octet < _BLANK and octet != _HTAB) or octet == _DEL:
            raise RemoteError("a control character before a chunk")
        return None

    def end(self, octet):
        """The next octet behind a chunk. Returns whether it was the last one."""
        if octet != (_LF if self._ending else _CR):
            raise RemoteError("a chunk of another length than it says")
        self._ending = not self._ending
        return not self._ending
