"""Cases of what goes between: fields that are of one hop, interim answers,
upgrades, and what a backend is told of its visitor."""

from http_case import (OK, ans, bad_answer, case, chunked, post, raw, refused,
                       req)
from http_steps import (Broken, Close, Echo, Got, HalfClose, Mark, Marked,
                        Ours, Sleep, Status, Whole)

# ---- 22. hop by hop ----

case(22, "what Connection names is dropped",
     req(b"/", b"Connection: close, X-Foo", b"X-Foo: 1", b"X-Bar: 2",
         b"x_foo: 3"), see=[req(b"/", b"X-Bar: 2")], answer=[OK], get=[OK],
     fate="close")
for n in (b"Host", b"Content-Length", b"Authorization", b"Cookie",
          b"Content-Type", b"X-Forwarded-For", b"Forwarded"):
    refused(22, "Connection names %s" % n.decode(),
            post(b"ok", b"Connection: " + n, b"Authorization: Basic eDp5"))
refused(22, "Connection names no token", req(b"/", b"Connection: a b"))
case(22, "fields that are the connection's",
     req(b"/", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive",
         b"Proxy-Authorization: Basic eDp5", b"Proxy-Foo: x", b"Proxy: x",
         b"TE: gzip", b"X-Stay: y"),
     see=[req(b"/", b"X-Stay: y")],
     answer=[raw(b"Keep-Alive: timeout=5", b"Proxy-Connection: close",
                 b"Proxy-Authenticate: Basic", b"X-Stay: z", b"X-Go: away",
                 b"Connection: X-Go, keep-alive", b"Content-Length: 2",
                 body=b"ok")],
     get=[ans(b"ok", b"X-Stay: z")])
case(22, "TE but for trailers", req(b"/", b"TE: gzip, trailers",
                                    b"Connection: TE"),
     see=[req(b"/", b"TE: trailers", b"Connection: TE")], answer=[OK],
     get=[OK])
case(22, "an Upgrade that Connection does not name",
     req(b"/", b"Upgrade: websocket"), see=[req()], answer=[OK], get=[OK])
case(22, "Upgrade in an ordinary response", req(),
     answer=[ans(b"ok", b"Upgrade: h2", b"Connection: upgrade")], get=[OK])
bad_answer(22, "a response whose Connection names Content-Length",
           ans(b"ok", b"Connection: Content-Length"))
case(22, "Connection: close hidden among others",
     req(b"/", b"Connection: foo ,\tCLOSE , bar"), see=[req()], answer=[OK],
     get=[OK], fate="close")

# ---- 23. Expect ----

EXPECT = b"Expect: 100-continue"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
case(23, "100 comes when the backend sends it",
     [post(b"hello", EXPECT)[:-5], Status(1), b"hello"], early=True,
     answer=[[CONTINUE, Whole(), ans(b"ok")]], get=[CONTINUE + ans(b"ok")])
case(23, "a 401 instead, before any of the body",
     [post(b"hello", EXPECT)[:-5], Whole()],
     see=[], early=True, partial=True, fate=None,
     answer=[ans(b"no", status=b"401 Unauthorized")],
     get=[ans(b"no", status=b"401 Unauthorized")],
     check=lambda run: "the backend got a body" if any(
         b"hello" in c.raw for c in run.conns) else None)
case(23, "a 413 instead",
     [chunked(EXPECT, body=b""), Whole()], see=[], early=True, partial=True,
     fate=None, answer=[ans(b"no", status=b"413 Too Large")],
     get=[ans(b"no", status=b"413 Too Large")])
case(23, "an answer that had no use for the body, and the next request",
     post(b"hello", EXPECT) + req(), see=[req()], early=True, partial=True,
     answer=[ans(b"no"), ans(b"next")], get=[ans(b"no"), ans(b"next")],
     methods=[b"POST", b"GET"], cuts=("whole",))
case(23, "200 instead, and no body: there is no next request",
     [post(b"hello", EXPECT)[:-5], Whole()], see=[], early=True,
     partial=True, fate="close", answer=[OK], get=[OK], methods=[b"POST"],
     reply_has=[(b"connection", b"(?i)close")])
case(23, "a backend that never says 100: the body comes after a while",
     [post(b"hello", EXPECT)[:-5], Sleep(0.2), b"hello"],
     answer=[ans(b"ok")])
case(23, "100-Continue in other case",
     [post(b"hello", b"Expect: 100-Continue")[:-5], Status(1), b"hello"],
     early=True, answer=[[CONTINUE, Whole(), ans(b"ok")]],
     get=[CONTINUE + ans(b"ok")])
case(23, "an expectation nobody knows", post(b"hello", b"Expect: a-cookie"),
     see=[], get=[Ours(417)], fate=None, methods=[b"POST"])
case(23, "two expectations",
     post(b"hello", EXPECT, b"Expect: 100-continue"), see=[],
     get=[Ours(400, 417)], fate=None, methods=[b"POST"])
case(23, "Expect of HTTP/1.0 is dropped",
     post(b"hello", EXPECT, version=b"HTTP/1.0"), see=[post(b"hello")],
     answer=[OK], get=[OK], fate="close")
case(23, "Expect without a body", req(b"/", EXPECT))

# ---- 24. interim responses ----

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
case(24, "103 before the answer", req(), answer=HINTS + OK)
case(24, "several, in order", req(),
     answer=PROCESSING + HINTS + PROCESSING + HINTS + OK)
case(24, "100 that was not asked for, twice", req(),
     answer=[CONTINUE + CONTINUE + OK],
     get=[CONTINUE + CONTINUE + OK])
case(24, "103 is there before the answer is", [req(), Status(1),
                                                Mark("hinted")],
     answer=[[HINTS, Marked("hinted"), OK]], get=[HINTS + OK])
case(24, "HTTP/1.0 gets none of them", req(version=b"HTTP/1.0"),
     see=[req()], answer=[HINTS + PROCESSING + OK], get=[OK], fate="close")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
          b"Upgrade: websocket\r\n\r\n")
bad_answer(24, "101 without an upgrade", SWITCH)
bad_answer(24, "101 to HTTP/1.0", SWITCH, see=[req()],
           send=req(b"/", b"Connection: upgrade", b"Upgrade: websocket",
                    version=b"HTTP/1.0"))
case(24, "interim responses without an end",
     req(), answer=[[PROCESSING * 2000, Close()]], get=[Broken()],
     fate=None, cuts=("whole",))
case(24, "a length in an interim response is dropped, or it is 502", req(),
     answer=[b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n" + OK],
     get=[b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK])

# ---- 25. upgrade ----

WS = (b"Connection: Upgrade", b"Upgrade: websocket",
      b"Sec-WebSocket-Version: 13",
      b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
AGREED = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
          b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
          b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def opaque(text):
    def check(run):
        got = bytes(run.parser.opaque or b"")
        return None if got == text else "got %r behind the 101" % got
    return check


case(25, "websocket, and what follows is opaque",
     [req(b"/chat", *WS), Whole(), b"\x81\x05hello\0\r\n", Got(10)],
     answer=[[AGREED, Echo()]], get=[AGREED], fate=None,
     see=[req(b"/chat", *WS)], check=opaque(b"\x81\x05hello\0\r\n"))
case(25, "bytes glued to the 101",
     [req(b"/chat", *WS), Got(7), b"bye", Got(10)],
     answer=[[AGREED + b"glued\r\n", Got(3), b"bye"]], get=[AGREED],
     fate=None, see=[req(b"/chat", *WS)], check=opaque(b"glued\r\nbye"))
case(25, "bytes sent before the 101",
     [req(b"/chat", *WS) + b"early bytes", Got(11)], answer=[[AGREED, Echo()]],
     get=[AGREED], fate=None, see=[req(b"/chat", *WS)],
     check=opaque(b"early bytes"))
case(25, "what looks like a request behind the 101 is none",
     [req(b"/chat", *WS), Whole(), req(b"/evil"), Got(10)],
     answer=[[AGREED, Got(10), b"0123456789"]], get=[AGREED], fate=None,
     see=[req(b"/chat", *WS)], check=opaque(b"0123456789"))
case(25, "with a subprotocol and extensions",
     [req(b"/chat", *WS, b"Sec-WebSocket-Protocol: chat, superchat",
          b"Sec-WebSocket-Extensions: permessage-deflate; "
          b"client_max_window_bits"), Whole(), b"x", Got(1)],
     see=[req(b"/chat", *WS, b"Sec-WebSocket-Protocol: chat, superchat",
              b"Sec-WebSocket-Extensions: permessage-deflate; "
              b"client_max_window_bits")],
     answer=[[AGREED[:-2] + b"Sec-WebSocket-Protocol: chat\r\n"
              b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
              Echo()]],
     get=[AGREED[:-2] + b"Sec-WebSocket-Protocol: chat\r\n"
          b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"],
     fate=None, check=opaque(b"x"))
case(25, "keep-alive, Upgrade, as a browser says it",
     [req(b"/chat", b"Connection: keep-alive, Upgrade", *WS[1:]), Whole(),
      b"x", Got(1)], see=[req(b"/chat", *WS)], answer=[[AGREED, Echo()]],
     get=[AGREED], fate=None, check=opaque(b"x"))
case(25, "a protocol nobody knows",
     [req(b"/", b"Connection: Upgrade", b"Upgrade: tcp/1"), Whole(), b"x",
      Got(1)], see=[req(b"/", b"Connection: Upgrade", b"Upgrade: tcp/1")],
     answer=[[AGREED.replace(b"websocket", b"tcp/1"), Echo()]],
     get=[AGREED.replace(b"websocket", b"tcp/1")], fate=None,
     check=opaque(b"x"))
case(25, "an end of one side reaches the other, and back",
     [req(b"/chat", *WS), Whole(), b"last words", HalfClose(), Got(10)],
     see=[req(b"/chat", *WS)],
     answer=[[AGREED, Got(10), Sleep(0.2), b"and an echo", Close()]],
     get=[AGREED], fate="close", check=opaque(b"and an echo"))
for st in (b"200 OK", b"401 Unauthorized", b"426 Upgrade Required",
           b"503 Busy"):
    case(25, "refused by %s" % st.decode(), req(b"/chat", *WS),
         see=[req(b"/chat", *WS)], answer=[ans(b"no", status=st)],
         get=[ans(b"no", status=st)])
case(25, "what follows a refused one is the next request",
     req(b"/chat", *WS) + req(b"/2"), see=[req(b"/chat", *WS), req(b"/2")],
     answer=[ans(b"no", status=b"426 Upgrade Required"), OK],
     get=[ans(b"no", status=b"426 Upgrade Required"), OK])
case(25, "h2c is stripped",
     req(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
         b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), see=[req()],
     answer=[OK], get=[OK])
refused(25, "an upgrade with a body", post(b"hello", *WS))
refused(25, "an upgrade with a chunked body", chunked(*WS))
case(25, "an upgrade by POST", [req(b"/chat", *WS, method=b"POST"), Whole(),
                                b"x", Got(1)],
     see=[req(b"/chat", *WS, method=b"POST")], answer=[[AGREED, Echo()]],
     get=[AGREED], fate=None, check=opaque(b"x"))
bad_answer(25, "101 without Upgrade", b"HTTP/1.1 101 Switching\r\n\r\n",
           send=req(b"/chat", *WS), see=[req(b"/chat", *WS)])

# ---- 26. who visits ----

SPOOFED = (b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: gopher",
           b"X-Forwarded-Host: evil.example", b"X-Forwarded-Port: 1",
           b"Forwarded: for=6.6.6.6;proto=gopher",
           b"Via: 1.1 evil.example")


def told(*words):
    def check(run):
        m = run.conns[0].parser.msgs[0] if run.conns else None
        if m is None:
            return "no request"
        text = b"\n".join(n + b": " + v for n, v in m.fields).decode(
            "latin-1").lower()
        for w in words:
            if w in text:
                return "%s reached the backend: %r" % (w, text)
        proto = "https" if run.tls else "http"
        if m.get(b"x-forwarded-proto") != proto.encode():
            return "X-Forwarded-Proto is %r" % m.get(b"x-forwarded-proto")
        if m.get(b"x-forwarded-host") != run.host.encode():
            return "X-Forwarded-Host is %r" % m.get(b"x-forwarded-host")
        want = b"443" if run.tls else b"80"
        if m.get(b"x-forwarded-port") != want:
            return "X-Forwarded-Port is %r" % m.get(b"x-forwarded-port")
        if m.get(b"via") is not None:
            return "Via is %r" % m.get(b"via")
        f = (m.get(b"forwarded") or b"").decode().lower()
        if run.addr not in f or "proto=" + proto not in f:
            return "Forwarded is %r" % f
    return check


case(26, "the backend is told who visits", req(),
     has=[(b"x-forwarded-for", b"<addr>")], check=told())
case(26, "what a stranger says of it is dropped", req(b"/", *SPOOFED),
     see=[req()], answer=[OK], get=[OK],
     has=[(b"x-forwarded-for", b"<addr>")],
     check=told("6.6.6.6", "gopher", "evil.example"))
case(26, "and so it is with '_'",
     req(b"/", b"X_Forwarded_For: 6.6.6.6", b"X-Forwarded_Host: evil.example",
         b"x_forwarded_proto: gopher"), see=[req()], answer=[OK], get=[OK],
     check=told("6.6.6.6", "gopher", "evil.example"))
case(26, "identity is ours alone",
     req(b"/", b"X-Culvert-User: root", b"X_Culvert_User: root",
         b"x-culvert-email: root@example.org", b"X-CULVERT_ANY: root",
         b"X-Real-IP: 6.6.6.6"), see=[req()], answer=[OK], get=[OK],
     check=told("root", "6.6.6.6"))
case(26, "behind a trusted proxy it is added to",
     req(b"/", b"X-Forwarded-For: 6.6.6.6"), see=[req()], answer=[OK],
     get=[OK], trusted=True,
     check=lambda run: None if run.conns and b"6.6.6.6" in b", ".join(
         run.conns[0].parser.msgs[0].get(b"x-forwarded-for", True))
     else "6.6.6.6 was dropped")

case(26, "and so is its list of proxies",
     req(b"/", b"X-Forwarded-For: 6.6.6.6", b"Via: 1.0 fred, 1.1 front"),
     see=[req()], answer=[OK], get=[OK], trusted=True,
     has=[(b"via", b"1.0 fred, 1.1 front, 1.1 culvert")])
case(26, "which a backend may begin itself", req(),
     answer=ans(b"ok", b"Via: 1.1 behind"), has=[(b"via", None)],
     reply_has=[(b"via", b"1.1 behind")])

# ---- 27. credentials ----

case(27, "Proxy-Authorization stays here",
     req(b"/", b"Proxy-Authorization: Basic eDp5"), see=[req()], answer=[OK],
     get=[OK])
case(27, "Authorization of the backend's own passes",
     req(b"/", b"Authorization: Basic dTpw"))
case(27, "a backend's cookies pass, but none for others", req(),
     answer=[raw(b"Set-Cookie: a=b", b"Set-Cookie: c=d; Domain=relay.localhost",
                 b"Set-Cookie: e=f; domain=.relay.localhost; Path=/",
                 b"Set-Cookie: i=j; Domain=localhost",
                 b"Set-Cookie: g=h; Secure; HttpOnly", b"Content-Length: 0")],
     get=[raw(b"Set-Cookie: a=b", b"Set-Cookie: g=h; Secure; HttpOnly",
              b"Content-Length: 0")])
case(27, "no backend has cookies cleared, which would be all of the domain's",
     req(), answer=[raw(b'Clear-Site-Data: "cookies"', b"X: y",
                        b'Clear-Site-Data: "cache", "cookies", "storage"',
                        b"Content-Length: 0")],
     get=[raw(b'Clear-Site-Data: "cache", "storage"', b"X: y",
              b"Content-Length: 0")])
case(27, "none of ours reaches a backend",
     req(b"/", b"Cookie: a=b; culvert-visit=x; __Host-culvert-visit=y; c=d",
         b"Cookie: CULVERT=z", b"Authorization: Bearer culv_x_y"),
     see=[req(b"/", b"Cookie: a=b; c=d")], answer=[OK], get=[OK])
case(27, "and no backend sets one", req(),
     answer=[raw(b"Set-Cookie: culvert=a", b"Set-Cookie: a=b",
                 b"set-cookie: CULVERT-visit=a; Path=/",
                 b"Set-Cookie: __Host-culvert-visit=a; Secure; Path=/",
                 b"Set-Cookie: =culvert=a", b"Set_Cookie: culvert=a",
                 b"Content-Length: 0")],
     get=[raw(b"Set-Cookie: a=b", b"Content-Length: 0")])
case(27, "nor before the answer", req(),
     answer=[b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: culvert=a\r\n\r\n" +
             OK], get=[b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK])
case(27, "a cookie for the host itself may say so", req(),
     answer=raw(b"Set-Cookie: a=b; Domain=<host>", b"Content-Length: 0"))
