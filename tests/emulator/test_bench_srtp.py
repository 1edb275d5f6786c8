"""What the bench measures of SRTP, and what spoils a figure."""

import pytest
from testbed.bench import pico_srtp
from testbed.bench.pico_srtp import measure, pico_srtp_vs_raw
from testbed.bench.pico_tdes import pico_tdes_vs_aes
from testbed.bench.unix_srtp import unix_srtp_vs_libsrtp
from testbed.runtimes import RuntimeUnavailable, unix_binary
from testbed.runtimes.image import Image

IMAGE = Image(path=None, origin="none")
SAID = {"ours": 1000, "aes": 600, "sha1": 300, "hmac": 350, "protect": 1200, "allocated": 320, "right": 1}


def test_a_packet_that_comes_out_wrong_is_worth_nothing(monkeypatch):
    for change, value in (({}, 0.9), ({"ours": 2000}, 0.45), ({"right": 0}, 0.0)):
        monkeypatch.setattr(pico_srtp, "run_probe", lambda *_, change=change: {**SAID, **change})
        assert pico_srtp_vs_raw(IMAGE).value == value


@pytest.mark.pico
def test_unprotecting_is_near_the_bare_cipher_and_hash(image):
    figure = pico_srtp_vs_raw(image)
    assert figure.met and figure.value < 1, figure


@pytest.mark.pico
def test_gcm_is_measured_too_and_right(image):
    said = measure(image, "AEAD_AES_128_GCM")
    assert said["right"] == 1 and said["ours"] > said["aes"]


@pytest.mark.pico
def test_triple_des_is_measured_beside_aes(image):
    figure = pico_tdes_vs_aes(image)
    assert figure.met, figure


@pytest.mark.unix
def test_the_unix_port_unprotects_what_libsrtp_made():
    pytest.importorskip("pylibsrtp")
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    figure = unix_srtp_vs_libsrtp(binary)
    assert figure.value > 0, figure  # 0 where a packet came out wrong; how fast is for the bench to say
