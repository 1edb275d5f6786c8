"""The shop's figures: what is compared gives the same answer."""

from testbed.bench import host_shop_web
from testbed.bench.host_shop_web import shop_requests_vs_bare_fastapi


def test_the_pages_that_are_compared_are_the_same(monkeypatch):
    monkeypatch.delenv(host_shop_web.URL, raising=False)
    asked = []
    ask = host_shop_web._ask

    async def noted(app):
        asked.append(await ask(app))
        return asked[-1]

    monkeypatch.setattr(host_shop_web, "_ask", noted)
    figure = shop_requests_vs_bare_fastapi(rounds=1)
    assert (figure.name, figure.goal, figure.better) == ("shop_requests_vs_bare_fastapi", 0.5, "higher")
    assert figure.value > 0 and "SQLite" in figure.how
    assert len(set(asked)) == 1 and asked[0].count(b"The Singers") == 50
