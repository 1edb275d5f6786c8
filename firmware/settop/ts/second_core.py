"""The second core at work beside the first: it opens the run that it is handed, and sleeps in between.

What a Pico asks for (MicroPython 1.25, ports/rp2; there is no lock around its interpreter):
- No allocation there: a collection on the first core does not stop the second and does not see its registers. So all
  that it touches is made on the first core and stays referenced from there, and its loop is one frame that calls
  nothing but kernels and built-in methods.
- It rests in a lock, asleep (WFE) and in code that lies in RAM. The first core hands a job over by releasing the lock,
  and returns from finish() only when the job is done, so the second core is at rest whenever flash is written (the port
  locks it out then, too), keys are wiped or memory is collected.
- Its stack is its own and nothing else comes by to overwrite it. AES leaves words of the key schedule there, so after
  each run it decrypts a block under a key of zeros.
- A soft reset stops the core wherever it is; Ctrl-C reaches the first core alone.
"""

import sys
from time import sleep

from settop.crypto.aes import BLOCK_BYTES, aes_ecb
from settop.ts.kernels import await_octet, pack, unpack
from settop.ts.packet import block_views, new_work

try:
    import _thread
except ImportError:
    _thread = None

# A half takes 2 ms. What has not ended after so many looks (a quarter of a second on a Pico) never will.
_LOOKS = 4000000
_STACK_BYTES = 2048
_DONE = 1
_FAILED = 2
_GONE = 3
_PARTING_S = 0.002  # between its last word and the core being free


def is_there():
    """Whether this port can use a second core. The unix port's threads hold its interpreter while a kernel waits."""
    return _thread is not None and (sys.platform == "rp2" or sys.implementation.name != "micropython")


class SecondCore:
    """begin() once, then start() and finish() by turns, all on the first core.

    `ended`: it is not to be used any more: it failed, did not answer or was refused. `jobs`: runs that it has opened.
    """

    def __init__(self):
        self.ended = False
        self.jobs = 0
        self._gate = None
        self._state = bytearray(1)  # 0: at work
        self._job = [None, 0, None]  # cipher, span, output
        self._busy = False
        self._kept = None

    def begin(self, source, plan):
        """Make its buffers and start it. False: no core or no memory to spare, or it serves another one."""
        if self._kept is not None:
            return False
        if not is_there():
            self.ended = True
            return False
        try:
            work = new_work(len(plan) >> 1)  # it gets the smaller half of what is there
            views = block_views(work)
            block = bytearray(BLOCK_BYTES)
            broom = aes_ecb(block)
            broom.decrypt(block, block)  # its first call writes its schedule
            self._gate = _thread.allocate_lock()
            self._gate.acquire()
            # Referenced from here, too: the collector looks at the second core's stack, not at its registers.
            self._kept = kept = (self._gate, self._state, self._job, source, plan, work, views, broom, block)
            before = _thread.stack_size(_STACK_BYTES) if sys.platform == "rp2" else 0
            try:
                _thread.start_new_thread(_serve, kept)
            finally:
                if sys.platform == "rp2":
                    _thread.stack_size(before)
        except (OSError, MemoryError, RuntimeError):
            self.ended = True  # someone else uses the core, or there is no room for its stack
            return False
        # It allocates its frame, so nothing here may before it is at its gate.
        self._busy = True
        return self.finish()

    def start(self, cipher, span, out):
        """Hand over a run: `span` and `out` as for the kernels. `cipher` has decrypted before."""
        if self._busy and not self.finish():  # the first core was interrupted between start() and finish()
            return
        if self.ended:
            return
        job = self._job
        job[0] = cipher
        job[1] = span
        job[2] = out
        self._state[0] = 0
        self._busy = True
        self.jobs += 1
        self._gate.release()

    def finish(self):
        """Wait until the run is open. False: it is not and never will be; `ended` is set then."""
        if self._busy:
            if await_octet(self._state, _LOOKS) != _DONE:
                self.ended = True
            self._busy = False
        return not self.ended

    def end(self):
        """Send it away: the core is free for another. A board has only one."""
        if self._gate is None or not self.finish():
            return
        self._job[0] = None
        self._state[0] = 0
        self._gate.release()
        await_octet(self._state, _LOOKS)
        self.ended = True
        sleep(_PARTING_S)


def _serve(gate, state, job, source, plan, work, views, broom, block):
    """Runs on the second core. Allocates nothing once it has said that it is there."""
    kernel_pack = pack
    kernel_unpack = unpack
    state[0] = _DONE
    try:
        while True:
            gate.acquire()
            cipher = job[0]
            if cipher is None:
                break
            blocks = kernel_pack(source, work, plan, job[1])
            if blocks:
                view = views[blocks + 3 >> 2]
                cipher.decrypt(view, view)
            kernel_unpack(source, work, job[2], plan)
            state[0] = _DONE
            broom.decrypt(block, block)
        state[0] = _GONE
    except Exception:
        broom.decrypt(block, block)
        state[0] = _FAILED
