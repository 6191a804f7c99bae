#!/usr/bin/env python3
"""Sites while things change under them: who may visit, the node, the
processes, the binary; what is listed, counted and ended of them."""
import select
import struct
import subprocess
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

MB = 1 << 20
CLOSE = "Connection: close\r\n"
seen = []		# request lines that backends saw
ended = []		# paths whose connections ended before their time
go = threading.Event()


def head(c):
    b = b""
    while b"\r\n\r\n" not in b:
        x = c.recv(65536)
        if not x:
            return None, b""
        b += x
    h, rest = b.split(b"\r\n\r\n", 1)
    return h.split(b"\r\n"), rest


def serve(c):
    """/N: N bytes; /slow: a megabyte, and more when it may go on; /wait:
    an answer then; /count: how much of a body came; /deaf: no more is read,
    until the other side has gone; /early: an answer before the body; /half:
    an upgrade, and the end of what it says."""
    while True:
        lines, rest = head(c)
        if lines is None:
            return
        method, target, _ = lines[0].decode().split(" ")
        seen.append(lines[0].decode())
        fields = {k.lower(): v for k, v in
                  (x.split(b": ", 1) for x in lines[1:])}
        if target == "/deaf":
            p = select.poll()
            p.register(c, select.POLLRDHUP)
            p.poll()
            ended.append(target)
            return
        if target in ("/early", "/half"):
            n = first(c, target, int(fields.get(b"content-length", 1 << 40)) -
                      len(rest))
            ended.append("%s %d" % (target, n + len(rest)))
            continue
        n = int(fields.get(b"content-length", 0)) - len(rest)
        total = len(rest)
        while n > 0:
            x = c.recv(min(n, 65536))
            if not x:
                ended.append(target)
                return
            n -= len(x)
            total += len(x)
        try:
            if target == "/slow":
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" %
                          (2 * MB) + b"s" * MB)
                wait(c)
                c.sendall(b"s" * MB)
            elif target == "/wait":
                wait(c)
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                body = b"%d" % total if target == "/count" else \
                    b"x" * int(target[1:])
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" %
                          len(body) + (b"" if method == "HEAD" else body))
        except OSError:
            ended.append(target)
            return


def first(c, target, size):
    """Answers, and then reads: how much."""
    if target == "/early":
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    else:
        c.sendall(b"HTTP/1.1 101 Switching Protocols\r\n"
                  b"Connection: Upgrade\r\nUpgrade: x\r\n\r\nbye")
        c.shutdown(socket.SHUT_WR)
    n = 0
    while n < size and (x := c.recv(min(65536, size - n))):
        n += len(x)
    return n


def wait(c):
    """Until it may go on; OSError if the other side has gone."""
    c.settimeout(0.05)
    while not go.is_set():
        try:
            if not c.recv(1, socket.MSG_PEEK):
                raise OSError("closed")
        except TimeoutError:
            pass
    c.settimeout(None)


class Visit:
    """A visitor's connection, in the clear."""

    def __init__(self, target, host="pi.localhost", method="GET",
                 version="1.1", extra=""):
        self.s = socket.create_connection(("127.0.0.1", relay.port))
        self.s.settimeout(60)
        self.s.sendall(("%s %s HTTP/%s\r\nHost: %s\r\n%s\r\n" % (
            method, target, version, host, extra)).encode())
        self.buf = b""

    def until(self, n):
        while len(self.buf) < n:
            x = self.s.recv(65536)
            if not x:
                return False
            self.buf += x
        return True

    def rest(self):
        """To the end: all of it, or None where it was cut by a reset."""
        try:
            while self.until(len(self.buf) + 1):
                pass
        except ConnectionResetError:
            pass
        return self.buf


def get(target, *args):
    r = subprocess.run(["curl", "-sS", "-m", "60", "--resolve",
                        "pi.localhost:%d:127.0.0.1" % relay.port, *args,
                        "http://pi.localhost:%d%s" % (relay.port, target)],
                       capture_output=True)
    return r.stdout if r.returncode == 0 else r.stderr


relay = Relay(tls=False, prefork=2, extra="domain localhost\n"
              "upgrade spread 1s drain 5m")
relay.user_add()
backend = Target(serve)
conf = 'http backend "http://127.0.0.1:%d"\n' % backend.port
agent = Agent(relay, extra=conf)
status = get("/5", "-o", "/dev/null", "-w", "%{http_code}")
ok(status in (b"401", b"303"), "a node's site is private at first", status)
r = relay.ctl("node", "set", "pi", "http=public")
eq(r.returncode, 0, "now it is public")
ok(wait_for(lambda: get("/5") == b"xxxxx", 30), "and is there")
eq(get("/3", "-0"), b"xxx", "for HTTP/1.0, too")
eq(get("/count", "--data-binary", "hello"), b"5", "a body gets there")
big = path("big")
with open(big, "wb") as f:
    f.write(os.urandom(3 * MB))
eq(get("/count", "--data-binary", "@" + big), b"%d" % (3 * MB),
   "a large one, with Expect, too")
v = Visit("/1")
v.s.sendall(b"GET /1 HTTP/1.1\r\nHost: pi.localhost\r\n\r\n" * 99)
v.s.shutdown(socket.SHUT_WR)
eq(v.rest().count(b"\r\n\r\nx"), 100,
   "100 requests at once, and nothing more: 100 answers")

# ---- two directions, two ends ----

v = Visit("/early", method="POST", extra="Content-Length: %d\r\n" % (3 * MB))
ok(wait_for(lambda: b"\r\n\r\nok" in v.buf or not v.until(len(v.buf) + 1), 30),
   "an answer before any of the body")
v.s.sendall(bytes(3 * MB) + b"GET /1 HTTP/1.1\r\nHost: pi.localhost\r\n"
            b"Connection: close\r\n\r\n")
ok(v.rest().endswith(b"\r\n\r\nx"), "and one to the request behind it", v.buf)
ok("/early %d" % (3 * MB) in ended, "the body has got there", ended)
del ended[:]
sizes = [2 * MB + i * 5003 for i in range(20)]
last = []
for n in sizes:
    v = Visit("/half", extra="Connection: Upgrade\r\nUpgrade: x\r\n")
    last.append(v.rest()[-3:])
    v.s.sendall(bytes(n))
    v.s.shutdown(socket.SHUT_WR)
eq(last, [b"bye"] * len(sizes), "an upgrade, and the backend's last word")
ok(wait_for(lambda: sorted(ended) == ["/half %d" % n for n in sizes], 30),
   "which still is told all that the visitor has to say", ended)
del ended[:]

# ---- listed, counted, ended ----

v = Visit("/slow")
ok(v.until(MB), "a slow download")
conns = relay.json("connection", "list") or []
eq([(c["node"], c["kind"] if "kind" in c else "http") for c in conns],
   [("pi", "http")], "is on the list of connections")
mem = relay.ctl("show", "memory", "--all").stdout
ok("visitor" in mem and "sites" in mem, "and what it takes is told", mem)
r = relay.ctl("connection", "kill", str(conns[0]["id"]))
eq(r.returncode, 0, "it can be ended")
ok(len(v.rest()) < 2 * MB, "and is: the visitor sees that it is not whole")
ok(wait_for(lambda: "/slow" in ended, 30), "the backend hears of it")
eq(relay.json("connection", "list"), [], "nothing is left of it")
del ended[:]

for what, why in ((["node", "set", "pi", "http=private"], "access"),
                  (["node", "set", "pi", "http=public"], None)):
    if why is None:
        relay.ctl(*what)
        ok(wait_for(lambda: get("/1") == b"x", 30), "public again")
        continue
    v, w = Visit("/slow"), Visit("/wait", extra=CLOSE)
    ok(v.until(MB), "one that reads, one that waits")
    t = time.monotonic()
    relay.ctl(*what)
    ok(len(v.rest()) < 2 * MB, "who may visit has changed: it ends")
    ok(b" 503 " in w.rest(), "and so does the other, with a page", w.buf)
    print("# %.2f s" % (time.monotonic() - t))
    ok(wait_for(lambda: sorted(ended) == ["/slow", "/wait"], 30),
       "the backend hears of both", ended)
    del ended[:]

# ---- visitors that go ----

v = Visit("/wait")
ok(wait_for(lambda: seen[-1].startswith("GET /wait"), 30), "one that waits")
v.s.close()
ok(wait_for(lambda: ended == ["/wait"], 30), "goes: the backend hears of it")
del ended[:]
v = Visit("/wait", version="1.0")
v.s.shutdown(socket.SHUT_WR)
time.sleep(1)
eq(ended, [], "one of HTTP/1.0 has no more to say, and waits")
go.set()
ok(v.rest().endswith(b"ok"), "it gets its answer", v.buf)
go.clear()


def unread(v):
    """Bytes that the relay's kernel has of it, and the relay has not."""
    us, them = ":%04X" % v.s.getsockname()[1], ":%04X" % relay.port
    with open("/proc/net/tcp") as f:
        for line in f:
            w = line.split()
            if w[1].endswith(them) and w[2].endswith(us):
                return int(w[4].split(":")[1], 16)
    return 0


def stuck(extra=""):
    """An upload that goes no further; all that was sent has come."""
    v = Visit("/deaf", method="POST",
              extra="Content-Length: %d\r\n%s" % (1 << 40, extra))
    while True:
        v.s.sendall(bytes(65536))
        if not wait_for(lambda: unread(v) == 0, 1, 0.01):
            return v


v = stuck()
v.s.close()
ok(wait_for(lambda: ended == ["/deaf"], 30),
   "one whose upload is stuck goes: the backend hears of it", ended)
del ended[:]
v = stuck(extra=CLOSE)
v.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
v.s.close()
ok(wait_for(lambda: ended == ["/deaf"], 30), "and of one that breaks off",
   ended)
del ended[:]

# ---- processes that die ----

kids0 = relay.children()
v = Visit("/slow", extra=CLOSE)
ok(v.until(MB), "a download")
os.kill(kids0["router"], signal.SIGKILL)
ok(wait_for(lambda: relay.children().get("router", kids0["router"]) !=
            kids0["router"] and relay.serving(), 30), "router is another")
ok(wait_for(lambda: get("/1") == b"x", 30), "new visitors are served")
ok(wait_for(lambda: [c["node"] for c in relay.json("connection", "list") or
                     []].count("pi") >= 1, 30),
   "the download is on the new list")
os.kill(kids0["auth"], signal.SIGKILL)
eq(get("/2"), b"xx", "auth dies: what is known is served")
ok(wait_for(lambda: relay.children().get("auth", kids0["auth"]) !=
            kids0["auth"] and relay.serving(), 30), "auth is another")
go.set()
eq(len(v.rest()) > 2 * MB, True, "and the download comes to its end")
go.clear()

# ---- the node goes ----

v, w = Visit("/slow"), Visit("/wait", extra=CLOSE)
ok(v.until(MB), "one that reads, one that waits")
agent.stop()
ok(len(v.rest()) < 2 * MB, "the node goes: a part of an answer")
ok(b" 503 " in w.rest() and b"Retry-After: " in w.buf and
   b"last seen" in w.buf, "or 503, and when the node was last seen", w.buf)
v = Visit("/1", extra=CLOSE)
agent.start()
ok(b" 200 " in v.rest(), "who comes just then is served when it is back",
   v.buf)
agent.stop()
v = Visit("/1", extra=CLOSE)
ok(b" 503 " in v.rest() and b"last seen" in v.buf,
   "if it does not come back: when it was there last", v.buf)
agent.start()
ok(wait_for(lambda: get("/1") == b"x", 30), "it is back")

# ---- another binary ----

v, w, idle = Visit("/slow"), Visit("/wait", extra=CLOSE), Visit("/1")
ok(v.until(MB) and idle.until(20), "one reads, one waits, one may go on")
before = relay.children()
r = relay.ctl("upgrade", timeout=120)
eq(r.returncode, 0, "accessctl upgrade")
ok(idle.rest().endswith(b"x"), "who only might go on is let go")
ok(wait_for(lambda: get("/1") == b"x", 30), "new visitors are served")
go.set()
ok(len(v.rest()) > 2 * MB, "the download comes to its end", len(v.buf))
ok(w.rest().endswith(b"ok"), "and who waited has an answer", w.buf)
go.clear()
done()
