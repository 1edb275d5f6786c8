"""`ringcast flash` on emulated Picos on which somebody has worked before: real MicroPython, a real littlefs, plain
mpremote. A program of three files stands for the terminal, so that a flash takes seconds."""

import subprocess
import sys

import pytest
from settop.version import FORMATS
from testbed.boards import load_board
from testbed.deploy.errors import NoPrompt
from testbed.deploy.flash import erase_board, flash_board
from testbed.deploy.plan import MANIFEST
from testbed.hil.board_process import BoardProcess
from testbed.machines.pico_flash import FILES_START, files_image, load_uf2
from testbed.runtimes import RuntimeUnavailable, pico_image
from testbed.runtimes.find import firmware_image

from tests.emulator.test_flash import SmallBoard, small

pytestmark = pytest.mark.pico


class Speaking(SmallBoard):
    sources = {
        "lib/settop/__init__.py": b"",
        "lib/settop/app.py": b"def go():\n    print('@ 1 ready board=pico formats=%d boot=0 terminal=none')\n"
        % FORMATS,
        "main.py": b"import settop.app, time\nsettop.app.go()\nwhile True:\n    time.sleep(1)\n",
        "boot.py": b"# boot\n",
    }


BOARD = small(Speaking)
PATHS = {"boot.py", "lib", "main.py", MANIFEST}
RAM = """
import os, vfs
class Ram:
    def __init__(self): self.data = bytearray(512 * 64)
    def readblocks(self, n, buf, at=0): buf[:] = self.data[n * 512 + at : n * 512 + at + len(buf)]
    def writeblocks(self, n, buf, at=0): self.data[n * 512 + at : n * 512 + at + len(buf)] = buf
    def ioctl(self, op, arg): return {4: 64, 5: 512, 6: 0}.get(op)
ram = Ram()
vfs.VfsLfs2.mkfs(ram)
"""
FLASH = "import os, vfs, rp2\nvfs.umount('/')\nfs = vfs.VfsLfs2(rp2.Flash(), progsize=256)\n"
BOOTS = {
    "changes the folder": "import os\ntry:\n    os.mkdir('app')\nexcept OSError:\n    pass\nos.chdir('/app')\n",
    "changes sys.path": "import sys\nsys.path.clear()\nsys.path.append('/app')\n",
    "mounts the flash elsewhere": FLASH + "vfs.mount(fs, '/data')\nos.chdir('/data')\n",
    "mounts the flash read-only": FLASH + "vfs.mount(fs, '/', readonly=True)\n",
    "unmounts everything": "import vfs\nvfs.umount('/')\n",
    "works on a ramdisk": RAM + "vfs.mount(ram, '/ram')\nos.chdir('/ram')\n",
    "mounts a ramdisk over the flash": RAM + "vfs.umount('/')\nvfs.mount(ram, '/')\n",
}


@pytest.fixture
def start(tmp_path):
    """start(files): a board process with these files on it; it ends with the test."""
    try:
        image = pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    made = []

    def make(files, *options):
        kept = tmp_path / "flash"
        if files is not None:
            contents = bytearray(load_uf2(image.path))
            contents[FILES_START:] = files_image({name: text.encode() for name, text in files.items()})
            kept.write_bytes(contents)
        made.append(BoardProcess(tmp_path / f"pico{len(made)}", "--flash", str(kept), *options))
        made[-1].start()
        return made[-1]

    yield make
    for process in made:
        process.close()


def usb(process):
    return str(process.ports["usb"])


def mpremote(process, *words):
    words = (sys.executable, "-m", "mpremote", "connect", usb(process), *words)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(process, folder="/"):
    return set(mpremote(process, "exec", f"import os; print(*os.listdir({folder!r}))").split())


@pytest.mark.parametrize("code", BOOTS.values(), ids=BOOTS)
def test_whatever_boot_py_does_the_terminal_starts_after_the_flash(start, code):
    process = start({"boot.py": code})
    report = flash_board(usb(process), BOARD)
    assert report.ready and report.kept == {"boot.py": "boot.py.kept"}
    assert names(process) - {"app"} == PATHS | {"boot.py.kept"}
    process.power_cycle()
    again = flash_board(usb(process), BOARD)
    assert again.ready and again.transferred == {} and again.kept == {}


def test_what_is_in_the_way_is_kept_and_comes_back(start):
    process = start({"notes.txt": "mine", "lib": "a file", "main.py/a.py": "x", "ringcast.part/b": "y"})
    report = flash_board(usb(process), BOARD)
    assert report.ready
    assert report.kept == {path: path + ".kept" for path in ("lib", "main.py", "ringcast.part")}
    erase_board(usb(process), BOARD)
    assert names(process) == {"notes.txt", "lib", "main.py", "ringcast.part"}
    assert names(process, "/main.py") == {"a.py"}


def test_a_folder_that_hides_the_package_goes_by_the_command_that_is_recommended(start):
    process = start({"settop/app.py": "x"})
    with pytest.raises(Exception, match="would be imported instead") as caught:
        flash_board(usb(process), BOARD)
    words = str(caught.value).partition("(")[2].partition(")")[0].split()
    assert words[:3] == ["mpremote", "connect", usb(process)]
    mpremote(process, *words[3:])
    assert flash_board(usb(process), BOARD).ready


ENDLESS = "while True:\n    print('waiting for the network')\n"


@pytest.mark.long
def test_a_boot_py_that_prints_for_ever_is_stopped(start):
    """Where the board had started before it was put there."""
    process = start({})
    mpremote(process, "exec", f"f = open('boot.py', 'w'); f.write({ENDLESS!r}); f.close()")
    report = flash_board(usb(process), BOARD)
    assert report.ready and report.kept == {"boot.py": "boot.py.kept"}


@pytest.mark.long
def test_what_is_recommended_against_a_boot_py_that_never_ends_helps(start):
    """A Pico's USB port comes up after boot.py: nobody can say anything to this one."""
    process = start({"boot.py": ENDLESS})
    with pytest.raises(
        NoPrompt, match=r"is silent.*Of either: erase the flash .* put MicroPython on it anew, and flash"
    ):
        flash_board(usb(process), BOARD)
    process.close()
    assert flash_board(usb(start(None, "--blank")), BOARD).ready


@pytest.mark.long
def test_what_is_recommended_against_a_main_py_that_keeps_ctrl_c_helps(start):
    """The image with the terminal inside, on the same files: it runs instead of that main.py, with its settings, though
    boot.py changes the folder."""
    endless = "while True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass\n"
    boot = BOOTS["changes the folder"] + BOOTS["changes sys.path"]
    process = start({"boot.py": boot, "app/main.py": "import time\n" + endless})
    pico = load_board("pico")
    with pytest.raises(NoPrompt, match=r"`\./ringcast firmware --board pico` makes an image with the terminal inside"):
        flash_board(usb(process), pico)
    process.close()
    process = start(None, "--uf2", str(firmware_image(pico).path))
    report = flash_board(usb(process), pico, {"CORES": 1, "LINK": "cable"})
    assert report.found.frozen and report.kept == {}
    assert report.ready, "over the cable, which it would not speak without its settings"
