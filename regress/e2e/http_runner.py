"""Runs cases: a visitor that sends, a backend that records and answers, and
what each must have seen.  http_cases.py has the table, http_matrix.t runs it.

Every run comes from an address of its own in 127.0.0.0/8, and the backend
knows by X-Forwarded-For whose connection it has; so runs go on side by side,
and what reaches the backend for no run at all is found, too."""

import asyncio
import hashlib
import itertools
import os
import random
import re
import socket
import struct
import time

import culvert
from http_wire import PROXY2, Parser, Wire, parse_all

SAME = object()                         # as the other side said it
SECONDS = 120                           # for a run; nothing waits for it
SMALL = 4096                            # above, no byte by byte
CUTS = ("whole", "bytes", "random")

# What the door adds; compared only where a case asks for it.
OURS = re.compile(rb"(?i)forwarded|x-forwarded-.*|via|x-request-id|"
                  rb"x-culvert-.*|culvert-.*|x-real-ip")


# ---- what the visitor must get, beside texts ----

class Ours:
    """An answer of the door's own: marked, with a request id."""

    def __init__(self, *status):
        self.status = status

    def __repr__(self):
        return "ours %s" % "/".join(map(str, self.status))


class Own(Ours):
    """One of the relay itself, to what is for no site."""


# Whose fault these are is clear, and for what site it was may not be.
UNMARKED = (400, 405, 408, 413, 414, 431, 501, 505)


class Broken:
    """502 of ours, or what has begun does not end."""

    def __repr__(self):
        return "broken"


class Partial:
    """A final response that has begun with this status, and does not end."""

    def __init__(self, status=200):
        self.status = status

    def __repr__(self):
        return "incomplete %d" % self.status


# ---- steps, of a visitor or a backend ----

class Step:
    def __init__(self, *args):
        self.args = args


class Sleep(Step):
    async def run(self, side):
        await asyncio.sleep(self.args[0])


class Close(Step):
    """In good order."""

    async def run(self, side):
        await side.close()


class Abort(Step):
    async def run(self, side):
        await side.abort()


class HalfClose(Step):
    async def run(self, side):
        await side.half_close()


class Got(Step):
    """Until the side has so many bytes of body (of the first message whose
    head it has), or of what follows an upgrade."""

    async def run(self, side):
        await side.wait(lambda: len(side.seen_body()) >= self.args[0])


class Whole(Step):
    """Until a backend has the whole request, a visitor so many answers."""

    async def run(self, side):
        n = self.args[0] if self.args else None
        await side.wait(lambda: side.seen_whole(n))


class Status(Step):
    """Until a visitor has this many responses, interim ones counted."""

    async def run(self, side):
        await side.wait(lambda: len(side.parser.msgs) >= self.args[0])


class Head(Step):
    """Until the backend has this many heads of this run."""

    async def run(self, side):
        await side.wait(lambda: sum(
            len(c.parser.msgs) for c in side.of.conns) >= self.args[0])


class Gone(Step):
    """Until the backend's peer has ended the connection, at most so many
    seconds after this is asked."""

    async def run(self, side):
        t = time.monotonic()
        await side.wait(lambda: side.ended is not None)
        took = time.monotonic() - t
        if took > self.args[0]:
            side.of.wrong.append("gone after %.1f s" % took)
        side.of.marks.add("gone")


class Mark(Step):
    """What the other side can wait for."""

    async def run(self, side):
        side.of.marks.add(self.args[0])
        for s in [side.of] + side.of.conns:
            s.changed.set()


class Marked(Step):
    async def run(self, side):
        await side.wait(lambda: self.args[0] in side.of.marks)


class Echo(Step):
    """A backend that has agreed to an upgrade sends back what it gets."""

    async def run(self, side):
        n = 0
        while side.ended is None:
            await side.wait(lambda: side.ended is not None or
                            len(side.parser.opaque) > n)
            b = bytes(side.parser.opaque[n:])
            n += len(b)
            if b:
                await side.write(b)


class Fill(Step):
    """So many bytes of a pattern, in pieces."""

    async def run(self, side):
        n, piece = self.args[0], bytes(range(256)) * 256
        while n > 0 and side.ended is None:
            if not await side.write(piece[:n]):
                return
            n -= min(n, len(piece))
            await asyncio.sleep(0)


# ---- cases ----

class Case:
    """One row.  send: bytes and steps of the visitor.  see: the requests the
    backend must see, in order (SAME: those sent).  answer: for each request
    seen, bytes and steps; bytes are sent when the whole request is there, or
    at once with early.  get: what the visitor gets.  fate: "open" (the next
    request is answered), "close", "abort" (an end that is none), "gone" (the
    visitor went), None."""

    def __init__(self, group, name, send, see=SAME, answer=None, get=SAME,
                 fate="open", early=False, cuts=CUTS, tls=(False, True),
                 cross=(False, True), todo=None, check=None, partial=False,
                 sni=None, service="", trusted=False, methods=None,
                 has=(), reply_has=(), rcvbuf=None):
        self.group, self.name, self.todo = group, name, todo
        self.send = send if isinstance(send, (list, tuple)) else [send]
        self.see, self.get, self.fate, self.early = see, get, fate, early
        if answer is None:
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        if isinstance(answer, bytes):
            answer = itertools.repeat(answer)
        self.answer = answer
        self.cuts, self.tls, self.cross = cuts, tls, cross
        self.check, self.partial, self.sni = check, partial, sni
        self.service, self.trusted = service, trusted
        self.methods, self.rcvbuf = methods, rcvbuf
        # (name, value or pattern) that the first request, the first final
        # response must have; None: must not.
        self.has, self.reply_has = has, reply_has

    def __str__(self):
        return "%d. %s" % (self.group, self.name)

    def small(self):
        """Whether it can be sent byte by byte, as heads are to be, and what
        is not much more."""
        n = sum(len(x) for x in self.send if isinstance(x, bytes))
        if isinstance(self.answer, itertools.repeat):
            answers = [[next(self.answer)]]
        else:
            answers = list(self.answers())
        steps = [x for a in answers for x in a]
        n += sum(len(x) for x in steps if isinstance(x, bytes))
        return n <= SMALL and not any(isinstance(x, Fill) for x in
                                      steps + list(self.send))

    def answers(self):
        if isinstance(self.answer, itertools.repeat):
            while True:
                yield [next(self.answer)]
        for a in self.answer:
            yield list(a) if isinstance(a, (list, tuple)) else [a]


def pieces(data, cut, rng):
    if cut == "whole" or len(data) < 2:
        return [data]
    if cut == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    out, i = [], 0
    most = max(2, min(4096, len(data) // 2))
    while i < len(data):
        n = rng.randint(1, most)
        out.append(data[i:i + n])
        i += n
    return out


async def stop(task):
    """Before a socket is closed its reader is to be gone: descriptors come
    again."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


# ---- the backend ----

class BackConn:
    """One connection to the recording backend, with all its bytes."""

    def __init__(self, backend, sock):
        self.backend, self.sock = backend, sock
        self.loop = asyncio.get_running_loop()
        self.raw = bytearray()
        self.parser = Parser(True)
        self.of, self.ended = None, None
        self.proxy = None
        self.changed = asyncio.Event()
        self.answered = 0
        self.now = None
        self.skip = 0

    def seen_body(self):
        if self.parser.opaque is not None:
            return self.parser.opaque
        return self.now.body if self.now else b""

    def seen_whole(self, n):
        return self.now.complete

    async def wait(self, cond):
        while not cond():
            if self.ended is not None:
                raise ConnectionError("ended")
            self.changed.clear()
            await self.changed.wait()

    async def write(self, data):
        try:
            await self.loop.sock_sendall(self.sock, data)
            return True
        except OSError:
            return False

    async def close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    half_close = close

    async def abort(self):
        self.ended = "ours"
        await stop(self.reader)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def strip_proxy(self):
        """Takes a header of the PROXY protocol off; False: not yet whole."""
        b = bytes(self.raw)
        if b[:6] == b"PROXY ":
            if b"\r\n" not in b:
                return False
            line, rest = b.split(b"\r\n", 1)
            self.proxy = line.split()[2].decode()
        elif PROXY2.startswith(b[:12]) or b[:12] == PROXY2:
            if len(b) < 16 or len(b) < 16 + struct.unpack(">H", b[14:16])[0]:
                return False
            n = struct.unpack(">H", b[14:16])[0]
            rest = b[16 + n:]
            if b[13] >> 4 == 1:
                self.proxy = socket.inet_ntoa(b[16:20])
        else:
            rest = b
        self.parser.feed(rest)
        return True

    async def read_all(self):
        begun = False
        while True:
            try:
                b = await self.loop.sock_recv(self.sock, 65536)
            except OSError:
                self.ended = self.ended or "reset"
                break
            if not b:
                self.ended = self.ended or "end"
                break
            if len(self.raw) < 1 << 20:
                self.raw += b
            if begun:
                self.parser.feed(b)
            else:
                begun = not b"PROXY ".startswith(bytes(self.raw[:6])) and \
                    self.strip_proxy()
            self.attribute()
            self.backend.bytes += len(b)
            self.changed.set()
            if self.of:
                self.of.changed.set()
        self.changed.set()
        if self.of:
            self.of.changed.set()

    def attribute(self):
        if self.of is not None or not self.parser.msgs:
            return
        who = self.proxy
        if who is None:
            v = self.parser.msgs[0].get(b"x-forwarded-for", True)
            who = v[-1].split(b",")[-1].strip().decode() if v else ""
        self.of = self.backend.runs.get(who)
        if self.of is None:
            self.backend.strays.append(bytes(self.raw[:300]))
        else:
            self.of.conns.append(self)

    async def serve(self):
        self.reader = asyncio.create_task(self.read_all())
        try:
            while True:
                await self.wait(lambda: len(self.parser.msgs) >
                                self.answered)
                self.now = self.parser.msgs[self.answered]
                self.answered += 1
                await self.answer()
        except (ConnectionError, OSError):
            pass
        try:
            await self.reader
        except asyncio.CancelledError:
            pass
        self.sock.close()

    async def answer(self):
        if self.now.target == b"/probe":
            await self.wait(lambda: self.now.complete)
            await self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                             b"probe" if self.now.method != b"HEAD" else
                             b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            return
        run = self.of
        if run is None:
            return
        steps = next(run.answers, [])
        if not run.case.early:
            await self.wait(lambda: self.now.complete)
        for s in steps:
            if isinstance(s, Step):
                await s.run(self)
                continue
            for p in pieces(run.fill(s), run.cut, run.rng):
                if not await self.write(p):
                    break
                await asyncio.sleep(0)
            if s.startswith(b"HTTP/1.1 101"):
                self.parser.switch()
        if self.parser.opaque is None:
            self.parser.go_on()


class Backend:
    """The recording backend, for all runs."""

    def __init__(self):
        self.runs, self.conns, self.strays = {}, [], []
        self.bytes = 0
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]

    async def loop(self):
        loop = asyncio.get_running_loop()
        tasks = set()
        while True:
            s, _ = await loop.sock_accept(self.sock)
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c = BackConn(self, s)
            self.conns.append(c)
            t = asyncio.create_task(c.serve())
            tasks.add(t)
            t.add_done_callback(tasks.discard)


# ---- a run ----

class Run:
    """One case, cut so, over that way; it is the visitor's side, too."""

    def __init__(self, case, cut, tls, cross, addr, seed):
        self.case, self.cut, self.tls, self.cross = case, cut, tls, cross
        self.addr = addr
        self.rng = random.Random("%s %s %s %s %s" % (seed, case, cut, tls,
                                                     cross))
        self.answers = case.answers()
        self.conns, self.wrong, self.marks = [], [], set()
        self.of = self
        self.parser, self.ended = None, None
        self.changed = asyncio.Event()
        self.unsent = False
        self.wire = None
        self.host = self.node = self.other = ""
        self.probed = False

    def __str__(self):
        return "%s, %s, %s" % (self.cut, "TLS" if self.tls else "plain",
                               "crossing" if self.cross else "one listener")

    def fill(self, text):
        """<host> is the site's, <node> its node, <other> another one."""
        if b"<" not in text:
            return text
        for word, name in ((b"<host>", self.host), (b"<node>", self.node),
                           (b"<NODE>", self.node.upper()),
                           (b"<other>", self.other)):
            text = text.replace(word, name.encode())
        return text

    def seen_body(self):
        if self.parser.opaque is not None:
            return self.parser.opaque
        m = [m for m in self.parser.msgs if m.status >= 200]
        if m:
            return m[-1].body
        cur = self.parser.cur
        return cur.body if cur and self.parser.state != "head" else b""

    def seen_whole(self, n):
        return len(self.parser.complete()) >= (n or 1)

    async def wait(self, cond):
        while not cond():
            if self.ended is not None:
                raise ConnectionError("ended")
            self.changed.clear()
            await self.changed.wait()

    async def write(self, data):
        return await self.wire.write(data)

    async def close(self):
        self.ended = "ours"
        await stop(self.reader)
        await self.wire.half_close()
        self.wire.close()

    async def half_close(self):
        await self.wire.half_close()

    async def abort(self):
        self.ended = "ours"
        await stop(self.reader)
        self.wire.abort()

    async def read_all(self):
        while True:
            b = await self.wire.read()
            if b:
                self.parser.feed(b)
                self.changed.set()
                continue
            if self.ended is None:
                self.ended = "end" if b == b"" else "cut"
            if b == b"":
                self.parser.eof()
            self.changed.set()
            return

    def wanted(self):
        """How many final responses there will be."""
        if self.case.get is SAME:
            return len(self.expected())
        return len(self.case.get)

    def expected(self):
        """Texts or marks, one for each final response."""
        if self.case.get is not SAME:
            return self.case.get
        out = []
        a = self.case.answers()
        for _ in range(len(self.seen_wanted())):
            out.append(b"".join(self.fill(x) for x in next(a, [])
                                if isinstance(x, bytes)))
        return out

    def seen_wanted(self):
        if self.case.see is not SAME:
            return [self.fill(x) for x in self.case.see]
        text = b"".join(self.fill(x) for x in self.case.send
                        if isinstance(x, bytes))
        return [text] * len(parse_all(text, True).msgs)

    def methods(self):
        if self.case.methods is not None:
            return self.case.methods
        text = b"".join(self.fill(x) for x in self.case.send
                        if isinstance(x, bytes))
        p = Parser(True)
        p.feed(text)
        while p.state == "hold" and p.buf:
            p.go_on()
        return [m.method for m in p.msgs] or \
            [text.lstrip().split(b" ", 1)[0][:20]]

    async def send(self):
        for s in self.case.send:
            if isinstance(s, Step):
                await s.run(self)
                continue
            for p in pieces(self.fill(s), self.cut, self.rng):
                if self.ended is not None or not await self.write(p):
                    self.unsent = True
                    return
                await asyncio.sleep(0)

    async def go(self, door):
        self.wire = await door.dial(self)
        self.parser = Parser(False, self.methods())
        self.reader = asyncio.create_task(self.read_all())
        try:
            await asyncio.wait_for(self.talk(), SECONDS)
        except asyncio.TimeoutError:
            self.wrong.append("nothing more after %d s; got %r%s, backend %r"
                              % (SECONDS, self.parser.msgs,
                                 bytes(self.parser.buf[:80]),
                                 [bytes(c.raw[-120:]) for c in self.conns]))
        except ConnectionError:
            if self.ended != "ours":
                self.wrong.append("the visitor's connection ended early: %r "
                                  "%s" % (self.parser.msgs,
                                          self.parser.error))
        if self.ended != "ours":
            self.verdict_visitor()
        self.ended = self.ended or "ours"
        await stop(self.reader)
        self.wire.close()

    async def talk(self):
        try:
            await self.send()
        except ConnectionError:
            if self.ended == "ours":
                return
        n = self.wanted()
        try:
            await self.wait(lambda: len(self.parser.complete()) >= n or
                            self.parser.error)
        except ConnectionError:
            pass
        fate = self.case.fate
        if fate in ("close", "abort") and self.ended is None:
            await self.until_end()
        elif fate == "open" and self.parser.opaque is None and \
                self.ended is None and not self.parser.error:
            await self.probe(n)

    async def until_end(self):
        try:
            await self.wait(lambda: False)
        except ConnectionError:
            pass

    async def probe(self, n):
        self.parser.methods[n:] = [b"GET"]
        text = self.fill(b"GET /probe HTTP/1.1\r\nHost: <host>\r\n\r\n")
        await self.write(text)
        try:
            await self.wait(lambda: len(self.parser.complete()) > n)
        except ConnectionError:
            return                      # check_fate says so
        self.probed = True
        m = self.parser.complete()[n]
        if m.status != 200 or bytes(m.body) != b"probe":
            self.wrong.append("the next request is answered with %r" % m)

    # ---- verdicts ----

    def verdict_visitor(self):
        p, want = self.parser, self.expected()
        got = p.complete()
        if p.error:
            self.wrong.append("the response is malformed: " + p.error)
            return
        begun = [m for m in p.msgs if not m.complete]
        for i, w in enumerate(want):
            if isinstance(w, Broken):
                if i < len(got) and got[i].status != 502:
                    self.wrong.append("got %r, wanted it broken" % got[i])
                elif i < len(got):
                    self.check_ours(got[i], Ours(502))
                elif i >= len(got) and self.ended is None:
                    self.wrong.append("neither 502 nor an end")
                continue
            if isinstance(w, Partial):
                if i < len(got) or not begun or \
                        begun[0].status != w.status:
                    self.wrong.append("got %r %r, wanted %r" % (
                        got[i:], begun, w))
                continue
            if i >= len(got):
                self.wrong.append("response %d of %d is missing; ended: %s, "
                                  "begun: %r" % (i + 1, len(want),
                                                 self.ended, begun))
                return
            if isinstance(w, Ours):
                self.check_ours(got[i], w)
            else:
                self.check_response(w, i)
        extra = got[len(want) + self.probed:]
        if extra:
            self.wrong.append("surplus responses: %r" % extra)
        self.check_fate()
        self.check_has(got[0] if got else None, self.case.reply_has,
                       "response")

    def check_fate(self):
        fate, e = self.case.fate, self.ended
        if fate == "open":
            if e in ("end", "cut") and not self.probed:
                self.wrong.append("closed when it should be open")
        elif fate == "close":
            if e is None or (e == "cut" and not self.unsent and
                             not isinstance(self.case.get, list)):
                self.wrong.append("wanted a close, is %s" % e)
            elif self.parser.partial():
                self.wrong.append("bytes behind the last response: %r" %
                                  bytes(self.parser.buf[:80]))
        elif fate == "abort":
            if e is None:
                self.wrong.append("still open")
            elif e == "end" and not self.parser.partial():
                self.wrong.append("a clean end for what is not complete")

    def check_ours(self, m, want):
        if m.status not in want.status:
            self.wrong.append("got %r, wanted %r" % (m, want))
        elif m.status in UNMARKED or isinstance(want, Own):
            return
        elif m.get(b"culvert-error") is None:
            self.wrong.append("%r is not marked as ours" % m)
        elif m.get(b"x-request-id") is None:
            self.wrong.append("%r has no request id" % m)

    def check_response(self, text, i):
        """The ith final response and the interim ones before it."""
        method = self.parser.methods[i] if i < len(self.parser.methods) \
            else b"GET"
        want = parse_all(self.fill(text), False, [method]).msgs
        final = [k for k, m in enumerate(self.parser.msgs)
                 if m.status >= 200 or m.status == 101]
        start = final[i - 1] + 1 if i > 0 else 0
        got = self.parser.msgs[start:final[i] + 1]
        if len(got) != len(want):
            self.wrong.append("got %r, wanted %r" % (got, want))
            return
        for g, w in zip(got, want):
            a, b = response_key(g), response_key(w)
            if a != b:
                self.wrong.append("got\n    %r, wanted\n    %r" % (a, b))

    def verdict_backend(self):
        """When all is over: what the backend saw of this run."""
        got, unfinished = [], 0
        for c in self.conns:
            if c.parser.error:
                self.wrong.append("the backend got what is malformed: %s in "
                                  "%r" % (c.parser.error,
                                          bytes(c.raw[:300])))
            got += [m for m in c.parser.msgs if m.complete]
            unfinished += c.parser.state not in ("head", "hold", "opaque") \
                or bool(c.parser.buf and c.parser.opaque is None)
        got = [m for m in got if m.target != b"/probe"]
        if unfinished and not self.case.partial:
            self.wrong.append("the backend got a part of a request")
        want = self.wanted_requests()
        if len(got) != len(want):
            self.wrong.append("the backend saw %d requests %r, wanted %d" % (
                len(got), got[:3], len(want)))
            return
        for g, w in zip(got, want):
            a, b = self.request_key(g), self.request_key(w)
            if a != b:
                self.wrong.append("the backend saw\n    %r, wanted\n    %r" %
                                  (a, b))
        self.check_has(got[0] if got else None, self.case.has, "request")
        if self.case.check:
            why = self.case.check(self)
            if why:
                self.wrong.append(why)

    def wanted_requests(self):
        if self.case.see is SAME:
            text = b"".join(self.fill(x) for x in self.case.send
                            if isinstance(x, bytes))
            return parse_all(text, True).msgs
        out = []
        for x in self.case.see:
            out += parse_all(self.fill(x), True).msgs
        return out

    def check_has(self, m, pairs, what):
        for name, value in pairs:
            v = m.get(name, True) if m else []
            if value is None and v:
                self.wrong.append("the %s has %s: %r" % (what, name, v))
            elif value is not None and not any(
                    re.fullmatch(self.fill_addr(value), x) for x in v):
                self.wrong.append("the %s has %s: %r, wanted %r" % (
                    what, name.decode(), v, self.fill_addr(value)))

    def fill_addr(self, value):
        return self.fill(value).replace(
            b"<addr>", re.escape(self.addr.encode()))


DROPPED = (b"host", b"connection", b"content-length", b"transfer-encoding",
           b"te")


def request_key(m):
    """What must be the same at the backend as the table says."""
    fields = [(n, v) for n, v in m.fields
              if n.lower() not in DROPPED and not OURS.fullmatch(n)]
    tokens = sorted(set(m.tokens(b"connection")) - {b"close", b"keep-alive"})
    return (m.line, m.get(b"host"), m.kind, m.length, tokens, m.get(b"te"),
            fields, digest(m.body), m.trailers)


def response_key(m):
    fields = [(n, v) for n, v in m.fields
              if n.lower() not in DROPPED[1:] and not OURS.fullmatch(n)]
    tokens = sorted(set(m.tokens(b"connection")) - {b"close", b"keep-alive"})
    kind = m.kind
    return (m.line.split(b" ", 1)[1].strip(), kind, m.length, tokens, fields,
            digest(m.body), m.trailers, m.complete)


def digest(body):
    return bytes(body) if len(body) < 400 else \
        "%d %s" % (len(body), hashlib.sha256(body).hexdigest()[:12])


# ---- the way in ----

class Relaid:
    """Ports of a relay, and a node on each listener."""

    def __init__(self, plain, tls_port, context, nodes, listener_of):
        self.ports = {False: plain, True: tls_port}
        self.context, self.nodes = context, nodes
        self.listener_of = listener_of

    async def dial(self, run):
        case = run.case
        # Which node is the right one shows when the connection is there.
        s = Wire(socket.socket())
        s.sock.setblocking(False)
        s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if case.rcvbuf:
            s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                              case.rcvbuf)
        s.sock.bind((run.addr, 0))
        await s.loop.sock_connect(s.sock, ("127.0.0.1", self.ports[run.tls]))
        where = await self.listener_of(s.sock)
        run.node = self.nodes[where ^ run.cross]
        run.other = self.nodes[1 - (where ^ run.cross)]
        run.host = run.node + ".relay.localhost"
        if case.service:
            run.host = "%s--%s" % (case.service, run.host)
        if run.tls:
            await s.handshake(self.context, self.name(run))
        return s

    def name(self, run):
        sni = run.case.sni
        return run.fill(sni).decode() if sni else run.host


async def one_listener(sock):
    return 0


class Straight:
    """A proxy of another make, or the backend itself: to try the runner."""

    def __init__(self, port):
        self.port = port

    async def dial(self, run):
        run.node, run.other, run.host = "pia", "pib", "pia.relay.localhost"
        return await Wire.dial(("127.0.0.1", self.port), run.addr)


class Listeners:
    """Which listener of two has a connection: by the sockets of their
    processes."""

    def __init__(self, pids):
        self.pids, self.known = pids, {}

    def scan(self):
        self.known.clear()
        for i, pid in enumerate(self.pids):
            d = "/proc/%d/fd" % pid
            for fd in os.listdir(d):
                try:
                    t = os.readlink("%s/%s" % (d, fd))
                except OSError:
                    continue
                if t.startswith("socket:["):
                    self.known[int(t[8:-1])] = i

    def inode(self, local, remote):
        """The inode of the relay's end of a connection."""
        want = "%s %s" % (hex_addr(*remote), hex_addr(*local))
        with open("/proc/net/tcp") as f:
            for line in f:
                if want in line:
                    return int(line.split()[9])
        return 0

    async def __call__(self, sock):
        me, other = sock.getsockname(), sock.getpeername()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            ino = self.inode(me, other)
            if ino:
                if ino not in self.known:
                    self.scan()
                if ino in self.known:
                    return self.known[ino]
            await asyncio.sleep(0.005)
        raise RuntimeError("no listener has %r" % (me,))


def hex_addr(host, port):
    return "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(host))[0],
                          port)


Run.request_key = staticmethod(request_key)


async def run_all(cases, door, backend, seed, ways, at_once=32, more=None):
    """Runs each case over each way; {case: [runs]}.  more: a class of other
    runs, and what tells of a case which of them there are."""
    serving = asyncio.create_task(backend.loop())
    normal = ("127.%d.%d.%d" % (a, b, c) for a in range(10, 190)
              for b in range(1, 255) for c in range(1, 255))
    trusted = ("127.200.%d.%d" % (b, c) for b in range(1, 255)
               for c in range(1, 255))
    runs, out = [], {}
    for case in cases:
        for tls, cross in ways:
            if tls not in case.tls or cross not in case.cross:
                continue
            for cut in case.cuts:
                if cut == "bytes" and not case.small():
                    continue
                r = Run(case, cut, tls, cross,
                        next(trusted if case.trusted else normal), seed)
                backend.runs[r.addr] = r
                runs.append(r)
                out.setdefault(case, []).append(r)
        for how in more[1](case, seed) if more else ():
            r = more[0](case, *how, next(normal), seed)
            backend.runs[r.addr] = r
            runs.append(r)
            out.setdefault(case, []).append(r)
    # Neighbours in the table are alike: mixed, none waits for its likes.
    order = list(runs)
    random.Random(seed).shuffle(order)
    gate = asyncio.Semaphore(at_once)

    async def one(r):
        async with gate:
            try:
                await r.go(door)
            except Exception as e:
                r.wrong.append("%s: %s" % (type(e).__name__, e))
                if not isinstance(e, OSError):
                    import traceback
                    r.wrong.append(traceback.format_exc())

    await asyncio.gather(*(one(r) for r in order))
    # Who was late in the crowd, on a machine that does much else, has
    # another try alone; whatever is wrong is wrong then, too.
    for i, r in enumerate(list(runs)):
        if not r.wrong:
            continue
        again = type(r)(r.case, r.cut, r.tls, r.cross,
                        next(trusted if r.case.trusted else normal), seed)
        print("# again, alone: %s, %s (%s)" % (r.case, again, r.wrong[0]),
              flush=True)
        backend.runs[again.addr] = again
        await one(again)
        runs[i] = out[r.case][out[r.case].index(r)] = again
    # What comes too late, or should never come, has had its chance.
    await asyncio.sleep(1)
    for r in runs:
        try:
            r.verdict_backend()
        except Exception as e:
            r.wrong.append("%s: %s" % (type(e).__name__, e))
    serving.cancel()
    return out


def report(case, runs):
    """One line of TAP for a case."""
    bad = [r for r in runs if r.wrong]
    why = ["%d of %d" % (len(bad), len(runs))]
    why += ["%s: %s" % (r, w) for r in bad[:3] for w in r.wrong[:3]]
    name = str(case).replace("#", "")
    if case.todo:
        culvert.todo(not bad, name, case.todo)
    else:
        culvert.ok(not bad, name, "\n".join(why))
