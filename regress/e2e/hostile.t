#!/usr/bin/env python3
"""Clients that send rubbish, nothing, or a byte at a time; each violation of
HTTP, WebSocket and mux ends only the connection it came on."""
import base64
import os
import struct
import sys
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=2, extra="limit handshake timeout 3s\n"
              "limit head size 4096",
              listen=None)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
ctx = client_context()
witness = Connect(env, "pi", target.port)


def alive_stream(what):
    witness.p.stdin.write(b"w")
    witness.p.stdin.flush()
    ok(os.read(witness.p.stdout.fileno(), 10) == b"w",
       what + ": others are not disturbed")


def raw():
    return socket.create_connection(("127.0.0.1", relay.port), 20)


def tls():
    s = raw()
    return ctx.wrap_socket(s, server_hostname="localhost")


def answer(data, seconds=20):
    with tls() as t:
        t.settimeout(seconds)
        try:
            t.sendall(data)
        except OSError:
            pass
        return read_all(t)


def read_all(t):
    out = b""
    try:
        while True:
            b = t.recv(65536)
            if not b:
                break
            out += b
            if b"\r\n\r\n" in out and b"101 Switch" not in out:
                m = re.search(rb"content-length: (\d+)", out, re.I)
                if m and len(out.split(b"\r\n\r\n", 1)[1]) >= int(m[1]):
                    break
    except (OSError, ssl.SSLError):
        pass
    return out


def status(data):
    m = re.match(rb"HTTP/1\.1 (\d+)", answer(data))
    return int(m[1]) if m else None


# ---- below TLS ----
s = raw()
s.sendall(os.urandom(5000))
t0 = time.monotonic()
read_all(s)
ok(time.monotonic() - t0 < 5, "rubbish instead of TLS is hung up on")
alive_stream("rubbish")
s = raw()
s.settimeout(10)
t0 = time.monotonic()
eq(read_all(s), b"", "silence gets nothing")
ok(2 < time.monotonic() - t0 < 6, "and ends at the handshake's deadline",
   time.monotonic() - t0)
s = raw()
hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200)
t0 = time.monotonic()
try:
    for b in hello:
        s.sendall(bytes([b]))
        time.sleep(0.1)
except OSError:
    pass
ok(time.monotonic() - t0 < 6,
   "a byte at a time does not move the deadline")
s = tls()
t0 = time.monotonic()
try:
    for b in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 200:
        s.sendall(bytes([b]))
        time.sleep(0.1)
except OSError:
    pass
ok(time.monotonic() - t0 < 6, "nor does a head, a byte at a time")

many = [raw() for _ in range(300)]
t0 = time.monotonic()
eq(status(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200,
   "beside 300 silent connections a request is answered")
ok(time.monotonic() - t0 < 1.0, "at once", time.monotonic() - t0)
for s in many:
    s.close()

# ---- HTTP ----
H = b"Host: localhost\r\n"
for data, want, name in (
        (b"GET /health HTTP/1.1\r\n" + H + b"\r\n", 200, "/health"),
        (b"GET /version HTTP/1.1\r\n" + H + b"\r\n", 200, "/version"),
        (b"POST /health HTTP/1.1\r\n" + H + b"Content-Length: 0\r\n\r\n", 405,
         "POST /health"),
        (b"GET /nothing HTTP/1.1\r\n" + H + b"\r\n", 404, "other paths"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "no Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two Hosts"),
        (b"GET / HTTP/2.0\r\n" + H + b"\r\n", 505, "HTTP/2.0"),
        (b"rubbish\r\n\r\n", 400, "rubbish"),
        (b"GET / HTTP/1.1\r\n" + H + b"X : y\r\n\r\n", 400,
         "space before the colon"),
        (b"GET / HTTP/1.1\r\n" + H + b"X: y\r\n z\r\n\r\n", 400, "a fold"),
        (b"GET / HTTP/1.1\r\n" + H + b"X: " + b"y" * 5000, 431,
         "a head over the limit"),
        (b"POST / HTTP/1.1\r\n" + H +
         b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
         "two kinds of length"),
        (b"GET /api/nodes/ws HTTP/1.1\r\n" + H + b"Culvert-Node: x\r\n\r\n",
         426, "the node door without an upgrade"),
        (b"GET /api/nodes/ws HTTP/1.1\r\n" + H + b"\r\n", 400,
         "the node door without a name")):
    eq(status(data), want, "%s: %d" % (name, want))
a = answer(b"GET /x HTTP/1.1\r\n" + H + b"Accept: text/html\r\n\r\n")
ok(b"text/html" in a and b"<h1>" in a, "404 for a browser is HTML")
a = answer(b"GET /x HTTP/1.1\r\n" + H + b"\r\n")
ok(b"application/json" in a and json.loads(a.split(b"\r\n\r\n")[1]),
   "404 for a program is JSON")
a = answer(b"GET /version HTTP/1.1\r\n" + H + b"\r\n"
           b"GET /health HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
with tls() as t:
    t.sendall(b"GET /version HTTP/1.1\r\n" + H + b"\r\n"
              b"GET /health HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
    out = b""
    while True:
        b = t.recv(4096)
        if not b:
            break
        out += b
eq(out.count(b"HTTP/1.1 200"), 2, "two requests in one write")
alive_stream("bad HTTP")

# ---- WebSocket and mux, logged in with a bearer token ----
token = relay.token("connect")


def upgrade(tok=token, path_=b"/api/access/ws", more=b""):
    t = tls()
    t.settimeout(10)
    t.sendall(b"GET " + path_ + b" HTTP/1.1\r\n" + H +
              b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
              base64.b64encode(os.urandom(16)) + b"\r\n"
              b"Sec-WebSocket-Protocol: culvert.1\r\n"
              b"Authorization: Bearer " + tok.encode() + b"\r\n" + more +
              b"\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        b = t.recv(1)
        if not b:
            break
        head += b
    return t, head


# RFC 6455, 4.2.1: what a handshake must have, each missing or wrong in turn.
KEY = base64.b64encode(os.urandom(16))
SHAKE = {b"Connection": b"Upgrade", b"Upgrade": b"websocket",
         b"Sec-WebSocket-Version": b"13", b"Sec-WebSocket-Key": KEY,
         b"Sec-WebSocket-Protocol": b"culvert.1"}


def shake(line=b"GET /api/access/ws HTTP/1.1", more=b"", **change):
    f = dict(SHAKE)
    for k, v in change.items():
        f[k.replace("_", "-").encode()] = v
    return answer(line + b"\r\n" + H + b"".join(
        k + b": " + v + b"\r\n" for k, v in f.items() if v is not None) +
        more + b"\r\n")


a = shake()
ok(b" 401 " in a and b"Culvert nonce=" in a, "a whole handshake: 401", a)
a = shake(Connection=b"keep-alive, UPGRADE", Upgrade=b"h2c, WebSocket",
          Sec_WebSocket_Protocol=b"chat,  culvert.1")
ok(b" 401 " in a, "a handshake among other words, in other cases", a)
for name, want, change in (
        ("no Connection", 426, dict(Connection=None)),
        ("another Connection", 426, dict(Connection=b"keep-alive")),
        ("no Upgrade", 426, dict(Upgrade=None)),
        ("another Upgrade", 426, dict(Upgrade=b"h2c")),
        ("no version", 426, dict(Sec_WebSocket_Version=None)),
        ("version 8", 426, dict(Sec_WebSocket_Version=b"8")),
        ("version 013", 426, dict(Sec_WebSocket_Version=b"013")),
        ("two versions", 400, dict(more=b"Sec-WebSocket-Version: 13\r\n")),
        ("no key", 426, dict(Sec_WebSocket_Key=None)),
        ("a key of 15 bytes", 426,
         dict(Sec_WebSocket_Key=base64.b64encode(b"x" * 15))),
        ("a key of 17 bytes", 426,
         dict(Sec_WebSocket_Key=base64.b64encode(b"x" * 17))),
        ("a key that is not base64", 426,
         dict(Sec_WebSocket_Key=b"*" * 22 + b"==")),
        ("two keys", 400, dict(more=b"Sec-WebSocket-Key: " + KEY +
                               b"\r\n")),
        ("POST", 426, dict(line=b"POST /api/access/ws HTTP/1.1",
                           more=b"Content-Length: 0\r\n")),
        ("HTTP/1.0", 426, dict(line=b"GET /api/access/ws HTTP/1.0")),
        ("no protocol", 400, dict(Sec_WebSocket_Protocol=None)),
        ("another protocol", 400,
         dict(Sec_WebSocket_Protocol=b"culvert.2"))):
    a = shake(**change)
    eq(int(a.split(b" ")[1]), want, "a handshake with %s: %d" % (name, want))
    if want == 426:
        ok(b"\r\nSec-WebSocket-Version: 13\r\n" in a,
           "which names the version")
t, head = upgrade(more=b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
ok(b" 101 " in head and b"xtensions" not in head,
   "an extension is not agreed to", head)
t.close()


def ws_frame(payload, op=2, fin=True, mask=True, rsv=0):
    h = bytes([(0x80 if fin else 0) | rsv << 4 | op])
    n, m = len(payload), 0x80 if mask else 0
    if n < 126:
        h += bytes([m | n])
    elif n < 65536:
        h += bytes([m | 126]) + struct.pack(">H", n)
    else:
        h += bytes([m | 127]) + struct.pack(">Q", n)
    if not mask:
        return h + payload
    key = b"\x11\x22\x33\x44"
    return h + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))


def mux(type_, id_, payload=b"", flags=0, reserved=0):
    return struct.pack(">BBHI", type_, flags, reserved, id_) + payload


def field(t, v):
    return struct.pack(">BH", t, len(v)) + v


HELLO = mux(6, 0, b"\x01" + field(1, struct.pack(">I", 1)) +
            field(2, struct.pack(">I", 65536)))


def open_(id_, port=None, node=b"pi", host=b"127.0.0.1", kind=1):
    return mux(1, id_, struct.pack(">BBHI", kind, 0, port or target.port,
                                   65536) + bytes([len(host)]) + host +
               bytes([len(node)]) + node)


def closes_with(frames):
    """The close code that the relay answers these bytes with."""
    t, head = upgrade()
    if b" 101 " not in head:
        return head[:60]
    try:
        t.sendall(frames)
    except OSError:
        pass
    buf, code = b"", None
    try:
        while True:
            b = t.recv(65536)
            if not b:
                break
            buf += b
            while len(buf) >= 2:
                n, h = buf[1] & 127, 2
                if n == 126:
                    if len(buf) < 4:
                        break
                    n, h = struct.unpack(">H", buf[2:4])[0], 4
                if len(buf) < h + n:
                    break
                if buf[0] & 15 == 8:
                    code = struct.unpack(">H", buf[h:h + 2])[0]
                    t.close()
                    return code
                buf = buf[h + n:]
    except (OSError, ssl.SSLError):
        pass
    t.close()
    return code


F = ws_frame
for frames, want, name in (
        (F(HELLO, mask=False), 1002, "a frame without a mask"),
        (F(HELLO, rsv=4), 1002, "a reserved bit"),
        (F(HELLO, op=3), 1002, "an unknown opcode"),
        (F(b"x", op=9, fin=False), 1002, "a fragmented ping"),
        (F(b"x" * 126, op=9), 1002, "a long ping"),
        (F(HELLO, op=0), 1002, "a continuation of nothing"),
        (F(b"text", op=1), 1003, "a text message"),
        (F(b"x" * 70000), 1009, "a message over the limit"),
        (F(b"\x03", op=8), 1002, "a close of one byte"),
        (F(struct.pack(">H", 1005), op=8), 1002, "a close code of nobody"),
        (F(struct.pack(">H", 1000) + b"bye", op=8), 1000, "a close"),
        (F(b"short"), 1002, "a short mux frame"),
        (F(mux(9, 0)), 1002, "an unknown mux type"),
        (F(open_(1)), 1002, "anything before hello"),
        (F(HELLO) + F(HELLO), 1002, "hello twice"),
        (F(HELLO) + F(mux(3, 1, b"x")), 1002, "data on no stream"),
        (F(HELLO) + F(mux(4, 99, b"\0\0\0\1")), 1002, "credit for no stream"),
        (F(HELLO) + F(open_(2)), 1002, "a stream id of the wrong side"),
        (F(HELLO) + F(open_(3)) + F(open_(1)), 1002, "ids going back"),
        (F(HELLO) + F(open_(1)) + F(mux(4, 1, b"\0\0\0\0")), 1002,
         "credit of nothing"),
        (F(HELLO) + F(open_(1)) + F(mux(4, 1, b"\xff" * 4)), 1002,
         "credit beyond measure"),
        (F(HELLO) + F(open_(1)) + F(mux(2, 1, b"\0\0\1\0")), 1002,
         "accept of one's own stream"),
        (F(HELLO) + F(open_(1)) + F(mux(3, 1, b"", 1)) + F(mux(3, 1, b"x")),
         1002, "data after FIN"),
        (F(HELLO) + F(open_(1)) + F(mux(3, 1, b"x", 0x80)), 1002,
         "an unknown flag"),
        (F(HELLO) + F(mux(1, 1, b"x")), 1002, "an OPEN cut short"),
        (F(HELLO) + F(mux(1, 1, os.urandom(64))), 1002,
         "an OPEN of noise")):
    got_ = closes_with(frames)
    eq(got_, want, "%s: closed with %d" % (name, want))
# ---- questions whose answers nobody takes ----
t, head = upgrade()
t.sendall(F(HELLO) + b"".join(F(open_(i, port=1, node=b"", host=b"nodes",
                                      kind=6)) for i in range(1, 41, 2)))
refused, buf = 0, b""
t.settimeout(3)
try:
    while refused < 12:
        b = t.recv(65536)
        if not b:
            break
        buf += b
        while len(buf) >= 2 and buf[1] < 126 and len(buf) >= 2 + buf[1]:
            f, buf = buf[2:2 + buf[1]], buf[2 + buf[1]:]
            refused += f[:1] == b"\x05" and f[8:10] == b"\0\x08"
except OSError:
    pass
t.close()
eq(refused, 12, "of 20 questions at once 12 are refused")

# ---- more than router can be told at once ----


def pong(t):
    """All before it has been looked at; what came of that, frame by frame."""
    t.sendall(F(b"there?", op=9))
    buf, out = b"", []
    t.settimeout(60)
    while True:
        b = t.recv(65536)
        if not b:
            raise SystemExit("the link has ended: %r" % buf[:40])
        buf, off = buf + b, 0
        while len(buf) - off >= 2 and buf[off + 1] < 126 and \
                len(buf) - off >= 2 + buf[off + 1]:
            op, f = buf[off] & 15, buf[off + 2:off + 2 + buf[off + 1]]
            off += 2 + buf[off + 1]
            if op == 10:
                return out
            out.append(f)
        buf = buf[off:]


router = relay.children()["router"]
links = [upgrade()[0] for _ in range(4)]
for t in links:
    t.sendall(F(HELLO))
    pong(t)
was = relay.stat("streams_total")
os.kill(router, signal.SIGSTOP)
for t in links:
    t.sendall(b"".join(F(open_(1 + 2 * i, node=b"nowhere"))
                       for i in range(4096)))
    pong(t)
os.kill(router, signal.SIGCONT)
ok(wait_for(lambda: relay.stat("streams_total") >= was + 4 * 4096, 30, 0.2),
   "of streams that end all at once each is on record",
   (was, relay.stat("streams_total")))
ok(wait_for(lambda: relay.stat("streams") == 1, 30, 0.2),
   "and each has ended there", relay.stat("streams"))
for t in links:
    t.close()
alive_stream("very many streams")


def offer(i):
    return F(mux(1, i, struct.pack(">BBHI", 6, 0, 0, 0) + b"\x04pair\0")) + \
        F(mux(3, i, b"\x01" + os.urandom(32) + bytes(4), 1))


t, head = upgrade(relay.token("node"), b"/api/nodes/ws",
                  b"Culvert-Node: offers\r\n")
t.sendall(F(HELLO))
pong(t)
os.kill(router, signal.SIGSTOP)
t.sendall(b"".join(offer(i) + F(mux(5, i, b"\0\x01"))
                   for i in range(1, 41, 2)) + offer(41))
f = pong(t)
os.kill(router, signal.SIGCONT)
ok([x for x in f if x[:1] == b"\x05" and x[7:10] == b"\x29\0\x08"],
   "a node that offers codes and takes them back has offered them", f)
t.close()

# ---- out of descriptors: accept pauses, nothing spins ----


def ticks(pid):
    with open("/proc/%d/stat" % pid) as f:
        x = f.read()
    return sum(int(v) for v in x[x.rindex(")") + 2:].split()[11:13])


listeners = [p for n, p in relay.children().items() if "listener" in n]
if not ROOT:
    skip("out of descriptors", "takes root")
else:
    for pid in listeners:
        n = len(os.listdir("/proc/%d/fd" % pid))
        run(["prlimit", "--pid", str(pid), "--nofile=%d:20000" % (n + 8)])
    many = [raw() for _ in range(64)]
    time.sleep(0.3)
    t0 = [ticks(p) for p in listeners]
    alive_stream("no descriptors left")
    time.sleep(1)
    spent = [b - a for a, b in zip(t0, (ticks(p) for p in listeners))]
    ok(all(v <= (60 if SANITIZED else 10) for v in spent),
       "no listener spins without descriptors", spent)
    for pid in listeners:
        run(["prlimit", "--pid", str(pid), "--nofile=20000:20000"])
    for x in many:
        x.close()
    eq(status(b"GET /health HTTP/1.1\r\n" + H + b"\r\n"), 200,
       "with descriptors again it serves again")

# a target that is never connected: no credit but the early one
proxy = agent.children()["proxy"]
os.kill(proxy, signal.SIGSTOP)
eq(closes_with(F(HELLO) + F(open_(1)) + F(mux(3, 1, b"d" * 16384)) * 5), 1002,
   "more data than there was credit: closed with 1002")
os.kill(proxy, signal.SIGCONT)
alive_stream("bad frames")

t, head = upgrade("culv_aaaaaaaaaaaa_" + "b" * 52 + "_00000000")
ok(b" 401 " in head, "a bearer token with a wrong checksum: 401", head)
t, head = upgrade(relay.token("node"))
ok(b" 403 " in head, "a bearer token of the wrong scope: 403", head)
t, head = upgrade(path_=b"/ws_for_edge_agents")
ok(b" 404 " in head, "another make's path: 404", head)

eq(witness.end()[0], 0, "the witness ends in order")
ok(not relay.proc.lines("killed by signal|forbidden"), "no process died",
   relay.proc.text())
done()
