"""Taking lock keys and counter off a board. Where they lie is the board's own matter (LOCK_PLACE and _vault() in its
board.py); here is how to erase those places, with nothing of ours on the board's file system."""

from settop.errors import LocalError

from testbed.boards.profile import Board

_RP2 = """\
import rp2
_b = bytearray(64)
_f = rp2.Flash()
def _has():
 for n in (-1, -2, -3, -4):
  _f.readblocks(n, _b)
  if any(o != 255 for o in _b):
   return True
 return False
_l = _has()
"""
_RP2_ERASE = "if _l:\n for _n in (-1, -2, -3, -4):\n  _f.ioctl(6, _n)\n"

_ESP32 = """\
import esp32
_n = esp32.NVS('ringcast')
_c = bytearray(64)
def _there(k):
 try:
  return _n.get_i32(k) if k == 'count' else _n.get_blob(k, _c)
 except OSError:
  return 0
def _has():
 return any(_there(k) for k in ('lock', 'lock1', 'count'))
_l = _has()
"""
_ESP32_ERASE = """\
for _k in ('lock', 'lock1', 'count'):
 if _there(_k):
  _n.erase_key(_k)
  _n.commit()
"""

# The sector stays, as erasing it stops the processor: lock keys are overwritten, which is all that the board does, and
# the counter goes on from where it is.
_STM32 = """\
def _has():
 return any(_place(b)[0] is not None for b in (0, 1))
_l = _has()
"""
_STM32_ERASE = "if _l:\n for _n in (0, 1):\n  _Slots().erase(_n)\n"


def lock_question(board: Board) -> str:
    """Code that prints whether lock keys or a counter are there. LocalError: a port of which we do not know."""
    return _setting(board)[0] + "print(repr(_l))"


def lock_erasure(board: Board) -> str:
    """Code that erases it and prints whether it is still there."""
    ask, erase, again = _setting(board)
    return ask + erase + again


def _setting(board: Board) -> tuple[str, str, str]:
    again = "print(repr(_has()))"
    if board.port == "rp2":
        return _RP2, _RP2_ERASE, again
    if board.port == "esp32":
        return _ESP32, _ESP32_ERASE, again
    if board.port == "stm32":
        return board.board_modules()["board_stm32.py"].decode() + _STM32, _STM32_ERASE, again
    raise LocalError(f"where {board.name} keeps its lock keys is not known here: {board.constants.get('LOCK_PLACE')}")
