#!/usr/bin/env python3
"""Limits of bandwidth and quotas of a month: reached and kept, in both
directions, over several listeners, while they change, and over restarts."""
# tags: slow long no-asan
import os
import sqlite3
import threading
import time
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

K, M = 1 << 10, 1 << 20


class Meter:
    """Counts what a target sends and gets."""

    def __init__(self):
        self.sent = self.got = 0
        self.target = Target(self.serve)
        self.port = self.target.port

    def serve(self, c):
        what = c.recv(1)
        if what == b"d":
            block = b"\0" * 65536
            while True:
                self.sent += c.send(block)
        while what:
            b = c.recv(65536)
            if not b:
                return
            self.got += len(b)


class Down:
    """A client that reads as much as there is."""

    def __init__(self, env, port, node="pi"):
        self.c = Connect(env, node, port)
        self.n = 0
        self.c.p.stdin.write(b"d")
        self.c.p.stdin.flush()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            b = os.read(self.c.p.stdout.fileno(), 65536)
            if not b:
                return
            self.n += len(b)

    def over(self):
        return self.c.p.poll() is not None

    def kill(self):
        self.c.p.kill()
        self.reader.join(10)
        self.c.kill()


class Up:
    """One that sends as much as is taken."""

    def __init__(self, env, port, node="pi"):
        self.c = Connect(env, node, port)
        self.n = 0
        self.stop = False
        threading.Thread(target=self.write, daemon=True).start()

    def write(self):
        try:
            os.write(self.c.p.stdin.fileno(), b"u")
            while not self.stop:
                self.n += os.write(self.c.p.stdin.fileno(), b"\0" * 65536)
        except OSError:
            pass

    def kill(self):
        self.stop = True
        self.c.kill()


def rate(count, seconds=4.0, settle=1.0):
    """Bytes a second, once the first burst is over."""
    time.sleep(settle)
    n, t = count(), time.monotonic()
    time.sleep(seconds)
    return (count() - n) / (time.monotonic() - t)


def within(r, want, name):
    ok(want / 2 < r < want * 2, name, "%.0f bytes/s, wanted %.0f" % (r, want))


relay = Relay(prefork=1, extra="bandwidth {\n per user 1M\n"
              " per node 4Mbit\n month per node none\n}")
relay.user_add()
relay.user_add("other@example.org")
agent = Agent(relay)
env = login(relay)
meter = Meter()

# ---- what is shown ----

u = relay.json("user", "list")[1]
eq((u["email"], u["bandwidth"], u["quota"]), ("you@example.org", M, None),
   "user list shows the limit that counts")
n = relay.json("node", "show", "pi")
eq((n["bandwidth"], n["quota"]), (500000, None), "node show does, too")
ok("488K/s" in relay.ctl("node", "show", "pi").stdout, "in words as well")

# ---- both directions, the least of several limits ----

d = Down(env, meter.port)
within(rate(lambda: d.n), 500000, "a download has the node's 4 Mbit/s")
up = Up(env, meter.port)
within(rate(lambda: meter.got), 500000,
       "an upload beside it has them for itself: each way counts alone")
relay.ctl("node", "limit", "pi", "--bandwidth", "none")
r = [rate(lambda: d.n), rate(lambda: meter.got)]
within(r[0], M, "without the node's limit the user's counts, at once")
within(r[1], M, "and for the upload")
up.kill()

# ---- several streams share it ----

d2 = Down(env, meter.port)
time.sleep(1)
a, b = d.n, d2.n
r = rate(lambda: d.n + d2.n, 5)
a, b = d.n - a, d2.n - b
within(r, M, "two streams of a user share its limit")
ok(0.5 < a / max(b, 1) < 2, "alike", "%d and %d" % (a, b))

# ---- a limit that changes while they run ----

eq(relay.ctl("user", "limit", "you@example.org", "--bandwidth",
             "256K").returncode, 0, "a lower limit")
within(rate(lambda: d.n + d2.n, 5), 256 * K, "holds for streams that run")
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "2M")
within(rate(lambda: d.n + d2.n), 2 * M, "so does a higher one")
pid = relay.children()["listener"]
before = rss(pid)
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "none")
r = rate(lambda: d.n + d2.n, 2)
ok(r > 6 * M, "with none they are as fast as they can be",
   "%.0f bytes/s" % r)
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "default")
within(rate(lambda: d.n + d2.n, 5, 4), M, "and back to the default")
ok(rss(pid) - before < (400 if SANITIZED else 40) * M, "memory does not grow while it is held back",
   rss(pid) - before)
relay.write_conf()
with open(relay.conf) as f:
    text = f.read()
write(relay.name + ".d/relayd.conf", text.replace("per user 1M",
                                                  "per user 300K"))
eq(relay.ctl("reload").returncode, 0, "a reload with another default")
within(rate(lambda: d.n + d2.n, 5, 2), 300 * K, "is in force at once")

# ---- one user's limit is nothing to another, and not to a keystroke ----

relay.ctl("user", "limit", "other@example.org", "--bandwidth", "none")
agent2 = Agent(relay, "pi2", relay.token("node", "other@example.org"))
relay.ctl("node", "limit", "pi2", "--bandwidth", "none")
env2 = login(relay, relay.token("connect", "other@example.org"), "other")
d3 = Down(env2, meter.port, "pi2")
r = rate(lambda: d3.n, 2)
ok(r > 6 * M, "another user is not slowed", "%.0f bytes/s" % r)
d3.kill()
ech = Target(echo)
c = Connect(env, "pi", ech.port)
worst = 0
for _ in range(20):
    t = time.monotonic()
    c.p.stdin.write(b"k")
    c.p.stdin.flush()
    os.read(c.p.stdout.fileno(), 1)
    worst = max(worst, time.monotonic() - t)
ok(worst < 5, "a keystroke gets through beside the bulk", worst)
c.kill()

# ---- many that say little: their early data is no way around ----

relay.ctl("user", "limit", "you@example.org", "--bandwidth", "128K")
fwd = free_port()
forward = Forward(env, "127.0.0.1:%d:pi:%d" % (fwd, meter.port))
d.kill()
d2.kill()
time.sleep(1)
got, t = meter.got, time.monotonic()
small = []


def uploads():
    for _ in range(15):
        try:
            s = socket.create_connection(("127.0.0.1", fwd), 30)
            s.sendall(b"u" + b"\0" * 49999)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
            s.close()
        except OSError:
            pass


for _ in range(4):
    small.append(threading.Thread(target=uploads))
    small[-1].start()
for th in small:
    th.join(120)
n, t = meter.got - got, time.monotonic() - t
ok(n >= 60 * 49999, "all of many small uploads gets there", n)
ok(n / t < 2 * 128 * K, "and no faster than the limit", "%.0f" % (n / t))
forward.stop()
d, d2 = Down(env, meter.port), Down(env, meter.port)
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "default")

# ---- UDP ----

udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * M)
udp.bind(("127.0.0.1", 0))
udp_got = 0


def udp_sink():
    global udp_got
    while True:
        udp_got += len(udp.recv(65536))


threading.Thread(target=udp_sink, daemon=True).start()
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "200K")
up = free_port()
forward = Forward(env, "%d:pi:127.0.0.1:%d/udp" % (
    up, udp.getsockname()[1]))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 6
while time.monotonic() < end:
    out.sendto(b"x" * 1000, ("127.0.0.1", up))
    time.sleep(0.0005)
ok(200 * K < udp_got < 12 * 200 * K, "datagrams over the limit are lost",
   udp_got)
forward.stop()
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "default")

# ---- kill -9 of router and auth ----

for who in ("router", "auth"):
    os.kill(relay.children()[who], 9)
    ok(wait_for(relay.serving, 30), "%s is back" % who)
    within(rate(lambda: d.n + d2.n, 5, 2), 300 * K,
           "the limit holds after kill -9 of %s" % who)
d.kill()
d2.kill()

# ---- counters ----


def traffic(*args):
    wait_for(lambda: relay.json("traffic") is not None, 30)
    return {(x["what"], x["name"]): x for x in relay.json("traffic", *args)}


wait_for(lambda: relay.json("connection", "list") == [])
t0 = traffic()
ok(t0[("user", "you@example.org")]["bytes_in"] > 4 * M and
   t0[("node", "pi")]["bytes_out"] > 2 * M, "traffic lists users and nodes",
   t0)
ok(abs(t0[("user", "you@example.org")]["bytes_in"] -
       t0[("node", "pi")]["bytes_in"]) < 2 * M,
   "a user's is its node's, but for what the killed had not told", t0)
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "none")
st, out, err = Connect(env, "pi", ech.port).end(b"x" * 700000, 60)
t1 = traffic()
eq([t1[("user", "you@example.org")][k] - t0[("user", "you@example.org")][k]
    for k in ("bytes_in", "bytes_out")], [700000, 700000],
   "to the byte, once a stream has ended")
eq(list(traffic("--user", "you@example.org")),
   [("user", "you@example.org")], "of one user")
eq(traffic("--node", "pi")[("node", "pi")]["bytes_in"],
   t1[("node", "pi")]["bytes_in"], "of one node")
eq(relay.json("traffic", "--month", "1999-12"), [], "of another month")
ok(relay.ctl("traffic", "--month", "1999-13").returncode == 1,
   "of none at all")
ok(relay.ctl("traffic", "--user", "nobody@example.org").returncode == 1,
   "of nobody")

# a stream that runs counts, and nothing counts twice over restarts
c = Connect(env, "pi", ech.port)
sent = 0


def talk(n):
    global sent
    left = n
    c.p.stdin.write(b"y" * n)
    c.p.stdin.flush()
    while left > 0:
        left -= len(os.read(c.p.stdout.fileno(), left))
    sent += n


def more():
    t = traffic("--user", "you@example.org")[("user", "you@example.org")]
    return t["bytes_in"] - t1[("user", "you@example.org")]["bytes_in"]


talk(30000)
eq(more(), 30000, "a stream that runs is counted")
for who in ("router", "auth", "router"):
    os.kill(relay.children()[who], 9)
    wait_for(relay.serving, 30)
    wait_for(lambda: len(relay.json("connection", "list") or []) == 1, 30)
    talk(20000)
    n = more()
    ok(sent - 20000 - 20000 <= n <= sent, "kill -9 of %s: nothing twice, "
       "and little lost" % who, "%d of %d" % (n, sent))
c.end()
n = more()
ok(sent - 60000 <= n <= sent, "nor when it ends", "%d of %d" % (n, sent))

# ---- a quota ----

relay.user_add("third@example.org")
agent3 = Agent(relay, "pi3", relay.token("node", "third@example.org"))
env3 = login(relay, relay.token("connect", "third@example.org"), "third")
relay.ctl("node", "limit", "pi3", "--bandwidth", "none")
relay.ctl("user", "limit", "third@example.org", "--quota", "24M",
          "--bandwidth", "1M")
st, out, err = Connect(env3, "pi3", ech.port).end(b"x" * M)
t = traffic("--user", "third@example.org")[("user", "third@example.org")]
eq((t["quota"], t["rest"]), (24 * M, 22 * M), "quota and rest are shown")
Connect(env3, "pi3", ech.port).end(b"x" * 9 * M, 60)
ok(relay.proc.wait_line("third@example.org: 80%"),
   "a line in the log when most of it is used")
d = Down(env3, meter.port, "pi3")
ok(wait_for(d.over, 90), "a stream ends when the quota is used up")
ok(3 * M <= d.n < 22 * M, "not before, and not long after", d.n)
st, out, err = Connect(env3, "pi3", ech.port).end(b"x")
ok(st == 1 and "used up" in err, "a new one is refused, and says why",
   "%d %s" % (st, err))
ok(relay.proc.wait_line(r"third@example.org: this month's \d+ bytes are used "
                        "up"), "and a line in the log at the end")
st, out, err = Connect(env2, "pi2", ech.port).end(b"x")
eq((st, out), (0, b"x"), "others go on")
t = traffic("--user", "third@example.org")[("user", "third@example.org")]
eq(t["rest"], 0, "nothing is left")
ok(wait_for(lambda: "quota" in relay.ctl("audit").stdout, 30),
   "the audit log knows")

for who in ("router", "auth"):
    os.kill(relay.children()[who], 9)
    wait_for(relay.serving, 30)


def refused():
    st, out, err = Connect(env3, "pi3", ech.port).end(b"x")
    return st == 1 and "used up" in err


ok(wait_for(refused, 30), "refused after kill -9 of router and auth")
relay.stop()
db = sqlite3.connect(relay.dir + "/state/culvert.db")
ok(db.execute("SELECT count(*) FROM audit WHERE what = 'stream denied' AND "
              "text LIKE '%used up%'").fetchone()[0] >= 1,
   "and of the streams that were refused")
db.close()
relay.start()
agent3.proc.wait_line("link to .* is up", 30, count=2)
ok(wait_for(refused, 30), "refused after a restart")
relay.ctl("user", "limit", "third@example.org", "--quota", "none",
          "--bandwidth", "none")


def passes():
    st, out, err = Connect(env3, "pi3", ech.port).end(b"x")
    return (st, out) == (0, b"x")


ok(wait_for(passes, 10), "a raised quota lets them in again, at once")
relay.stop()

# ---- several listeners ----

relay = Relay("relayd2", prefork=2, extra="publish ports 20000-31999 "
              "on 127.0.0.1 by any")
relay.user_add()
agent = Agent(relay, "far")
env = login(relay, name="second")
relay.ctl("user", "limit", "you@example.org", "--bandwidth", "1M")
ds = [Down(env, meter.port, "far") for _ in range(8)]
r = rate(lambda: sum(d.n for d in ds), 6, 4)
within(r, M, "streams at two listeners share the limit of their user")
for d in ds[1:]:
    d.kill()
within(rate(lambda: ds[0].n, 6, 4), M, "one of them may have all of it")
up = Up(env, meter.port, "far")
got = meter.got
within(rate(lambda: meter.got, 5, 3), M, "and the other way, too")
pids = [p for w, p in relay.children().items() if w.startswith("listener")]
ok(all(rss(p) < (600 if SANITIZED else 60) * M for p in pids), "memory stays flat",
   [rss(p) for p in pids])
for x in ds + [up]:
    x.kill()

# ---- published ports ----


class Visitor:
    """One that comes by a port, with what it gets and what it could send."""

    def __init__(self, port, what):
        self.s = socket.create_connection(("127.0.0.1", port), 30)
        self.n = 0
        self.s.sendall(what)
        self.run = self.read if what == b"d" else self.write
        threading.Thread(target=self.go, daemon=True).start()

    def go(self):
        try:
            self.run()
        except OSError:
            pass

    def read(self):
        while True:
            b = self.s.recv(65536)
            if not b:
                return
            self.n += len(b)

    def write(self):
        while True:
            self.n += self.s.send(b"\0" * 65536)


relay.ctl("user", "limit", "you@example.org", "--bandwidth", "none")
port = free_port()
r = relay.ctl("publish", "add", "--bandwidth", "512K",
              "127.0.0.1:%d/tcp" % port, "far:%d" % meter.port)
eq(r.returncode, 0, "a port with a limit is published")
vs = [Visitor(port, b"d") for _ in range(4)]
within(rate(lambda: sum(v.n for v in vs), 6, 4), 512 * K,
       "all that it sends shares the port's limit")
got = meter.got
ws = [Visitor(port, b"u") for _ in range(4)]
within(rate(lambda: meter.got, 6, 4), 512 * K,
       "and all that it gets, by not reading it")
relay.ctl("node", "limit", "far", "--bandwidth", "128K")
within(rate(lambda: sum(v.n for v in vs), 6, 4), 128 * K,
       "the node's limit counts there, too")
relay.ctl("node", "limit", "far", "--bandwidth", "none")
for v in vs + ws:
    v.s.close()
wait_for(lambda: relay.json("connection", "list") == [], 30)
t = traffic()
ok(any(w == "port" and x["bytes_in"] > 2 * M and x["bytes_out"] > 2 * M
       for (w, _), x in t.items()), "traffic lists the port", t)
relay.ctl("node", "limit", "far", "--quota", "1M")
time.sleep(1)
try:
    with socket.create_connection(("127.0.0.1", port), 30) as s:
        s.sendall(b"d")
        b = s.recv(10)
except OSError:
    b = b""
eq(b, b"", "a node whose quota is used up is closed to visitors")
relay.stop()
# ---- listeners that carry nothing of it ----

relay = Relay("relayd4", prefork=4, extra="publish ports 20000-31999 "
              "on 127.0.0.1 by any")
relay.user_add()
agent = Agent(relay, "near")
port = free_port()
relay.ctl("publish", "add", "--bandwidth", "256K", "127.0.0.1:%d/tcp" % port,
          "near:%d" % meter.port)
ok(wait_for(lambda: agent.proc.alive() and relay.serving(), 30), "four serve")
for _ in range(24):
    socket.create_connection(("127.0.0.1", port)).close()
v = Visitor(port, b"d")
within(rate(lambda: v.n, 6, 4), 256 * K,
       "who comes and says nothing takes nothing from those who do")
v.s.close()

done()
