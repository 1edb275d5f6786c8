# on the pico: long
from kit import raises
from settop.errors import RemoteError
from settop.net.url import MAX_CHARS, MAX_REDIRECTS, Redirects, parse_url, resolve

BASE = "http://a/b/c/d?q"

# RFC 3986 5.4.1 and 5.4.2, those that stay with http and have no parameters of their own
RFC_3986 = (
    ("g", "http://a/b/c/g"),
    ("./g", "http://a/b/c/g"),
    ("g/", "http://a/b/c/g/"),
    ("/g", "http://a/g"),
    ("//g", "http://g/"),
    ("?y", "http://a/b/c/d?y"),
    ("g?y", "http://a/b/c/g?y"),
    ("#s", "http://a/b/c/d?q"),
    ("g#s", "http://a/b/c/g"),
    ("g?y#s", "http://a/b/c/g?y"),
    (";x", "http://a/b/c/;x"),
    ("", "http://a/b/c/d?q"),
    (".", "http://a/b/c/"),
    ("./", "http://a/b/c/"),
    ("..", "http://a/b/"),
    ("../", "http://a/b/"),
    ("../g", "http://a/b/g"),
    ("../..", "http://a/"),
    ("../../g", "http://a/g"),
    ("../../../g", "http://a/g"),
    ("/./g", "http://a/g"),
    ("/../g", "http://a/g"),
    ("g.", "http://a/b/c/g."),
    ("..g", "http://a/b/c/..g"),
    ("./../g", "http://a/b/g"),
    ("g/../h", "http://a/b/c/h"),
    ("g?y/../x", "http://a/b/c/g?y/../x"),
    ("https://h:444/x", "https://h:444/x"),
)


def test_a_url_has_scheme_host_port_and_target():
    url = parse_url("HTTP://Shop.Example:8080/film?part=3#top")
    assert (url.secure, url.host, url.port, url.target) == (False, "shop.example", 8080, "/film?part=3")
    assert url.authority == "shop.example:8080" and url.text == "http://shop.example:8080/film?part=3"
    url = parse_url("https://10.0.2.2")
    assert (url.secure, url.host, url.port, url.target, url.authority) == (True, "10.0.2.2", 443, "/", "10.0.2.2")
    assert parse_url("http://a?x").target == "/?x" and parse_url("http://a:80/").authority == "a"


def test_what_is_no_url_is_refused():
    for text in (
        "",
        "a",
        "/a",
        "ftp://a/",
        "http:/a",
        "http:///a",
        "http://a:0/",
        "http://a:65536/",
        "http://a:x/",
        "http://a:+1/",
        "http://a:123456/",
        "http://user:word@a/",
        "http://[::1]/",
        "http://a b/",
        "http://a/\r\nX: 1",
        "http://a/\xfc",
        "http://a_b/",
        "http://a..b/",
        "http://.a/",
        "http://%s/" % ("x" * 64),
        "http://a/" + "x" * MAX_CHARS,
    ):
        with raises(RemoteError):
            parse_url(text)


def test_references_lead_where_the_standard_says():
    base = parse_url(BASE)
    for reference, text in RFC_3986:
        assert resolve(base, reference).text == text, reference


def test_references_to_other_schemes_are_refused():
    for reference in ("g:h", "mailto:a", "javascript:x", "ftp://a/", "http:g"):
        with raises(RemoteError):
            resolve(parse_url(BASE), reference)


def test_redirects_end_after_five():
    way = Redirects(parse_url("http://a/0"))
    for number in range(1, MAX_REDIRECTS + 1):
        way.follow(b"/%d" % number)
    with raises(RemoteError) as caught:
        way.follow(b"/6")
    assert str(caught.value) == "more than 5 redirects"
    assert way.url.text == "http://a/5"


def test_redirects_in_a_circle_are_found():
    way = Redirects(parse_url("http://a/0"))
    way.follow(b"/1")
    for location in (b"/0", b"http://A/1", b"1", b"/x/../0#part"):
        with raises(RemoteError) as caught:
            way.follow(location)
        assert str(caught.value) == "redirects in a circle"


def test_a_redirect_does_not_leave_tls():
    way = Redirects(parse_url("https://a/0"))
    with raises(RemoteError) as caught:
        way.follow(b"http://a/0")
    assert str(caught.value) == "a redirect from https to http"
    way.follow(b"https://b/0")


def test_redirects_to_nowhere_are_refused():
    way = Redirects(parse_url("http://a/0"))
    for location in (None, b"http://\xff/", b"\xfc", b"x y", b"http://"):
        with raises(RemoteError):
            way.follow(location)
