"""Cases of heads: their bytes and limits, whose site is asked for, and by which
method, path and version."""

from http_case import OK, bad_answer, case, post, raw, refused, req
from http_steps import Close, Ours, Own, Whole

# ---- 11. obs-fold ----

refused(11, "a folded field", req(b"/", b"X-A: b\r\n c"))
refused(11, "a folded field, by a tab", req(b"/", b"X-A: b\r\n\tc"))
refused(11, "a fold behind the request line",
        b"GET / HTTP/1.1\r\n Host: <host>\r\n\r\n")
bad_answer(11, "a folded field of a response",
           raw(b"X-A: b\r\n c", b"Content-Length: 0"))
bad_answer(11, "a fold behind the status line",
           raw(b" X-A: b", b"Content-Length: 0"))

# ---- 12. bytes of heads ----

for name, text in (
        ("LF behind the request line",
         b"GET / HTTP/1.1\nHost: <host>\r\n\r\n"),
        ("LF behind a field", b"GET / HTTP/1.1\r\nHost: <host>\n\r\n"),
        ("LF at the end", b"GET / HTTP/1.1\r\nHost: <host>\r\n\n"),
        ("LF everywhere", b"GET / HTTP/1.1\nHost: <host>\n\n"),
        ("LF first", b"\nGET / HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("CR in a field", req(b"/", b"X-A: b\rc")),
        ("CR CR LF", req(b"/", b"X-A: b\r")),
        ("NUL in a value", req(b"/", b"X-A: b\0c")),
        ("NUL in a name", req(b"/", b"X-\0A: b")),
        ("a control byte in a value", req(b"/", b"X-A: b\x01c")),
        ("DEL in a value", req(b"/", b"X-A: b\x7fc")),
        ("a control byte in a name", req(b"/", b"X\x02A: b")),
        ("a high byte in a name", req(b"/", b"X\xc3\xa4: b")),
        ("an empty name", req(b"/", b": x")),
        ("a name with a space", req(b"/", b"X A: b")),
        ("a space before the colon", req(b"/", b"X-A : b")),
        ("no colon", req(b"/", b"X-A")),
        ("brackets in a name", req(b"/", b"X(A): b")),
        ("a NUL in the target", req(b"/\0x")),
        ("a tab in the target", req(b"/\tx")),
        ("two spaces behind the method",
         b"GET  / HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("two spaces before the version",
         b"GET /  HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("a space behind the version",
         b"GET / HTTP/1.1 \r\nHost: <host>\r\n\r\n"),
        ("a space in the target",
         b"GET /a b HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("a tab for a space",
         b"GET\t/ HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("a space before the method",
         b" GET / HTTP/1.1\r\nHost: <host>\r\n\r\n"),
        ("a fragment in the target", req(b"/#x")),
        ("TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")):
    refused(12, name, text)
for name, text in (
        ("LF behind the status line",
         b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
        ("LF behind a field", b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"),
        ("LF at the end", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"),
        ("CR in a value", raw(b"X: a\rb", b"Content-Length: 0")),
        ("NUL in a value", raw(b"X: a\0b", b"Content-Length: 0")),
        ("an empty name", raw(b": b", b"Content-Length: 0")),
        ("a space before the colon", raw(b"X : b", b"Content-Length: 0")),
        ("a high byte in a name", raw(b"X\xe4: b", b"Content-Length: 0")),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        ("a status of two digits",
         b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        ("a status of 600", raw(b"Content-Length: 0", status=b"600 X")),
        ("a status of 099", raw(b"Content-Length: 0", status=b"099 X")),
        ("HTTP/2.0", raw(b"Content-Length: 0", version=b"HTTP/2.0")),
        ("control bytes in the reason",
         raw(b"Content-Length: 0", status=b"200 O\x01K"))):
    bad_answer(12, name + ", in a response", text)
case(12, "high bytes in values",
     req(b"/", b"X-A: gr\xc3\xbc\xdfe \xff\x80", b"X-B: \ttabs\tin\tit"),
     answer=raw(b"X-C: \xe4\xf6\xfc\xff", b"Content-Length: 0",
                status=b"200 Sch\xf6n"))
case(12, "empty values, and none but white space",
     req(b"/", b"X-A:", b"X-B:   \t "),
     answer=raw(b"X-C:", b"X-D: \t", b"Content-Length: 0"))
case(12, "no white space behind the colon", req(b"/", b"X-A:b"))
case(12, "an empty line before a request", b"\r\n" + req(), see=[req()],
     get=[OK], methods=[b"GET"])
case(12, "an empty line between requests", req() + b"\r\n" + req(b"/2"),
     see=[req(), req(b"/2")], get=[OK, OK], methods=[b"GET", b"GET"])
case(12, "a status without a reason, and without the space before it",
     req() + req(b"/2"),
     answer=[b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
             b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"])
case(12, "all that a token may hold", req(b"/", b"!#$%&'*+-.^_`|~09azAZ: x"))

# ---- 13. limits of heads ----

LINE, FIELD, HEAD, FIELDS = 8192, 8192, 65536, 100


def line_of(n):
    fixed = len(b"GET / HTTP/1.1")
    return b"/" + b"l" * (n - fixed)


def field_of(n, name=b"X-Long"):
    return name + b": " + b"f" * (n - len(name) - 2)


def head_of(n):
    """A request whose head has n bytes."""
    fields, left = [], n - len(req(host=b"pia.relay.localhost"))
    i = 0
    while left > 0:
        k = min(left, 8000)
        if 0 < left - k < 30:
            k -= 100
        fields.append(field_of(k - 2, b"X-%03d" % i))
        left -= k
        i += 1
    return req(b"/", *fields)


def fields_of(n, host=1):
    return req(b"/", *[b"X-%d: %d" % (i, i) for i in range(n - host)])


case(13, "a request line at its limit", req(line_of(LINE)))
refused(13, "a request line above its limit", req(line_of(LINE + 1)), 414)
refused(13, "a request line far above its limit", req(line_of(40000)), 414)
case(13, "a field at its limit", req(b"/", field_of(FIELD)))
refused(13, "a field above its limit", req(b"/", field_of(FIELD + 1)), 431)
case(13, "a head at its limit", head_of(HEAD))
refused(13, "a head above its limit", head_of(HEAD + 1), 431)
refused(13, "a head without an end",
        req(b"/", *[field_of(8000, b"X-%d" % i) for i in range(12)])[:-2],
        431)
case(13, "as many fields as may be", fields_of(FIELDS))
refused(13, "a field too many", fields_of(FIELDS + 1), 431)
bad_answer(13, "a status line above its limit",
           raw(b"Content-Length: 0", status=b"200 " + b"O" * 8192))
bad_answer(13, "a field of a response above its limit",
           raw(field_of(17000), b"Content-Length: 0"))
bad_answer(13, "a head of a response above its limit", raw(
    *[field_of(8000, b"X-%d" % i) for i in range(9)], b"Content-Length: 0"))
bad_answer(13, "too many fields in a response",
           raw(*[b"X-%d: 1" % i for i in range(401)], b"Content-Length: 0"))
case(13, "a great head of a response", req(),
     answer=raw(*[field_of(8000, b"X-%d" % i) for i in range(8)],
                b"Content-Length: 0"))
case(13, "100 fields of a response", req(),
     answer=raw(*[b"X-%d: %d" % (i, i) for i in range(99)],
                b"Content-Length: 0"))

# ---- 14. fields that come twice ----

refused(14, "two Host", req(b"/", b"Host: <host>"))
refused(14, "two Host that differ", req(b"/", b"Host: evil.relay.localhost"))
refused(14, "two Content-Type", post(b"x", b"Content-Type: a/b",
                                     b"Content-Type: a/c"))
refused(14, "two Authorization", req(b"/", b"Authorization: Basic eDp5",
                                     b"Authorization: Basic eDp6"))
refused(14, "two Origin", req(b"/", b"Origin: http://a",
                              b"Origin: http://b"))
case(14, "others keep their order, and are not joined",
     req(b"/", b"X-A: 1", b"Accept: a/b", b"X-A: 2", b"X-B: 3", b"x-a: 4",
         b"Accept: c/d", b"Cookie: a=b", b"Cookie: c=d"))
case(14, "Set-Cookie is never joined", req(),
     answer=raw(b"Set-Cookie: a=b; Path=/", b"Set-Cookie: c=d, e",
                b"X-A: 1", b"Set-Cookie: a=c", b"X-A: 2",
                b"WWW-Authenticate: Basic realm=\"a, b\"",
                b"WWW-Authenticate: Other", b"Content-Length: 0"))

# ---- 16. absolute-form ----

for scheme in (b"http", b"https", b"HTTP"):
    case(16, "%s absolute-form" % scheme.decode(),
         req(scheme + b"://<host>/x?y=z"), see=[req(b"/x?y=z")], answer=[OK],
         get=[OK])
case(16, "absolute-form without a path", req(b"http://<host>"),
     see=[req(b"/")], answer=[OK], get=[OK])
case(16, "absolute-form without a path, with a query",
     req(b"http://<host>?q"), see=[req(b"/?q")], answer=[OK], get=[OK])
case(16, "absolute-form of HTTP/1.0, and no Host",
     req(b"http://<host>/x", host=None, version=b"HTTP/1.0"),
     see=[req(b"/x")], answer=[OK], get=[OK], fate="close")
case(16, "the port that goes without saying, said once",
     req(b"http://<host>:80/x"), see=[req(b"/x", host=b"<host>:80")],
     answer=[OK], get=[OK])
refused(16, "ports of authority and Host differ",
        req(b"http://<host>:81/x", host=b"<host>:82"))
refused(16, "authority and Host differ", req(b"http://<host>/x",
                                             host=b"other.relay.localhost"))
refused(16, "authority and Host differ, the other way",
        req(b"http://other.relay.localhost/x"))
refused(16, "a user in the authority", req(b"http://u@<host>/x"))
refused(16, "a scheme of another kind", req(b"ftp://<host>/x"))
refused(16, "absolute-form without a host", req(b"http:///x"))
case(16, "a URL in a path stays there", req(b"/http://x.example/y"))

# ---- 17. Host ----

refused(17, "no Host", req(host=None))
refused(17, "an empty Host", req(host=b""))
refused(17, "a user in Host", req(host=b"u@<host>"))
refused(17, "an escape in Host", req(host=b"<node>%2erelay.localhost"))
refused(17, "an escaped letter in Host", req(host=b"%70ia.relay.localhost"))
refused(17, "a space in Host", req(host=b"<host> x"))
refused(17, "a comma in Host", req(host=b"<host>,x.relay.localhost"))
refused(17, "a path in Host", req(host=b"<host>/x"))
refused(17, "an empty label in Host", req(host=b"<node>..relay.localhost"))
refused(17, "a port that is none", req(host=b"<host>:x"))
refused(17, "port 0", req(host=b"<host>:0"))
refused(17, "a port too great", req(host=b"<host>:65536"))
refused(17, "an empty port", req(host=b"<host>:"))
refused(17, "half an address in Host", req(host=b"[::1"))
case(17, "a port in Host", req(host=b"<host>:8443"))
case(17, "upper case in Host", req(host=b"<NODE>.Relay.LocalHost"), see=[req()],
     answer=[OK], get=[OK])
case(17, "a dot behind Host", req(host=b"<host>."), see=[req()], answer=[OK],
     get=[OK])
case(17, "a dot, a port and upper case",
     req(host=b"<NODE>.RELAY.LOCALHOST.:8443"), see=[req(host=b"<host>:8443")],
     answer=[OK], get=[OK])
case(17, "an IPv6 literal is the relay itself", req(b"/nosuch", host=b"[::1]"),
     see=[], get=[Own(404)], fate=None,
     check=lambda run: "it went to a backend" if run.conns else None)
case(17, "so is an IPv4 address, with a port", req(
    b"/nosuch", host=b"127.0.0.1:8443"), see=[], get=[Own(404)], fate=None,
     check=lambda run: "it went to a backend" if run.conns else None)
refused(17, "an address and a letter", req(host=b"[::1]x"))
refused(17, "an address with an interface", req(host=b"[fe80::1%lo]"))
case(17, "no such node", req(host=b"nosuchnode.relay.localhost"), see=[],
     get=[Ours(404)], fate=None, sni=b"nosuchnode.relay.localhost")
case(17, "no such service", req(host=b"nosuch--<host>"), see=[],
     get=[Ours(404)], fate=None, sni=b"nosuch--<host>")
case(17, "a name below the node's", req(host=b"x.<host>"), see=[],
     get=[Ours(404, 421)], fate=None)

# ---- 18. SNI and Host ----

case(18, "SNI and Host differ", req(host=b"<other>.relay.localhost"), see=[],
     tls=(True,), get=[Ours(421)], fate=None)
case(18, "SNI of the relay, Host of a node", req(), see=[], tls=(True,),
     sni=b"relay.localhost", get=[Ours(421)], fate=None)
case(18, "SNI of a node, Host of the relay",
     req(b"/health", host=b"relay.localhost"), see=[], tls=(True,),
     get=[Own(421)], fate=None)
case(18, "SNI in upper case", req(), sni=b"<NODE>.RELAY.LocalHost",
     tls=(True,))
case(18, "the second request by absolute-form",
     req() + req(b"http://<other>.relay.localhost/2",
                 host=b"<other>.relay.localhost"), see=[req()],
     tls=(True,), answer=[OK], get=[OK, Ours(421)], fate=None)
case(18, "SNI and Host differ in the second request",
     req() + req(b"/2", host=b"<other>.relay.localhost"), see=[req()],
     tls=(True,), answer=[OK], get=[OK, Ours(421)], fate=None)
case(18, "without TLS, the second request goes elsewhere",
     req() + req(b"/2", host=b"<other>.relay.localhost") + req(b"/3"),
     tls=(False,),
     check=lambda run: None if len(run.conns) >= 2 else "one connection")
case(18, "a service that is not there in the second request",
     [req(), Whole(), req(b"/2", host=b"nosuch--<host>")], see=[req()],
     tls=(False,), answer=[OK], get=[OK, Ours(404)], fate=None)

# ---- 19. forms and methods ----

case(19, "OPTIONS *", req(b"*", method=b"OPTIONS"))
case(19, "OPTIONS of a host without a path",
     req(b"http://<host>", method=b"OPTIONS"),
     see=[req(b"*", method=b"OPTIONS")], answer=[OK], get=[OK])
refused(19, "GET *", req(b"*"))
refused(19, "authority-form in GET", req(b"<host>:80"))
refused(19, "a target without a slash", req(b"index.html"))
case(19, "CONNECT", b"CONNECT <host>:443 HTTP/1.1\r\nHost: <host>:443\r\n\r\n",
     see=[], get=[Ours(405)], fate=None, methods=[b"GET"])
refused(19, "CONNECT with a path", req(b"/", method=b"CONNECT"), 400, 405)
for m in (b"BREW", b"M-SEARCH", b"get", b"PROPFIND", b"X!#$%&'*+.^_`|~",
          b"TRACE", b"PATCH"):
    case(19, "method %s" % m.decode(), req(method=m))
refused(19, "a method that is no token", req(method=b"GE(T"))
refused(19, "a method with a high byte", req(method=b"GE\xc9T"))

# ---- 20. paths ----

for p in (b"//", b"//x//y/", b"/../", b"/a/../b", b"/a/./b", b"/%2F",
          b"/%2e%2e/", b"/%00", b"/%0d%0aX:%20y", b"/;a=b", b"/a;b/c",
          b"/\\x", b"/%", b"/%zz", b"/?", b"/??", b"/?a=b&c=%26",
          b"/" + b"p" * 4000 + b"?" + b"q" * 4000, b"/caf\xc3\xa9\xff",
          b"/|{}[]^`\"<>", b"/a?b=http://x/?y", b"/*", b"/:80", b"/@"):
    case(20, "path %r" % p[:30], req(p))

# ---- 21. versions ----

case(21, "HTTP/1.0 without keep-alive", req(version=b"HTTP/1.0"),
     see=[req()], answer=[OK], get=[OK], fate="close")
case(21, "HTTP/1.0 with keep-alive",
     req(b"/", b"Connection: keep-alive", version=b"HTTP/1.0"), see=[req()],
     answer=[OK], get=[OK],
     reply_has=[(b"connection", b"(?i).*keep-alive.*")])
case(21, "HTTP/1.0 with Keep-Alive twice",
     req(b"/", b"Connection: Keep-Alive", version=b"HTTP/1.0") +
     req(b"/2", b"Connection: Keep-Alive", version=b"HTTP/1.0") +
     req(b"/3", version=b"HTTP/1.0"), see=[req(), req(b"/2"), req(b"/3")],
     answer=[OK] * 3, get=[OK] * 3, fate="close")
case(21, "chunked for HTTP/1.0", req(version=b"HTTP/1.0"), see=[req()],
     answer=[raw(b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\n\r\n")],
     get=[raw(body=b"ok")], fate="close")
case(21, "Connection: close", req(b"/", b"Connection: close"), see=[req()],
     answer=[OK], get=[OK], fate="close",
     reply_has=[(b"connection", b"(?i).*close.*")])
case(21, "Connection: close of the backend", req(),
     answer=[[raw(b"Connection: close", b"Content-Length: 2", body=b"ok"),
              Close()]], get=[OK])
case(21, "HTTP/1.2 is taken for 1.1", req(version=b"HTTP/1.2"), see=[req()],
     answer=[OK], get=[OK], methods=[b"GET"])
for v, st in ((b"HTTP/2.0", (400, 505)), (b"HTTP/0.9", (400, 505)),
              (b"HTTP/3.0", (400, 505)), (b"http/1.1", (400,)),
              (b"Http/1.1", (400,)), (b"HTTP/1", (400,)),
              (b"HTTP/1.10", (400,)), (b"HTTP/01.1", (400,)),
              (b"HTTP/1,1", (400,)), (b"HTTP /1.1", (400,)),
              (b"HTTP/+1.1", (400,)), (b"HTTPS/1.1", (400,))):
    refused(21, "version %s" % v.decode(), req(version=v), *st)
refused(21, "the preface of HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400, 505)
refused(21, "no version", b"GET /\r\n\r\n", 400)
