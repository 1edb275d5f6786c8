"""The bench: its list of figures, what a figure says, and what makes a measurement count as failed."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from headend.ts.portions import packet_times_ns
from settop.errors import LocalError
from settop.wire.transport import NULL_PID
from testbed.bench import demo_wall, figures, pico_tuner
from testbed.bench.figure import Figure
from testbed.bench.pico_boot import boot_to_dialling_ms, frozen_heap_free_bytes
from testbed.bench.pico_call import faults, frozen_runtime, make_dense_clip
from testbed.bench.pico_codec import pico_adpcm_samples_s, pico_codec_core_percent
from testbed.bench.pico_descramble import pico_descramble_vs_raw_cbc, pico_two_core_descramble_vs_raw_cbc
from testbed.bench.pico_keystore import STORES, store_of, stores
from testbed.bench.pico_probe import run_probe
from testbed.bench.pico_tuner import idle_share, lost_bytes
from testbed.commands import play
from testbed.machines.base import MachineError
from testbed.machines.pico_flash_watch import FlashCommand
from testbed.runtimes import RuntimeUnavailable, pico_image
from testbed.runtimes.image import Image
from testbed.station import ConsoleEvent

STATUS = "call=talking damaged=0 resyncs=0 lost=0 overflow=0 refused=0 heap_used=90000"


def terminal(status, *clear_packets, equal=True):
    """A finished run's terminal with portions of 10 scrambled packets each."""
    portions = [
        SimpleNamespace(index=i, scrambled_packets=10, clear_packets=count, clear_equal_original=equal)
        for i, count in enumerate(clear_packets)
    ]
    # The last one comes when all is over, and the call too.
    events = [ConsoleEvent(0, "status", status), ConsoleEvent(1, "status", status.replace("talking", "idle"))]
    events = events if status else []
    return SimpleNamespace(
        station=SimpleNamespace(events=lambda name: events), analysis=SimpleNamespace(portions=portions)
    )


def test_the_promised_figures_are_there_in_their_order():
    assert list(figures.FIGURES) == [
        "pico_descramble_vs_raw_cbc",
        "pico_two_core_descramble_vs_raw_cbc",
        "pico_heap_in_call_bytes",
        "frozen_heap_free_bytes",
        "boot_to_dialling_ms",
        "keystore_store_ms",
        "pico_ed25519_verify_ms",
        "tuner_uart_lost_bytes",
        "one_cable_vs_usb",
        "pico_tcp_in_kbyte_s",
        "pico_tcp_out_kbyte_s",
        "pico_udp_kbyte_s_without_loss",
        "pico_udp_core_busy_percent",
        "network_heap_bytes",
        "ppp_up_ms",
        "tls_handshake_ms",
        "pico_codec_feed_kbytes_s",
        "pico_codec_core_percent",
        "pico_adpcm_samples_s",
        "pico_play_underruns",
        "pico_title_heap_growth_bytes",
        "pico_cbcs_vs_raw_cbc",
        "pico_cenc_vs_raw_ecb",
        "pico_srtp_vs_raw",
        "unix_srtp_vs_libsrtp",
        "pico_tdes_vs_aes",
        "host_scramble_vs_per_packet",
        "scramble_vs_ffmpeg_copy",
        "title_pack_vs_shaka",
        "shop_purchases_vs_bare_sql",
        "shop_requests_vs_bare_fastapi",
        "demo_wall_vs_clip",
    ]


def test_a_store_takes_what_the_flash_takes_by_its_data_sheet():
    erase, program = FlashCommand(0, 4096, None), FlashCommand(0, 256, bytes(256))
    store = store_of(12_500, [erase, program, program])
    assert (store.erases, store.programs) == (1, 2)
    assert store.took_ms() == pytest.approx(12.5 + 45 + 2 * 0.4)
    assert store.took_ms(most=True) == pytest.approx(12.5 + 400 + 2 * 3)


@pytest.mark.pico
def test_stores_on_the_emulated_pico_are_counted_one_by_one():
    try:
        done = stores(pico_image())
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    assert len(done) == STORES
    assert all(store.programs >= 1 and store.computed_ms > 1 for store in done)
    assert any(store.erases for store in done)  # littlefs begins a new block now and then


def test_measure_hands_the_length_on(monkeypatch):
    monkeypatch.setitem(
        figures.FIGURES, "demo_wall_vs_clip", lambda long: Figure("x", float(long), "s", 1.0, "lower", "")
    )
    assert figures.measure("demo_wall_vs_clip", True).value == 1.0


def test_the_demo_is_measured_at_the_length_that_it_has_by_itself():
    assert demo_wall.CLIP_S == play.DEFAULT_CLIP_S


@pytest.mark.parametrize(
    ("better", "value", "met"),
    [("higher", 0.9, True), ("higher", 0.89, False), ("lower", 0.9, True), ("lower", 0.91, False)],
)
def test_a_figure_meets_its_goal_on_the_right_side_of_it(better, value, met):
    figure = Figure("name", value, "ratio", 0.9, better, "so")
    assert figure.met is met
    assert list(json.loads(json.dumps(figure.as_json()))) == ["name", "value", "unit", "goal", "better", "how"]


def test_a_call_that_lost_nothing_has_no_faults():
    assert faults(terminal(STATUS, 3, 10, 10)) == []


@pytest.mark.parametrize(
    ("status", "clear", "equal", "complaint"),
    [
        (STATUS.replace("resyncs=0", "resyncs=2"), (3, 10), True, "resyncs=2"),
        (STATUS.replace("lost=0", "lost=5"), (3, 10), True, "lost=5"),
        (STATUS, (3, 9), True, "not wholly clear: portions 1"),
        (STATUS, (3, 10), False, "not equal to the original: portions 0, 1"),
        (STATUS.replace("talking", "idle"), (3, 10), True, "the call ended early"),
        ("", (3, 10), True, "the terminal never answered to `status`"),
    ],
)
def test_a_call_that_lost_something_says_what(status, clear, equal, complaint):
    assert faults(terminal(status, *clear, equal=equal)) == [complaint]


def test_the_idle_share_and_the_lost_bytes_are_what_the_counters_say():
    first, last = (
        ConsoleEvent(at, "status", f"idle_ms={idle} packets=100") for at, idle in ((1000, 200), (5000, 1200))
    )
    assert idle_share([first, last]) == 0.25
    assert lost_bytes(188 * 100, last) == 0
    assert lost_bytes(188 * 103, last) == 564


@pytest.mark.parametrize(("wrong", "lost", "value"), [([], 0, 0.0), ([], 376, 376.0), (["late"], 0, 9_375_000.0)])
def test_bytes_lost_count_as_they_are_and_all_of_them_where_anything_else_was_wrong(monkeypatch, wrong, lost, value):
    asked = []

    def play(image, cores, seconds):
        asked.append((cores, seconds))
        return (lost, wrong, "spare") if cores == 2 else (10**6, ["slow"], "none")

    monkeypatch.setattr(pico_tuner, "play", play)
    image = Image(Path("x.uf2"), "given", frozen=True)
    figure = pico_tuner.tuner_uart_lost_bytes(image=image)
    assert (figure.value, figure.met) == (value, value == 0.0)
    pico_tuner.tuner_uart_lost_bytes(True, image)
    assert [seconds for cores, seconds in asked if cores == 2] == [75, 615]


def test_a_dense_clip_fills_its_rate_with_the_picture(tmp_path):
    path = tmp_path / "clip.ts"
    make_dense_clip(path, 3, 1_000_000)
    rows = np.fromfile(path, np.uint8).reshape(-1, 188)
    pids = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
    assert set(rows[:, 0]) == {0x47}
    assert np.mean(pids == NULL_PID) < 0.05
    seconds = packet_times_ns(path)[-1] / 1e9
    assert len(rows) * 1504 / seconds == pytest.approx(1_000_000, rel=0.02)
    video = int(np.bincount(pids).argmax())
    payload = rows[(pids == video) & (rows[:, 3] & 0x10 > 0)]
    assert np.array_equal(payload[:, 3] & 0x0F, np.arange(len(payload)) & 0x0F)  # no packet seems lost


def test_an_image_without_settop_is_refused_for_frozen_terminals(tmp_path):
    with pytest.raises(LocalError, match="no settop inside"):
        frozen_runtime(Image(tmp_path / "stock.uf2", "given"))


@pytest.mark.pico
def test_a_probe_gives_what_it_said(image):
    assert run_probe(image, b"import settop\nsay('answer', 42)") == {"answer": 42, "end": 0}


@pytest.mark.pico
def test_a_probe_that_fails_shows_its_console(image):
    with pytest.raises(MachineError, match="ZeroDivisionError"):
        run_probe(image, b"1 // 0", limit_ms=1000)


@pytest.mark.pico
def test_a_title_takes_a_small_share_of_a_core_and_no_memory(image):
    figure = pico_codec_core_percent(image)
    assert figure.met and figure.value > 1 and "0 underruns, 0 bytes allocated" in figure.how, figure


@pytest.mark.pico
def test_adpcm_in_viper_is_many_times_faster_than_its_plain_twin(image):
    figure = pico_adpcm_samples_s(image)
    assert figure.met and figure.how.endswith("; 0 bytes allocated"), figure


@pytest.mark.pico
def test_both_cores_descramble_at_almost_twice_the_rate_of_the_bare_cipher_on_one(image):
    figure = pico_two_core_descramble_vs_raw_cbc(image)
    assert figure.met and "; 0 bytes allocated" in figure.how and "21 runs opened by the second core" in figure.how
    assert figure.value < 2.0


@pytest.mark.long
@pytest.mark.pico
def test_the_frozen_terminal_dials_within_a_second_and_leaves_most_of_its_heap_free():
    try:
        frozen = pico_image(frozen=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    boot = boot_to_dialling_ms(frozen)
    assert boot.met and boot.value > 100, boot
    heap = frozen_heap_free_bytes(frozen)
    assert heap.met and "2 cores" in heap.how, heap


@pytest.mark.long
@pytest.mark.pico
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in figures.FIGURES
        if name.startswith(("pico_tcp", "pico_udp", "network_heap", "ppp_up", "tls_hand"))
    ],
)
def test_what_is_promised_of_the_picos_network_holds(network_image, image, name):
    figure = figures.measure(name)
    assert figure.met and figure.name == name, figure


@pytest.mark.pico
def test_descrambling_is_within_a_tenth_of_the_bare_cipher_and_allocates_nothing(image):
    """Simulated time: the same firmware gives the same value on every machine."""
    figure = pico_descramble_vs_raw_cbc(image)
    assert figure.met and "; 0 bytes allocated" in figure.how
