#!/usr/bin/env python3
"""TLS that is passed through by its SNI: a real nginx on the device has the
certificate, and the relay sees nothing but ciphertext."""
import hashlib
import random
import struct
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

for program in ("nginx", "curl"):
    if shutil.which(program) is None:
        skip_all("no " + program)

NAME, NONE, DOWN = "app.example.test", "none.example.test", "down.example.test"
SECRET = "pl" + "aintext-" + os.urandom(12).hex()
LONG = 60

# ---- a device with a web server of its own ----
https, refused = free_port(), free_port()
cert = make_cert("device", "DNS:*.example.test")
d = path("nginx")
os.mkdir(d)
os.chmod(d, 0o755)
big = os.urandom(1 << 20) * 8
with open(d + "/big", "wb") as f:
    f.write(big)
write("nginx/secret", SECRET + "\n")
temp = "".join("%s_temp_path %s/%s;\n" % (x, d, x) for x in (
    "client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
nginx = Proc("nginx", ["nginx", "-p", d, "-e", "stderr", "-c", write(
    "nginx/nginx.conf", """daemon off;
user root;
pid %s/pid;
error_log stderr;
events {}
http {
access_log off;
%s
client_max_body_size 0;
server {
listen 127.0.0.1:%d ssl http2;
ssl_certificate %s;
ssl_certificate_key %s;
root %s;
location /upload { proxy_pass http://127.0.0.1:%%d/; proxy_request_buffering off; }
}
}
""" % (d, temp, https, *cert, d) % free_port())])
ok(wait_for(lambda: can_connect(https), 30), "nginx is there")

port, behind = free_port(), free_port()
LIMITS = "limit {\n\thandshake timeout 3s\n\tconnections per address 30\n}\n"
relay = Relay(port=port, prefork=2, extra='log verbose\n'
              'trusted proxy 127.0.9.1\naccess log "%s"\n' % path("access.log")
              + LIMITS, listen=[
    "listen on 127.0.0.1 port %d tls" % port,
    "listen on 127.0.0.1 port %d tls proxy-protocol" % behind])
relay.user_add()
agent = Agent(relay, extra='tls service web "127.0.0.1:%d"\n'
              'tls service down "127.0.0.1:%d"\n' % (https, refused))
ctx = client_context()
ctx.check_hostname = False


class Tls:
    """TLS by hand: its hello is ours to cut."""

    def __init__(self, name, to=None, src="127.0.0.1", cut=None, first=b"",
                 alpn=None, context=ctx):
        self.s = socket.create_connection(("127.0.0.1", to or relay.port),
                                          30, (src, 0))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.i, self.o = ssl.MemoryBIO(), ssl.MemoryBIO()
        if alpn:
            context = client_context()
            context.check_hostname = False
            context.set_alpn_protocols(alpn)
        self.t = context.wrap_bio(self.i, self.o, server_hostname=name)
        try:
            self.t.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.hello = self.o.read()
        for piece in (cut or (lambda x: [x]))(first + self.hello):
            self.s.sendall(piece)

    def pump(self, f, *args):
        while True:
            try:
                r = f(*args)
                self.s.sendall(self.o.read())
                return r
            except ssl.SSLWantReadError:
                self.s.sendall(self.o.read())
                b = self.s.recv(65536)
                if not b:
                    self.i.write_eof()
                else:
                    self.i.write(b)

    def handshake(self):
        """Whose certificate it is; or the alert."""
        try:
            self.pump(self.t.do_handshake)
        except ssl.SSLError as e:
            return e.reason
        except OSError as e:
            return str(e)
        return dict(x[0] for x in self.t.getpeercert()["subject"])[
            "commonName"]

    def get(self, target, host=NAME):
        self.pump(self.t.write, ("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (
            target, host)).encode())
        out = b""
        while True:
            try:
                b = self.pump(self.t.read, 65536)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                break
            if not b:
                break
            out += b
        return out

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.s.close()


def who(name, **kw):
    with Tls(name, **kw) as t:
        return t.handshake()


def end(t):
    """How it ends."""
    t.s.settimeout(LONG)
    try:
        while t.s.recv(65536):
            pass
        return "closed"
    except ConnectionResetError:
        return "reset"
    except socket.timeout:
        return "not"


def pieces(n):
    return lambda b: [b[i:i + n] for i in range(0, len(b), n)]


def records(n):
    """The hello in records of n bytes, in one write."""
    def cut(b):
        m, out = b"", b""
        while b:
            n_, = struct.unpack(">H", b[3:5])
            m, b = m + b[5:5 + n_], b[5 + n_:]
        for i in range(0, len(m), n):
            out += b"\x16\x03\x01" + struct.pack(">H", len(m[i:i + n])) + \
                m[i:i + n]
        return [out]
    return cut


def both(*cuts):
    def cut(b):
        out = [b]
        for c in cuts:
            out = [y for x in out for y in c(x)]
        return out
    return cut


def curl(*args, name=NAME):
    return run(["curl", "-sS", "--cacert", make_ca(), "--max-time", "60",
                "--resolve", "%s:%d:127.0.0.1" % (name, relay.port), *args])


def conns():
    return relay.json("connection", "list") or []


def add(name, what, *args):
    r = relay.ctl("domain", "add", *args, name, what)
    return r.returncode == 0 or print("# " + r.stderr)


# ---- before there is such a domain ----
eq([who(NAME), who("localhost"), who(None)], ["relay"] * 3,
   "without such a domain all TLS ends at the relay")
ok(add(NAME, "pi:web", "--passthrough") and
   add(NONE, "pi:none", "--passthrough") and
   add(DOWN, "pi:down", "--passthrough"), "domain add --passthrough")

# ---- the device's certificate ----
ok(wait_for(lambda: who(NAME) == "device", LONG),
   "then the certificate is the device's")
r = run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % relay.port,
         "-servername", NAME, "-CAfile", make_ca(), "-verify_return_error",
         "-verify_hostname", NAME], input="")
ok("CN = device" in r.stdout or "CN=device" in r.stdout,
   "openssl s_client sees it, and trusts it", r.stdout + r.stderr)
eq([who(x) for x in ("APP.Example.TEST", "localhost", "pi.localhost",
                     "other.example.test", None)],
   ["device", "relay", "relay", "relay", "relay"],
   "whatever its case; other names are the relay's own")
r = curl("https://%s:%d/secret" % (NAME, relay.port))
eq(r.stdout.strip(), SECRET, "curl gets its page")
r = curl("-o", path("got"), "-w", "%{http_version} %{http_code}", "--http2",
         "https://%s:%d/big" % (NAME, relay.port))
eq((r.stdout, sha256(path("got"))), ("2 200", hashlib.sha256(big).hexdigest()),
   "8 MiB by HTTP/2, which the relay does not speak")
got = []
for i in range(8):
    with Tls(NAME) as t:
        got.append(t.handshake() == "device" and
                   t.get("/secret").endswith(SECRET.encode() + b"\n"))
eq(got, [True] * 8, "whichever listener they come to")

# ---- however the hello comes ----
for what, cut in (
        ("a byte at a time", pieces(1)),
        ("in records of one byte", records(1)),
        ("in records of 100 bytes, 7 at a time", both(records(100),
                                                      pieces(7))),
        ("in records of one byte, a byte at a time", both(records(1),
                                                          pieces(1)))):
    with Tls(NAME, cut=cut) as t:
        eq((t.handshake(), t.get("/secret")[-len(SECRET) - 1:-1].decode()),
           ("device", SECRET), "a hello %s, to the device" % what)
    with Tls("other.example.test", cut=cut) as t:
        eq(t.handshake(), "relay", "and to the relay")
with Tls("localhost", cut=both(records(50), pieces(9))) as t:
    ok(t.handshake() == "relay" and
       b"200 OK" in t.get("/health", "localhost"),
       "nothing is lost of TLS that ends here")
big_hello = ["x" * 200 + "%d" % i for i in range(60)]
with Tls(NAME, alpn=big_hello + ["http/1.1"]) as t:
    eq((t.handshake(), t.t.selected_alpn_protocol()), ("device", "http/1.1"),
       "a hello of 12 KiB")

# ---- what is none, or never ends ----
def end_of(data, seconds=30):
    """What comes back until the end."""
    s = socket.create_connection(("127.0.0.1", relay.port), 30)
    out = b""
    try:
        s.settimeout(seconds)
        s.sendall(data)
        while True:
            b = s.recv(4096)
            if not b:
                return out
            out += b
    except socket.timeout:
        return None
    except OSError:
        return out
    finally:
        s.close()


with Tls(NAME) as t:
    hello = t.hello
random.seed(7)
ended = [end_of(x) is not None for x in (
    b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000, b"\x16\x03\x01\0\0",
    b"\x16\x03\x01\x40\x01" + b"x" * 20000, hello[:40] + b"\xff" * 2000,
    b"\x16\x03\x01\0\x04\x01\x01\0\0" * 1000,
    b"\x80\x2e\x01\x03\x01", os.urandom(9000))]
eq(ended, [True] * len(ended), "what is no hello is refused")
eq([end_of(hello[:n]) is not None for n in (0, 1, 5, 60, len(hello) - 1)],
   [True] * 5, "a hello that does not go on is cut off")
s = socket.create_connection(("127.0.0.1", relay.port), 30)
slow = records(1)(hello)[0]
n = 0
try:
    for b in slow:
        s.sendall(bytes([b]))
        n += 1
        time.sleep(0.05)
except OSError:
    pass
ok(n < len(slow), "and so is one that takes too long", n)
s.close()
for _ in range(30):
    b = bytearray(hello)
    for _ in range(random.randrange(1, 4)):
        b[random.randrange(len(b))] = random.randrange(256)
    s = socket.create_connection(("127.0.0.1", relay.port), 30)
    s.sendall(b)
    s.close()
eq(who(NAME), "device", "changed hellos harm nobody")

# ---- on record ----
t = Tls(NAME, src="127.0.2.1")
t.handshake()
c = wait_for(lambda: [x for x in conns() if x["address"].startswith(
    "127.0.2.1:")], LONG)
ok(c and c[0]["kind"] == "tls" and c[0]["node"] == "pi" and
   c[0]["user"] == "you@example.org", "the list of connections has it",
   conns())
r = relay.ctl("connection", "kill", c[0]["id"])
eq((r.returncode, end(t)), (0, "reset"),
   "connection kill ends it, and not as if it were in order")
t.close()
a = wait_for(lambda: [x for x in relay.json("audit") or []
                      if x.get("address", "").startswith("127.0.2.1:") and
                      "tls" in x.get("target", "")], LONG)
ok(a and a[0]["bytes_out"] > 200, "the audit log has it, with its bytes", a)

# ---- nobody but the two ends can read it ----
t = Tls(NAME)
t.handshake()
ok(SECRET.encode() in t.get("/secret?" + SECRET), "another page")


def memory_has(pid, what):
    try:
        with open("/proc/%d/maps" % pid) as maps, \
                open("/proc/%d/mem" % pid, "rb", 0) as mem:
            for line in maps:
                m = re.match(r"(\w+)-(\w+) rw", line)
                if m is None:
                    continue
                a, z = int(m[1], 16), int(m[2], 16)
                for at in range(a, z, 1 << 24):
                    try:
                        mem.seek(at)
                        if what in mem.read(min(1 << 24, z - at) + 64):
                            return True
                    except OSError:
                        pass
    except OSError:
        pass
    return False


# A sanitizer's memory has no end.
if ROOT and not SANITIZED:
    pids = relay.children()
    listeners = [v for k, v in pids.items() if k.startswith("listener")]
    ok(any(memory_has(v, NAME.encode()) for v in listeners),
       "the name is in a listener's memory")
    ok(not any(memory_has(v, SECRET.encode()) for v in pids.values()),
       "what was said is in nobody's")
else:
    skip("memory", "not root, or too much of it")
said = relay.proc.text() + open(path("access.log")).read() + \
    relay.ctl("audit").stdout
ok(SECRET not in said, "nor in log, access log and audit log")
ok("/secret" not in said, "nor is what was asked for")
t.close()

# ---- where nobody answers ----
ok(wait_for(lambda: "UNRECOGNIZED_NAME" in (who(NONE) or ""), LONG),
   "a service that there is not: an alert says so", who(NONE))
ok("INTERNAL_ERROR" in who(DOWN), "a target that refuses is another", who(DOWN))

# ---- behind a proxy ----
t = Tls(NAME, to=behind, src="127.0.9.1", cut=pieces(11),
        first=b"PROXY TCP4 192.0.2.77 192.0.2.1 4711 443\r\n")
eq(t.handshake(), "device", "behind a PROXY header")
ok(wait_for(lambda: [x for x in conns() if x["address"] ==
                     "192.0.2.77:4711"], LONG),
   "who is behind the proxy is on record", conns())
t.close()
with Tls("localhost", to=behind, src="127.0.9.1",
         first=b"PROXY TCP4 192.0.2.77 192.0.2.1 4711 443\r\n") as t:
    eq(t.handshake(), "relay", "and the relay's own name is there as well")

# ---- limits ----
wait_for(lambda: not conns(), LONG)
open_ = []
for i in range(61):
    t = Tls(NAME, src="127.0.3.1")
    open_.append((t, t.handshake()))
    if open_[-1][1] != "device":
        break
# Of two listeners, one after the other or one alone.
ok(30 < len(open_) <= 61 and "INTERNAL_ERROR" in open_[-1][1],
   "connections from one address have their limit", open_[-1])
eq(who(NAME, src="127.0.3.2"), "device", "others come in")
for t, _ in open_:
    t.close()

# ---- whoever dies ----
t = Tls(NAME)
t.handshake()
for process in ("router", "auth", "keys"):
    pid = relay.children()[process]
    os.kill(pid, signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get(process, pid) != pid and
                relay.serving(), LONG), process + " is another one")
    ok(wait_for(lambda: who(NAME) == "device", LONG),
       "and connections come through")
ok(SECRET.encode() in t.get("/secret"), "one from before lives on")
t.close()
t = Tls(NAME)
t.handshake()
ok(wait_for(lambda: len(conns()) == 1, LONG), "and is on record", conns())
ok(wait_for(lambda: relay.ctl("upgrade", timeout=120).returncode == 0, LONG,
            0.5) and wait_for(lambda: who(NAME) == "device", LONG),
   "an upgrade")
ok(SECRET.encode() in t.get("/secret"), "which nobody notices")
t.close()

# ---- the end of it ----
t = Tls(NAME)
eq(t.handshake(), "device", "one more")
r = relay.ctl("domain", "remove", NAME)
eq(r.returncode, 0, "the domain is removed")
eq(end(t), "reset", "what came by it has ended")
t.close()
eq(wait_for(lambda: who(NAME) == "relay", LONG), True,
   "and its name is like any other")
ok(add(NAME, "pi:web", "--passthrough") and
   wait_for(lambda: who(NAME) == "device", LONG), "and it is back")
t = Tls(NAME)
t.handshake()
relay.ctl("user", "disable", "you@example.org")
eq(end(t), "reset", "its owner is disabled: it has ended")
t.close()
eq(wait_for(lambda: who(NAME) == "relay", LONG), True, "and there is no more")
relay.ctl("user", "enable", "you@example.org")
agent.stop()
agent = Agent(relay, extra='tls service web "127.0.0.1:%d"\n' % https)
ok(wait_for(lambda: who(NAME) == "device", LONG), "its owner is enabled")
agent.stop()
ok(wait_for(lambda: "INTERNAL_ERROR" in (who(NAME) or ""), LONG),
   "the node is offline: an alert")
relay.stop()

# ---- visitors leave room ----
relay = Relay(name="few", prefork=1, extra="limit connections 16\n")
relay.user_add()
agent = Agent(relay, name="few",
              extra='tls service web "127.0.0.1:%d"\n' % https)
relay.ctl("domain", "add", "--passthrough", NAME, "few:web")
ok(wait_for(lambda: who(NAME) == "device", LONG), "another relay, of 16")
crowd = []


def crowded():
    """As many as there may be: those before leave first."""
    while crowd:
        crowd.pop().close()
    for _ in range(12):
        crowd.append(Tls(NAME))
        if crowd[-1].handshake() != "device":
            return False
    return True


ok(wait_for(crowded, LONG), "twelve are for visitors")
ok("INTERNAL_ERROR" in (who(NAME) or ""), "one more is told by an alert")
eq(relay.ctl("node", "list").returncode, 0, "the relay is fine")
eq(who("localhost"), "relay", "and others find room")
for t in crowd:
    t.close()
relay.stop()
done()
