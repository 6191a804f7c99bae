"""Cases of what happens when: answers without a body, early ones, ends, streams,
and whose connection comes next."""

from http_case import OK, ans, case, chunked, other_conn, post, raw, req
from http_steps import (Abort, Close, Fill, Gone, Got, HalfClose, Head, Mark,
                        Marked, Ours, Sleep, Status, Whole)

# ---- 28. no body ----

case(28, "HEAD with a length", req(method=b"HEAD") + req(b"/2"),
     answer=[raw(b"Content-Length: 1000"), OK])
case(28, "HEAD with chunked", req(method=b"HEAD") + req(b"/2"),
     answer=[raw(b"Transfer-Encoding: chunked"), OK],
     get=[raw(), OK])
case(28, "HEAD without either", req(method=b"HEAD") + req(b"/2"),
     answer=[raw(), OK], get=[raw(), OK])
for st in (b"204 No Content", b"304 Not Modified"):
    n = st.decode()
    keep = [b"Content-Length: 9"] if st.startswith(b"304") else []
    case(28, "%s with a length" % n, req() + req(b"/2"),
         answer=[raw(b"Content-Length: 9", status=st), OK],
         get=[raw(*keep, status=st), OK])
    case(28, "%s with chunked" % n, req() + req(b"/2"),
         answer=[raw(b"Transfer-Encoding: chunked", status=st), OK],
         get=[raw(status=st), OK])
    case(28, "%s bare" % n, req() + req(b"/2"), answer=[raw(status=st), OK])
case(28, "HEAD answered with a body", req(method=b"HEAD") + req(b"/2"),
     answer=[raw(b"Content-Length: 6", body=b"poison"), OK],
     get=[raw(b"Content-Length: 6"), OK], check=other_conn)
case(28, "HEAD of HTTP/1.0", req(method=b"HEAD", version=b"HTTP/1.0"),
     see=[req(method=b"HEAD")], answer=[raw(b"Content-Length: 6")],
     get=[raw(b"Content-Length: 6")], fate="close")

# ---- 29. ranges ----

case(29, "Range and If-Range pass",
     req(b"/", b"Range: bytes=0-3,8-", b"If-Range: \"x\""),
     answer=ans(b"0123", b"Content-Range: bytes 0-3/10", b"ETag: \"x\"",
                status=b"206 Partial Content"))
case(29, "multipart/byteranges", req(b"/", b"Range: bytes=0-0,2-2"),
     answer=ans(b"--x\r\nContent-Range: bytes 0-0/9\r\n\r\n0\r\n--x\r\n"
                b"Content-Range: bytes 2-2/9\r\n\r\n2\r\n--x--\r\n",
                b"Content-Type: multipart/byteranges; boundary=x",
                status=b"206 Partial Content"))
case(29, "416", req(b"/", b"Range: bytes=99-"),
     answer=ans(b"", b"Content-Range: bytes */10",
                status=b"416 Range Not Satisfiable"))

# ---- 30. early answers ----

case(30, "403 after the first of a great upload",
     [req(b"/up", b"Content-Length: 1073741824", method=b"POST",
          body=b"u" * 65536), Whole()],
     see=[], partial=True, early=True, fate="close",
     answer=[[Got(1), ans(b"too much", status=b"403 Forbidden"), Gone(30)]],
     get=[ans(b"too much", status=b"403 Forbidden")], methods=[b"POST"],
     cuts=("whole", "random"))
case(30, "the visitor goes on sending, and still reads the answer",
     [req(b"/up", b"Content-Length: 1073741824", method=b"POST",
          body=b"u" * 65536), Fill(200000), Whole()],
     see=[], partial=True, early=True, fate="close",
     answer=[[Got(1), ans(b"too much", status=b"403 Forbidden"), Gone(30)]],
     get=[ans(b"too much", status=b"403 Forbidden")], methods=[b"POST"],
     cuts=("whole",))
case(30, "200 before the body is over: the rest gets there, too",
     [post(b"helloworld")[:-5], Whole(), b"world", Mark("all")],
     see=[post(b"helloworld")], early=True,
     answer=[[Got(1), OK, Whole(), Marked("all")]], get=[OK],
     methods=[b"POST"])
case(30, "and so it does in chunks",
     [chunked(body=b"3\r\nabc\r\n"), Whole(), b"3\r\ndef\r\n0\r\n\r\n"],
     see=[chunked(body=b"6\r\nabcdef\r\n0\r\n\r\n")], early=True,
     answer=[[Got(3), OK, Whole()]], get=[OK], methods=[b"POST"])
case(30, "and to the end of a connection that is not kept",
     [post(b"helloworld", b"Connection: close")[:-5], Whole(), b"world"],
     see=[post(b"helloworld")], early=True, fate="close",
     answer=[[Got(1), OK, Whole()]], get=[OK], methods=[b"POST"])
case(30, "and the next request waits for it",
     [post(b"helloworld")[:-5], Whole(), b"world" + req(b"/2")],
     see=[post(b"helloworld"), req(b"/2")], early=True,
     answer=[[Got(1), OK, Whole()], OK], get=[OK, OK],
     methods=[b"POST", b"GET"])
case(30, "and so it does where the method has no body",
     [post(b"helloworld", method=b"DELETE")[:-5], Whole(), b"world"],
     see=[post(b"helloworld", method=b"DELETE")], early=True,
     answer=[[Got(1), OK, Whole()]], get=[OK], methods=[b"DELETE"],
     check=other_conn)
case(30, "200 of a backend that ends then: so does the visitor's connection",
     [post(b"helloworld")[:-5], Whole()], see=[], partial=True, early=True,
     answer=[[Got(1), ans(b"ok", b"Connection: close"), Close(), Gone(30)]],
     get=[OK], fate="close", methods=[b"POST"],
     reply_has=[(b"connection", b"(?i)close")])
case(30, "200 of a backend that breaks off then",
     [post(b"helloworld")[:-5], Whole()], see=[], partial=True, early=True,
     answer=[[Got(1), OK, Sleep(0.1), Abort()]], get=[OK], fate="close",
     methods=[b"POST"])
case(30, "the visitor breaks off behind its 200",
     [post(b"helloworld")[:-5], Whole(), Abort()], see=[], partial=True,
     early=True, fate="gone",
     answer=[[Got(1), OK, Gone(5), Mark("over")]],
     check=lambda run: None if "over" in run.marks else
     "the backend's connection stays")
case(30, "the rest of a body that can't be understood",
     [chunked(body=b"3\r\nabc\r\n"), Whole(), b"what\r\n"], see=[],
     partial=True, early=True, fate="close", answer=[[Got(3), OK, Gone(5)]],
     get=[OK], methods=[b"POST"])
case(30, "an answer before the body is over, and both go on",
     [chunked(body=b"3\r\nabc\r\n"), Status(1), b"3\r\ndef\r\n0\r\n\r\n"],
     see=[chunked(body=b"6\r\nabcdef\r\n0\r\n\r\n")], early=True, fate=None,
     answer=[[Got(3), raw(b"Transfer-Encoding: chunked",
                          body=b"1\r\nx\r\n"), Whole(),
              b"1\r\ny\r\n0\r\n\r\n"]],
     get=[raw(b"Transfer-Encoding: chunked", body=b"2\r\nxy\r\n0\r\n\r\n")])

# ---- 31. the visitor goes ----

for name, how in (("resets", Abort()), ("closes", Close())):
    case(31, "the visitor %s in a head" % name,
         [req()[:-2], Sleep(0.1), how], see=[], fate="gone")
    case(31, "the visitor %s in a body" % name,
         [post(b"hello")[:-2], Head(1), how], see=[], fate="gone",
         partial=True, early=True, answer=[[Gone(5)]],
         check=lambda run: None if "gone" in run.marks else
         "the backend's connection stays")
    case(31, "the visitor %s while it waits" % name, [req(), Head(1), how],
         fate="gone", answer=[[Gone(5), Mark("over")]],
         check=lambda run: None if "over" in run.marks else
         "the backend's connection stays")
    case(31, "the visitor %s in the response" % name,
         [req(), Got(3), how], fate="gone",
         answer=[[raw(b"Content-Length: 100", body=b"abc"), Gone(5),
                  Mark("over")]],
         check=lambda run: None if "over" in run.marks else
         "the backend's connection stays")
case(31, "a half-close behind a request is no abort",
     [req(version=b"HTTP/1.0"), HalfClose()], see=[req()],
     answer=[[Sleep(0.5), raw(body=b"all of it"), Sleep(0.1), Close()]],
     get=[raw(body=b"all of it")], fate="close")
case(31, "a half-close behind a body is no abort",
     [post(b"hello", version=b"HTTP/1.0"), HalfClose()], see=[post(b"hello")],
     answer=[[Sleep(0.5), OK]], get=[OK], fate="close")

case(31, "nor is one of HTTP/1.1, who asks for no more",
     [req(b"/", b"Connection: close"), HalfClose()], see=[req()],
     answer=[[Sleep(1.2), OK]], get=[OK], fate="close")

# ---- 32. streams ----

case(32, "each event comes at once",
     [req(b"/events", b"Accept: text/event-stream"), Got(5), Mark("1"),
      Got(10), Mark("2")],
     answer=[[raw(b"Content-Type: text/event-stream",
                  b"Transfer-Encoding: chunked", body=b"5\r\nfirst\r\n"),
              Marked("1"), b"5\r\nagain\r\n", Marked("2"), b"0\r\n\r\n"]])
case(32, "events without a length come at once",
     [req(b"/events", b"Accept: text/event-stream"), Got(5), Mark("1"),
      Got(10), Mark("2")],
     answer=[[raw(b"Content-Type: text/event-stream", body=b"first"),
              Marked("1"), b"again", Marked("2"), Close()]],
     get=[raw(b"Content-Type: text/event-stream",
              b"Transfer-Encoding: chunked",
              body=b"a\r\nfirstagain\r\n0\r\n\r\n")])
case(32, "the head comes before any of the body",
     [req(b"/events"), Status(1), Mark("head")],
     answer=[[raw(b"Content-Length: 4"), Marked("head"), b"body"]])
case(32, "a request and its response take turns",
     [chunked(body=b"1\r\na\r\n"), Got(1), b"1\r\nb\r\n", Got(2),
      b"1\r\nc\r\n0\r\n\r\n"], early=True,
     answer=[[Got(1), raw(b"Transfer-Encoding: chunked",
                          body=b"1\r\nA\r\n"), Got(2), b"1\r\nB\r\n", Got(3),
              Whole(), b"1\r\nC\r\n0\r\n\r\n"]])
case(32, "long polling", req(), answer=[[Sleep(3), OK]], cuts=("whole",))

# ---- 33. keep-alive ----

case(33, "100 requests at once, answered in order",
     b"".join(req(b"/%d" % i) for i in range(100)), cuts=("whole", "random"),
     answer=[ans(b"%d" % i) for i in range(100)])
case(33, "requests of every kind at once",
     req(b"/1") + post(b"hello") + chunked() + req(b"/2", method=b"HEAD") +
     req(b"/3") + chunked(method=b"PUT"),
     answer=[OK, OK, OK, raw(b"Content-Length: 2"), OK, OK])
case(33, "a bad request behind good ones",
     req(b"/1") + req(b"/2") + b"BAD\r\n\r\n", see=[req(b"/1"), req(b"/2")],
     answer=[OK, OK], get=[OK, OK, Ours(400)], fate="close",
     methods=[b"GET"] * 3)
case(33, "one after the other", [req(b"/1"), Whole(1), req(b"/2"), Whole(2),
                                 req(b"/3")])
case(33, "a backend that ends a quiet connection: GET comes to a new one",
     [req(b"/1"), Whole(1), Sleep(0.2), req(b"/2")],
     answer=[[OK, Close()], [OK]], get=[OK, OK])
case(33, "and one that ends it on the next request: GET is tried again",
     [req(b"/1"), Whole(1), req(b"/2")], see=[req(b"/1"), req(b"/2"),
                                              req(b"/2")],
     answer=[[OK], [Abort()], [OK]], get=[OK, OK])
case(33, "but POST never is",
     [req(b"/1"), Whole(1), post(b"hello")], see=[req(b"/1"), post(b"hello")],
     answer=[[OK], [Close()]], get=[OK, Ours(502)], fate=None)
case(33, "and GET not twice", [req(b"/1"), Whole(1), req(b"/2")],
     see=[req(b"/1"), req(b"/2"), req(b"/2")],
     answer=[[OK], [Close()], [Close()]], get=[OK, Ours(502)], fate=None)

# ---- 34. whose connection ----


def same_conn(run):
    if len(run.conns) != 1:
        return "%d connections of the backend" % len(run.conns)


case(34, "what authenticates a connection has one to itself",
     [req(b"/", b"Authorization: NTLM TlRMTVNTUAAB"), Whole(1),
      req(b"/", b"Authorization: NTLM TlRMTVNTUAAD"), Whole(2), req(b"/3")],
     answer=[ans(b"", b"WWW-Authenticate: NTLM TlRMTVNTUAAC",
                 status=b"401 Unauthorized"), OK, OK], check=same_conn)

# ---- 35. codings ----

GZIP = (b"\x1f\x8b\x08\0\0\0\0\0\0\3\xcbH\xcd\xc9\xc9\7\0\x86\xa6\x106\5\0\0\0")
case(35, "a coded body stays coded",
     req(b"/", b"Accept-Encoding: gzip;q=1, br, *;q=0"),
     answer=ans(GZIP, b"Content-Encoding: gzip", b"Vary: Accept-Encoding"))
case(35, "a coded request stays coded",
     post(GZIP, b"Content-Encoding: gzip"))
case(35, "no Accept-Encoding is made up", req(),
     has=[(b"accept-encoding", None)])

# ---- 37. whose 502 ----

for st in (b"502 Bad Gateway", b"503 Service Unavailable",
           b"504 Gateway Timeout", b"404 Not Found", b"500 Oops"):
    case(37, "the backend's own %s" % st.decode(), req(),
         answer=ans(b"mine", status=st), reply_has=[(b"culvert-error", None)])
case(37, "a backend can't pretend to be us", req(),
     answer=[ans(b"x", b"Culvert-Error: refused", status=b"502 Bad")],
     get=[ans(b"x", status=b"502 Bad")],
     reply_has=[(b"culvert-error", None)])

# ---- 38. great fields ----

case(38, "a cookie of 16 KiB", req(),
     answer=raw(b"Set-Cookie: c=" + b"v" * 16384, b"Content-Length: 0"))
case(38, "300 cookies", req(),
     answer=raw(*[b"Set-Cookie: c%d=%d; Path=/" % (i, i)
                  for i in range(300)], b"Content-Length: 0"))
case(38, "cookies of 8 KiB each in a request",
     req(b"/", b"Cookie: a=" + b"v" * 8000, b"Cookie: b=" + b"v" * 8000))
