"""URLs of http and https (RFC 3986, the part that a terminal needs), and where a redirect leads."""

from settop.errors import RemoteError

MAX_CHARS = 512
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_HOST_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-."


class Url:
    """secure: https; host in small letters; port; target: path and query, as it stands in a request."""

    def __init__(self, secure, host, port, target):
        self.secure = secure
        self.host = host
        self.port = port
        self.target = target

    @property
    def authority(self):
        """The value of the field Host: the port only where it is not the usual one (RFC 9110 7.2)."""
        usual = 443 if self.secure else 80
        return self.host if self.port == usual else "%s:%d" % (self.host, self.port)

    @property
    def text(self):
        return "%s://%s%s" % ("https" if self.secure else "http", self.authority, self.target)


def parse_url(text):
    """The Url. A fragment is dropped. Raises RemoteError for another scheme, a name or password before the host, an
    address of IPv6, and whatever is no URL."""
    if not 0 < len(text) <= MAX_CHARS:
        raise RemoteError("a URL of %d characters; expected 1 to %d" % (len(text), MAX_CHARS))
    for char in text:
        if not "!" <= char <= "~" or char in '"<>\\^`{|}':
            raise RemoteError("a URL with a character that none may have; escape it by %")
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in _PORTS:
        raise RemoteError("a URL of neither http nor https")
    rest = rest.partition("#")[0]
    end = len(rest)
    for char in "/?":
        at = rest.find(char)
        if 0 <= at < end:
            end = at
    authority, target = rest[:end], rest[end:]
    if "@" in authority:
        raise RemoteError("a URL with a name before its host")
    host, _, port = authority.partition(":")
    host = host.lower()
    if len(host) > 253 or not all(1 <= len(label) <= 63 for label in host.split(".")) or host.strip(_HOST_CHARS):
        raise RemoteError("a URL without a host that can be looked up")
    if port and (len(port) > 5 or port.strip("0123456789")):
        raise RemoteError("a URL whose port is no number")
    number = int(port) if port else _PORTS[scheme]
    if not 1 <= number <= 65535:
        raise RemoteError("a URL whose port is no number")
    if target[:1] != "/":
        target = "/" + target
    return Url(scheme == "https", host, number, target)


def resolve(base, reference):
    """The Url that a reference leads to from `base` (RFC 3986 5.2). Raises RemoteError as parse_url does."""
    reference = reference.partition("#")[0]
    if _has_scheme(reference):
        return parse_url(reference)
    start = ("https" if base.secure else "http") + ":"
    if reference[:2] == "//":
        return parse_url(start + reference)
    start += "//" + base.authority
    path, mark, query = base.target.partition("?")
    if not reference:
        return parse_url(start + base.target)
    if reference[0] == "?":
        return parse_url(start + path + reference)
    new, mark, query = reference.partition("?")
    if new[0] != "/":
        new = path[: path.rfind("/") + 1] + new
    return parse_url(start + _without_dots(new) + mark + query)


def _has_scheme(reference):
    scheme, colon, _ = reference.partition(":")
    return bool(colon) and not any(char in scheme for char in "/?")


def _without_dots(path):
    """RFC 3986 5.2.4: no segment . or .. is left, and nothing climbs above the root."""
    out = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if out:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)


class Redirects:
    """The way from a URL to where its content is: MAX_REDIRECTS steps at most, none twice, none from https to http."""

    def __init__(self, url):
        self.url = url
        self._seen = [url.text]

    def follow(self, location):
        """`location`: the field of that name, bytes, or None. `url` is then where it leads. Raises RemoteError."""
        if location is None:
            raise RemoteError("a redirect to nowhere")
        if any(octet >= 127 for octet in location):
            raise RemoteError("a URL with a character that none may have; escape it by %")
        url = resolve(self.url, location.decode())
        if self.url.secure and not url.secure:
            raise RemoteError("a redirect from https to http")
        if url.text in self._seen:
            raise RemoteError("redirects in a circle")
        if len(self._seen) > MAX_REDIRECTS:
            raise RemoteError("more than %d redirects" % MAX_REDIRECTS)
        self._seen.append(url.text)
        self.url = url
