"""Who shares in the opener's work: nobody, a stand-in in the same thread, the second core itself where there is one.

Runs on MicroPython too.
"""

import gc

from settop.ts.kernels import pack, unpack
from settop.ts.packet import MAX_RUN, block_views, new_work
from settop.ts.second_core import SecondCore, is_there


class InlineCore:
    """Does the second core's half in finish(). `good`: runs that succeed before one fails (None: it does not begin)."""

    def __init__(self, good=-1):
        self.ended = False
        self.jobs = 0
        self._good = good
        self._job = None

    def begin(self, source, plan):
        work = new_work(MAX_RUN)
        self._kit = (source, plan, work, block_views(work))
        self.ended = self._good is None
        return not self.ended

    def start(self, cipher, span, out):
        assert self._job is None and not self.ended
        self._job = (cipher, span, out)
        self.jobs += 1

    def finish(self):
        cipher, span, out = self._job
        self._job = None
        if not self._good:
            self.ended = True
            return False
        self._good -= 1
        source, plan, work, views = self._kit
        blocks = pack(source, work, plan, span)
        if blocks:
            view = views[blocks + 3 >> 2]
            cipher.decrypt(view, view)
        unpack(source, work, out, plan)
        return True

    def end(self):
        pass


class _Opener:
    def __init__(self, name, make):
        self.name = name
        self._make = make

    def __call__(self):
        return self

    def __enter__(self):
        gc.collect()  # a board's heap has no room for many of these
        self._helper = self._make()
        return self._helper

    def __exit__(self, kind, value, trace):
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.end()  # a board has one second core


OPENERS = [_Opener("one core", lambda: None), _Opener("two halves in one thread", InlineCore)]
if is_there():
    OPENERS.append(_Opener("two cores", SecondCore))
