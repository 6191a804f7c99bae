#!/usr/bin/env python3
"""Links: half-open, stalled, restarted under; streams: stalled readers."""
import os
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=1)
relay.user_add()


class Cut(Between):
    """It can stop passing bytes without closing anything."""

    def __init__(self, port):
        super().__init__(port, self.wait)
        self.open = threading.Event()
        self.open.set()

    def wait(self, data, up):
        self.open.wait()
        return data


# ---- half-open: found by both ends within 45 s ----
cut = Cut(relay.port)
token = relay.token("node")
half = Agent(relay, "half", token=token,
             url="wss://localhost:%d" % cut.port)
ok(node_online(relay, "half"), "a node behind a link that can be cut")
cut.open.clear()
t0 = time.monotonic()

# ---- meanwhile: streams on another node ----
agent = Agent(relay)
env = login(relay)
fwd = free_port()
stop = threading.Event()


def source(c):
    b = b"s" * 65536
    c.recv(1)
    while not stop.is_set():
        c.sendall(b)


src = Target(source)
f = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (fwd, src.port))


def fetch(seconds):
    """MB/s of one stream."""
    with socket.create_connection(("127.0.0.1", fwd), 10) as s:
        s.sendall(b"g")
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            n += len(s.recv(1 << 20))
        return n / seconds / 1e6


fetch(0.5)
alone = max(fetch(1) for _ in range(3))
pids = {**relay.children(), "tunnel": agent.children()["tunnel"],
        "forward": f.pid}
m0 = {k: rss(p) for k, p in pids.items()}
s = [stalled(fwd) for _ in range(4)]
time.sleep(1.5)
m1 = {k: rss(p) for k, p in pids.items()}
grown = {k: (m1[k] - m0[k]) >> 10 for k in pids}
limit = 4 * 1024        # KB; a sanitizer keeps what is freed
ok(SANITIZED or all(v < limit for v in grown.values()),
   "four stalled readers: memory is bounded", grown)
beside = max(fetch(1) for _ in range(3))
ok(beside > 0.5 * alone,
   "a stalled reader does not slow another stream of its link",
   "%.0f MB/s alone, %.0f beside" % (alone, beside))
time.sleep(1)
m2 = {k: rss(p) for k, p in pids.items()}
grown = {k: (m2[k] - m1[k]) >> 10 for k in pids}
ok(SANITIZED or all(v < limit for v in grown.values()),
   "and it stays bounded", grown)
for x in s:
    x.close()
stop.set()
f.stop()

# ---- 1 GB with constant memory ----
size = (64 if SANITIZED else 1024) << 20


def gigabyte(c):
    b, n = b"1" * (1 << 20), size >> 20
    c.recv(1)
    for _ in range(n):
        c.sendall(b)


g = Target(gigabyte)
p = subprocess.Popen([OBJ + "/accessctl", "connect", "pi", str(g.port)],
                     env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
p.stdin.write(b"g")
p.stdin.close()
n, top = 0, 0
while True:
    b = p.stdout.read(1 << 20)
    if not b:
        break
    n += len(b)
    if n >> 20 & 63 == 0:
        top = max(top, rss(p.pid))
eq((p.wait(20), n), (0, size), "%d MB through accessctl connect" %
   (size >> 20))
ok(top < (200 << 20 if SANITIZED else 24 << 20), "in constant memory",
   "%d KB" % (top >> 10))

# ---- a stopped agent, then a continued one ----
tun = agent.children()["tunnel"]
os.kill(tun, signal.SIGSTOP)
ok(wait_for(lambda: node_online(relay, "pi", False), 60),
   "a stopped tunnel: its node is offline within the ping time")
ok(wait_for(lambda: node_online(relay, "half", False), 60),
   "half-open: the relay has found it")
took = time.monotonic() - t0
ok(half.proc.wait_line("no answer|dead|silent", 60),
   "half-open: the node has found it", half.proc.text())
cut.open.set()
try:
    os.kill(tun, signal.SIGCONT)
except ProcessLookupError:
    pass
ok(wait_for(lambda: node_online(relay), 60),
   "continued, it comes back as a new link")
ok(wait_for(lambda: node_online(relay, "half"), 60),
   "and so does the other, through the mended line")
target = Target(echo)
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[:2] ==
            (0, b"x"), 30), "and streams pass")
done()
