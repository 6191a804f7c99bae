#!/usr/bin/env python3
"""TLS behind the handshake, with the openssl command on the other side: each
cipher, new keys in the middle of a connection, its end; and a link on whose
way somebody changes a byte."""
import hashlib
import http.client
import http.server
import ssl
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
          "TLS_CHACHA20_POLY1305_SHA256"]
BIG = os.urandom(3 << 20)


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        b = BIG if self.path == "/big" else self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)

    def log_message(self, *a):
        pass


class Tamper(Between):
    """Changes a byte, once, of those to or from the relay."""

    def __init__(self, port):
        super().__init__(port, self.one)
        self.change = None
        self.changed = threading.Event()

    def one(self, data, up):
        if self.change != ("to" if up else "from"):
            return data
        self.change = None
        d = bytearray(data)
        d[len(d) // 2] ^= 4
        self.changed.set()
        return d


pages = QuietServer(Pages)
relay = Relay(prefork=1)
relay.user_add()
backend = free_port()
tamper = Tamper(relay.port)
agent = Agent(relay, url="wss://localhost:%d" % tamper.port, extra="""
http backend "http://127.0.0.1:%d"
http service "keys" "https://127.0.0.1:%d" no verify
""" % (pages.server_address[1], backend))
relay.ctl("node", "set", "pi", "http=public")
if not wait_for(lambda: node_online(relay), 30):
    raise SystemExit("no node")


def digest(b):
    return hashlib.sha256(b).hexdigest(), len(b)


class Openssl:
    """openssl s_client or s_server.  What it is told is sent, but a line of K
    or k asks for new keys."""

    def __init__(self, *args):
        self.err = open(path("openssl.%d" % free_port()), "w+b")
        self.p = subprocess.Popen(["stdbuf", "-o0", "openssl", *args],
                                  stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=self.err)
        self.out = b""
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            b = self.p.stdout.read1(1 << 16)
            if not b:
                break
            self.out += b
        self.ended = True

    def said(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")

    def put(self, b):
        self.p.stdin.write(b)
        self.p.stdin.flush()

    def has(self, b, seconds=30):
        return wait_for(lambda: b in self.out or self.ended, seconds) and \
            b in self.out

    def stop(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.stdin.close()
        return self.p.wait()


class Visit(Openssl):
    """A visitor of the node's site."""

    def __init__(self, *args):
        super().__init__("s_client", "-connect", "127.0.0.1:%d" % relay.port,
                         "-servername", "pi.localhost", "-CAfile", make_ca(),
                         "-verify_return_error", *args)

    def get(self, target, close=False):
        """(the body's digest, its length)"""
        self.out = b""
        self.put(("GET %s HTTP/1.1\r\nHost: pi.localhost:%d\r\n%s\r\n" % (
            target, relay.port, "Connection: close\r\n" if close else "")
            ).encode())
        if not self.has(b"\r\n\r\n"):
            return None, 0
        head = self.out.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
        n = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        wait_for(lambda: len(self.out) >= len(head) + n or self.ended, 30)
        return digest(self.out[len(head):len(head) + n])

    def new_keys(self, letter):
        n = self.said().count("KEYUPDATE")
        self.put(letter + b"\n")
        return wait_for(lambda: self.said().count("KEYUPDATE") > n, 30)


# ---- visitors: each cipher, new keys, the end ----
for suite in SUITES + ["ECDHE-ECDSA-AES128-GCM-SHA256"]:
    new = suite.startswith("TLS_")
    v = Visit(*(["-tls1_3", "-ciphersuites", suite] if new else
                ["-tls1_2", "-cipher", suite]))
    ok(v.has(b"Cipher is " + suite.encode()), suite, v.said())
    eq(v.get("/big"), digest(BIG), "... a page of 3 MB")
    if new:
        got = []
        for k in b"KkKKk":
            got.append(v.new_keys(bytes([k])))
            got.append(v.get("/%d" % k) == digest(b"/%d" % k))
        v.new_keys(b"K")
        v.new_keys(b"k")
        got.append(v.get("/big") == digest(BIG))
        ok(all(got), "... and with new keys, asked for or not", got)
    eq(v.get("/last", close=True), digest(b"/last"), "... kept alive")
    wait_for(lambda: v.ended, 30)
    # Without close_notify it says "unexpected eof" and ends with 1.
    ok(v.p.wait(30) == 0 and b"closed" in v.out[-20:],
       "... and its end is told", v.said())
    v.stop()

# ---- an https backend that hands out tickets and new keys ----
make_cert("keys")
for suite in SUITES:
    s = Openssl("s_server", "-accept", "127.0.0.1:%d" % backend, "-cert",
                path("tls/keys.pem"), "-key", path("tls/keys.key"), "-tls1_3",
                "-ciphersuites", suite)
    if not s.has(b"ACCEPT"):
        print(s.said(), file=sys.stderr)

    def new_keys(k):
        n = s.out.count(b"SSL_do_handshake -> 1")
        s.put(k + b"\n")
        return wait_for(lambda: s.out.count(b"SSL_do_handshake -> 1") > n, 30)

    ctx = client_context()
    ctx.check_hostname = False
    c = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
    c.sock = ctx.wrap_socket(socket.create_connection(
        ("127.0.0.1", relay.port), 30), server_hostname="keys--pi.localhost")
    c.putrequest("POST", "/", skip_host=True)
    c.putheader("Host", "keys--pi.localhost:%d" % relay.port)
    c.putheader("Content-Length", "12")
    c.endheaders(b"first.")
    got = [s.has(b"first."), new_keys(b"K"), new_keys(b"k"), new_keys(b"K")]
    c.send(b"second")
    got.append(s.has(b"second"))
    s.put(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
    r = c.getresponse()
    got += [r.read(5), new_keys(b"k"), new_keys(b"K")]
    s.put(b"67890")
    got.append(r.read())
    eq(got, [True] * 5 + [b"12345", True, True, b"67890"],
       suite + ": a backend changes keys in the middle")
    c.close()
    s.stop()

# ---- a byte is changed between agent and relay ----
# Rather rarely it is one of a record's head.
CHANGED = "TLS: (what the peer sent was changed on the way|the peer sent a re)"
HEARD = "gave up: (what the peer got was changed on the way|record|unex)"
for way, finds, hears in (("to", relay.proc, agent.proc),
                          ("from", agent.proc, relay.proc)):
    ups = len(agent.proc.lines("link to .* is up"))
    a, b = len(finds.lines(CHANGED)), len(hears.lines(HEARD))
    tamper.changed.clear()
    tamper.change = way
    v = Visit("-tls1_3")
    v.put(b"GET /big HTTP/1.1\r\nHost: pi.localhost:%d\r\n\r\n" % relay.port)
    ok(tamper.changed.wait(30), "a byte %s the relay is changed" % way)
    ok(wait_for(lambda: len(finds.lines(CHANGED)) > a, 30),
       "... who gets it ends the link, and says why", finds.text()[-2000:])
    ok(wait_for(lambda: len(hears.lines(HEARD)) > b, 30),
       "... and the other one hears it", hears.text()[-2000:])
    ok(agent.proc.wait_line("link to .* is up", 60, ups + 1),
       "... the agent comes back", agent.proc.text()[-2000:])
    v.stop()
    ok(wait_for(lambda: node_online(relay), 30), "... and is there")
done()
