"""What several files of this folder need."""

import pytest
from testbed.runtimes import RuntimeUnavailable, pico_image


@pytest.fixture(scope="session")
def image():
    """Stock MicroPython for the Pico."""
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
