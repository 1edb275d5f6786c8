# on the pico: long
"""Random tables against a model of what they mean, written from the standard: the same PIDs after every section."""

import small_stream as air
from programmes_rig import feed, kind
from settop.player.programmes import Programmes
from settop.services.call.opener import recognise
from settop.ts import packet as ts

NUMBERS = 4
PMT_PIDS = (0x10, 0x20, 0x21, 0x22, 0x100, 0x101)
STREAM_PIDS = (5, 0x10, 0x12, 0x1F, 0x20, 0x21, 0x100, 0x101, 0x102, 0x1FFF, air.ECM_PID)
TYPES = (0x1B, 0x0F, 0x06, 0x05, 0x86)
SECTIONS = (0x05, 0x86)
RUBBISH = (b"", b"\x0a", b"\x0a\xff", b"\x80\xfa" + bytes(250), b"\x80\xfa" + bytes(250) + b"\x09")


class Model:
    """The PAT in force, and of each programme in it the last PMT that came where it says."""

    def __init__(self):
        self.pat = {}
        self.pmts = {}

    def on_pat(self, entries):
        self.pat = {number: pid for number, pid in entries if number and 0x10 <= pid < 0x1FFF}
        self.pmts = {number: pmt for number, pmt in self.pmts.items() if number in self.pat}

    def streams(self):
        pids = set()
        for streams, ours in self.pmts.values():
            if ours:
                sections = {pid for one, pid in streams if one in SECTIONS}
                pids |= {pid for one, pid in streams if one not in SECTIONS} - sections
        pids -= set(self.pat.values())
        pids.discard(air.ECM_PID)
        return {pid for pid in pids if 0x10 <= pid < 0x1FFF}


def pick(rng, choices):
    return choices[rng.below(len(choices))]


def test_random_tables_mean_what_a_model_says():
    rng = air.Rng(91)
    for _ in range(air.times(40) if air.times(8) > 1 else 2):
        programmes, model = Programmes(recognise), Model()
        counters = {}
        for _ in range(25):
            current = 1 if rng.below(10) else 0
            version = rng.below(3)
            if rng.below(3) == 0:
                # A number has one PID: which of two counts is not for the standard to say.
                numbers = [n for n in range(1, NUMBERS + 1) if rng.below(2)]
                entries = [(0, 0x10)] + [(n, pick(rng, PMT_PIDS + (5, 0x1FFF))) for n in numbers]
                pid, section = 0, air.pat(entries, version, current)
                if current:
                    model.on_pat(entries)
            else:
                number, pid = 1 + rng.below(NUMBERS), pick(rng, PMT_PIDS)
                streams = [(pick(rng, TYPES), pick(rng, STREAM_PIDS), pick(rng, RUBBISH)) for _ in range(rng.below(5))]
                ours = rng.below(5) > 0
                descriptors = (air.ca_descriptor() if ours else b"") + pick(rng, RUBBISH)
                section = air.pmt(number, streams, descriptors, 0x1FFF, version, current)
                if len(section) > 1024:
                    continue
                if current and model.pat.get(number) == pid:
                    model.pmts[number] = ([one[:2] for one in streams], ours)
            if pid == 0 or kind(programmes, pid) == ts.PID_PMT:
                feed(programmes, pid, section, counters.get(pid, 0))
            counters[pid] = counters.get(pid, 0) + rng.below(16)
            found = {at for at in STREAM_PIDS + PMT_PIDS if kind(programmes, at) == ts.PID_ES}
            assert found == model.streams()
