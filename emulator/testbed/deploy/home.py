"""Where a board's main.py lies, whatever its boot.py has done: the working folder changed, other file systems mounted,
its own one taken away or made read-only.

MicroPython mounts the board's file system, runs boot.py, and then main.py from the working folder. Our boot.py does
nothing, so that what we put at the board's home is what the next start finds; another boot.py has run before we come.
"""

from testbed.deploy.agent import Agent
from testbed.deploy.errors import NOT_WRITABLE, BoardRaised, FileSystemTaken

_HOME = """\
def _rc_home():
 h = '/'
 if sys.platform == 'pyboard':
  h = ([p for p in sys.path if p in ('/flash', '/sd')] + ['/flash'])[0]
 try:
  os.chdir(h)
  s = os.statvfs(h)
  return h, s[0] * s[2]
 except OSError:
  return h, 0
"""
"""A pyboard starts from its card where there is one, and then has that first in sys.path (ports/stm32/main.c)."""

_REMOUNT = {
    "rp2": """\
import vfs, rp2
def _rc_remount():
 b = rp2.Flash()
 try:
  f = vfs.VfsLfs2(b, progsize=256)
 except OSError:
  f = vfs.VfsFat(b)
 for _ in range(2):
  for p in ['/'] + ['/' + e[0] for e in os.ilistdir('/')]:
   try:
    vfs.umount(p)
   except OSError:
    pass
 vfs.mount(f, '/')
 os.chdir('/')
""",
}
"""As the port's own _boot.py mounts it, by sys.platform; raises OSError where the flash has no file system. What else
was mounted goes: two of one flash would each write over the other's files."""

_OTHER = {
    "rp2": "b = rp2.Flash()\nprint(_rc_home()[1] != b.ioctl(4, 0) * b.ioctl(5, 0))",
}
"""Prints whether what is mounted at home is not the whole of the flash's file system."""

_TRY = "open('ringcast.try', 'wb').close()\nos.remove('ringcast.try')"


def go_home(agent: Agent) -> str:
    """Make the board's home its working folder until its next start; returns it.

    Mounts the board's own file system there where another lies, or none. Raises FileSystemTaken where we cannot.
    """
    home, size = agent.value(_HOME + "print(repr(_rc_home()))")
    platform = agent.value("print(repr(sys.platform))")
    other = platform in _OTHER and bool(agent.value("import rp2\n" + _OTHER[platform]))
    if not size or other:
        remounted = _remount(agent, platform)
        if not size and not remounted:
            raise FileSystemTaken(home, "no file system is mounted there")
    return str(home)


def make_writable(agent: Agent, home: str) -> None:
    """See to it that files can be put at home. Raises FileSystemTaken where they cannot."""
    problem = _refusal(agent)
    if problem and _remount(agent, agent.value("print(repr(sys.platform))")):
        problem = _refusal(agent)
    if problem:
        raise FileSystemTaken(home, "it takes no files, as a read-only one")


def _refusal(agent: Agent) -> bool:
    """Whether the file system takes no files at all. What else may be wrong will be said with the file's path."""
    try:
        agent.value(_TRY + "\nprint(0)")
    except BoardRaised as error:
        return error.errno in NOT_WRITABLE
    return False


def _remount(agent: Agent, platform: str) -> bool:
    if platform not in _REMOUNT:
        return False
    try:
        agent.value(_REMOUNT[platform] + "_rc_remount()\nprint(1)")
    except BoardRaised:
        return False
    return True
