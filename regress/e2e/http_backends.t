#!/usr/bin/env python3
# tags: slow
"""The http door with real servers behind it, nginx and Node.js, and real
clients before it: curl, wrk, ab, a WebSocket client.

	HTTP_HUGE=1	20 GB each way instead of 1"""
import hashlib
import sys
import threading
sys.path.insert(0, "regress/e2e")
from http_site import *

for program in ("nginx", "node", "curl", "wrk", "ab"):
    if shutil.which(program) is None:
        skip_all("no " + program)
if run(["node", "-e", "require('ws')"], env=NODE_ENV).returncode != 0:
    skip_all("no ws for Node.js")

GROWTH = 6 << 10        # KiB, of any process of ours, whatever is carried

# Idle limits short enough that a quiet stream would meet them.
relay = Sites("limit idle timeout 3s")
pages = path("pages")
os.mkdir(pages)
os.chmod(pages, 0o755)
with open(pages + "/page.html", "w") as f:
    f.write("<!doctype html><title>page</title>" + "text " * 3000)
with open(pages + "/data", "wb") as f:
    f.write(os.urandom(1 << 20))
nginx, node = Nginx(pages), NodeServer()
agent = Agent(relay, extra="""http backend "http://127.0.0.1:%d"
http service nginx "http://127.0.0.1:%d"
""" % (node.port, nginx.port))
relay.public()
if not ok(relay.serves(), "the site answers", curl(relay.site())):
    done()
NG = "nginx--pi"

# ---- pages, ranges ----
for tls in (True, False):
    w = "TLS" if tls else "plain"
    r = curl(relay.site(NG, tls) + "/page.html")
    ok(r.code == 200 and r.body == open(pages + "/page.html", "rb").read(),
       "%s: a page of nginx" % w, r)
    eq(r.field("content-type"), "text/html", w + ": and its type")
    r2 = curl(relay.site(NG, tls) + "/page.html", "-H",
              "If-None-Match: " + (r.field("etag") or ""))
    ok(r2.code == 304 and r2.status == 0, w + ": 304", r2)
    data = open(pages + "/data", "rb").read()
    r = curl(relay.site(NG, tls) + "/data", "-r", "1000-1999")
    ok(r.code == 206 and r.body == data[1000:2000], w + ": a range", r)
    r = curl(relay.site(NG, tls) + "/data", "-r", "0-9,100-109")
    ok(r.code == 206 and data[100:110] in r.body and
       "multipart/byteranges" in r.field("content-type"),
       w + ": several ranges", r)
    r = curl(relay.site(NG, tls) + "/data", "-r", "99999999-")
    ok(r.code == 416, w + ": 416", r)
    r = curl(relay.site(NG, tls) + "/data", "-I")
    ok(r.code == 200 and r.status == 0 and
       r.field("content-length") == str(1 << 20), w + ": HEAD", r)
    r = curl(relay.site(NG, tls) + "/nothing")
    ok(r.code == 404 and r.field("culvert-error") is None,
       w + ": a 404 of nginx's own", r)
r = run(["curl", "-s", "--cacert", make_ca(), "-o", "/dev/null", "-o",
         "/dev/null", "-o", "/dev/null", "-w", "%{num_connects}%{http_code} ",
         *[relay.site(NG) + "/page.html"] * 3])
eq(r.stdout, "1200 0200 0200 ", "three pages on one connection")
ok(relay.site().startswith("https") and curl(relay.site()).body ==
   b"hello\n", "a page of Node.js")

# ---- who is told to the backend ----
raw = json.loads(curl(relay.site() + "/head").body)
head = dict(zip([x.lower() for x in raw[::2]], raw[1::2]))
eq((head.get("x-forwarded-for"), head.get("x-forwarded-proto"),
    head.get("host")), ("127.0.0.1", "https", "pi.relay.localhost:%d" %
                        relay.port), "what the backend is told")

# ---- bodies ----
blob = os.urandom(3 << 20)
sha = hashlib.sha256(blob).hexdigest()
blob_file = path("blob")
with open(blob_file, "wb") as f:
    f.write(blob)
for how, args in (("by length", ["-T", blob_file]),
                  ("chunked", ["-T", "-", "-H",
                               "Transfer-Encoding: chunked"]),
                  ("by POST, with Expect", ["--data-binary", "@" + blob_file,
                                            "-H", "Expect: 100-continue"])):
    r = curl(relay.site() + "/upload", *args,
             input=blob if "-" in args else None)
    said_ = json.loads(r.body or b"{}")
    ok(r.code == 200 and said_.get("bytes") == len(blob) and
       said_.get("sha256") == sha, "an upload %s" % how, r)
    if "Expect" in how:
        ok("HTTP/1.1 100" in r.head, "the backend's 100 comes through",
           r.head)
r = curl(relay.site() + "/echo", "-T", "-", input=blob)
ok(r.body == blob, "chunked both ways", r.code)
r = curl(relay.site() + "/refuse", "-T", blob_file, "-H",
         "Expect: 100-continue")
ok(r.code == 403 and "HTTP/1.1 100" not in r.head,
   "403 instead of 100, and nothing is sent", r)
big_file = path("big")
with open(big_file, "wb") as f:
    f.truncate(1 << 30)
t0 = time.monotonic()
r = curl(relay.site() + "/refuse", "-T", big_file, "-H", "Expect:")
ok(r.code == 403, "403 in the middle of 1 GB", r)
r = curl(relay.site() + "/hints")
ok("103 Early Hints" in r.head and r.code == 200, "103 and then 200", r.head)
with socket.create_connection(("127.0.0.1", relay.plain), 30) as s:
    s.sendall(b"GET /trailers HTTP/1.1\r\nHost: pi.relay.localhost\r\nTE: trailers"
              b"\r\nConnection: TE, close\r\n\r\n")
    b = b"".join(iter(lambda: s.recv(4096), b""))
    ok(b.endswith(b"0\r\nX-Sum: 4\r\n\r\n"), "a trailer of Node.js", b)

# ---- great bodies in constant memory ----
size = (20 << 30 if os.environ.get("HTTP_HUGE") else 1 << 30) >> \
    (4 if SANITIZED else 0)
with open(big_file, "wb") as f:
    f.truncate(size)
for tls in (True, False):
    w = "TLS" if tls else "plain"
    m = Memory(relay, agent)
    t0 = time.monotonic()
    r = curl(relay.site("pi", tls) + "/big?n=%d" % size, "-o", "/dev/null",
             timeout=3600)
    took = time.monotonic() - t0
    most, all_ = m.stop()
    ok(r.status == 0 and r.size == size, "%s: a download of %d MB" %
       (w, size >> 20), r)
    print("# %.0f MB/s" % (size / took / 1e6))
    ok(SANITIZED or most < GROWTH, w + ": in constant memory", all_)
    m = Memory(relay, agent)
    t0 = time.monotonic()
    r = curl(relay.site("pi", tls) + "/upload", "-T", big_file, timeout=3600)
    took = time.monotonic() - t0
    most, all_ = m.stop()
    ok(r.status == 0 and json.loads(r.body or b"{}").get("bytes") == size,
       "%s: an upload of %d MB" % (w, size >> 20), r)
    print("# %.0f MB/s" % (size / took / 1e6))
    ok(SANITIZED or most < GROWTH, w + ": in constant memory", all_)


# ---- a slow reader, and others beside it ----
class Reader:
    """A visitor that reads when told, with a small window."""

    def __init__(self, target, tls=False):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.settimeout(60)
        s.connect(("127.0.0.1", relay.port if tls else relay.plain))
        if tls:
            s = client_context().wrap_socket(
                s, server_hostname="pi.relay.localhost")
        s.sendall(b"GET %s HTTP/1.1\r\nHost: pi.relay.localhost\r\nConnection: "
                  b"close\r\n\r\n" % target.encode())
        self.s, self.hash, self.n, self.head = s, hashlib.sha256(), 0, b""
        self.tail = b""

    def read(self, most):
        n = 0
        while n < most:
            b = self.s.recv(65536)
            if not b:
                return False
            n += len(b)
            self.tail = (self.tail + b)[-32:]
            if b"\r\n\r\n" not in self.head:
                self.head += b
                b = self.head.partition(b"\r\n\r\n")[2]
                if b"\r\n\r\n" not in self.head:
                    continue
            self.hash.update(b)
            self.n += len(b)
        return True


amount = 100 << 20
pattern = bytes(i * 7 & 255 for i in range(1 << 16))
want = hashlib.sha256(pattern * (amount >> 16)).hexdigest()
for tls in (True, False):
    w = "TLS" if tls else "plain"
    m = Memory(relay, agent)
    slow = [Reader("/big?n=%d" % amount, tls) for _ in range(4)]
    for r in slow:
        r.read(4096)
    time.sleep(2)
    ok(curl(relay.site()).code == 200, w + ": others are served beside slow "
       "readers")
    most, all_ = m.stop()
    ok(SANITIZED or most < GROWTH, w + ": and memory is bounded", all_)
    r = slow[0]
    while r.read(1 << 20):
        pass
    eq((r.n, r.hash.hexdigest()), (amount, want),
       w + ": one that reads on gets all of it")
    for r in slow:
        r.s.close()


# ---- events ----
def lines(target, tls=True):
    """A stream of events, line by line, with when it came."""
    p = subprocess.Popen(
        ["curl", "-s", "-N", "--cacert", make_ca(),
         relay.site("pi", tls) + target], stdout=subprocess.PIPE)
    try:
        for line in p.stdout:
            yield p, line.decode().strip(), time.time() * 1000
    finally:
        p.kill()
        p.wait()


late = []
n = 0
for p, line, now in lines("/events?every=200&count=10"):
    if line.startswith("data:"):
        late.append(now - int(line[5:]))
        n += 1
eq(n, 10, "events arrive")
ok(late and min(late) < 150, "each at once, none waits for the next", late)
print("# event by event: %.0f ms at best, %.0f at worst" % (min(late),
                                                            max(late)))
n = 0
t0 = time.monotonic()
for p, line, now in lines("/events?every=8000&count=2"):
    n += line.startswith("data:")
eq(n, 2, "a silence longer than the idle limit does not end a stream")
r = curl(relay.site() + "/wait?ms=8000")
ok(r.code == 200 and r.body == b"at last\n", "nor a long poll", r)

# ---- WebSockets ----
for tls in (True, False):
    w = "wss" if tls else "ws"
    url = "%s/ws" % relay.site("pi", tls).replace("http", "ws", 1)
    env = dict(NODE_ENV, NODE_EXTRA_CA_CERTS=make_ca())
    for proto in ("", "chat"):
        r = run(["node", TOP + "/regress/e2e/http_ws.js", url, "60"] +
                ([proto] if proto else []), env=env, timeout=90)
        eq(r.stdout.strip(), "ok 60 %s permessage-deflate" % proto,
           "%s: 60 messages there and back%s" % (
               w, " with a subprotocol" if proto else ""))
with socket.create_connection(("127.0.0.1", relay.plain), 30) as s:
    s.sendall(b"GET /ws HTTP/1.1\r\nHost: pi.relay.localhost\r\nConnection: "
              b"Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
              b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    s.settimeout(30)
    b = s.recv(4096)
    ok(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in b, "a WebSocket by hand", b)
    time.sleep(8)
    s.sendall(b"\x81\x82\0\0\0\0hi")
    eq(s.recv(100), b"\x81\x02hi",
       "quiet for longer than the idle limit, it still echoes")


# ---- visitors that go ----
def aborted(url):
    return [a for a in node.stats()["aborted"] if a["url"] == url]


for tls in (True, False):
    for what, target in (("while it waits", "/never?%s" % tls),
                         ("in the response", "/events?every=100&count=9999"
                          "&x=%s" % tls)):
        p = subprocess.Popen(["curl", "-s", "-N", "--cacert", make_ca(), "-o",
                              "/dev/null", relay.site("pi", tls) + target])
        wait_for(lambda: "GET " + target in node.stats()["log"])
        time.sleep(0.3)
        t0 = time.time() * 1000
        p.kill()
        p.wait()
        ok(wait_for(lambda: aborted(target), 20),
           "%s: a visitor that goes %s: the backend hears of it" % (
               "TLS" if tls else "plain", what))
        if aborted(target):
            print("# after %.0f ms" % (aborted(target)[0]["at"] - t0))

# ---- many at once ----
# Names below localhost are for wrk to find, too.
lua = write("local.lua", """function wrk.resolve(host, service)
	wrk.addrs = wrk.lookup("127.0.0.1", service)
end
""")
for tls in (True, False):
    for name, target in ((NG, "/kib"), ("pi", "/")):
        r = run(["wrk", "-t1", "-c64", "-d3s", "-s", lua, relay.site(name, tls) +
                 target])
        m = re.search(r"(\d+) requests in", r.stdout)
        ok(m and int(m[1]) > 100 and "Socket errors" not in r.stdout and
           "Non-2xx" not in r.stdout, "%s: wrk, 64 at once, %s: no errors" % (
               "TLS" if tls else "plain", name), r.stdout + r.stderr)
        m = re.search(r"Requests/sec: +([\d.]+)", r.stdout)
        print("# %s requests/s" % (m and m[1]))
for k in ([], ["-k"]):
    r = run(["ab", "-q", *k, "-n", "500", "-c", "16", "-H",
             "Host: " + NG + ".relay.localhost", "http://127.0.0.1:%d/kib" %
             relay.plain])
    ok("Failed requests:        0" in r.stdout and "Non-2xx" not in r.stdout
       and "Complete requests:      500" in r.stdout,
       "ab, HTTP/1.0%s: no errors" % (" with keep-alive" if k else ""),
       r.stdout + r.stderr)


# ---- what dies in the middle ----
def middle(target="/big?n=%d" % (1 << 40)):
    """A download that goes on."""
    r = Reader(target)
    r.read(1 << 20)
    return r


def cut(r):
    """Whether it ends, and not as if it were whole."""
    try:
        while r.read(1 << 20):
            pass
    except OSError:
        pass
    return r.n < 1 << 40


r = middle()
agent.proc.kill()
ok(cut(r), "the node is killed in the middle of a response: it is cut")
wait_for(lambda: not any(alive(p) for p in agent.children().values()))
r = wait_for(lambda: (lambda x: x if x.code == 503 else None)(
    curl(relay.site(), "-H", "Accept: text/html")), 60, 0.3)
ok(r and r.field("retry-after") and r.field("culvert-error") == "offline" and
   b"<html" in r.body.lower(), "then it is offline: 503, when to try again, "
   "and a page", r)
r = curl(relay.site())
ok(r.code == 503 and r.field("content-type") == "application/json" and
   json.loads(r.body), "and JSON for programs", r)
agent.start()
ok(relay.serves(), "the agent is there again: the site answers")
r = middle()
agent.stop()
ok(cut(r), "the agent stops in the middle of a response: it is cut")
agent.start()
ok(relay.serves(), "and it answers again")
r = middle()
for k, p in relay.children().items():
    if k.startswith("listener"):
        os.kill(p, 9)
ok(cut(r), "the listeners are killed in the middle: it is cut")
ok(relay.serves(), "and new ones answer")
for who in ("router", "auth"):
    r = Reader("/events?every=100&count=50")
    r.read(10)
    os.kill(relay.children()[who], 9)
    while r.read(1 << 20):
        pass
    ok(r.tail.endswith(b"\r\n0\r\n\r\n"),
       "%s is killed: what flows goes on" % who, r.tail)
    ok(relay.serves(), "and sites answer")
node.stop()
r = curl(relay.site())
ok(r.code == 502 and r.field("culvert-error") == "refused",
   "the backend is gone: 502", r)
ok(curl(relay.site(NG) + "/kib").code == 200, "another service is not")
done()
