"""Milliseconds since start, from a board's ticks that wrap."""


class Clock:
    """`now_ms()` only rises, by whatever the board's ticks say has gone by; call it at least once in six days."""

    def __init__(self, board):
        self._board = board
        self._last = board.ticks_ms()
        self._now_ms = 0

    def now_ms(self):
        ticks = self._board.ticks_ms()
        self._now_ms += self._board.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now_ms
