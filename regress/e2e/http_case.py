"""What cases of HTTP are made of: requests, answers, and rows for the table.  See
http_steps.py for the words."""

from http_steps import SAME, Case, Ours

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


def other_conn(run):
    """The connection that had the first exchange has no second one."""
    if run.conns and len(run.conns[0].parser.msgs) > 1:
        return "the backend's connection was used again: %r" % \
            run.conns[0].parser.msgs
