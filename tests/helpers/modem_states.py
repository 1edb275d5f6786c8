"""A modem for tests that type at it: quiet, online, or escaped from a call."""

from testbed.line.exchange import ExchangeSettings

from tests.helpers.modem_bench import Bench

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
CONNECT = b"\r\nCONNECT 2400\r\n"
NO_CARRIER = b"\r\nNO CARRIER\r\n"


def quiet_bench(**settings) -> Bench:
    """Echo is off; dialling 5550100 connects 100 + 980 + 200 + 100 ms after ATD."""
    bench = Bench(ExchangeSettings(setup_ms=200, train_ms=100, delay_ms=0, **settings))
    assert bench.ask(b"ATE0\r") == b"ATE0\r" + OK
    return bench


def online(**settings) -> Bench:
    bench = quiet_bench(**settings)
    bench.type(b"ATDT5550100\r")
    assert bench.run(1380) == CONNECT
    return bench


def escaped() -> Bench:
    bench = online()
    bench.run(1000)
    bench.type(b"+++")
    assert bench.run(1000).endswith(OK)
    return bench
