"""The network's names of board.py, which gets them from here when somebody asks for one: what a network takes is loaded
then, and a board that only telephones has no room to give away.

The link itself is board_wlan or board_ppp, as board.NETWORK says, or nothing.
"""

import board

_ENODEV = 19

_link = __import__("board_" + board.NETWORK) if board.NETWORK else None


def network_up(line=None):
    """Begins to bring the network up and returns at once; again where it failed. Nothing where it is up already.

    line: PPP over this one in place of the board's own link: any(), readinto(view), write(data), such as a modem's with
    a call on it. OSError: the image has no PPP.
    """
    if _link is not None:
        _link.up(line)
    elif line is not None:
        raise OSError(_ENODEV)


def network_down():
    """Ends it at once; what was under it may be gone."""
    if _link is not None:
        _link.down()


def network_state():
    """One of the words: "none" (there is no network here), "down", "up" (there is an address), "failed"."""
    return "none" if _link is None else _link.state()


def network_names():
    """The IPv4 addresses of the name servers that the network has told of: none while it is not up."""
    return () if _link is None else _link.names()


def network_step():
    """To be called in every turn: moves octets between line and sockets, and gives how many came in.

    At most about a packet's at a time, since a UDP socket keeps one unread datagram: read sockets after each call.
    """
    return 0 if _link is None else _link.step()
