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


def _ed25519(long: bool) -> Figure:
    from testbed.bench.pico_ed25519 import pico_ed25519_verify_ms

    return pico_ed25519_verify_ms()


def _tuner(long: bool) -> Figure:
    from testbed.bench.pico_tuner import tuner_uart_lost_bytes

    return tuner_uart_lost_bytes(long)


def _codec_feed(long: bool) -> Figure:
    from testbed.bench.pico_codec import pico_codec_feed_kbytes_s

    return pico_codec_feed_kbytes_s()


def _codec_core(long: bool) -> Figure:
    from testbed.bench.pico_codec import pico_codec_core_percent

    return pico_codec_core_percent()


def _adpcm(long: bool) -> Figure:
    from testbed.bench.pico_codec import pico_adpcm_samples_s

    return pico_adpcm_samples_s()


def _play(long: bool) -> Figure:
    from testbed.bench.pico_titles import pico_play_underruns

    return pico_play_underruns(long)


def _title_heap(long: bool) -> Figure:
    from testbed.bench.pico_titles import pico_title_heap_growth_bytes

    return pico_title_heap_growth_bytes()


def _cbcs(long: bool) -> Figure:
    from testbed.bench.pico_title_ciphers import pico_cbcs_vs_raw_cbc

    return pico_cbcs_vs_raw_cbc()


def _cenc(long: bool) -> Figure:
    from testbed.bench.pico_title_ciphers import pico_cenc_vs_raw_ecb

    return pico_cenc_vs_raw_ecb()


def _srtp(long: bool) -> Figure:
    from testbed.bench.pico_srtp import pico_srtp_vs_raw

    return pico_srtp_vs_raw()


def _srtp_unix(long: bool) -> Figure:
    from testbed.bench.unix_srtp import unix_srtp_vs_libsrtp

    return unix_srtp_vs_libsrtp()


def _tdes(long: bool) -> Figure:
    from testbed.bench.pico_tdes import pico_tdes_vs_aes

    return pico_tdes_vs_aes()


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


def _network(name: str) -> Callable[[bool], Figure]:
    def measured(long: bool) -> Figure:
        from testbed.bench import pico_network

        figure: Figure = getattr(pico_network, name)()
        return figure

    return measured


def _tls(long: bool) -> Figure:
    from testbed.bench.pico_tls import tls_handshake_ms

    return tls_handshake_ms()


def _titles(long: bool) -> Figure:
    from testbed.bench.host_titles import title_pack_vs_shaka

    return title_pack_vs_shaka()


def _shop(long: bool) -> Figure:
    from testbed.bench.host_shop import shop_purchases_vs_bare_sql

    return shop_purchases_vs_bare_sql()


def _shop_web(long: bool) -> Figure:
    from testbed.bench.host_shop_web import shop_requests_vs_bare_fastapi

    return shop_requests_vs_bare_fastapi()


FIGURES: dict[str, Callable[[bool], Figure]] = {
    "pico_descramble_vs_raw_cbc": _descramble,
    "pico_two_core_descramble_vs_raw_cbc": _two_cores,
    "pico_heap_in_call_bytes": _heap,
    "frozen_heap_free_bytes": _free_heap,
    "boot_to_dialling_ms": _boot,
    "keystore_store_ms": _keystore,
    "pico_ed25519_verify_ms": _ed25519,
    "tuner_uart_lost_bytes": _tuner,
    "one_cable_vs_usb": _cable,
    **{
        name: _network(name)
        for name in (
            "pico_tcp_in_kbyte_s",
            "pico_tcp_out_kbyte_s",
            "pico_udp_kbyte_s_without_loss",
            "pico_udp_core_busy_percent",
            "network_heap_bytes",
            "ppp_up_ms",
        )
    },
    "tls_handshake_ms": _tls,
    "pico_codec_feed_kbytes_s": _codec_feed,
    "pico_codec_core_percent": _codec_core,
    "pico_adpcm_samples_s": _adpcm,
    "pico_play_underruns": _play,
    "pico_title_heap_growth_bytes": _title_heap,
    "pico_cbcs_vs_raw_cbc": _cbcs,
    "pico_cenc_vs_raw_ecb": _cenc,
    "pico_srtp_vs_raw": _srtp,
    "unix_srtp_vs_libsrtp": _srtp_unix,
    "pico_tdes_vs_aes": _tdes,
    "host_scramble_vs_per_packet": _scramble,
    "scramble_vs_ffmpeg_copy": _scramble_file,
    "title_pack_vs_shaka": _titles,
    "shop_purchases_vs_bare_sql": _shop,
    "shop_requests_vs_bare_fastapi": _shop_web,
    "demo_wall_vs_clip": _demo,
}


def measure(name: str, long: bool = False) -> Figure:
    """Measure one of FIGURES; `long` makes soaks of those that have one. KeyError for another name."""
    return FIGURES[name](long)
