"""What the bench measures of titles on the emulated Pico, in simulated time, and what spoils a figure."""

import pytest
from testbed.bench import pico_title_ciphers, pico_titles
from testbed.bench.pico_title_ciphers import LONG_BYTES, MP3_BYTES, pico_cbcs_vs_raw_cbc, pico_cenc_vs_raw_ecb
from testbed.bench.pico_titles import pico_play_underruns, pico_title_heap_growth_bytes
from testbed.runtimes.image import Image

IMAGE = Image(path=None, origin="none")
PLAYED = {"first": 9000, "last": 9000, "most": 9000, "samples": 2, "busy_ms": 1, "underruns": 0, "heard_ms": 60_000}


@pytest.mark.parametrize(
    ("change", "value"),
    [({}, 0), ({"underruns": 3}, 3), ({"last": 9016}, 1), ({"heard_ms": 59_000}, 1), ({"last": 8000}, 0)],
)
def test_silence_a_heap_that_grows_and_sound_that_is_missing_all_count(monkeypatch, change, value):
    monkeypatch.setattr(pico_titles, "tune", lambda seconds: b"")
    monkeypatch.setattr(pico_titles, "title", lambda source, scheme: b"")
    monkeypatch.setattr(pico_titles, "run_probe", lambda *_, **__: {**PLAYED, **change})
    figure = pico_play_underruns(image=IMAGE)
    assert (figure.value, figure.met) == (value, not value)


@pytest.mark.long
@pytest.mark.pico
def test_a_looped_title_plays_a_minute_without_a_gap_in_constant_memory(image):
    figure = pico_play_underruns(image=image)
    assert figure.met, figure


@pytest.mark.pico
def test_a_longer_title_takes_no_more_memory(image):
    """20 times the length; 1,000 times is `ringcast bench`'s."""
    figure = pico_title_heap_growth_bytes(image, 200_000)
    assert figure.met and figure.value == 0, figure


@pytest.mark.pico
@pytest.mark.parametrize("measure", [pico_cbcs_vs_raw_cbc, pico_cenc_vs_raw_ecb])
def test_opening_samples_is_near_the_bare_cipher_and_allocates_nothing(image, measure):
    figure = measure(image)
    assert figure.met and figure.how.count(" 0 bytes allocated") == 2, figure


def test_samples_that_come_out_wrong_are_worth_nothing(monkeypatch):
    said = {f"{who}{size}": 100 for who in ("ours", "raw", "octets", "right", "allocated") for size in (418, 8192)}
    assert (MP3_BYTES, LONG_BYTES) == (418, 8192)
    for wrong, value in (({}, 1.0), ({"right418": 0}, 0.0), ({"right8192": 0}, 0.0), ({"ours418": 125}, 0.8)):
        monkeypatch.setattr(pico_title_ciphers, "run_probe", lambda *_, wrong=wrong: {**said, **wrong})
        assert pico_cbcs_vs_raw_cbc(IMAGE).value == value
