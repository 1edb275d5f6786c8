"""Schemathesis judges the shop's HTTP interface: no 500, and every answer is as /openapi.json says it."""

import pytest

from tests.helpers.postgresql import emptied
from tests.helpers.shop_fuzz import fuzz
from tests.helpers.shop_web import Counter

EXAMPLES = 20
"""Of each endpoint, with what its description allows and with what it does not."""


def run(url, folder, examples):
    """How many requests; each endpoint has done what it is for at least once."""
    with Counter(url, folder) as counter:
        answers = fuzz(counter, examples)
    done = {label for label, status in answers if status < 300}
    assert done == {label for label, _ in answers}
    return answers.total()


def test_interface_survives_schemathesis(tmp_path):
    assert run(str(tmp_path / "shop.db"), tmp_path / "shelf", EXAMPLES) >= 600


def test_interface_survives_schemathesis_on_postgresql(server, tmp_path):
    assert run(emptied(server), tmp_path / "shelf", EXAMPLES) >= 600


@pytest.mark.soak
def test_interface_survives_schemathesis_for_long(tmp_path):
    assert run(str(tmp_path / "shop.db"), tmp_path / "shelf", 1000) >= 30_000
