"""The cases of http_cases.py by the rpc door: what can be said in http_proxy
is, the backend must see the same requests, and the client must get the same
answers, as far as JSON has them."""

import asyncio
import base64
import json
import random
import struct

from http_backend import stop
from http_runner import DROPPED, OURS, Run, digest
from http_steps import (SAME, Abort, Close, Fill, Got, Head, Marked, Ours,
                        Sleep, Step, Whole, pieces)
from http_way import Relaid
from http_wire import Message, Parser, parse_all

BODY_MAX = 262144
FAILED = "http_proxy_failed:"
# Of connections: the relay has its own.
DROPPED_HERE = DROPPED + (b"expect", b"upgrade", b"trailer", b"keep-alive",
                          b"proxy-connection")
OWN_NAME = "relay.localhost"


# ---- what a case is in http_proxy ----

class No(Exception):
    """It can't be said there."""


def text_of(b):
    try:
        return b.decode()
    except UnicodeDecodeError:
        raise No("bytes that are no text") from None


def call(method, target, fields, body):
    """An http_proxy of that; fields of one name differ in case then."""
    if not target.startswith(b"/") or b"#" in target or \
            any(c >= 0x80 for c in target):
        raise No("not a path as it stands")
    if method != method.upper():
        raise No("methods are in upper case")
    headers = {}
    for name, value in fields:
        if name.lower() == b"host":
            if value != b"<host>":
                raise No("there is one host")
            continue
        n, k = name.decode("latin-1"), 0
        while n in headers:
            if k == len(n):
                raise No("too many of a name")
            n = n[:k] + n[k:k + 1].swapcase() + n[k + 1:]
            k += 1
        headers[n] = text_of(value)
    if len(body) > BODY_MAX:
        raise No("too long a body")
    return dict(type="http_proxy", method=method.decode("latin-1"),
                path=target.decode(), headers=headers,
                body_b64=base64.b64encode(body).decode())


def calls_of(text):
    """Of requests that are right."""
    try:
        p = parse_all(text, True)
    except ValueError:
        raise No("not whole, or not right") from None
    out = []
    for m in p.msgs:
        if m.version != b"HTTP/1.1" or m.get(b"expect") is not None or \
                p.opaque is not None or b"upgrade" in m.tokens(b"connection"):
            raise No("about the connection")
        fields = [f for f in m.fields if m.kind != "chunked" or f[0].lower()
                  not in (b"transfer-encoding", b"trailer")]
        out.append(call(m.method, m.target, fields, bytes(m.body)))
    return out


def call_as_is(text):
    """Of one that is to be refused: with all that is wrong with it."""
    head, end, body = text.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    first = lines[0].split(b" ")
    if not end or len(first) != 3 or first[2] != b"HTTP/1.1" or \
            not first[0]:
        raise No("about the form of a head")
    fields = []
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + b"\r\n" + line)
        elif b":" in line:
            n, _, v = line.partition(b":")
            fields.append((n, v.strip(b" \t")))
        else:
            raise No("about the form of a head")
    names = [n.lower() for n, v in fields]
    if names.count(b"host") != 1:
        raise No("there is one host")
    if b"upgrade" in names:
        raise No("about the connection")
    if any(b"\0" in n for n in names):
        raise No("no such key can be read")     # which rpc.t shows
    return call(first[0], first[1], fields, body)


def plan(case):
    """Calls and steps; No if it has none."""
    if case.trusted or case.service or case.sni or True not in case.tls or \
            False not in case.tls or case.rcvbuf:
        raise No("about the way in")
    refused = case.see == [] and case.get is not SAME and \
        len(case.get) == 1 and isinstance(case.get[0], Ours)
    out, held = [], b""
    for s in list(case.send) + [None]:
        if isinstance(s, bytes):
            held += s
            continue
        if held and refused:
            if case.partial:
                raise No("about the form of a body")
            out.append(call_as_is(held))
        elif held:
            out += calls_of(held)
        held = b""
        if isinstance(s, Got):
            s = Head(1)         # nothing comes before the whole
        if s is not None and not isinstance(s, (Abort, Close, Head, Sleep,
                                                Whole)):
            raise No("about the order in which things come")
        if s is not None:
            out.append(s)
    if not isinstance(case.answer, (list, tuple)):
        return out
    for s in (s for a in case.answers() for s in a):
        if isinstance(s, (Fill, Marked)) or \
                isinstance(s, bytes) and len(s) > BODY_MAX:
            raise No("about the order in which things come")
    return out


def small(case):
    """Answers that are the same for all requests."""
    if isinstance(case.answer, (list, tuple)):
        return True
    return len(next(case.answers())[0]) <= BODY_MAX


# ---- a run ----

def request_key(m):
    fields = [(n.lower(), v) for n, v in m.fields
              if n.lower() not in DROPPED_HERE and not OURS.fullmatch(n)]
    return m.line, m.get(b"host"), fields, digest(m.body)


def value_of(v):
    try:
        return v.decode()
    except UnicodeDecodeError:
        return v.decode("latin-1")


def response_key(status, fields, body, length):
    """Of fields that come twice, as the client gets them."""
    out = {}
    for n, v in fields:
        n = n.lower()
        if n in DROPPED[1:] or OURS.fullmatch(n):
            continue
        if n in out and n != b"set-cookie":
            v = out[n] + ", " + value_of(v)
        else:
            v = value_of(v)
        out[n] = v
    return status, out, digest(body), length


class RpcRun(Run):
    """One case by a WebSocket of its own."""
    request_key = staticmethod(request_key)

    def __init__(self, case, cut, tls, cross, addr, seed):
        super().__init__(case, cut, tls, cross, addr, seed)
        self.plan = plan(case)
        self.got, self.asked, self.frame = [], 0, b""

    def __str__(self):
        return "rpc, " + super().__str__()

    def seen_whole(self, n):
        return len(self.got) >= (n or self.asked)

    def url(self, door):
        return b"/ws/client?token=" + door.tokens[self.node].encode()

    async def go(self, door):
        self.wire = await door.rpc.dial(self)
        await self.wire.write(
            b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" %
            (self.url(door.rpc), OWN_NAME.encode()))
        head = b""
        while b"\r\n\r\n" not in head:
            b = await self.wire.read()
            if not b:
                raise ConnectionError("no WebSocket: %r" % head)
            head += b
        head, _, self.frame = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError("no WebSocket: %r" % head)
        self.reader = asyncio.create_task(self.read_all())
        try:
            await asyncio.wait_for(self.talk(), 120)
        except asyncio.TimeoutError:
            self.wrong.append("nothing more; got %r of %d" % (
                self.got, self.asked))
        except ConnectionError:
            if self.ended != "ours":
                self.wrong.append("the WebSocket ended: %r" % self.got)
        if self.ended != "ours":
            self.verdict_visitor()
            self.ended = "ours"
        await stop(self.reader)
        self.wire.close()

    async def say(self, message):
        """In one frame; or in several, and cut anywhere."""
        text = json.dumps(message).encode()
        parts = [text] if self.cut == "whole" else pieces(text, "random",
                                                          self.rng)
        out = b""
        for i, p in enumerate(parts):
            first = (0 if i else 1) | (0x80 if i + 1 == len(parts) else 0)
            mask = bytes(self.rng.randrange(256) for _ in range(4))
            n = len(p)
            out += bytes([first, 0x80 | (n if n < 126 else 126 if n < 65536
                                         else 127)])
            out += b"" if n < 126 else struct.pack(
                ">H" if n < 65536 else ">Q", n)
            out += mask + bytes(a ^ b for a, b in zip(
                p, mask * (n // 4 + 1)))
        for p in pieces(out, self.cut, self.rng):
            if not await self.write(p):
                raise ConnectionError("nothing is taken")
            await asyncio.sleep(0)

    async def read_all(self):
        buf = bytearray(self.frame)
        while True:
            while len(buf) >= 2:
                n, off = buf[1], 2
                if n >= 126:
                    off = 4 if n == 126 else 10
                    if len(buf) < off:
                        break
                    n = int.from_bytes(buf[2:off], "big")
                if len(buf) < off + n:
                    break
                if buf[0] == 0x81:
                    self.got.append(json.loads(bytes(buf[off:off + n])))
                elif buf[0] == 0x88:
                    self.ended = self.ended or "closed"
                del buf[:off + n]
                self.changed.set()
            b = await self.wire.read()
            if not b:
                self.ended = self.ended or "end"
                self.changed.set()
                return
            buf += b

    async def talk(self):
        for s in self.plan:
            if isinstance(s, Step):
                await s.run(self)
                if self.ended == "ours":
                    return
                continue
            # One after the other, as on one connection.
            await self.wait(lambda: len(self.got) >= self.asked)
            await self.ask(s)
        await self.wait(lambda: len(self.got) >= self.asked)
        await self.ask(dict(type="http_proxy", path="/probe"))
        await self.wait(lambda: len(self.got) >= self.asked)

    async def ask(self, message):
        self.asked += 1
        message = {k: self.filled(v) for k, v in message.items()}
        message["id"] = str(self.asked)
        await self.say(message)

    def filled(self, v):
        if isinstance(v, dict):
            return {k: self.filled(x) for k, x in v.items()}
        return self.fill(v.encode()).decode() if "<" in v else v

    # ---- verdicts ----

    def verdict_visitor(self):
        want = self.expected()
        n = self.asked - 1
        if [m.get("id") for m in self.got] != [str(i + 1) for i in
                                               range(self.asked)]:
            self.wrong.append("not an answer each: %r" % self.got)
            return
        if base64.b64decode(self.got[n].get("body_b64", "")) != b"probe":
            self.wrong.append("the next request is answered with %r" %
                              self.got[n])
        for i in range(n):
            w = want[i] if i < len(want) else None
            if isinstance(w, bytes):
                self.check_answer(self.got[i], w, i)
            else:
                self.check_error(self.got[i], w)
        m = Message()
        m.fields = [(k.encode(), v.encode()) for k, v in
                    self.got[0].get("headers", {}).items()]
        self.check_has(m, [x for x in self.case.reply_has
                           if x[0] != b"connection"], "response")

    def check_error(self, m, want):
        e = m.get("error", "")
        if isinstance(want, Ours) and 502 not in want.status:
            good = e == "bad_request"
        else:
            good = e.startswith(FAILED)
        if not good or "status" in m:
            self.wrong.append("got %.300r, wanted %r" % (m, want))

    def check_answer(self, m, text, i):
        p = Parser(False, [self.plan_method(i)])
        p.feed(self.fill(text))
        p.eof()
        w = p.complete()[-1]
        length = m.get("headers", {}).get("Content-Length")
        a = response_key(m.get("status"), [
            (k.encode(), v.encode()) for k, v in
            m.get("headers", {}).items()],
            base64.b64decode(m.get("body_b64", "")), length)
        b = response_key(w.status, w.fields, w.body, length if
                         w.get(b"content-length") is None else
                         w.get(b"content-length").decode())
        if a != b:
            self.wrong.append("got\n    %.600r, wanted\n    %.600r" % (a, b))
        cookies = w.get(b"set-cookie", True)
        if m.get("set_cookies", []) != ([value_of(c) for c in cookies] if
                                        len(cookies) > 1 else []):
            self.wrong.append("cookies: %r" % m.get("set_cookies"))

    def plan_method(self, i):
        return [s for s in self.plan if isinstance(s, dict)][i][
            "method"].encode()


class RpcDoor(Relaid):
    """Tokens of the nodes, for whom to come by the relay's own name."""

    def __init__(self, relaid, tokens):
        super().__init__(relaid.ports[False], relaid.ports[True],
                         relaid.context, relaid.nodes, relaid.listener_of)
        self.tokens = tokens

    def name(self, run):
        return OWN_NAME


def runs_of(case, seed):
    """What run_all makes runs of: cut, tls, cross; none if it can't be."""
    try:
        plan(case)
    except No:
        return []
    if not small(case):
        return []
    rng = random.Random("%s %s" % (seed, case))
    tls, cross = rng.random() < 0.5, rng.random() < 0.5
    return [("whole", tls, cross), ("random", not tls, not cross)]
