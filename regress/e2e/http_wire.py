"""HTTP/1.1 on the wire, for tests: a strict reader of messages that shares
nothing with the one under test, and connections whose every end shows."""

import asyncio
import re
import socket
import ssl
import struct

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TEXT = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
TARGET = re.compile(rb"[\x21\x22\x24-\x7e\x80-\xff]+")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[^\r\n]*)?)")
PROXY2 = b"\r\n\r\n\0\r\nQUIT\n"


class Bad(Exception):
    """What no strict reader takes."""


class Message:
    """A request or response; kind: none, length, chunked, close."""

    def __init__(self):
        self.line = b""
        self.fields, self.trailers = [], []
        self.body = bytearray()
        self.kind, self.length = "none", None
        self.complete = False
        self.method = self.target = b""
        self.version = b""
        self.status = 0

    def get(self, name, all=False):
        v = [v for n, v in self.fields if n.lower() == name.lower()]
        return v if all else v[0] if v else None

    def tokens(self, name):
        return [t.strip().lower() for v in self.get(name, True)
                for t in v.split(b",") if t.strip()]

    def __repr__(self):
        return "<%s %s%s %r>" % (
            self.line.decode("latin-1"), self.kind,
            "" if self.complete else " incomplete", bytes(self.body[:60]))


class Parser:
    """Bytes in, messages out.  methods: of responses, what was asked, in
    order; a request that asks for an upgrade holds what follows until
    switch() or go_on()."""

    def __init__(self, request, methods=()):
        self.request, self.methods = request, list(methods)
        self.buf = bytearray()
        self.msgs = []          # all whose head is complete
        self.opaque = None      # what followed a 101
        self.state, self.cur, self.left = "head", None, 0
        self.scanned = 0
        self.error = None
        self.nfinal = 0
        self.ended = False

    # ---- what a caller wants to know ----

    def complete(self, interim=False):
        return [m for m in self.msgs if m.complete and
                (interim or self.request or m.status >= 200 or
                 m.status == 101)]

    def partial(self):
        """Whether something has begun that did not end."""
        return self.error is not None or self.state != "head" and \
            self.state != "opaque" or bool(self.buf)

    # ---- input ----

    def feed(self, data):
        if self.error is not None:
            return
        if self.opaque is not None:
            self.opaque += data
            return
        self.buf += data
        try:
            while self.step():
                pass
        except Bad as e:
            self.error = str(e)

    def eof(self):
        """The other end has ended, in good order."""
        self.ended = True
        if self.state == "close":
            self.end()

    def switch(self):
        self.state, self.opaque = "opaque", bytearray(self.buf)
        self.buf.clear()

    def go_on(self):
        if self.state == "hold":
            self.state = "head"
            self.feed(b"")

    def end(self):
        self.cur.complete = True
        m, self.cur = self.cur, None
        self.state = "head"
        if self.request and m.get(b"upgrade") is not None and \
                b"upgrade" in m.tokens(b"connection"):
            self.state = "hold"

    def line(self):
        """The next line without CRLF, or None."""
        i = self.buf.find(b"\n", self.scanned)
        if i == -1:
            self.scanned = len(self.buf)
            return None
        if i == 0 or self.buf[i - 1] != 13:
            raise Bad("a bare LF")
        line = bytes(self.buf[:i - 1])
        if b"\r" in line or b"\0" in line:
            raise Bad("CR or NUL in a line")
        del self.buf[:i + 1]
        self.scanned = 0
        return line

    def step(self):
        if self.state in ("hold", "opaque"):
            return False
        if self.state in ("length", "data", "close"):
            return self.step_data()
        if self.state == "head" and self.cur is None and not self.buf:
            return False
        line = self.line()
        if line is None:
            return False
        if self.state == "head":
            self.step_head(line)
        elif self.state == "size":
            m = CHUNK.fullmatch(line)
            if m is None:
                raise Bad("chunk size %r" % line[:40])
            self.left = int(m[1], 16)
            self.state = "data" if self.left else "trailer"
        elif self.state == "crlf":
            if line:
                raise Bad("bytes behind a chunk")
            self.state = "size"
        elif line:
            self.cur.trailers.append(self.field(line))
        else:
            self.end()
        return self.opaque is None

    def step_data(self):
        if not self.buf:
            return False
        n = len(self.buf) if self.state == "close" else \
            min(self.left, len(self.buf))
        self.cur.body += self.buf[:n]
        del self.buf[:n]
        self.left -= n
        if self.state == "close" or self.left:
            return False
        if self.state == "data":
            self.state = "crlf"
        else:
            self.end()
        return True

    def field(self, line):
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or \
                not TEXT.fullmatch(value):
            raise Bad("field %r" % line[:60])
        return name, value.strip(b" \t")

    def step_head(self, line):
        if self.cur is None:
            self.cur = m = Message()
            m.line = line
            if self.request:
                self.request_line(m, line)
            else:
                self.status_line(m, line)
        elif line:
            self.cur.fields.append(self.field(line))
        else:
            self.msgs.append(self.cur)
            self.framing(self.cur)

    def request_line(self, m, line):
        w = line.split(b" ")
        if len(w) != 3 or not TOKEN.fullmatch(w[0]) or \
                not TARGET.fullmatch(w[1]) or \
                w[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
            raise Bad("request line %r" % line[:80])
        m.method, m.target, m.version = w

    def status_line(self, m, line):
        w = re.fullmatch(rb"(HTTP/1\.[01]) ([1-5]\d\d)( .*|)", line)
        if w is None:
            raise Bad("status line %r" % line[:80])
        m.version, m.status = w[1], int(w[2])

    def framing(self, m):
        cl, te = m.get(b"content-length", True), \
            m.get(b"transfer-encoding", True)
        if len(cl) > 1 or len(te) > 1 or (cl and te):
            raise Bad("framed twice")
        if cl and not re.fullmatch(rb"\d{1,19}", cl[0]):
            raise Bad("content-length %r" % cl[0])
        if te and te[0].lower() != b"chunked":
            raise Bad("transfer-encoding %r" % te[0])
        if self.request and len(m.get(b"host", True)) != 1 and \
                m.version == b"HTTP/1.1":
            raise Bad("not one host")
        if te:
            m.kind, self.state = "chunked", "size"
        elif cl:
            m.kind, m.length = "length", int(cl[0])
            self.left, self.state = m.length, "length"
        elif not self.request:
            m.kind, self.state = "close", "close"
        if not self.request:
            self.response_framing(m)
        if self.state == "length" and not self.left or m.kind == "none":
            self.end()
            if m.status == 101:
                self.switch()

    def response_framing(self, m):
        method = b"GET"
        if self.nfinal < len(self.methods):
            method = self.methods[self.nfinal]
        if m.status >= 200:
            self.nfinal += 1
        if m.status < 200 or m.status in (204, 304) or method == b"HEAD":
            if m.status < 200 or m.status == 204:
                if m.kind != "close":
                    raise Bad("a %d with a length" % m.status)
            m.kind = "none"


def parse_all(data, request, methods=()):
    """The messages of a text that is right."""
    p = Parser(request, methods)
    p.feed(data)
    while p.state == "hold":
        p.go_on()
    p.eof()
    if p.error or (p.partial() and p.opaque is None):
        raise ValueError("%s: %r" % (p.error or "incomplete", data[:200]))
    return p


class Wire:
    """A visitor's connection.  read() gives bytes, b"" at an end in good
    order, None at one that is not: a reset, TLS cut off."""

    def __init__(self, sock, tls=None):
        self.sock = sock
        self.loop = asyncio.get_running_loop()
        self.tls = tls
        self.wlock = asyncio.Lock()

    @classmethod
    async def dial(cls, addr, source=None, context=None, name=None,
                   rcvbuf=None):
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        w = cls(s)
        try:
            if source:
                s.bind((source, 0))
            await w.loop.sock_connect(s, addr)
            if context is not None:
                await w.handshake(context, name)
        except BaseException:
            s.close()
            raise
        return w

    async def handshake(self, context, name):
        self.inb, self.outb = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inb, self.outb,
                                    server_hostname=name)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                b = await self.loop.sock_recv(self.sock, 65536)
                if not b:
                    raise ConnectionError("closed in the handshake")
                self.inb.write(b)
                continue
            await self.flush()
            return

    async def flush(self):
        b = self.outb.read()
        if b:
            await self.loop.sock_sendall(self.sock, b)

    async def write(self, data):
        """True, or False if nobody takes it any more."""
        try:
            async with self.wlock:
                if self.tls is None:
                    await self.loop.sock_sendall(self.sock, data)
                else:
                    self.tls.write(data)
                    await self.flush()
            return True
        except (OSError, ssl.SSLError):
            return False

    async def read(self, n=65536):
        try:
            if self.tls is None:
                return await self.loop.sock_recv(self.sock, n)
            while True:
                try:
                    b = self.tls.read(n)
                    return b
                except ssl.SSLWantReadError:
                    pass
                b = await self.loop.sock_recv(self.sock, 65536)
                if not b:
                    return None
                self.inb.write(b)
        except ssl.SSLZeroReturnError:
            return b""
        except (OSError, ssl.SSLError):
            return None

    async def half_close(self):
        try:
            if self.tls is not None:
                try:
                    self.tls.unwrap()
                except ssl.SSLError:
                    pass
                await self.flush()
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def abort(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.close()

    def close(self):
        self.sock.close()
