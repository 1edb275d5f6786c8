"""A board for updates in memory, which loses power at any step: keystore_rig's, with modules in the same flash."""

import keystore_rig
from keystore_rig import Flash, PowerCut, provisioned  # noqa: F401 (for the tests)
from settop.keystore.keystore import Keystore, Records
from settop.updates.modules import Modules
from settop.updates.reception import Reception
from update_vectors import SIGNER


class Board(keystore_rig.Board):
    NAME = "test"
    SIGNER = SIGNER

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.MODULE_FILES = ModuleFiles(self)


class ModuleFiles:
    """A cut append leaves what was written by then."""

    def __init__(self, board):
        self._board = board
        self._path = None

    def begin(self, path):
        self._board.step()
        self._path = path
        self._board.flash.files[path] = b""
        self._board.step()

    def append(self, octets):
        files = self._board.flash.files
        if self._board.room is not None and len(files[self._path]) + len(octets) > self._board.room:
            raise OSError(28)
        for octet in bytes(octets):
            files[self._path] += bytes((octet,))
            self._board.step()

    def close(self):
        self._path = None
        self._board.step()

    def pieces(self, path, view):
        data = self._board.flash.files.get(path, b"")
        for at in range(0, len(data), len(view)):
            piece = data[at : at + len(view)]
            view[: len(piece)] = piece
            yield len(piece)

    def remove(self, path):
        self._board.remove(path)

    def names(self, folder):
        return self._board.names(folder)


class AppFlash:
    """Files of app_rig's board, as ModuleFiles wants them."""

    def __init__(self, board):
        self.flash = self
        self.files = board.FILES.files
        self.room = None
        self.remove = board.FILES.remove
        self.names = board.FILES.names

    def step(self):
        pass


def modules_of(board):
    """The ModuleFiles of app_rig's board."""
    return ModuleFiles(AppFlash(board))


class Terminal:
    """Keystore and modules behind a start on a board with this flash. `told`: what modules were reported of."""

    def __init__(self, flash, **options):
        self.board = Board(flash, **options)
        self.told = []
        self.keystore = Keystore(self.board)
        self.number, self.wrong = self.keystore.start()
        self.modules = Modules(self.board, Records(self.keystore, "update"), self._tell)

    def _tell(self, name, text):
        self.told.append(name + " " + text)

    def receive(self, octets, size=64):
        """The module's name; raises what a Reception does."""
        coming = Reception(self.modules)
        for at in range(0, len(octets), size):
            coming.write(octets[at : at + size])
        return coming.finish()

    def runs(self, name="beep"):
        """What the module that would run makes; None: there is none."""
        module, trial = self.modules.start(name)
        if trial:
            self.modules.came_up(name)
        return None if module is None else module.make(None, 8000, 1, b"")

    def files(self):
        """The paths of modules, in order."""
        return sorted([path for path in self.board.flash.files if path.startswith("update/")])


def installed(*vectors):
    """The flash of a provisioned terminal to which these came, one behind the other, and came up."""
    flash = provisioned()
    for octets in vectors:
        terminal = Terminal(flash)
        terminal.receive(octets)
        terminal.runs()
    return flash
