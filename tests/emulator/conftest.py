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


@pytest.fixture(scope="session")
def network_image():
    """MicroPython for the Pico with a network, without settop."""
    from testbed.runtimes import network_image

    try:
        return network_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def frozen_network_image():
    """The same with settop, the board's modules and main.py inside."""
    from testbed.boards import load_board
    from testbed.runtimes.find import firmware_image

    try:
        return firmware_image(load_board("pico"), network=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
