"""Cases of bodies: how long they are, and who says so; what is cut off, and
what is too much."""

from http_case import (OK, ans, bad_answer, case, chunked, one_byte_chunks,
                       other_conn, post, raw, refused, refused_body, req)
from http_steps import Abort, Broken, Close, Ours, Partial, Sleep, Whole

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
