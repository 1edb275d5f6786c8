"""The broadcaster's timer: who comes by it hears what one hears who comes every millisecond."""

import random

import numpy as np
from headend.broadcast.broadcaster import Broadcaster
from headend.broadcast.schedule import Broadcast
from headend.ts.portions import Portion

END_MS = 900


class Told(Broadcast):
    """Keeps what was announced, with the instant on the centre's clock."""

    def announce(self, portion, start_ms, next_ms, last=False):
        super().announce(portion, start_ms, next_ms, last)
        self.said.append((portion, start_ms, next_ms, last))

    def over(self):
        if self.position is not None:
            self.said.append("over")
        super().over()


def on_air(folder):
    rng = random.Random(3)
    times_ms = sorted(rng.randrange(END_MS - 100) for _ in range(60))
    stream = folder / "stream.ts"
    stream.write_bytes(b"".join(b"\x47" + bytes([number]) * 187 for number in range(60)))
    portions = [Portion(index, 0, 0, index * 300 + 5) for index in range(3)]
    broadcast = Told(1, b"broadcst", bytes(32))
    broadcast.said = []
    return Broadcaster(stream, np.array(times_ms) * 1_000_000 + 999, portions, broadcast, END_MS)


def test_coming_by_the_timer_brings_what_coming_every_millisecond_brings(tmp_path):
    patient, busy = on_air(tmp_path), on_air(tmp_path)
    heard, every, rounds = [], [], 0
    while (at_ms := patient.next_timer()) is not None:
        heard += [(at_ms, data)] if (data := patient.due(at_ms, at_ms + 40)) else []
        rounds += 1
    for at_ms in range(END_MS + 50):
        every += [(at_ms, data)] if (data := busy.due(at_ms, at_ms + 40)) else []
    assert heard == every
    assert patient.broadcast.said == busy.broadcast.said
    assert len(patient.broadcast.said) == 4 and patient.broadcast.said[-1] == "over"
    assert rounds < 70
