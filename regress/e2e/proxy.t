#!/usr/bin/env python3
"""Behind haproxy, which passes TLS on with a PROXY header, and nginx, which
ends TLS and adds X-Forwarded-For: the relay knows its clients, and believes
nobody else."""
import struct
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

for program in ("haproxy", "nginx"):
    if shutil.which(program) is None:
        skip_all("no " + program)

HAPROXY, NGINX, RFC7239, STRANGER = ("127.0.0.%d" % i for i in (2, 3, 4, 5))
plain, plain_proxy = free_port(), free_port()
TRUST = ("trusted proxy { %s %s }\ntrusted proxy %s header Forwarded" %
         (HAPROXY, NGINX, RFC7239))
tls_port = free_port()
relay = Relay(prefork=2, port=tls_port,
              extra="limit handshake timeout 4s\n" + TRUST,
              listen=["listen on 127.0.0.1 port %d tls proxy-protocol" %
                      tls_port,
                      "listen on 127.0.0.1 port %d" % plain,
                      "listen on 127.0.0.1 port %d proxy-protocol" %
                      plain_proxy])
relay.user_add()
ctx = client_context()

# ---- haproxy and nginx ----
v1, v2, front = free_port(), free_port(), free_port()
conf = "global\n  maxconn 500\ndefaults\n  mode tcp\n" \
    "  timeout connect 20s\n  timeout client 1h\n  timeout server 1h\n"
for port, how in ((v1, "send-proxy"), (v2, "send-proxy-v2")):
    conf += "listen f%d\n  bind 127.0.0.1:%d\n  source %s\n" \
        "  server relay 127.0.0.1:%d %s check inter 500 check-send-proxy\n" % (
            port, port, HAPROXY, tls_port, how)
haproxy = Proc("haproxy", ["haproxy", "-db", "-f", write("haproxy.cfg", conf)])
with open("man/relayd.conf.5") as f:
    AS_IN_MANUAL = [x for x in f if "proxy_set_header" in x]
d = path("nginx")
os.mkdir(d)
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
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server {
listen 127.0.0.1:%d ssl;
ssl_certificate %s;
ssl_certificate_key %s;
location / {
proxy_pass http://127.0.0.1:%d;
proxy_bind %s;
proxy_http_version 1.1;
%s
}
}
}
""" % (d, temp, front, *relay.certs[0], plain, NGINX, "".join(AS_IN_MANUAL)))])
ok(all(wait_for(lambda p=p: can_connect(p), 30) for p in (v1, v2, front)),
   "haproxy and nginx are there")

# ---- our own programs, through them ----
target = Target(echo)
for i, (name, port) in enumerate((("haproxy's version 1", v1),
                                  ("haproxy's version 2", v2),
                                  ("nginx", front))):
    url = "wss://localhost:%d" % port
    agent = Agent(relay, "n%d" % i, url=url)
    n = wait_for(lambda: [x for x in relay.json("node", "list")
                          if x["name"] == agent.name and x["online"]], 30)
    ok(n and n[0]["address"].startswith("127.0.0.1:"),
       "a node through %s, with its own address" % name, n)
    relay_tls, relay.port = relay.port, port
    env = login(relay, name="home%d" % i)
    relay.port = relay_tls
    for turn in range(4):
        c = Connect(env, agent.name, target.port)
        st, out, err = c.end(b"x" * 300000)
        if out != b"x" * 300000:
            break
    ok(out == b"x" * 300000, "log-ins and streams through " + name, err)
    c = Connect(env, agent.name, target.port)
    c.p.stdin.write(b"y")
    c.p.stdin.flush()
    got = os.read(c.p.stdout.fileno(), 1)
    conns = relay.json("connection", "list")
    ok(got == b"y" and len(conns) == 1 and
       conns[0]["address"].startswith("127.0.0.1:"),
       "the list of streams has the client's address", conns)
    c.kill()
    agent.stop()


# ---- by hand ----
def connect(src, port):
    return socket.create_connection(("127.0.0.1", port), 30, (src, 0))


class Tls:
    """TLS by hand, so that its bytes can be cut and joined at will."""

    def __init__(self, sock, first=b"", step=1 << 20):
        self.s, self.first, self.step = sock, first, step
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.i, self.o = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.t = ctx.wrap_bio(self.i, self.o, server_hostname="localhost")
        self.do(self.t.do_handshake)

    def flush(self):
        data, self.first = self.first + self.o.read(), b""
        for k in range(0, len(data), self.step):
            self.s.sendall(data[k:k + self.step])

    def do(self, f, *args):
        while True:
            try:
                r = f(*args)
                self.flush()
                return r
            except ssl.SSLWantReadError:
                self.flush()
                b = self.s.recv(65536)
                if not b:
                    raise OSError("closed")
                self.i.write(b)

    def sendall(self, b):
        self.do(self.t.write, b)

    def recv(self, n):
        try:
            return self.do(self.t.read, n)
        except (ssl.SSLError, OSError):
            return b""


def request(s, path="/health", fields=()):
    s.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (
        path, "".join(f + "\r\n" for f in fields))).encode())


def answer(s):
    """(status, body) of one response."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            b = s.recv(1)
            if not b:
                return None, data
            data += b
        m = re.search(rb"content-length: (\d+)", data, re.I)
        body = b""
        while m and len(body) < int(m[1]):
            b = s.recv(int(m[1]) - len(body))
            if not b:
                break
            body += b
    except OSError:
        return None, data
    return int(data.split()[1]), body


def v1_header(src, family="TCP4"):
    return ("PROXY %s %s 192.0.2.9 4321 443\r\n" % (family, src)).encode()


SIG = b"\r\n\r\n\0\r\nQUIT\n"


def v2_header(src, tlv=b"", command=0x21, family=0x11):
    body = b""
    if family == 0x11:
        body = socket.inet_aton(src) + socket.inet_aton("192.0.2.9") + \
            struct.pack("!HH", 4321, 443)
    elif family == 0x21:
        body = socket.inet_pton(socket.AF_INET6, src) + \
            socket.inet_pton(socket.AF_INET6, "2001:db8::9") + \
            struct.pack("!HH", 4321, 443)
    body += tlv
    return SIG + struct.pack("!BBH", command, family, len(body)) + body


KEY = ["Connection: Upgrade", "Upgrade: websocket",
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: culvert.1"]


def seen(s, fields=()):
    """From where the relay thinks that a log-in on this connection comes."""
    token = relay.token("connect")
    ident = token.split("_")[1]
    request(s, "/api/access/ws", KEY + ["Authorization: Bearer " + token] +
            list(fields))
    st, body = answer(s)
    if st != 101:
        return "status %s %s" % (st, body)
    line = relay.proc.lines("log-in of .* with token " + ident)
    return re.search(r"client (\S+): ", line[-1])[1] if line else "no line"


for name, port, wrap in (("TLS", tls_port, Tls),
                         ("plain", plain_proxy, None)):
    for header, want, what in (
            (v1_header("192.0.2.1"), "192.0.2.1:4321", "version 1"),
            (v1_header("2001:db8::1", "TCP6").replace(b"192.0.2.9", b"::9"),
             "[2001:db8::1]:4321", "version 1, IPv6"),
            (b"PROXY UNKNOWN\r\n", HAPROXY, "version 1, UNKNOWN"),
            (v2_header("192.0.2.2"), "192.0.2.2:4321", "version 2"),
            (v2_header("2001:db8::2", family=0x21), "[2001:db8::2]:4321",
             "version 2, IPv6"),
            (v2_header("192.0.2.3", b"\x04\x0f\xe1" + b"a" * 4065),
             "192.0.2.3:4321", "version 2, the longest"),
            (v2_header("", command=0x20, family=0), HAPROXY,
             "version 2, LOCAL")):
        for step in (1, 1 << 20):
            s = connect(HAPROXY, port)
            if wrap:
                t = wrap(s, header, step)
            else:
                t = s
                for k in range(0, len(header), step):
                    s.sendall(header[k:k + step])
            got = seen(t)
            ok(got == want or got.startswith(want + ":"), "%s: %s, %s" % (
                name, what, "in one piece" if step > 1 else "byte by byte"),
               got)
            s.close()


def hung_up(data, src=HAPROXY, port=tls_port):
    """What comes back, and whether the connection ends."""
    with connect(src, port) as s:
        out = b""
        try:
            s.sendall(data)
            while True:
                b = s.recv(65536)
                if not b:
                    break
                out += b
        except socket.timeout:
            return None
        except OSError:
            pass
        return out


def no_http(data, **kw):
    """Closed, with nothing but perhaps a TLS alert or a 400."""
    out = hung_up(data, **kw)
    return out is not None and (
        out == b"" or out[:1] == b"\x15" or out.startswith(b"HTTP/1.1 400"))


GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
for port, name in ((tls_port, "TLS"), (plain_proxy, "plain")):
    for data, what in (
            (GET, "a request without a header"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
             "TLS without a header"),
            (b"PROXY TCP4 192.0.2.1 192.0.2.9 1 65536\r\n" + GET,
             "a port too high"),
            (b"PROXY TCP4 192.0.2.1\r\n" + GET, "a line too short"),
            (b"PROXY UNKNOWN" + b" " * 200 + b"\r\n" + GET,
             "a line too long"),
            (SIG + b"\x31\x11\0\0" + GET, "version 3"),
            (v2_header("192.0.2.1", family=0x11)[:16] + b"\0" * 11,
             "an end in the middle"),
            (v2_header("192.0.2.1", b"a" * 4069) + GET, "too many TLVs"),
            (v2_header("", family=0x31, tlv=b"\0" * 216) + GET,
             "a local socket's"),
            (b"", "silence")):
        ok(hung_up(data, port=port) == b"", "%s, from a proxy: %s" % (
            name, what))
        if what == "an end in the middle":
            ok(relay.serving(), "and others are served")
ok(relay.proc.lines("proxy 127.0.0.2:.*begins with no PROXY header"),
   "the log says so")

# ---- those who are not trusted ----
with Tls(connect(STRANGER, tls_port)).s:
    pass
t = Tls(connect(STRANGER, tls_port))
ok(seen(t).startswith(STRANGER + ":"),
   "others speak TLS at once, where proxies send a header")
for header, what in ((v1_header("192.0.2.1"), "1"),
                     (v2_header("192.0.2.1"), "2")):
    ok(no_http(header + GET, src=STRANGER), "theirs is an error: TLS, "
       "version " + what)
    for port in (plain, plain_proxy):
        ok(no_http(header + GET, src=STRANGER, port=port),
           "theirs is an error: plain, version " + what)
    ok(no_http(header + GET, src=HAPROXY, port=plain),
       "a proxy's where none is expected is, too: version " + what)


def seen_by(src, *fields, port=None):
    with connect(src, port or plain) as s:
        return seen(s, fields)


X = "X-Forwarded-For: "
for src, fields, want, what in (
        (STRANGER, [X + "192.0.2.1"], STRANGER + ":", "a stranger's word"),
        (STRANGER, ["Forwarded: for=192.0.2.1"], STRANGER + ":",
         "a stranger's Forwarded"),
        (NGINX, [], NGINX + ":", "a proxy that says nothing"),
        (NGINX, [X + "192.0.2.1"], "192.0.2.1:", "a proxy's word"),
        (NGINX, [X + "192.0.2.1:99"], "192.0.2.1:99", "with a port"),
        (NGINX, [X + "2001:db8::7"], "[2001:db8::7]:", "IPv6"),
        (NGINX, [X + "198.51.100.1, 192.0.2.1"], "192.0.2.1:",
         "what the client wrote is not heard"),
        (NGINX, [X + "198.51.100.1", X + "192.0.2.1"], "192.0.2.1:",
         "nor on a line of its own"),
        (NGINX, [X + "198.51.100.1, 192.0.2.1, %s, %s" % (
            HAPROXY, RFC7239)], "192.0.2.1:", "several proxies"),
        (NGINX, [X + "%s, %s" % (HAPROXY, RFC7239)], HAPROXY + ":",
         "a proxy is the client"),
        (NGINX, [X + "192.0.2.1, rubbish"], NGINX + ":",
         "a word that can't be understood"),
        (NGINX, ["Forwarded: for=192.0.2.1"], NGINX + ":",
         "the other field is not heard"),
        (RFC7239, [X + "192.0.2.1"], RFC7239 + ":",
         "the other field is not heard, the other way round"),
        (RFC7239, ["Forwarded: for=198.51.100.1, "
                   "for=\"[2001:db8::8]:1\";proto=https"],
         "[2001:db8::8]:1", "Forwarded"),
        (RFC7239, ["Forwarded: for=\"x, for=192.0.2.1"], "status 400",
         "a malformed Forwarded")):
    got = seen_by(src, *fields)
    ok(got.startswith(want), what, got)
with connect(NGINX, plain) as s:
    request(s, fields=[X + "192.0.2.1"])
    answer(s)
    got = seen(s, [X + "192.0.2.2"])
    ok(got.startswith("192.0.2.2:"), "each request has a client of its own",
       got)
with connect(HAPROXY, plain_proxy) as s:
    s.sendall(v1_header(NGINX))
    got = seen(s, [X + "192.0.2.5"])
    ok(got.startswith("192.0.2.5:"), "a proxy behind a proxy", got)
with connect(HAPROXY, plain_proxy) as s:
    s.sendall(v1_header("192.0.2.6"))
    got = seen(s, [X + "192.0.2.5"])
    ok(got.startswith("192.0.2.6:"), "a client behind a proxy is none", got)



def sent_to(s, fields):
    s.sendall(("GET / HTTP/1.1\r\nHost: n0.localhost\r\n"
               "Accept: text/html\r\n%s\r\n" % "".join(
                   f + "\r\n" for f in fields)).encode())
    data = b""
    while b"\r\n\r\n" not in data:
        b = s.recv(4096)
        if not b:
            break
        data += b
    head = data.decode()
    to = re.search(r"(?i)\r\nlocation: ([^?\r]*)", head)
    return to and to[1], "\r\nSet-Cookie: __Host-" in head


F, XP = "Forwarded: for=192.0.2.1;proto=https", "X-Forwarded-Proto: https"
for src, fields, want, what in (
        (STRANGER, [XP, F], "http", "not by a stranger's word"),
        (NGINX, [X + "192.0.2.1", XP], "https", "a proxy's word counts"),
        (NGINX, [X + "192.0.2.1", F], "http", "in its own fields only"),
        (RFC7239, [F], "https", "in Forwarded it is a parameter"),
        (RFC7239, [F + ", for=%s;proto=http" % HAPROXY], "https",
         "that of the client's hop"),
        (RFC7239, ["Forwarded: for=192.0.2.1", XP], "http",
         "and no other field is heard")):
    with connect(src, plain) as s:
        eq(sent_to(s, fields), (want + "://localhost/login",
                                want == "https"),
           "to log in by %s: %s" % (want, what))

t = Tls(connect("127.0.0.9", front))
eq(sent_to(t, [XP[:-1]]), ("https://localhost/login", True),
   "nginx as the manual has it leads to a log-in by https")
t.s.close()

with Tls(connect("127.0.0.9", front)).s:
    pass
t = Tls(connect("127.0.0.9", front))
got = seen(t, [X + "192.0.2.1"])
ok(got.startswith("127.0.0.9:"),
   "through nginx, with a lie of the client's", got)


# ---- what goes by the address ----
def denied(src, port):
    t = Tls(connect(src, port))
    token = relay.token("connect")
    relay.ctl("token", "revoke", token.split("_")[1])
    request(t, "/api/access/ws", KEY + ["Authorization: Bearer " + token])
    st, _ = answer(t)
    t.s.close()
    return st


for name, port, bad, good in (("haproxy", v2, "127.0.1.1", "127.0.1.2"),
                              ("nginx", front, "127.0.1.3", "127.0.1.4")):
    said = [denied(bad, port) for _ in range(14)]
    ok(said[0] == 401 and said[-1] == 429,
       "failures through %s are throttled" % name, said)
    eq(denied(good, port), 401, "for the address they come from, and no other")

relay.extra = "limit connections per address 5\n" \
    "limit handshake timeout 10m\n" + TRUST
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "reload")


def open_ones(socks):
    n = 0
    for s in socks:
        s.setblocking(False)
        try:
            n += s.recv(1) != b""
        except BlockingIOError:
            n += 1
        except OSError:
            pass
    return n


# The listeners take it in a moment after accessctl has been answered.
while True:
    many = [connect("127.0.2.1", v1) for _ in range(24)]
    if wait_for(lambda: open_ones(many) <= 10, 2):
        break
    for s in many:
        s.close()
few = [connect("127.0.2.2", v1) for _ in range(3)]
ok(wait_for(lambda: open_ones(many) <= 10, 30) is not None,
   "silent connections from one address stay few", open_ones(many))
eq(open_ones(few), 3, "those from another one stay")
for s in many + few:
    s.close()
with connect(NGINX, plain) as s:
    others = [connect(HAPROXY, plain_proxy) for _ in range(24)]
    for o in others:
        o.sendall(v1_header("192.0.2.77"))
    ok(wait_for(lambda: open_ones(others) <= 10, 30) is not None,
       "as they do behind one")
    for o in others:
        o.close()

# ---- a reload takes trust away ----
relay.extra = "limit handshake timeout 4s"
relay.listen = [x.replace(" proxy-protocol", "") for x in relay.listen]
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "reload without proxies")
wait_for(lambda: all(seen_by(NGINX, X + "192.0.2.1").startswith(NGINX)
                     for _ in range(8)), 30)
got = seen_by(NGINX, X + "192.0.2.1")
ok(got.startswith(NGINX + ":"), "a proxy of the past is not heard", got)
ok(no_http(v1_header("192.0.2.1") + GET), "nor is its header")
got = seen(Tls(connect(HAPROXY, tls_port)))
ok(got.startswith(HAPROXY + ":"), "nor expected", got)
relay.extra, relay.listen = "", [
    "listen on 127.0.0.1 port %d tls proxy-protocol" % tls_port]
relay.write_conf()
r = relay.ctl("reload")
ok(r.returncode != 0, "proxy-protocol without a proxy is refused", r.stderr)
haproxy.stop()
nginx.stop()
eq(relay.stop(), 0, "relayd ends in order")
done()
