"""Four buttons between pins and ground, loaded when somebody asks for board.buttons: BUTTONS in a board_config.py has
the pins of up, down, ok and back. Without it there are none."""

import board
from machine import Pin
from settop.errors import LocalError

_HOW = "board_config.py: BUTTONS are four pins that nothing else is on, those of up, down, ok and back"


def made():
    """What board.buttons is. AttributeError: there are none; LocalError: BUTTONS are no four pins."""
    try:
        import board_config
    except ImportError:
        board_config = None
    numbers = getattr(board_config, "BUTTONS", None)
    if numbers is None:
        raise AttributeError("buttons")
    taken = list(board.CODEC[1:])
    for pair in board.UARTS.values():
        taken += pair
    if not isinstance(numbers, tuple) or len(numbers) != 4 or len(set(numbers)) != 4:
        raise LocalError(_HOW)
    if [number for number in numbers if not isinstance(number, int) or number in taken]:
        raise LocalError(_HOW)
    try:
        pins = [Pin(number, Pin.IN, Pin.PULL_UP) for number in numbers]
    except ValueError:
        raise LocalError(_HOW)

    def buttons():
        """Bit 0 to 3: up, down, ok, back is down."""
        bits = 0
        bit = 1
        for pin in pins:
            if not pin():
                bits |= bit
            bit <<= 1
        return bits

    return buttons
