"""What people do at the doors of a relay: pages of a node, public, with a
cookie and with a password, a paired program, TLS that passes through.  Each
gets its own answer and all of it, or sees that it did not."""
import base64
import html
import http.client
import http.cookies
import http.server
import struct
import threading
import urllib.parse

from culvert import *

DOMAIN = "relay.test"
APP = "app.example.test"        # passes through
PASSWORD = "correct horse & <battery>"
EMAIL = "you@example.org"
CONF = """domain "%s"
rpc {
	pair rate none
	timeout 5s
}""" % DOMAIN


class Wrong(Exception):
    """Somebody was told what is not so."""


def page(name, n):
    return (b"%s %d " % (name.encode(), n) * n)[:n]


class Page(http.server.BaseHTTPRequestHandler):
    """/length/N and /chunked/N: so many bytes, which say whose they are."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        how, n = self.path[1:].split("/")
        body = page(self.server.name, int(n))
        self.send_response(200)
        if how == "length":
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(x), x) for x in (
                body[i:i + 5000] for i in range(0, len(body), 5000))) + \
                b"0\r\n\r\n"
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *a):
        pass


class Device(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, name, cert=None):
        super().__init__(("127.0.0.1", 0), Page)
        self.name, self.port, self.context = name, self.server_port, None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*cert)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, sock, addr):
        if self.context:
            sock = self.context.wrap_socket(sock, server_side=True)
        super().finish_request(sock, addr)

    def handle_error(self, *a):
        pass


class Socket:
    """A WebSocket, as little of it as is needed."""

    def __init__(self, s, path):
        self.s = s
        s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % (
                       path, DOMAIN)).encode())
        self.f = s.makefile("rb")
        line = self.f.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        self.status = int(line.split()[1])
        while self.f.readline().strip():
            pass

    def send(self, text):
        b = text.encode()
        self.s.sendall(b"\x81" + (
            bytes([0x80 | len(b)]) if len(b) < 126 else
            b"\xfe" + struct.pack(">H", len(b))) + bytes(4) + b)

    def take(self, n):
        b = self.f.read(n)
        if len(b) != n:
            raise EOFError
        return b

    def recv(self):
        """The next text; None at the end."""
        while True:
            op, n = self.take(2)
            n = struct.unpack(">H", self.take(2))[0] if n == 126 else \
                struct.unpack(">Q", self.take(8))[0] if n == 127 else n
            b = self.take(n)
            if op == 0x81:
                return b.decode()
            if op == 0x88:
                return None
            if op not in (0x89, 0x8a):
                raise Wrong("frame %#x" % op)


class Doors:
    """Nodes of the relay, pi first, and who visits them."""

    def __init__(self, relay, obj=OBJ, names=("pi", "pa")):
        self.relay, self.said = relay, {}
        relay.ctl("user", "add", EMAIL, "--password-stdin",
                  input=PASSWORD + "\n")
        self.context = client_context()
        self.context.check_hostname = False
        self.tls = Device("tls", make_cert("device", "DNS:" + APP))
        self.agents = {}
        for name in names:
            d = {x: Device(x) for x in (name, "own-" + name,
                                        "bare-" + name)}
            self.agents[name] = Agent(relay, name, extra="".join(
                ['http backend "http://127.0.0.1:%d"\n' % d[name].port,
                 'http service own "http://127.0.0.1:%d"\n' %
                 d["own-" + name].port,
                 'http service bare "http://127.0.0.1:%d"\n' %
                 d["bare-" + name].port,
                 'tls service web "127.0.0.1:%d"\n' % self.tls.port]),
                obj=obj)
            for args in (("node", "set", name, "http=public"),
                         ("service", "set", name, "own", "http=private"),
                         ("service", "set", name, "bare", "http=basic")):
                self.must(*args)
        self.must("domain", "add", "--passthrough", APP, "pi:web")

    def must(self, *args):
        r = self.relay.ctl(*args)
        if r.returncode != 0:
            raise SystemExit("%s: %s" % (args, r.stderr))

    def socket(self, name, src="127.0.0.1"):
        s = socket.create_connection(("127.0.0.1", self.relay.port), 30,
                                     (src, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return self.context.wrap_socket(s, server_hostname=name)
        except Exception:
            s.close()
            raise

    def ask(self, host, path, fields={}, src="127.0.0.1", method="GET",
            body=None):
        """(status, fields, body): all of it."""
        h = http.client.HTTPConnection(host)
        h.sock = self.socket(host, src)
        try:
            h.request(method, path, body, {"Connection": "close", **fields})
            r = h.getresponse()
            return r.status, r.headers, r.read()
        finally:
            h.close()

    def judge(self, answer, want, may=()):
        """Is it right (True), or refused (False)?"""
        st, fields, body = answer
        if st == 200:
            if body != want:
                raise Wrong("%d bytes, not %d: %.40r" % (
                    len(body), len(want), body))
            return True
        if st == 503 and not fields.get("Retry-After"):
            raise Wrong("503 without Retry-After")
        if st not in (502, 503, 504) + may:
            raise Wrong("%d %.200r" % (st, body))
        self.said[st] = self.said.get(st, 0) + 1
        return False

    # ---- each of these: True, False, or it raises ----

    def public(self, name="pi", n=3000, how="chunked"):
        return self.judge(self.ask("%s.%s" % (name, DOMAIN), "/%s/%d" % (
            how, n)), page(name, n))

    def enter(self, name="pi"):
        """The cookie of a browser that has logged in."""
        site, jar, accept = "own--%s.%s" % (name, DOMAIN), {}, {
            "Accept": "text/html"}
        to = "https://%s:%d/length/9" % (site, self.relay.port)
        method, body = "GET", None
        for _ in range(12):
            u = urllib.parse.urlsplit(to)
            mine = jar.setdefault(u.hostname, {})
            st, f, text = self.ask(
                u.hostname, u.path + ("?" + u.query if u.query else ""),
                {**accept, "Host": u.netloc, **({"Cookie": "; ".join(
                    "%s=%s" % x for x in mine.items())} if mine else {}),
                 **({"Content-Type": "application/x-www-form-urlencoded",
                     "Origin": "https://" + u.netloc} if body else {})},
                method=method, body=body)
            for c in f.get_all("Set-Cookie") or ():
                k, v = c.split(";")[0].split("=", 1)
                mine[k] = v
            method, body = "GET", None
            if st in (302, 303):
                to = urllib.parse.urljoin(to, f["Location"])
            elif u.hostname == DOMAIN and st == 200:
                hidden = {html.unescape(k): html.unescape(v) for k, v in
                          re.findall(r'name="(\w+)" value="([^"]*)"',
                                     text.decode())}
                hidden.update(email=EMAIL, password=PASSWORD)
                method, body = "POST", urllib.parse.urlencode(hidden)
                to = urllib.parse.urljoin(to, "/login")
            elif u.hostname == site and st == 200:
                return "; ".join("%s=%s" % x for x in mine.items())
            else:
                raise SystemExit("no log-in: %d %s" % (st, text))
        raise SystemExit("no log-in: round and round")

    def private(self, cookie, name="pi", n=3000):
        return self.judge(self.ask("own--%s.%s" % (name, DOMAIN),
                                   "/chunked/%d" % n, {"Cookie": cookie}),
                          page("own-" + name, n))

    def stranger(self, name="pi"):
        """Without a cookie, or with one that nobody was given."""
        for f in ({}, {"Cookie": "__Host-culvert-visit=" + "A" * 43}):
            st, fields, body = self.ask("own--%s.%s" % (name, DOMAIN),
                                        "/length/100", f)
            if st == 200:
                raise Wrong("a stranger sees a private page")
            self.judge((st, fields, body), b"", (401, 303))
        return True

    def basic(self, password=PASSWORD, name="pi", src="127.0.0.1"):
        a = self.ask("bare--%s.%s" % (name, DOMAIN), "/length/100", {
            "Authorization": "Basic " + base64.b64encode(
                (EMAIL + ":" + password).encode()).decode()}, src)
        if password == PASSWORD:
            return self.judge(a, page("bare-" + name, 100))
        if a[0] == 200:
            raise Wrong("a wrong password is let in")
        self.judge(a, b"", (401, 429))
        return True

    def pair(self, name="pi"):
        """The token of a paired program."""
        r = run([OBJ + "/agentd", "pair", "-s", self.agents[name].socket,
                 "--json"])
        st, f, body = self.ask(DOMAIN, "/api/pair", {
            "Content-Type": "application/json"}, method="POST",
            body=json.dumps({"code": json.loads(r.stdout)["code"]}))
        if st != 200:
            raise SystemExit("not paired: %d %s" % (st, body))
        return json.loads(body)["token"]

    def rpc(self, token, name="pi", times=3):
        with self.socket(DOMAIN) as s:
            w = Socket(s, "/ws/client?token=" + token)
            if w.status != 101:
                return self.judge((w.status, {"Retry-After": 1}, b""), b"")
            for i in range(times):
                w.send(json.dumps({"type": "http_proxy", "id": str(i),
                                   "path": "/length/%d" % (1000 + i)}))
                text = w.recv()
                if text is None:
                    return False
                m = json.loads(text)
                if m["id"] != str(i):
                    raise Wrong("an answer to %s, not %d" % (m["id"], i))
                if "error" in m:
                    self.said[m["error"]] = self.said.get(m["error"], 0) + 1
                    return False
                self.judge((m["status"], {"Retry-After": 1},
                            base64.b64decode(m["body_b64"])),
                           page(name, 1000 + i))
        return True

    def through(self, n=3000):
        with self.socket(APP) as s:
            name = dict(x[0] for x in s.getpeercert()["subject"])[
                "commonName"]
            if name != "device":
                raise Wrong("%s answers for the device" % name)
            s.sendall(b"GET /length/%d HTTP/1.1\r\nHost: %s\r\n"
                      b"Connection: close\r\n\r\n" % (n, APP.encode()))
            r = http.client.HTTPResponse(s)
            r.begin()
            return self.judge((r.status, r.headers, r.read()),
                              page("tls", n))


# What a visitor sees of a connection that ended in between.
CUT = (OSError, EOFError, http.client.HTTPException, ssl.SSLError)
