#!/usr/bin/env python3
"""Each limit: one below it, at it, and one above it."""

import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from culvert import *  # noqa: E402,F403

HEAD, FIELDS, LINE, CONNS, ADDR, HANDSHAKES = 1024, 20, 200, 40, 12, 6

# The limits that are tried with plain requests; each has a relay to itself
# where another would come first.
relay = Relay(tls=False, prefork=1, extra="""limit {
    head size %d
    head fields %d
    request line %d
    handshake timeout 4s
    idle timeout 2s
}""" % (HEAD, FIELDS, LINE))


def dial(port=None, source=None, timeout=15):
    s = socket.socket()
    s.settimeout(timeout)
    if source:
        s.bind((source, 0))
    s.connect(("127.0.0.1", port or relay.port))
    return s


def answer(s):
    """The status of the next response; 0: closed without."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            b = s.recv(65536)
            if not b:
                return 0
            data += b
    except OSError:
        return 0
    head, _, body = data.partition(b"\r\n\r\n")
    m = re.search(rb"content-length: (\d+)", head, re.I)
    while m and len(body) < int(m[1]):
        b = s.recv(65536)
        if not b:
            break
        body += b
    return int(head.split()[1])


def ask(request):
    s = dial()
    s.sendall(request)
    status = answer(s)
    s.close()
    return status


def head_of(size):
    front = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "
    return front + b"x" * (size - len(front) - 4) + b"\r\n\r\n"


def fields(n):
    return b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(
        b"X%d: y\r\n" % i for i in range(n - 1)) + b"\r\n"


def line_of(size):
    front, back = b"GET /health?", b" HTTP/1.1"
    return front + b"x" * (size - len(front) - len(back)) + back + \
        b"\r\nHost: localhost\r\n\r\n"


for name, make, limit, status in (
        ("head size", head_of, HEAD, 431), ("head fields", fields, FIELDS, 431),
        ("request line", line_of, LINE, 414)):
    eq(ask(make(limit - 1)), 200, "%s: one less" % name)
    eq(ask(make(limit)), 200, "%s: as much as may be" % name)
    eq(ask(make(limit + 1)), status, "%s: one more is answered %d" % (
        name, status))

# ---- times: within them, and after them ----

request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def trickle(seconds):
    """A head that takes so long."""
    s = dial()
    for i in range(10):
        try:
            s.sendall(request[i * 4:i * 4 + 4])
        except OSError:
            return 0
        time.sleep(seconds / 10)
    try:
        s.sendall(request[40:])
    except OSError:
        return 0
    return answer(s)


eq(trickle(1.5), 200, "handshake timeout: a head within it")
eq(trickle(8), 0, "handshake timeout: a head that takes longer")

s = dial()
s.sendall(request)
eq(answer(s), 200, "a first request")
time.sleep(0.5)
s.sendall(request)
eq(answer(s), 200, "idle timeout: the next request within it")
t = time.monotonic()
eq(s.recv(1), b"", "idle timeout: closed after it")
ok(1.5 < time.monotonic() - t < 10, "and not before")
s = dial()
s.sendall(request)
answer(s)
s.sendall(request[:9])
time.sleep(2.5)
s.sendall(request[9:])
eq(answer(s), 200, "a request that has begun has the handshake timeout")
relay.stop()

# ---- connections ----


def held(n, port, source=None):
    """So many connections that say nothing; how many are still open."""
    socks = [dial(port, source) for _ in range(n)]
    time.sleep(0.3)     # both closings and their absence take that long
    for s in socks:
        s.setblocking(False)
    alive = []
    for s in socks:
        try:
            if s.recv(1) == b"":
                s.close()
                continue
        except BlockingIOError:
            pass
        except OSError:
            continue
        alive.append(s)
    return alive


def settle(r):
    """Nobody is connected to the relay."""
    return wait_for(lambda: r.stat("connections") == 0, 20)


r = Relay("conns", tls=False, prefork=1,
          extra="limit connections %d\nlimit handshake timeout 1m" % CONNS)
for n, want in ((CONNS - 1, CONNS - 1), (CONNS, CONNS), (CONNS + 1, CONNS)):
    alive = held(n, r.port)
    eq(len(alive), want, "connections: of %d, %d stay" % (n, want))
    for s in alive:
        s.close()
    ok(settle(r), "all are gone again")
r.stop()

r = Relay("addr", tls=False, prefork=1, extra="limit connections per address "
          "%d\nlimit handshake timeout 1m" % ADDR)
for n, want in ((ADDR - 1, ADDR - 1), (ADDR, ADDR), (ADDR + 1, ADDR)):
    alive = held(n, r.port, "127.0.0.2")
    eq(len(alive), want, "connections per address: of %d, %d stay" % (
        n, want))
    if n > ADDR:
        other = held(1, r.port, "127.0.0.3")
        eq(len(other), 1, "another address has its own")
        other[0].close()
    for s in alive:
        s.close()
    ok(settle(r), "all are gone again")
r.stop()

# Who is over this limit waits in the backlog: nobody is refused.
r = Relay("handshakes", tls=False, prefork=1, extra="limit handshakes %d\n"
          "limit handshake timeout 1m" % HANDSHAKES)
for n in (HANDSHAKES - 1, HANDSHAKES):
    alive = held(n, r.port)
    eq(r.stat("connections"), n, "handshakes: %d at once" % n)
    for s in alive:
        s.close()
    ok(settle(r), "all are gone again")
alive = held(HANDSHAKES, r.port)
one = dial(r.port)
one.sendall(request)
eq(len(alive), HANDSHAKES, "handshakes: as many as may be")
eq(answer(one), 200, "handshakes: one more is served, in its time")
one.close()
for s in alive:
    s.close()
r.stop()

# ---- links of a user, streams of a link, credit ----

r = Relay("links", prefork=2, extra="""limit {
    links per user 3
    streams per link 5
    credit per link 1M
}""")
r.user_add()
r.user_add("other@example.org")
pi = Agent(r)
env = login(r)
target = Target(echo)
port = free_port()
fwd = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (port, target.port))


def links():
    return (r.stat("links_nodes") or 0) + (r.stat("links_clients") or 0)


eq(links(), 2, "links per user: one less")
third = Agent(r, name="third")
eq(links(), 3, "links per user: as many as may be")
fourth = Agent(r, name="fourth", wait=False)
ok(fourth.proc.wait_line("too many|limit|429", 30),
   "links per user: one more is refused, and told why", fourth.proc.text())
fourth.stop()
their = Agent(r, name="theirs", token=r.token("node", "other@example.org"))
ok(node_online(r, "theirs"), "another user has their own")
their.stop()
third.stop()
ok(wait_for(lambda: links() == 2, 20), "with one gone")
third = Agent(r, name="third")
ok(node_online(r, "third"), "there is room again")


def stream():
    """A stream through forward that has echoed, or None."""
    s = socket.socket()
    s.settimeout(15)
    try:
        s.connect(("127.0.0.1", port))
        s.sendall(b"x")
        if s.recv(1) == b"x":
            return s
    except OSError:
        pass
    s.close()
    return None


streams = [stream() for _ in range(4)]
ok(all(streams), "streams per link: one less")
streams.append(stream())
ok(streams[-1], "streams per link: as many as may be")
ok(stream() is None, "streams per link: one more is refused")
ok(fwd.wait_line("limit|too many", 10), "and forward says why", fwd.text())
streams.pop().close()
ok(wait_for(stream, 10), "with one gone there is room again")
for s in streams:
    s.close()
fwd.stop()
third.stop()
pi.stop()
r.stop()

# Half of the credit goes to whole windows, the rest to small ones.
r = Relay("credit", prefork=1, extra="limit credit 1M")
r.user_add()
pi = Agent(r)
env = login(r)
port = free_port()
fwd = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (port, target.port))


def crowd():
    """As many streams as are let in, of 20; the most credit meanwhile."""
    streams, most = [], 0
    for s in iter(stream, None):
        streams.append(s)
        most = max(most, r.stat("credit_bytes") or 0)
        if len(streams) == 20:
            break
    return streams, most


streams, most = crowd()
ok(2 <= len(streams) < 20, "credit: %d streams, the next one is refused" %
   len(streams), fwd.text())
ok(0 < most <= 1024 * 1024, "credit: never more than there may be", most)
ok(fwd.wait_line("limit|too many", 10), "and forward says why", fwd.text())
for s in streams[1:]:
    s.sendall(b"y")
    eq(s.recv(1), b"y", "an open one is not hurt")
    break
while streams:
    streams.pop().close()
ok(wait_for(stream, 10), "with those gone there is room again")
fwd.stop()
pi.stop()

# Of who has much of it a quarter is kept for others.
r.extra = "limit credit 4M\nlimit streams per link 64"
r.write_conf()
eq(r.ctl("reload").returncode, 0, "limit credit 4M")
pi = Agent(r)
fwd = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (port, target.port))
streams = []
for s in iter(stream, None):
    streams.append(s)
ok(2 <= len(streams) < 64 and
   (r.stat("credit_bytes") or 0) <= 3 << 20,
   "one user: %d streams, the next one is refused" % len(streams))
r.user_add("other@example.org")
theirs = Agent(r, name="theirs",
               token=r.token("node", "other@example.org"))
other = login(r, r.token("connect", "other@example.org"),
              name="their-home")
eq(Connect(other, "theirs", target.port).end(b"x")[:2], (0, b"x"),
   "another user has some still")
while streams:
    streams.pop().close()
fwd.stop()
pi.stop()
theirs.stop()

# The same of one link is nobody else's.
r.extra = "limit credit per link 1M"
r.write_conf()
eq(r.ctl("reload").returncode, 0, "limit credit per link 1M")
pi = Agent(r)
po = Agent(r, name="po")
fwd = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (port, target.port))
streams, _ = crowd()
ok(2 <= len(streams) < 20, "credit per link: %d streams, the next one is "
   "refused" % len(streams), fwd.text())
ok(fwd.wait_line("limit|too many", 10), "and forward says why", fwd.text())
eq(Connect(env, "po", target.port).end(b"x")[:2], (0, b"x"),
   "another link has its own")
streams[0].sendall(b"y")
eq(streams[0].recv(1), b"y", "an open one is not hurt")
while streams:
    streams.pop().close()
ok(wait_for(stream, 10), "with those gone there is room again")
fwd.stop()
pi.stop()
po.stop()

# ---- the node's own ----

pi = Agent(r, name="few", extra="limit streams 3")
port = free_port()
fwd = Forward(env, "127.0.0.1:%d:few:127.0.0.1:%d" % (port, target.port))
streams = [stream() for _ in range(2)]
ok(all(streams), "agentd, streams: one less")
streams.append(stream())
ok(streams[-1], "agentd, streams: as many as may be")
ok(stream() is None, "agentd, streams: one more is refused")
burst = [socket.socket() for _ in range(600)]
for s in burst:
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
ok(wait_for(lambda: len(select.select(burst, [], [], 0)[0]) == len(burst), 30),
   "and so are 600 at once")
streams[0].sendall(b"b")
eq(streams[0].recv(1), b"b", "which does not hurt those that are open")
for s in burst:
    s.close()
fwd.stop()
pi.stop()

r.extra = ""
r.write_conf()
eq(r.ctl("reload").returncode, 0, "no limits of the relay's")
pi = Agent(r, name="tight", program=[
    "sh", "-c", 'ulimit -n 40; exec "$@"', "sh", OBJ + "/agentd"])
port = free_port()
fwd = Forward(env, "127.0.0.1:%d:tight:127.0.0.1:%d" % (port, target.port))
streams = [stream() for _ in range(20)]
ok(all(streams), "agentd, few descriptors: as many streams as fit")
t0 = time.monotonic()
ok(stream() is None and time.monotonic() - t0 < 10,
   "one more is refused, and does not wait for others to end")
ok(fwd.wait_line("limit|too many", 10), "and forward says why", fwd.text())
ok(pi.proc.lines("at most 20 streams at once, and not 4096"),
   "as does agentd", pi.proc.text())
streams.pop().close()
ok(wait_for(stream, 10), "with one gone there is room again")
done()
