"""Taking the lock key off a board. Where it lies is the board's own matter (LOCK_PLACE in its board.py, load_lock and
store_lock); here is how to erase that place, with nothing of ours on the board's file system."""

from settop.errors import LocalError

from testbed.boards.profile import Board

_RP2 = """\
import rp2
_b = bytearray(64)
_f = rp2.Flash()
_f.readblocks(-1, _b)
_l = any(o != 255 for o in _b)
"""
_RP2_ERASE = "if _l:\n _f.ioctl(6, -1)\n_f.readblocks(-1, _b)\n"

_ESP32 = """\
import esp32
_n = esp32.NVS('ringcast')
def _has():
 try:
  return _n.get_blob('lock', bytearray(32)) > 0
 except OSError:
  return False
_l = _has()
"""
_ESP32_ERASE = "if _l:\n _n.erase_key('lock')\n _n.commit()\n"

# The sector stays, as erasing it stops the processor: the record is overwritten, which is all that store_lock does.
_STM32 = "_l = _find()[0] is not None\n"
_STM32_ERASE = "if _l:\n _write(_find()[0], bytes(_RECORD_BYTES))\n"


def lock_question(board: Board) -> str:
    """Code that prints whether a lock key is there. LocalError: a port of which we do not know."""
    return _setting(board)[0] + "print(repr(_l))"


def lock_erasure(board: Board) -> str:
    """Code that erases it and prints whether it is still there."""
    ask, erase, again = _setting(board)
    return ask + erase + again


def _setting(board: Board) -> tuple[str, str, str]:
    if board.port == "rp2":
        return _RP2, _RP2_ERASE, "print(repr(any(o != 255 for o in _b)))"
    if board.port == "esp32":
        return _ESP32, _ESP32_ERASE, "print(repr(_has()))"
    if board.port == "stm32":
        source = board.board_modules()["board_stm32.py"].decode()
        return source + _STM32, _STM32_ERASE, "print(repr(_find()[0] is not None))"
    raise LocalError(f"where {board.name} keeps its lock key is not known here: {board.constants.get('LOCK_PLACE')}")
