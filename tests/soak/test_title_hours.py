"""A title played for ten minutes, over and over, on the emulated Pico."""

import pytest
from testbed.bench.pico_titles import pico_play_underruns, pico_title_heap_growth_bytes
from testbed.runtimes import RuntimeUnavailable, pico_image

pytestmark = [pytest.mark.soak, pytest.mark.pico]


@pytest.fixture(scope="module")
def image():
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def test_ten_minutes_of_a_looped_title_have_no_gap_and_a_flat_heap(image):
    figure = pico_play_underruns(True, image)
    print(figure.how)
    assert figure.met, figure


def test_a_title_of_ten_megabytes_takes_the_memory_of_a_small_one(image):
    figure = pico_title_heap_growth_bytes(image)
    print(figure.how)
    assert figure.met and figure.value == 0, figure
