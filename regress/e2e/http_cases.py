"""What the door of HTTP must do, case by case, in numbered groups: what a
visitor sends, what the backend must see of it, what the backend answers, and
what the visitor must get.  See http_runner.py for the words."""

from http_runner import (Abort, Broken, Case, Close, Echo, Fill, Gone, Got,
                         HalfClose, Head, Mark, Marked, Ours, Own, Partial,
                         SAME, Sleep, Status, Whole)

CASES = []
CRLF = b"\r\n"


def case(group, name, send, see=SAME, **kw):
    CASES.append(Case(group, name, send, see, **kw))


def req(target=b"/", *fields, method=b"GET", body=b"", host=b"<host>",
        version=b"HTTP/1.1"):
    lines = [b"%s %s %s" % (method, target, version)]
    if host is not None:
        lines.append(b"Host: " + host)
    return CRLF.join(lines + list(fields) + [b"", b""]) + body


def post(body=b"", *fields, method=b"POST", **kw):
    return req(b"/p", b"Content-Length: %d" % len(body), *fields,
               method=method, body=body, **kw)


def chunked(*fields, body=b"5\r\nhello\r\n0\r\n\r\n", method=b"POST", **kw):
    return req(b"/c", b"Transfer-Encoding: chunked", *fields, method=method,
               body=body, **kw)


def ans(body=b"ok", *fields, status=b"200 OK", version=b"HTTP/1.1"):
    return CRLF.join([version + b" " + status, *fields,
                      b"Content-Length: %d" % len(body), b"", b""]) + body


def raw(*fields, body=b"", status=b"200 OK", version=b"HTTP/1.1"):
    return CRLF.join([version + b" " + status, *fields, b"", b""]) + body


OK = ans()


def refused(group, name, send, *status, **kw):
    """Not a byte goes on, and the connection ends."""
    case(group, name, send, see=[], get=[Ours(*(status or (400,)))],
         fate="close", **kw)


def refused_body(group, name, send, *status):
    """A body that goes wrong: its request never becomes whole."""
    case(group, name, send, see=[], get=[Ours(*(status or (400,)))],
         fate="close", partial=True)


def bad_answer(group, name, answer, see=SAME, send=None, get=None, **kw):
    """A response that nobody may read as it stands."""
    case(group, name, send or req(), see, answer=[[answer]],
         get=get or [Ours(502)], fate=None, **kw)


def one_byte_chunks(data):
    return b"".join(b"1\r\n%c\r\n" % c for c in data) + b"0\r\n\r\n"


# ---- 1. chunked bodies ----

BIG = bytes(range(256)) * 65536
case(1, "a chunked request in chunks of one byte",
     chunked(body=one_byte_chunks(b"every byte a chunk")))
case(1, "a chunked response in chunks of one byte", req(),
     answer=raw(b"Transfer-Encoding: chunked",
                body=one_byte_chunks(b"every byte a chunk")))
case(1, "both ways, in upper case and with zeros in front",
     chunked(body=b"00A\r\n0123456789\r\n000\r\n\r\n"),
     answer=raw(b"Transfer-Encoding: chunked",
                body=b"0000000B\r\nhello world\r\n0\r\n\r\n"))
case(1, "a chunk of 16 MiB in a request",
     chunked(body=b"1000000\r\n" + BIG + b"\r\n0\r\n\r\n"), cuts=("whole",))
case(1, "a chunk of 16 MiB in a response", req(), cuts=("whole",),
     answer=raw(b"Transfer-Encoding: chunked",
                body=b"1000000\r\n" + BIG + b"\r\n0\r\n\r\n"))
case(1, "16 MiB by length, both ways", post(BIG), cuts=("whole",),
     answer=ans(BIG))
case(1, "an empty chunked request", chunked(body=b"0\r\n\r\n"))
case(1, "an empty chunked response", req(),
     answer=raw(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"))
case(1, "extensions of 256 bytes are dropped",
     chunked(body=b"5;" + b"a" * 255 + b"\r\nhello\r\n0;b=\"c;d\"\r\n\r\n"),
     answer=raw(b"Transfer-Encoding: chunked", body=b"5;" + b"a" * 255 +
                b"\r\nhello\r\n0;x\r\n\r\n"))
refused_body(1, "extensions of 257 bytes in a request",
             chunked(body=b"5;" + b"a" * 256 + b"\r\nhello\r\n0\r\n\r\n"))
bad_answer(1, "extensions of 257 bytes in a response",
           raw(b"Transfer-Encoding: chunked", body=b"5;" + b"a" * 256 +
               b"\r\nhello\r\n0\r\n\r\n"), get=[Broken()])
case(1, "two chunked requests on one connection", chunked() + chunked(
    body=b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"))
case(1, "a chunked request with data that looks like the end",
     chunked(body=b"10\r\n\r\n0\r\n\r\nGET / HTT\r\n0\r\n\r\n"))

# ---- 2. trailers ----

case(2, "trailers of a request",
     chunked(b"Trailer: X-Sum", body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n"))
case(2, "trailers of a response", req(b"/", b"TE: trailers",
                                      b"Connection: TE"),
     answer=raw(b"Trailer: X-Sum", b"Transfer-Encoding: chunked",
                body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n"))
case(2, "trailers that nobody announced are dropped",
     chunked(body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n"),
     see=[chunked(body=b"2\r\nok\r\n0\r\n\r\n")],
     answer=[raw(b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n")],
     get=[raw(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n")])
FORBIDDEN = (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: x\r\n"
             b"Authorization: Basic eDp5\r\nCookie: a=b\r\nSet-Cookie: a=b"
             b"\r\nConnection: close\r\nX-Forwarded-For: 1.2.3.4\r\n"
             b"X-Culvert-User: root\r\nX_Culvert_User: root\r\n"
             b"Forwarded: for=1.2.3.4\r\nContent-Type: a/b\r\nTE: x\r\n")
case(2, "forbidden trailers of a request are dropped",
     chunked(b"Trailer: X-Sum", body=b"2\r\nok\r\n0\r\n" + FORBIDDEN +
             b"X-Sum: abc\r\n\r\n"),
     see=[chunked(b"Trailer: X-Sum",
                  body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n")])
case(2, "forbidden trailers of a response are dropped", req(),
     answer=[raw(b"Trailer: X-Sum", b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\n" + FORBIDDEN + b"X-Sum: c\r\n\r\n")],
     get=[raw(b"Trailer: X-Sum", b"Transfer-Encoding: chunked",
              body=b"2\r\nok\r\n0\r\nX-Sum: c\r\n\r\n")])
case(2, "who visits is not said by trailers either",
     chunked(b"Trailer: X-Sum, X-Culvert-User,, x_culvert_email ,X-Real-IP",
             body=b"2\r\nok\r\n0\r\nX-Culvert-User: root\r\nX-Sum: abc\r\n"
             b"x_culvert_email: root\r\nX-Real-IP: 6.6.6.6\r\n\r\n"),
     see=[chunked(b"Trailer: X-Sum, X-Culvert-User,, x_culvert_email "
                  b",X-Real-IP",
                  body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n")])
case(2, "nor does a backend speak for us in one", req(),
     answer=[raw(b"Trailer: X-Sum, Culvert-Error",
                 b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\nCulvert-Error: refused\r\n"
                 b"X-Sum: c\r\n\r\n")],
     get=[raw(b"Trailer: X-Sum, Culvert-Error", b"Transfer-Encoding: chunked",
              body=b"2\r\nok\r\n0\r\nX-Sum: c\r\n\r\n")])
refused_body(2, "trailers above their size",
             chunked(body=b"2\r\nok\r\n0\r\nX: " + b"a" * 8190 +
                     b"\r\n\r\n"), 400, 431)
refused_body(2, "too many trailers", chunked(
    body=b"2\r\nok\r\n0\r\n" + b"X: a\r\n" * 33 + b"\r\n"), 400, 431)
refused_body(2, "a malformed trailer",
             chunked(body=b"2\r\nok\r\n0\r\nX : a\r\n\r\n"))
bad_answer(2, "a malformed trailer of a response",
           raw(b"Transfer-Encoding: chunked",
               body=b"2\r\nok\r\n0\r\nX : a\r\n\r\n"), get=[Broken()])
bad_answer(2, "trailers of a response above their size",
           raw(b"Trailer: X", b"Transfer-Encoding: chunked",
               body=b"2\r\nok\r\n0\r\nX: " + b"a" * 8190 + b"\r\n\r\n"),
           get=[Broken()])
bad_answer(2, "too many trailers of a response",
           raw(b"Trailer: X", b"Transfer-Encoding: chunked",
               body=b"2\r\nok\r\n0\r\n" + b"X: a\r\n" * 33 + b"\r\n"),
           get=[Broken()])
case(2, "a trailer is no field of the head", req(b"/", b"TE: trailers"),
     see=[req(b"/", b"TE: trailers", b"Connection: TE")],
     answer=[raw(b"Trailer: X-Sum", b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n")],
     get=[raw(b"Trailer: X-Sum", b"Transfer-Encoding: chunked",
              body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n")],
     reply_has=[(b"x-sum", None)])
case(2, "to HTTP/1.0 trailers are left out",
     req(b"/", version=b"HTTP/1.0"),
     see=[req()],
     answer=[raw(b"Transfer-Encoding: chunked",
                 body=b"2\r\nok\r\n0\r\nX-Sum: c\r\n\r\n")],
     get=[raw(body=b"ok")], fate="close")

# ---- 3. both lengths ----

BOTH = ((b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"))
for two in BOTH:
    n = two[0].split(b":")[0].decode()
    refused(3, "both lengths, %s first" % n, req(
        b"/", *two, method=b"POST", body=b"0\r\n\r\nGET /evil HTTP/1.1\r\n"
        b"Host: <host>\r\n\r\n"))
    bad_answer(3, "both lengths in a response, %s first" % n,
               raw(*two, body=b"0\r\n\r\n"))
refused(3, "Content_Length beside chunked is dropped or refused",
        req(b"/", b"Transfer-Encoding: chunked", b"Content-Length : 5",
            method=b"POST", body=b"0\r\n\r\n"))
case(3, "names with '_' never frame", chunked(
    b"Content_Length: 3", b"Transfer_Encoding: gzip"), see=[chunked()])

# ---- 4. Transfer-Encoding ----

SMUGGLED = (b"0\r\n\r\nGET /evil HTTP/1.1\r\nHost: <host>\r\n\r\n")
for te in (b"Transfer-Encoding: chunked,", b"Transfer-Encoding: ,chunked",
           b"Transfer-Encoding: chunked, chunked",
           b"Transfer-Encoding: gzip, chunked",
           b"Transfer-Encoding: chunked, identity",
           b"Transfer-Encoding: identity", b"Transfer-Encoding: xchunked",
           b"Transfer-Encoding: chunkedx", b"Transfer-Encoding: \"chunked\"",
           b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: chun ked",
           b"Transfer-Encoding:", b"Transfer-Encoding : chunked",
           b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked",
           b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
           b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
           b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
           b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: \x00chunked",
           b"Transfer-Encoding: chunked\x0c",
           b"Transfer-Encoding: c\xe5\xadunked",
           b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\n chunked",
           b"X: y\nTransfer-Encoding: chunked",
           b"X: y\rTransfer-Encoding: chunked"):
    refused(4, "%r" % te, req(b"/", te, method=b"POST", body=SMUGGLED),
            400, 501)
    bad_answer(4, "%r in a response" % te, raw(te, body=b"0\r\n\r\n"))
refused(4, "chunked in HTTP/1.0", chunked(version=b"HTTP/1.0"), 400, 501)
bad_answer(4, "chunked in a response of HTTP/1.0",
           raw(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n",
               version=b"HTTP/1.0"))
for te in (b"Transfer-Encoding: Chunked", b"transfer-encoding:CHUNKED",
           b"TRANSFER-ENCODING:  \t chunked \t "):
    case(4, "%r passes" % te,
         req(b"/c", te, method=b"POST", body=b"2\r\nok\r\n0\r\n\r\n"),
         answer=raw(te, body=b"2\r\nok\r\n0\r\n\r\n"))

# ---- 5. Content-Length ----

for cl in (b"Content-Length: 5\r\nContent-Length: 5",
           b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5, 5",
           b"Content-Length: 5,", b"Content-Length: +5", b"Content-Length: -1",
           b"Content-Length: 0x5", b"Content-Length: 5 5",
           b"Content-Length: 5.0", b"Content-Length: 5e0",
           b"Content-Length: 00000000000000000005", b"Content-Length:",
           b"Content-Length: 9223372036854775808",
           b"Content-Length: 18446744073709551621",
           b"Content-Length: 99999999999999999999",
           b"Content-Length: five", b"Content-Length : 5",
           b"Content-Length: \xb2", b"Content-Length: 5\x00",
           b"Content-Length: \x0b5"):
    refused(5, "%r" % cl, req(b"/", cl, method=b"POST", body=b"hello"))
    bad_answer(5, "%r in a response" % cl, raw(cl, body=b"hello"))
case(5, "white space around a length",
     req(b"/", b"Content-Length: \t5 \t", method=b"POST", body=b"hello"),
     see=[req(b"/", b"Content-Length: 5", method=b"POST", body=b"hello")],
     answer=[raw(b"Content-Length:\t2  ", body=b"ok")])
case(5, "the greatest length there is", req(method=b"HEAD"),
     answer=raw(b"Content-Length: 9223372036854775807"))
case(5, "a body of no bytes", post(b""), answer=ans(b""))

# ---- 6. chunk sizes ----

for name, body in (
        ("0x1", b"0x1\r\na\r\n0\r\n\r\n"), ("+1", b"+1\r\na\r\n0\r\n\r\n"),
        ("-1", b"-1\r\na\r\n0\r\n\r\n"), ("1_0", b"1_0\r\na\r\n0\r\n\r\n"),
        ("leading space", b" 1\r\na\r\n0\r\n\r\n"),
        ("trailing space", b"1 \r\na\r\n0\r\n\r\n"),
        ("17 digits", b"00000000000000001\r\na\r\n0\r\n\r\n"),
        ("a size of 2^63", b"8000000000000000\r\na\r\n0\r\n\r\n"),
        ("all bits set", b"ffffffffffffffff\r\na\r\n0\r\n\r\n"),
        ("no CRLF behind data", b"1\r\na0\r\n\r\n"),
        ("data too long", b"1\r\nab\r\n0\r\n\r\n"),
        ("bare LF behind a size", b"1\na\r\n0\r\n\r\n"),
        ("bare LF behind data", b"1\r\na\n0\r\n\r\n"),
        ("CR alone behind a size", b"1\ra\r\n0\r\n\r\n"),
        ("CR CR LF behind a size", b"1\r\r\na\r\n0\r\n\r\n"),
        ("CR alone behind data", b"1\r\na\r0\r\n\r\n"),
        ("an empty size", b"\r\na\r\n0\r\n\r\n"),
        ("only an extension", b";a\r\na\r\n0\r\n\r\n"),
        ("no hexadecimal digit", b"g\r\na\r\n0\r\n\r\n"),
        ("bare LF at the end", b"1\r\na\r\n0\r\n\n"),
        ("bare LF behind the last size", b"1\r\na\r\n0\n\r\n"),
        ("LF in an extension", b"1;a\nb\r\na\r\n0\r\n\r\n"),
        ("NUL in an extension", b"1;a\0\r\na\r\n0\r\n\r\n")):
    refused_body(6, name, chunked(body=body + b"GET /evil HTTP/1.1\r\nHost: "
                                  b"<host>\r\n\r\n"))
    bad_answer(6, name + ", in a response",
               raw(b"Transfer-Encoding: chunked", body=body), get=[Broken()])

# ---- 7. bodies where none is usual ----


def other_conn(run):
    """The connection that had the first exchange has no second one."""
    if run.conns and len(run.conns[0].parser.msgs) > 1:
        return "the backend's connection was used again: %r" % \
            run.conns[0].parser.msgs


EVIL = b"GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n"
for m in (b"GET", b"DELETE", b"OPTIONS", b"HEAD"):
    n = m.decode()
    a = ans(b"ok") if m != b"HEAD" else raw(b"Content-Length: 2")
    case(7, "%s with a body by length" % n, post(EVIL, method=m), answer=a,
         check=other_conn)
    case(7, "%s with a chunked body" % n, chunked(method=m), answer=a,
         check=other_conn)
    case(7, "%s with a length of 0" % n, post(b"", method=m), answer=a)
case(7, "a body that the backend takes for a request",
     post(EVIL, method=b"GET"), early=True, answer=[[ans(), ans(b"poison")]],
     get=[ans()], fate=None, partial=True,
     check=lambda run: other_conn(run) if not run.wrong else None)
case(7, "POST without a length has no body",
     req(b"/", method=b"POST") + req(b"/two"))
case(7, "POST of HTTP/1.0 without a length has none either",
     req(b"/", method=b"POST", version=b"HTTP/1.0"),
     see=[req(b"/", method=b"POST")], answer=[OK], get=[OK], fate="close")

# ---- 8. responses without a length ----

case(8, "up to the end: chunked to HTTP/1.1", req(),
     answer=[[raw(b"X-A: b", body=b"up to the end"), Close()]],
     get=[raw(b"X-A: b", b"Transfer-Encoding: chunked",
              body=b"d\r\nup to the end\r\n0\r\n\r\n")])
case(8, "up to the end, and empty", req(), answer=[[raw(), Close()]],
     get=[raw(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")])
case(8, "from HTTP/1.0", req(),
     answer=[[raw(body=b"old", version=b"HTTP/1.0"), Close()]],
     get=[raw(b"Transfer-Encoding: chunked",
              body=b"3\r\nold\r\n0\r\n\r\n")])
case(8, "up to the end: a close to HTTP/1.0", req(version=b"HTTP/1.0"),
     see=[req()], answer=[[raw(body=b"up to the end"), Close()]],
     get=[raw(body=b"up to the end")], fate="close")
case(8, "up to the end: a close to HTTP/1.0 with keep-alive",
     req(b"/", b"Connection: keep-alive", version=b"HTTP/1.0"),
     see=[req()], answer=[[raw(body=b"up to the end"), Close()]],
     get=[raw(body=b"up to the end")], fate="close")
case(8, "a reset in the middle", req(),
     answer=[[raw(body=b"up to the"), Sleep(0.3), Abort()]],
     get=[Partial()], fate="abort")
case(8, "a reset in the middle, to HTTP/1.0", req(version=b"HTTP/1.0"),
     see=[req()], answer=[[raw(body=b"up to the"), Sleep(0.3), Abort()]],
     get=[Partial()], fate="abort")

# ---- 9. truncated responses ----

case(9, "fewer bytes than said", req(),
     answer=[[raw(b"Content-Length: 10", body=b"hello"), Sleep(0.2),
              Close()]], get=[Partial()], fate="abort")
case(9, "no last chunk", req(),
     answer=[[raw(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
              Sleep(0.2), Close()]], get=[Partial()], fate="abort")
case(9, "an end in the middle of a chunk", req(),
     answer=[[raw(b"Transfer-Encoding: chunked", body=b"5\r\nhel"),
              Sleep(0.2), Close()]], get=[Partial()], fate="abort")
case(9, "no end of the trailers", req(),
     answer=[[raw(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n"),
              Sleep(0.2), Close()]], get=[Partial()], fate="abort")
# What breaks at once has a head all the same.
for name, a in (("fewer bytes than said", raw(b"Content-Length: 10",
                                              body=b"hello")),
                ("none of those said", raw(b"Content-Length: 10")),
                ("no last chunk", raw(b"Transfer-Encoding: chunked",
                                      body=b"5\r\nhello\r\n")),
                ("no chunk", raw(b"Transfer-Encoding: chunked",
                                 body=b"what\r\n"))):
    case(9, "%s, all at once" % name, req(), answer=[[a, Close()]],
         get=[Partial()], fate="abort")
    case(9, "%s, all at once, to HTTP/1.0" % name, req(version=b"HTTP/1.0"),
         see=[req()], answer=[[a, Close()]], get=[Partial()], fate="abort")
case(9, "an answer that breaks behind one that was whole",
     req(b"/1") + req(b"/2"), answer=[
         [OK], [raw(b"Content-Length: 10", body=b"hello"), Close()]],
     get=[OK, Partial()], fate="abort")
case(9, "no whole head", req(method=b"POST"),
     answer=[[b"HTTP/1.1 200 OK\r\nContent-Le", Close()]], get=[Ours(502)],
     fate=None)
case(9, "nothing at all", req(method=b"POST"), answer=[[Close()]],
     get=[Ours(502)], fate=None)
case(9, "a reset instead of an answer", req(method=b"POST"),
     answer=[[Abort()]], get=[Ours(502)], fate=None)
case(9, "chunked to HTTP/1.0, cut off", req(version=b"HTTP/1.0"),
     see=[req()],
     answer=[[raw(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
              Sleep(0.2), Close()]], get=[Partial()], fate="abort")

# ---- 10. surplus ----

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
for name, a in (("a body by length", OK),
                ("the last chunk", raw(b"Transfer-Encoding: chunked",
                                       body=b"2\r\nok\r\n0\r\n\r\n")),
                ("204", raw(status=b"204 No Content")),
                ("304", raw(b"Content-Length: 9",
                            status=b"304 Not Modified"))):
    # Cut up, its rest could come behind the next request, as an answer.
    case(10, "a second response behind %s" % name, req(), cuts=("whole",),
         answer=[a + POISON], get=[a], check=other_conn)
    case(10, "and one that comes while all is quiet, behind %s" % name,
         [req(), Whole(), Sleep(0.3), req(b"/second")],
         answer=[[a, Sleep(0.1), POISON], [OK]], get=[a, OK],
         check=other_conn)
case(10, "surplus bytes behind a body", req(), answer=[OK + b"surplus"],
     get=[OK], cuts=("whole",), check=other_conn)
case(10, "and some that come while all is quiet",
     [req(), Whole(), Sleep(0.3), req(b"/second")],
     answer=[[OK, Sleep(0.1), b"s"], [OK]], get=[OK, OK], check=other_conn)

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
