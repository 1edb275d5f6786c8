"""Schemathesis at the shop's HTTP interface: requests that its description allows, and such that it does not."""

from collections import Counter

import schemathesis
from headend.accounts.engine import transaction
from headend.shop import codecs
from headend.shop.web.channel import copy_token
from headend.stream.catalogue import Terms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.streams import put_stream
from tests.helpers.update_modules import made

load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "allow_header_conformance",
)
WITHIN_S = 60.0  # the soak runs for half an hour, on machines that do other things too
MOSTLY = st.sampled_from((True, True, True, False))


class Real:
    """What requests may name that is really there."""

    def __init__(self, counter):
        self._stall = counter.stall
        self._jazz = self._stall.group("Jazz", 1)
        for name, group in (("Blue", self._jazz), ("Red", None)):
            counter.put(name=name, price=1, group=group, lyrics=b"so blue")
        self._offer = self._stall.rental(2, 1)
        self.user = self._stall.user(1_000_000, "ann")
        self._stall.buy(self.user, 1, NOW)
        self._till = self._stall.seller()
        self._stream, self._limit = put_stream(self._stall, "film", Terms("An evening", 6 * 3600, 1))
        with transaction(self._stall.engine) as connection:
            self._codec, _ = codecs.add_codec(connection, made("BEEP_1").octets(), NOW)

    def parameter(self, name):
        if name == "client":
            clients = self._stall.clients_of(self.user)
            return (clients[0] if clients else self._new_client()).hex()
        if name == "token":
            return copy_token(self._stall.right(self.user, 1), self.user).hex()
        found = {"title": 1, "taste": self._jazz, "user": self.user, "offer": self._offer}
        return {**found, "stream": self._stream, "digest": self._codec.digest.hex()}[name]

    def _new_client(self):
        client = self._stall.register_client(NOW).client_id
        self._stall.sign_in("ann", PASSWORD, NOW, client)
        return client

    def body(self, path, now_ms):
        """A body that is right there; None where any is."""
        if path == "/api/notices":
            return self._till.sell(self._stall.order_units(self.user, 5, now_ms), 5, now_ms)
        if path == "/api/account/cards":
            return {"number": self._stall.new_card(5, now_ms)}
        return {
            "/api/sessions": {"login": "ann", "password": PASSWORD},
            "/api/account/titles/{title}": {"price": 1},
            "/api/account/streams/{stream}": {"price": 1, "limit": self._limit},
            "/api/account/titles/{title}/offers/{offer}": {"price": 1},
        }.get(path)


def fuzz(counter, examples):
    """So many requests of each kind to each endpoint, most of them by somebody who has signed in. Returns how often
    each endpoint answered with each status.
    """
    real = Real(counter)
    checks = [CHECKS.get_one(name) for name in NAMES]
    limits = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    answers = Counter()

    def send(case, signed_in, with_real):
        counter.now_ms += 1 << 30  # nobody is slowed down
        if with_real:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = real.parameter(name)
            case.body = real.body(case.path, counter.now_ms) or case.body
        headers = {}
        if signed_in:
            headers["Authorization"] = f"Bearer {counter.stall.begin_session(real.user, counter.now_ms)}"
        answer = case.call(headers=headers, timeout=WITHIN_S)
        answers[case.operation.label, answer.status_code] += 1
        case.validate_response(answer, checks=checks)

    for found in schemathesis.openapi.from_asgi("/openapi.json", counter.app).get_all_operations():
        for mode in GenerationMode:
            with_real = MOSTLY if mode is GenerationMode.POSITIVE else st.just(False)
            strategy = found.ok().as_strategy(generation_mode=mode)
            chosen = given(case=strategy, signed_in=MOSTLY, with_real=with_real)
            before = answers.total()
            try:
                limits(chosen(send))()
            except Unsatisfiable:  # what has no parameters cannot be asked for wrongly
                assert mode is GenerationMode.NEGATIVE and answers.total() == before
    assert counter.stall.audit() == []
    return answers
