"""The figures of merit, in the order in which they are measured. What one needs is loaded when it is wanted."""

from collections.abc import Callable

from testbed.bench.figure import Figure


def _descramble(long: bool) -> Figure:
    from testbed.bench.pico_descramble import pico_descramble_vs_raw_cbc

    return pico_descramble_vs_raw_cbc()


def _two_cores(long: bool) -> Figure:
    from testbed.bench.pico_descramble import pico_two_core_descramble_vs_raw_cbc

    return pico_two_core_descramble_vs_raw_cbc()


def _heap(long: bool) -> Figure:
    from testbed.bench.pico_call import pico_heap_in_call_bytes

    return pico_heap_in_call_bytes(long)


def _free_heap(long: bool) -> Figure:
    from testbed.bench.pico_boot import frozen_heap_free_bytes

    return frozen_heap_free_bytes()


def _boot(long: bool) -> Figure:
    from testbed.bench.pico_boot import boot_to_dialling_ms

    return boot_to_dialling_ms()


def _keystore(long: bool) -> Figure:
    from testbed.bench.pico_keystore import keystore_store_ms

    return keystore_store_ms()


def _tuner(long: bool) -> Figure:
    from testbed.bench.pico_tuner import tuner_uart_lost_bytes

    return tuner_uart_lost_bytes(long)


def _scramble(long: bool) -> Figure:
    from testbed.bench.host_ts import host_scramble_vs_per_packet

    return host_scramble_vs_per_packet()


def _scramble_file(long: bool) -> Figure:
    from testbed.bench.host_ts import scramble_vs_ffmpeg_copy

    return scramble_vs_ffmpeg_copy()


def _demo(long: bool) -> Figure:
    from testbed.bench.demo_wall import demo_wall_vs_clip

    return demo_wall_vs_clip()


def _cable(long: bool) -> Figure:
    from testbed.bench.one_cable import one_cable_vs_usb

    return one_cable_vs_usb()


FIGURES: dict[str, Callable[[bool], Figure]] = {
    "pico_descramble_vs_raw_cbc": _descramble,
    "pico_two_core_descramble_vs_raw_cbc": _two_cores,
    "pico_heap_in_call_bytes": _heap,
    "frozen_heap_free_bytes": _free_heap,
    "boot_to_dialling_ms": _boot,
    "keystore_store_ms": _keystore,
    "tuner_uart_lost_bytes": _tuner,
    "one_cable_vs_usb": _cable,
    "host_scramble_vs_per_packet": _scramble,
    "scramble_vs_ffmpeg_copy": _scramble_file,
    "demo_wall_vs_clip": _demo,
}


def measure(name: str, long: bool = False) -> Figure:
    """Measure one of FIGURES; `long` makes soaks of those that have one. KeyError for another name."""
    return FIGURES[name](long)
