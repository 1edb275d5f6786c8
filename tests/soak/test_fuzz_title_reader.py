"""The terminal's reader of titles against damaged and invented ones: samples are played, or one error says why not.

As test_fuzz_titles.py does to the head-end's: numbers, sizes and kinds of boxes are changed, boxes left out, doubled,
in each other's place, cut. Here they come in pieces of any size, to a unit that takes what it likes.
"""

import random
import sys
from pathlib import Path

import pytest
from headend.titles.protection import CBCS, CENC
from testbed.machines.cpython import use_shims

from tests.helpers.title_fuzz import Counted, is_played, measured
from tests.helpers.tunes import packed, tune

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "vectors")]
use_shims()
from settop.titles.header import FILM, SOUND  # noqa: E402
from settop.titles.reader import TitleReader  # noqa: E402
from test_fuzz_titles import damaged  # noqa: E402
from title_rig import keys  # noqa: E402
from title_vectors import CBCS as CBCS_TITLE  # noqa: E402
from title_vectors import CENC as CENC_TITLE  # noqa: E402
from title_vectors import CLEAR  # noqa: E402

MEMORY_BYTES = 60_000
"""What a reader and one fragment's samples take, on CPython."""


@pytest.fixture(scope="module")
def titles(tmp_path_factory):
    """(title, which track)"""
    folder = tmp_path_factory.mktemp("titles")
    film = packed(tune("silent_film", 0.2), folder / "film.mp4", CENC, "16", fragment_s=0.1)
    pattern = packed(tune("silent_film", 0.2), folder / "pattern.mp4", CBCS, fragment_s=0.1)
    both = packed(tune("film", 0.2), folder / "both.mp4", CBCS, fragment_s=0.1)
    return [
        *((title, SOUND) for title in (CLEAR, CENC_TITLE, CBCS_TITLE, both.read_bytes())),
        (CENC_TITLE.replace(b"senc", b"free"), SOUND),
        (film.read_bytes(), FILM),
        (pattern.read_bytes(), FILM),
    ]


def test_a_damaged_title_is_played_or_refused(titles, cases):
    rng = random.Random("fuzz title reader")
    played = refused = 0
    for number in cases(300):
        title, kind = rng.choice(titles)
        data = damaged(rng, title)
        unit = Counted(rng.choice((None, 1, 7, 300)))
        step = rng.choice((1, 3, 16, 100, 700, len(data) or 1)) if len(data) < 5_000 else rng.choice((100, 700, 5_000))
        told = data.hex
        with measured(number, MEMORY_BYTES + len(title), told):
            whole = is_played(number, TitleReader(keys, None, kind, unit.make), unit, data, step, told)
        played += whole
        refused += not whole
    assert played > 10 and refused > 10
