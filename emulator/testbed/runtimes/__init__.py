"""MicroPython binaries: found, fetched or built."""

from testbed.runtimes.find import network_image, pico_image, unix_binary
from testbed.runtimes.image import Binary, Image, RuntimeUnavailable

__all__ = ["Binary", "Image", "RuntimeUnavailable", "network_image", "pico_image", "unix_binary"]
