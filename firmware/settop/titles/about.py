"""A title's name and key id from its file, for who lists titles; loaded when that is wanted."""

from settop.errors import RemoteError

PIECE_BYTES = 512
PIECES = 8  # in a turn
MOST_BYTES = 1 << 20  # what is read of a title for its name: before that there may be a cover


def name_of(open_file, path):
    """Gives "" where more is to be read first, and in the end the title's name, "" where it says none."""
    from settop.titles.extras import Extras, Texts

    texts = Texts(("title",), 64)
    extras = Extras(texts)
    piece = bytearray(PIECE_BYTES)
    try:
        with open_file(path) as file:
            for turn in range(MOST_BYTES // PIECE_BYTES):
                count = file.readinto(piece)
                if not count or extras.done:
                    break
                extras.feed(piece, 0, count)
                if turn % PIECES == PIECES - 1:
                    yield ""
    except (RemoteError, OSError):
        pass  # a damaged one is told when it is to be played
    yield texts.get("title")


def kid_of(open_file, path):
    """The key id, b"" for a clear title. RemoteError: no title; OSError."""
    from settop.titles.look import Look

    look = Look()
    piece = bytearray(PIECE_BYTES)
    with open_file(path) as file:
        while not look.over:
            count = file.readinto(piece)
            if not count:
                raise RemoteError("no title: it has no moov")
            look.feed(piece, 0, count)
    return look.header.kid
