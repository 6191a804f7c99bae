"""The backend that records what it sees, and answers as the case says whose
connection it has."""

import asyncio
import socket
import struct

from http_steps import Step, pieces
from http_wire import PROXY2, Parser


async def stop(task):
    """Before a socket is closed its reader is to be gone: descriptors come
    again."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


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
