"""Runs cases: a visitor that sends, a backend that records and answers, and
what each must have seen.  http_cases.py has the table, http_matrix.t runs it.

Every run comes from an address of its own in 127.0.0.0/8, and the backend
knows by X-Forwarded-For whose connection it has; so runs go on side by side,
and what reaches the backend for no run at all is found, too."""

import asyncio
import hashlib
import random
import re

import culvert
from http_backend import stop
from http_steps import (SAME, UNMARKED, Broken, Ours, Own, Partial, Step,
                        pieces)
from http_wire import Parser, parse_all

SECONDS = 120                           # for a run; nothing waits for it

# What the door adds; compared only where a case asks for it.
OURS = re.compile(rb"(?i)forwarded|x-forwarded-.*|via|x-request-id|"
                  rb"x-culvert-.*|culvert-.*|x-real-ip")


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
