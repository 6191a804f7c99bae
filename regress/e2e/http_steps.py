"""The words that cases of HTTP are written in: what a visitor or a backend does,
step by step, and what the visitor must get."""

import asyncio
import itertools
import time

SAME = object()                         # as the other side said it
SMALL = 4096                            # above, no byte by byte
CUTS = ("whole", "bytes", "random")


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
