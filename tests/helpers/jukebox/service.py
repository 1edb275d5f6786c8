"""A toy service: plays the file `tune` through the decoder chip when somebody types `play`, and stops at `stop`."""

from settop.codec.vs1053 import Vs1053

_PIECE_BYTES = 512
_LOOK_MS = 10


def make(terminal):
    return Jukebox(terminal)


class Jukebox:
    COMMANDS = ("play", "stop")
    opener = None
    busy = ""
    refused = 0

    def __init__(self, terminal):
        self._terminal = terminal
        self._chip = Vs1053(terminal.codec())
        self._chip.start()
        self._file = None
        self._piece = bytearray(_PIECE_BYTES)
        self._at = self._end = 0
        self._told = "off"

    def command(self, words, now_ms):
        if words[0] == "play":
            self._file = open("tune", "rb")  # noqa: SIM115 (it is read from turn to turn)
            self._at = self._end = 0
        else:
            self._file = None
            self._chip.cancel()

    def step(self, now_ms):
        chip = self._chip
        due_ms = chip.step(now_ms)
        if chip.state != self._told:
            self._told = chip.state
            self._terminal.report("codec", chip.state)
        if chip.state != "ready" or self._file is None:
            return due_ms
        while True:
            if self._at == self._end:
                self._at, self._end = 0, self._file.readinto(self._piece)
                if not self._end:
                    self._file = None
                    chip.finish()
                    return now_ms
            taken = chip.write(self._piece, self._at, self._end)
            self._at += taken
            if not taken:
                return now_ms + _LOOK_MS

    def on_event(self, event, now_ms):
        pass

    def status(self):
        return "codec=" + self._chip.state

    def stop(self):
        pass
