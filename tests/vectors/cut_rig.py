"""Power that goes at any step of an application's board, and slot files that lose it."""

from app_rig import Files


class PowerCut(BaseException):
    """The power is gone."""


class Power:
    """It goes after `left` steps: operations begun, octets written, operations ended. `taken`: how many there were."""

    def __init__(self):
        self.left = -1
        self.taken = 0

    def step(self):
        if not self.left:
            raise PowerCut()
        self.left -= 1
        self.taken += 1


class KeptFiles(Files):
    """Slot files; a write that is cut leaves what was written by then."""

    def __init__(self, power):
        super().__init__()
        self._step = power.step

    def write(self, path, data):
        self._step()
        self.files[path] = b""
        for at in range(len(data)):
            self._step()
            self.files[path] += bytes(data[at : at + 1])
        self._step()

    def remove(self, path):
        self._step()
        super().remove(path)
        self._step()
