"""Who uses the shop's window without a browser: keeps cookies, sends forms as browsers do, looks at what a page has."""

from html.parser import HTMLParser

from tests.helpers.shop import PASSWORD

HERE = "https://shop.test"
_FORM = "application/x-www-form-urlencoded"


class Page(HTMLParser):
    """`text`: what can be read; `tags`: (name, attributes) in their order."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def one(self, tag, **wanted):
        found = [one for one in self.all(tag) if wanted.items() <= one.items()]
        assert len(found) == 1, f"{tag} {wanted}: {found}"
        return found[0]


class Passer:
    """A person with a browser. `counter`: tests.helpers.shop_web.Counter."""

    def __init__(self, counter):
        self._counter, self.cookies, self.set_cookies = counter, {}, []

    def look(self, path, **headers):
        return self._ask("GET", path, headers)

    def send(self, path, fields, **headers):
        """Sends a form; a header of None is left out."""
        return self._ask("POST", path, {"origin": HERE, "content-type": _FORM, **headers}, data=fields)

    def register(self, login="ann", to="/", units=0):
        answer = self.send("/register", {"login": login, "password": PASSWORD, "to": to})
        assert answer.status_code == 303, answer.text
        if units:
            assert self.redeem(units).status_code == 303
        return answer

    def redeem(self, units):
        return self.send("/account", {"number": self._counter.stall.new_card(units, self._counter.now_ms)})

    def _ask(self, method, path, headers, **more):
        headers = {"accept": "text/html,*/*;q=0.8", **headers}
        headers = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._counter.nobody.request(method, path, headers=headers, **more)
        self._counter._client.cookies.clear()
        self.set_cookies = answer.headers.get_list("set-cookie")
        for line in self.set_cookies:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            self.cookies.pop(name, None)
            if "max-age=0" not in line.lower():
                self.cookies[name] = value
        return answer
