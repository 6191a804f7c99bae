#!/usr/bin/env python3
# tags: slow
"""The rpc door: pairing, paired clients of several makes, their node's
backends, nodes of another make as their connector behaves, limits, and what
dies under all of that."""
import os
import sys
try:
    import aiohttp
    import websockets
except ImportError:
    # Debian's Python has Debian's modules.
    if sys.executable != "/usr/bin/python3" and \
            os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("1..0 # SKIP no python3-websockets, python3-aiohttp")
    sys.exit(0)
import asyncio
import base64
import http.client
import http.server
import select
import shutil
import sqlite3
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *
from http_way import Listeners

BIG = 262144
NODE_KEY = "0123456789abcdef-key"


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []
    lock, inside, gate = threading.Lock(), 0, threading.Event()

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Backend.seen.append((self.command, self.path, dict(
            (k.lower(), v) for k, v in self.headers.items()), body))
        kind, _, n = self.path[1:].partition("/")
        if kind == "sleep":
            time.sleep(float(n))
        if kind == "gate":
            with Backend.lock:
                Backend.inside += 1
            Backend.gate.wait(30)
        out = b"x" * int(n) if kind == "size" else b"hello from the device\n"
        if kind == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                             b"half")
            self.close_connection = True
            return
        if kind == "half":
            out = b"y" * int(n)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" %
                             len(out) + out[:len(out) // 16])
            Backend.gate.wait(30)
            self.wfile.write(out[len(out) // 16:])
            return
        self.send_response(302 if kind == "moved" else 200)
        if kind == "moved":
            self.send_header("Location", "/size/5")
        if kind == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if kind == "cookies":
            for c in ("a=1", "c=3; Domain=localhost", "b=2"):
                self.send_header("Set-Cookie", c)
            self.send_header("X-Twice", "1")
            self.send_header("x-twice", "2")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(out)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do

    def log_message(self, *a):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *a):
        pass


backend = Server(("127.0.0.1", 0), Backend)
threading.Thread(target=backend.serve_forever, daemon=True).start()
os.mkdir(path("log"), 0o755)
LOG = path("log/access.log")
relay = Relay(tls=False, prefork=2, extra="""access log "%s" format json
rpc {
	nodes any
	node "keyed" key "%s"
	pair rate none
	timeout 30s
	url "https://relay.example.org"
}""" % (LOG, NODE_KEY), start=False)
os.chmod(relay.conf, 0o600)
relay.start()
relay.user_add()
agent = Agent(relay, extra='http backend "http://127.0.0.1:%d"' %
              backend.server_port)
WS = "ws://127.0.0.1:%d" % relay.port


def reload(extra, what):
    relay.extra = extra
    relay.write_conf()
    os.chmod(relay.conf, 0o600)
    r = relay.ctl("reload")
    ok(r.returncode == 0, what, r.stderr)


def http_ask(method, path, body=None, ctype="application/json",
             src="127.0.0.1"):
    h = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30,
                                   source_address=(src, 0))
    h.request(method, path, body, {"Content-Type": ctype} if ctype else {})
    r = h.getresponse()
    out = r.status, r.read()
    h.close()
    return out


def pair(code, **kw):
    st, body = http_ask("POST", "/api/pair", json.dumps({"code": code}), **kw)
    return st, json.loads(body)


def health():
    return json.loads(http_ask("GET", "/health")[1])


def agent_code(*args):
    r = run([OBJ + "/agentd", "pair", "-s", agent.socket, "--json", *args])
    return json.loads(r.stdout)


def token():
    return pair(agent_code()["code"])[1]["token"]


def b64(b):
    return base64.b64encode(b).decode()


class Client:
    """A paired client, by websockets."""

    def __init__(self, tok, src="127.0.0.1", **kw):
        self.args = (WS + "/ws/client?token=" + tok,)
        self.kw = dict(max_size=1 << 25, local_addr=(src, 0), **kw)

    async def __aenter__(self):
        self.ws = await websockets.connect(*self.args, **self.kw)
        return self

    async def __aexit__(self, *a):
        await self.ws.close()

    async def get(self):
        m = json.loads(await asyncio.wait_for(self.ws.recv(), 30))
        if "body_b64" in m:
            m["body"] = base64.b64decode(m["body_b64"])
        return m

    async def send(self, **kw):
        await self.ws.send(json.dumps(dict(type="http_proxy", **kw)))

    async def ask(self, **kw):
        await self.send(**kw)
        return await self.get()

    async def error(self, **kw):
        return (await self.ask(**kw)).get("error")

    async def comes_to(self, error, path):
        """A reload gets to each listener in its own time."""
        end = time.monotonic() + 30
        while (e := await self.error(path=path)) != error and \
                time.monotonic() < end:
            await asyncio.sleep(0.01)
        return e

    async def code(self):
        """What it is closed with."""
        try:
            while True:
                await asyncio.wait_for(self.ws.recv(), 30)
        except websockets.ConnectionClosed:
            return self.ws.close_code


async def refused(path, **kw):
    """The status of a handshake that is refused."""
    try:
        ws = await websockets.connect(WS + path, **kw)
        await ws.close()
        return 101
    except websockets.InvalidStatusCode as e:
        return e.status_code


class Connector:
    """As the connector of the other make: aiohttp, one request at a time,
    and nothing is read meanwhile; at a clean end it is back at once."""

    def __init__(self, node, code, base, key=None):
        self.node, self.code, self.base, self.key = node, code, base, key
        self.acks, self.ups, self.failed = [], 0, 0
        self.task = asyncio.ensure_future(self.loop())

    async def loop(self):
        async with aiohttp.ClientSession() as s:
            while True:
                try:
                    await self.once(s)
                except asyncio.CancelledError:
                    raise
                except Exception:
                    self.failed += 1
                    await asyncio.sleep(0.2)

    async def once(self, s):
        url = WS + "/ws/node?node_id=" + self.node
        if self.key:
            url += "&key=" + self.key
        async with s.ws_connect(url, heartbeat=20) as ws:
            self.ups += 1
            await ws.send_str(json.dumps({"type": "pair_offer",
                                          "code": self.code}))
            async for msg in ws:
                if msg.type != aiohttp.WSMsgType.TEXT:
                    continue
                m = json.loads(msg.data)
                if m.get("type") == "http_proxy":
                    await ws.send_str(json.dumps(await self.call(s, m)))
                else:
                    self.acks.append(m)

    async def call(self, s, m):
        out = {"type": "http_response", "id": m.get("id")}
        try:
            async with s.request(
                    (m.get("method") or "GET").upper(),
                    self.base + "/" + (m.get("path") or "/").lstrip("/"),
                    headers=m.get("headers") or {},
                    data=base64.b64decode(m.get("body_b64") or ""),
                    timeout=aiohttp.ClientTimeout(total=30)) as r:
                out.update(status=r.status, headers=dict(r.headers),
                           body_b64=b64((await r.read())[:BIG]))
        except Exception as e:
            out["error"] = "http_proxy_failed:" + type(e).__name__
        return out

    async def until(self, cond):
        end = time.monotonic() + 30
        while not cond() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return cond()

    async def stop(self):
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass


# ---- pairing, to the byte ----

eq(http_ask("GET", "/health"),
   (200, b'{"ok":true,"nodes":1,"pairs":0,"sessions":0}'), "/health")
eq(http_ask("GET", "/nothing"), (404, b'{"detail":"Not Found"}'),
   "an unknown path")
eq(http_ask("POST", "/health"), (405, b'{"detail":"Method Not Allowed"}'),
   "POST /health")
eq(http_ask("GET", "/api/pair")[0:2], (405, b'{"detail":"Method Not Allowed"}'),
   "GET /api/pair")
for body, want in (("", 422), ("{", 422), ("[]", 422), ("{}", 422),
                   ('{"code":7}', 422), ('{"code":"a","code":"b"}', 422),
                   ('{"code":" \\n"}', 400), ('{"code":"nothing"}', 403)):
    st, b = http_ask("POST", "/api/pair", body)
    ok(st == want and (st != 422 or isinstance(json.loads(b)["detail"],
                                               list)),
       "POST /api/pair %r: %d" % (body, want), (st, b))
eq(http_ask("POST", "/api/pair", '{"code":" "}')[1],
   b'{"detail":"code required"}', "no code")
eq(http_ask("POST", "/api/pair", '{"code":"x"}')[1],
   b'{"detail":"invalid or expired code"}', "no such code")
eq(http_ask("POST", "/api/pair", '{"code":"x"}',
            "application/x-www-form-urlencoded")[0], 422, "a form")
eq(http_ask("POST", "/api/pair", '{"code":"x"}', None)[0], 403,
   "without a Content-Type")
eq(http_ask("POST", "/api/pair", '{"code":"x","more":1}',
            "application/json; charset=utf-8")[0], 403, "with one, and more")
eq(http_ask("POST", "/api/pair", '{"code":"%s"}' % ("x" * 20000))[0], 413,
   "too long a body")

made = agent_code("--ttl", "5s")
ok(re.fullmatch("[0-9a-hjkmnp-tv-z]{8}", made["code"]) and
   made["node"] == "pi" and made["url"] == "https://relay.example.org",
   "agentd pair --json", made)
eq(health()["pairs"], 1, "it can be used")
st, body = pair("\t%s " % made["code"])
ok(st == 200 and list(body) == ["ok", "node_id", "token", "expires_at"] and
   body["ok"] is True and body["node_id"] == "pi" and
   re.fullmatch("[A-Za-z0-9_-]{43}", body["token"]) and
   3595 <= body["expires_at"] - time.time() <= 3600, "it buys a token", body)
eq(pair(made["code"])[0], 403, "once")
eq(health(), {"ok": True, "nodes": 1, "pairs": 0, "sessions": 1},
   "and that is a session")
r = run([OBJ + "/agentd", "pair", "-s", agent.socket])
ok(r.returncode == 0 and "█" in r.stdout and "▄" in r.stdout,
   "agentd pair for people, with a QR code", r.stdout + r.stderr)
m = re.search(r"pairing code (\S+)", r.stdout)
eq(pair(m[1].upper().replace("0", "O"))[0], 200, "as somebody may type it")
if shutil.which("zbarimg"):
    rows = [x for x in r.stdout.splitlines() if "█" in x or "▀" in x]
    bits = []
    for x in rows:
        bits.append([c in "▀█" for c in x])
        bits.append([c in "▄█" for c in x])
    w = len(bits[0])
    write("qr.pgm", "P2 %d %d 1\n" % (w * 8, len(bits) * 8) + "\n".join(
        " ".join(str(int(b)) for b in row for _ in range(8))
        for row in bits for _ in range(8)) + "\n")
    eq(run(["zbarimg", "-q", "--raw", path("qr.pgm")]).stdout.strip(),
       "https://relay.example.org/#pair=" + m[1], "a phone reads that")
r = run([OBJ + "/agentd", "pair", "-s", agent.socket, "--no-qr"])
ok("█" not in r.stdout, "--no-qr")
r = relay.ctl("pair", "pi", "--json")
eq(pair(json.loads(r.stdout)["code"])[0], 200, "accessctl pair")
r = relay.ctl("pair", "shed")
ok(r.returncode == 1 and "no node of this name is connected" in r.stderr,
   "for a node that is not there", r.stderr)
code = agent_code()["code"]
ok(code not in relay.proc.text() + agent.proc.text(),
   "no log has a code in it")

TOKEN = token()


# ---- a client and its node ----

async def client():
    async with Client(TOKEN) as c:
        await c.ws.send('{"type":"ping"}')
        m = await c.get()
        ok(m["type"] == "pong" and abs(m["ts"] - time.time()) < 60, "ping")
        m = await c.ask(id="ext1", path="/")
        ok(m["type"] == "http_response" and m["id"] == "ext1" and
           m["status"] == 200 and len(m["body"]) >= 20,
           "as the verification client asks", m)
        Backend.seen.clear()
        m = await c.ask(id=7, method="post", path="a%2F/../b?c=d#e",
                        headers={"x-ora-token": "T", "Host": "evil",
                                 "X-Culvert-User": "root", "n": 1,
                                 "X-Forwarded-For": "192.0.2.9"},
                        body_b64=b64(b"\x00\xff"))
        eq(m["id"], "7", "a number as id")
        got = Backend.seen[0]
        eq((got[0], got[1], got[3]), ("POST", "/a%2F/../b?c=d",
                                      b"\x00\xff"), "method, path, body")
        h = got[2]
        ok(h["x-ora-token"] == "T" and h["host"] == "pi.localhost" and
           h["n"] == "1" and h.get("x-culvert-user") != "root" and
           h["x-forwarded-for"] == "127.0.0.1", "headers", h)
        m = await c.ask(path="http://127.0.0.1:1/x")
        ok(re.fullmatch("[0-9a-f]{16}", m["id"]) and
           Backend.seen[-1][1] == "/http://127.0.0.1:1/x",
           "no other host; an id of the relay's", m)
        m = await c.ask(path="/cookies")
        eq((m["headers"]["Set-Cookie"], m["set_cookies"],
            m["headers"]["X-Twice"]), ("b=2", ["a=1", "b=2"], "1, 2"),
           "fields that come twice; none for the relay's domain")
        m = await c.ask(path="/moved")
        eq((m["status"], m["headers"]["Location"]), (302, "/size/5"),
           "redirects are not followed")
        m = await c.ask(path="/gzip")
        eq((m["headers"]["Content-Encoding"], m["body"][:5]),
           ("gzip", b"hello"), "nothing is unpacked")
        eq((await c.ask(method="HEAD"))["body"], b"", "HEAD")
        eq(await c.error(path="/cut"), "http_proxy_failed:ClientPayloadError",
           "an answer that is cut is none")

        # limits
        m = await c.ask(method="POST", body_b64=b64(b"y" * BIG))
        eq((m["status"], Backend.seen[-1][3]), (200, b"y" * BIG),
           "the largest body")
        eq(await c.error(method="POST", body_b64=b64(b"y" * (BIG + 1))),
           "body_too_large", "one byte more")
        eq(len((await c.ask(path="/size/%d" % BIG))["body"]), BIG,
           "the largest answer")
        eq(await c.error(path="/size/%d" % (BIG + 1)), "response_too_large",
           "one byte more")
        eq(await c.error(path="/size/50000000"), "response_too_large",
           "much more")
        was = relay.extra
        reload(was + "\nrpc timeout 1.5s", "a reload with little time")
        eq(await c.comes_to("timeout", "/sleep/5"), "timeout",
           "no answer in time")
        reload(was, "and back")
        pad = len('{"type":"ping","x":""}')
        await c.ws.send('{"type":"ping","x":"%s"}' % ("x" * (1048576 - pad)))
        eq((await c.get())["type"], "pong", "the longest message")
        await c.ws.send('{"type":"ping","x":"%s"}' % ("x" * (1048577 - pad)))
        eq(await c.ws.recv(), '{"type":"error","error":"message_too_large"}',
           "one byte more is dropped")
        await c.ws.send(["x" * 4000000] * 4)
        eq((await c.get())["error"], "message_too_large",
           "15 MiB in pieces, too")
        await c.ws.send(['{"type":', '"pi', 'ng"}'])
        eq((await c.get())["type"], "pong", "a message in pieces")
        for bad in ("x", "[]", '{"type":"x"}', '{"a":1,"a":1}', b"\x00"):
            await c.ws.send(bad)
            m = await c.get()
            eq((m["type"], m["id"], m["error"]),
               ("error", "", "unknown_message_type"), "%r" % (bad,))
        n = len(Backend.seen)
        await c.send(headers={"a\0b": "c"})
        eq((await c.get())["error"], "unknown_message_type",
           "a NUL in a name")
        for bad in ({"path": "/a\r\nX: y"}, {"path": "/a\nb"},
                    {"path": "/a\0b"}, {"path": "/a#\r\nX: y"},
                    {"method": "GET\r\n"},
                    {"method": "G T"}, {"method": "CONNECT"},
                    {"headers": {"a": "b\r\nc: d"}},
                    {"headers": {"a\r\nb": "c"}}, {"headers": {"a b": "c"}},
                    {"headers": {"": "c"}}, {"headers": {"a": "\0"}},
                    {"headers": {"Transfer-Encoding": "chunked"}},
                    {"headers": {"Content-Length": "5"}, "method": "POST"},
                    {"headers": {"Content-Length": "1", "content-length":
                                 "1"}, "body_b64": "YQ=="},
                    {"headers": {"Connection": "Host"}},
                    {"headers": {"A" * 9000: "x"}}, {"path": "/" + "x" * 9000},
                    {"headers": {"h%d" % i: "x" for i in range(101)}}):
            eq(await c.error(**bad), "bad_request", "%.60r" % bad)
        eq(await c.error(body_b64="YQ"), "bad_body_b64", "base64 is strict")
        eq(await c.error(body_b64="YQ==\n"), "bad_body_b64", "very strict")
        eq(len(Backend.seen), n, "and the device heard nothing of all that")

        # many at once
        for i in range(65):
            await c.send(id=str(i), path="/sleep/1")
        got = [await c.get() for _ in range(65)]
        eq([m["id"] for m in got if m.get("error") == "too_many_pending"],
           ["64"], "the 65th is refused")
        for i in range(64):
            await c.send(id=str(i), path="/sleep/1")
        await c.send(body_b64="!")
        m = await c.get()
        ok(m["error"] == "too_many_pending" and
           re.fullmatch("[0-9a-f]{16}", m["id"]),
           "before its body is looked at, and it has an id by then", m)
        for _ in range(64):
            await c.get()
        eq(len([m for m in got if m.get("status") == 200]), 64,
           "64 run side by side")
        await c.send(id="x", path="/sleep/1")
        eq(await c.error(id="x"), "id_in_use", "an id that waits")
        await c.ws.send('{"type":"ping"}')
        eq((await c.get())["type"], "pong", "pings are answered meanwhile")
        eq((await c.get())["status"], 200, "and then the answer comes")
        for i in range(64):
            await c.send(id=str(i), path="/size/%d" % (BIG // 4))
        got = [await c.get() for _ in range(64)]
        ok(all(len(m.get("body", "")) == BIG // 4 for m in got),
           "64 large answers", [m.get("error") for m in got])

    async with Client(TOKEN) as a, Client(token()) as b:
        await a.send(id="req1", path="/sleep/0.5")
        await b.send(id="req1", path="/size/3")
        eq(((await b.get())["body"], len((await a.get())["body"])),
           (b"xxx", 22), "two phones with the same id")
    async with Client("", extra_headers={"Authorization": "bEARer " +
                                         TOKEN}) as c:
        eq((await c.ask())["status"], 200, "the token in Authorization")
    async with Client("", extra_headers={"Authorization": TOKEN}) as c:
        eq((await c.ask())["status"], 200, "or as it is")
    for t in ("", "wrong", "x" * 600, "%00"):
        async with Client(t) as c:
            eq(await c.code(), 4403, "token %.10r: 4403" % t)
    async with Client(TOKEN) as c:
        try:
            await c.ws.send("x" * (17 << 20))
        except websockets.ConnectionClosed:
            pass
        eq(await c.code(), 1009, "above 16 MiB: 1009")
    eq(http_ask("GET", "/ws/client")[0], 426, "without an upgrade")

    # another configuration in the middle of an answer
    async with Client(TOKEN) as c:
        Backend.gate.clear()
        await c.send(id="old", path="/half/%d" % BIG)
        was = relay.extra
        reload(was + "\nrpc body size 1K", "a reload with smaller bodies")
        eq(await c.comes_to("response_too_large", "/size/1025"),
           "response_too_large", "they are so")
        Backend.gate.set()
        m = await c.get()
        eq((m["id"], m.get("error"), m.get("body")), ("old", None, b"y" * BIG),
           "an answer that had begun is whole")
        reload(was, "and back")
        eq(await c.comes_to(None, "/size/%d" % BIG), None,
           "large answers again")

asyncio.run(client())


# ---- each has a line ----

def logged(target):
    """What the access log says of a request, once it does."""
    def lines():
        with open(LOG) as f:
            return [x for x in map(json.loads, f) if x["target"] == target]
    return [(x["door"], x["status"], x["error"], x["cut"], x["node"],
             x["bytes_out"]) for x in wait_for(lines, 30) or []]


async def log():
    async with Client(TOKEN) as c:
        await c.send(path="/log/all", headers={"User-Agent": "x\ty"})
        await c.get()
        was = relay.extra
        reload(was + "\nrpc timeout 1.5s", "a reload with little time")
        await c.comes_to("timeout", "/sleep/5")
        await c.error(path="/sleep/9")
        reload(was, "and back")
        await c.error(path="/size/9000000")
        await c.send(path="/sleep/8")
    for target, want in (
            ("/log/all", (200, "", False, "pi", 22)),
            ("/sleep/9", (504, "timeout", True, "pi", 0)),
            ("/size/9000000", (502, "response_too_large", True, "pi", 0)),
            ("/sleep/8", (0, "cut", True, "pi", 0))):
        eq(logged(target), [("rpc",) + want], "one line for " + target)

asyncio.run(log())


# ---- memory ----

HAND = """GET %s HTTP/1.1\r
Host: x\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
\r
"""


def by_hand(target, src="127.0.0.1"):
    """A WebSocket without a library."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.bind((src, 0))
    s.connect(("127.0.0.1", relay.port))
    s.sendall((HAND % target).encode())
    head = s.recv(4096)
    if not (head.startswith(b"HTTP/1.1 101") and
            b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head):
        raise SystemExit("by hand: %r" % head)
    return s


async def memory():
    """Messages that never end take what is free, and no more."""
    was = relay.extra
    reload(was + "\nrpc memory 16M", "a reload with little memory")
    half = (b"\x81\xff" + (1048000).to_bytes(8, "big") + bytes(4) +
            b"x" * 1047000)
    socks, refused, end = [], 0, time.monotonic() + 30
    for i in range(64):
        s = by_hand("/ws/node?node_id=half%d" % i, "127.0.0.9")
        socks.append(s)
        try:
            s.sendall(half)
        except OSError:
            pass
    while refused == 0 and time.monotonic() < end:
        for s in select.select(socks, [], [], 1)[0]:
            try:
                refused += s.recv(4) in (b"\x88\x02\x03\xf5", b"")
            except OSError:
                refused += 1
    ok(refused > 0, "messages that never end: %d are refused" % refused)
    got = []
    for _ in range(8):
        async with Client(TOKEN) as c:
            m = await c.ask(method="POST", body_b64=b64(b"y" * BIG),
                            path="/size/%d" % BIG)
            got.append(len(m.get("body", "")))
    eq(got, [BIG] * 8, "and others are served")
    for s in socks:
        s.close()
    reload(was, "and back")
    wait_for(lambda: health()["nodes"] == 1, 30)

asyncio.run(memory())


# ---- as many requests as may be, at both listeners together ----

def killed(kind):
    pid = relay.children()[kind]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: relay.children().get(kind) not in (None, pid), 30)
    wait_for(lambda: relay.serving() and node_online(relay, "pi"), 60)


async def both():
    pids = [relay.children()[k] for k in ("listener", "listener 1")]
    where = Listeners(pids)
    at, others = {}, []
    while len(at) < 2 and len(others) < 100:
        c = await Client(TOKEN).__aenter__()
        i = await where(c.ws.transport.get_extra_info("socket"))
        if i in at:
            others.append(c)
        else:
            at[i] = c
    for c in others:
        await c.__aexit__()
    eq(sorted(at), [0, 1], "a client at each listener")
    for few in (10, 64, 40):
        if few == 40:
            killed("router")    # what they have they keep
        got = []

        async def read(c):
            while True:
                got.append(await c.get())
        Backend.gate.clear()
        Backend.inside = 0
        tasks = [asyncio.ensure_future(read(c)) for c in at.values()]
        for i, c in at.items():
            for n in range(64 if i else few):
                await c.send(id=str(n), path="/gate")

        async def until(cond):
            end = time.monotonic() + 30
            while not cond() and time.monotonic() < end:
                await asyncio.sleep(0.02)
            return cond()
        ok(await until(lambda: len(got) == few and Backend.inside == 64) and
           all(m["error"] == "too_many_pending" for m in got),
           "%d at one, 64 at the other: 64 wait, others do not" % few,
           (Backend.inside, got[:70]))
        Backend.gate.set()
        ok(await until(lambda: len(got) == 64 + few) and
           all(m["status"] == 200 for m in got[few:]), "and are answered")
        for t in tasks:
            t.cancel()
    for c in at.values():
        await c.__aexit__()

if ROOT:
    asyncio.run(both())
else:
    skip("both listeners", "only root sees which has a client")


# ---- sessions end ----

def session_of_new():
    """A new session's id, and its token."""
    before = {x["id"] for x in relay.json("session", "list")}
    tok = token()
    (sid,) = {x["id"] for x in relay.json("session", "list")} - before
    return sid, tok


async def ends():
    sid, tok = session_of_new()
    async with Client(tok) as c, Client(TOKEN) as d:
        await c.send(path="/sleep/4")
        r = relay.ctl("session", "revoke", sid)
        eq(r.returncode, 0, "session revoke")
        eq(await c.code(), 4403, "its client hears it at once: 4403")
        eq((await d.ask())["status"], 200, "others do not")
    async with Client(tok) as c:
        eq(await c.code(), 4403, "and its token is none")
    sid, tok = session_of_new()
    with sqlite3.connect(relay.dir + "/state/culvert.db", timeout=60) as db:
        db.execute("UPDATE sessions SET expires_at = ? WHERE id = ?",
                   (int(time.time()) + 3, sid))
    db.close()
    async with Client(tok) as c:
        eq((await c.ask())["status"], 200, "a session that is about to end")
        await c.send(path="/sleep/4")
        eq(await c.code(), 4403, "it does: 4403")
    async with Client(tok) as c:
        eq(await c.code(), 4403, "and there is no way back")

asyncio.run(ends())


# ---- other programs ----

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
if os.path.exists(NGINX):
    port = free_port()
    os.makedirs(path("nginx"), exist_ok=True)
    os.chmod(path("nginx"), 0o755)
    write("nginx/index.html", "a page of nginx, long enough\n")
    write("nginx/data", "0123456789")
    conf = write("nginx.conf", """daemon off; master_process off;
pid %s; error_log stderr; events { }
http { access_log off; client_body_temp_path %s; proxy_temp_path %s;
fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
server { listen 127.0.0.1:%d; root %s; } }
""" % ((path("nginx.pid"),) + (path("nginx-tmp"),) * 5 +
       (port, path("nginx"))))
    nginx = Proc("nginx", [NGINX, "-e", "stderr", "-c", conf])
    wait_for(lambda: can_connect(port))
    shed = Agent(relay, "shed", extra='http backend "http://127.0.0.1:%d"' %
                 port)
    code = json.loads(relay.ctl("pair", "shed", "--json").stdout)["code"]
    shed_token = pair(code)[1]["token"]

    async def with_nginx():
        async with Client(shed_token) as c:
            m = await c.ask(path="/")
            ok(m["status"] == 200 and m["headers"]["Server"].startswith(
                "nginx") and b"a page" in m["body"], "nginx", m)
            m = await c.ask(path="/data", headers={"Range": "bytes=2-4"})
            eq((m["status"], m["body"]), (206, b"234"), "a range")
            eq((await c.ask(path="/none"))["status"], 404, "its own 404")
            eq((await c.ask(path="/data", method="DELETE"))["status"], 405,
               "and 405")
            nginx.stop()
            eq(await c.error(), "http_proxy_failed:ClientConnectorError",
               "a backend that is gone")
            shed.stop()
            wait_for(lambda: health()["nodes"] == 1, 30)
            eq(await c.ask(), {"type": "http_response", "id": "", "error":
                               "node_not_connected"}, "and a node")
            # Router has died not long ago: the node may be on its way back.
            end = time.monotonic() + 60
            while await c.error(body_b64="!") != "node_not_connected" and \
                    time.monotonic() < end:
                await asyncio.sleep(0.1)
            eq([await c.error(id="x", **bad) for bad in (
                {"body_b64": "!"}, {"path": "\n"},
                {"body_b64": b64(b"y" * (BIG + 1))})],
               ["node_not_connected"] * 3, "which is looked at first")
    asyncio.run(with_nginx())
else:
    skip("nginx", "there is none")

NODE = shutil.which("node")
NODE_PATH = "/usr/share/nodejs"
if NODE and os.path.exists(NODE_PATH + "/ws"):
    port = free_port()
    nodejs = Proc("nodejs", [NODE, "-e", """
require('http').createServer((q, s) => {
  let n = 0; q.on('data', d => n += d.length);
  q.on('end', () => { s.setHeader('X-Node', process.version);
    s.write(q.method + ' '); s.end(String(n)); });
}).listen(%d, '127.0.0.1')""" % port])
    wait_for(lambda: can_connect(port))
    hut = Agent(relay, "hut", extra='http backend "http://127.0.0.1:%d"' %
                port)
    code = json.loads(relay.ctl("pair", "hut", "--json").stdout)["code"]
    script = write("ws.js", """
const WebSocket = require('ws');
const w = new WebSocket('%s/ws/client?token=' + process.argv[2]);
const got = {};
w.on('open', () => {
  w.send(JSON.stringify({type: 'ping'}));
  for (let i = 1; i < 21; i++)
    w.send(JSON.stringify({type: 'http_proxy', id: i, method: 'PUT',
      path: '/' + i, body_b64: Buffer.alloc(i * 1000).toString('base64')}));
});
w.on('message', d => {
  const m = JSON.parse(d);
  if (m.type == 'http_response')
    got[m.id] = m.status + ' ' + Buffer.from(m.body_b64, 'base64');
  if (Object.keys(got).length == 20) w.close(1000);
});
w.on('close', c => { console.log(JSON.stringify([c, got])); });
w.on('error', e => { console.log(String(e)); });
""" % WS)
    r = run([NODE, script, pair(code)[1]["token"]],
            env=dict(os.environ, NODE_PATH=NODE_PATH))
    eq(r.stdout.strip() and json.loads(r.stdout),
       [1000, {str(i): "200 PUT %d" % (i * 1000) for i in range(1, 21)}],
       "ws of npm, and a server of Node.js")
    hut.stop()
    nodejs.stop()
else:
    skip("Node.js", "no nodejs or node-ws")


# ---- connectors of another make ----

async def connectors():
    base = "http://127.0.0.1:%d" % backend.server_port
    n = Connector("n1", "abcd1234", base)
    ok(await n.until(lambda: n.acks), "a connector comes")
    ok(n.acks[0]["ok"] and 100 < n.acks[0]["expires_at"] - time.time() <=
       120, "its code is offered", n.acks)
    st, body = pair("abcd1234")
    eq((st, body["node_id"]), (200, "n1"), "and buys a token")
    tok = body["token"]
    async with Client(tok) as c:
        Backend.seen.clear()
        m = await c.ask(id="ext1", path="/x", headers={"x-ora-token": "T"})
        ok(m["status"] == 200 and m["id"] == "ext1" and
           len(m["body"]) >= 20, "the verification client's round trip", m)
        eq(Backend.seen[0][2]["x-ora-token"], "T", "with its headers")
        for bad in ({"path": "/a\r\nb"}, {"path": "/a#\n"},
                    {"headers": {"Host": "a\r\nb"}},
                    {"headers": {"a": ["b"]}}, {"method": "A\0"}):
            eq(await c.error(**bad), "bad_request", "no %r" % bad)
        eq(await c.error(body_b64=b64(b"y" * (BIG + 1))), "body_too_large",
           "nor long bodies")
        m = await c.ask(method="POST", body_b64=b64(b"y" * BIG))
        eq((m["status"], len(Backend.seen[-1][3])), (200, BIG),
           "the largest body")
    # At both listeners, wherever the node is.
    got = []
    for i in range(16):
        async with Client(tok) as c:
            got.append((await c.ask(path="/size/%d" % (i * 1000)))["body"])
    eq([len(b) for b in got], [i * 1000 for i in range(16)],
       "from whichever listener")
    async with Client(tok) as a, Client(tok) as b, Client(tok) as c:
        for x in (a, b, c):
            await x.send(id="req1", path="/sleep/0.3")
        eq([(await x.get())["id"] for x in (a, b, c)], ["req1"] * 3,
           "the same id three times")
        for i in range(10):
            await a.send(id=str(i), path="/sleep/2")
        await asyncio.sleep(0.5)
        await n.stop()
        eq([(await a.get())["error"] for _ in range(10)],
           ["node_disconnected"] * 10, "the node goes meanwhile")
        eq((await a.ask())["error"], "node_not_connected", "it is gone")

    n = Connector("n1", "abcd1234", base)
    ok(await n.until(lambda: n.acks), "it comes back")
    eq(n.acks[0], {"type": "pair_offer_ack", "ok": False, "error":
                   "code_used"}, "with a code that was used")
    eq(pair("abcd1234")[0], 403, "which is good no more")
    async with Client(tok) as c:
        eq((await c.ask())["status"], 200, "its sessions are")

    # impostors
    src = dict(local_addr=("127.0.0.2", 0))
    async with websockets.connect(WS + "/ws/node?node_id=n1", **src) as bad:
        await bad.send('{"type":"pair_offer","code":"guess"}')
        eq(json.loads(await bad.recv())["error"], "node_id_in_use",
           "somebody else under its name, with a guess")
        await bad.send('{"type":"pair_offer","code":"abcd1234"}')
        eq(json.loads(await bad.recv())["error"], "node_id_in_use",
           "there is but one")
        eq(await refused("/ws/node?node_id=n1", **src), 403,
           "and one that tries")
        async with Client(tok) as c:
            eq((await c.ask())["status"], 200, "gets no request")
        eq(n.ups, 1, "and the node has not moved")
    async with websockets.connect(WS + "/ws/node?node_id=n1", **src) as new:
        await new.send('{"type":"pair_offer","code":"abcd1234"}')
        eq(json.loads(await new.recv())["error"], "code_used",
           "the node itself from another address shows its code")
        async with Client(tok) as c:
            await c.send(id="r", path="/x")
            m = json.loads(await new.recv())
            ok(m["id"] != "r" and m["path"] == "/x" and m["body_b64"] == "",
               "and has the requests", m)
            await new.send("x")
            eq(await new.recv(),
               '{"type":"error","error":"unknown_message_type"}', "nonsense")
            await new.send(json.dumps({"type": "http_response", "id":
                                       "0123456789abcdef", "status": 200}))
            await new.send('{"type":"pong","ts":1}')
            await new.send('{"type":"pair_offer"}')
            eq(json.loads(await new.recv())["error"], "code_required",
               "late answers and pongs are for nobody")
            await new.send(json.dumps(
                {"type": "http_response", "id": m["id"], "status": 200,
                 "x": [1, "é"], "body_b64": "z" * 1100000}))
            eq(json.loads(await new.recv())["error"], "message_too_large",
               "too long an answer")
            eq((await c.get())["error"], "response_too_large",
               "is told the client")
            await c.send(id="r2")
            m = json.loads(await new.recv())
            await new.send(json.dumps({"type": "http_response", "id":
                                       m["id"], "x": [1, "é"]}))
            eq(await c.ws.recv(), '{"type":"http_response","id":"r2",'
               '"x":[1,"é"]}', "all its keys go through")
            for i in range(65):
                await c.send(id=str(i))
            eq((await c.get())["error"], "too_many_pending",
               "64 wait for it, and no more")
    await n.stop()
    for p in ("/ws/node", "/ws/node?node_id=", "/ws/node?node_id=keyed",
              "/ws/node?node_id=keyed&key=wrong"):
        eq(await refused(p), 403, p)
    n = Connector("keyed", "code-of-keyed", base, NODE_KEY)
    ok(await n.until(lambda: n.acks) and n.acks[0]["ok"],
       "with its key it may come")
    eq(await refused("/ws/node?node_id=keyed", extra_headers={
        "Authorization": "Bearer " + NODE_KEY}), 101, "or in Authorization")
    await n.stop()

asyncio.run(connectors())


# ---- what dies ----

async def deaths():
    base = "http://127.0.0.1:%d" % backend.server_port
    n = Connector("n2", "first-code", base)
    await n.until(lambda: n.acks)
    foreign = pair("first-code")[1]["token"]
    async with websockets.connect(WS + "/ws/node?node_id=n3") as raw:
        await raw.send('{"type":"pair_offer","code":"kept-code"}')
        await raw.recv()
        ours = agent_code("--ttl", "10m")["code"]
        admin = json.loads(relay.ctl("pair", "pi", "--ttl", "10m",
                                     "--json").stdout)["code"]
        before = health()
        async with Client(TOKEN) as c, Client(foreign) as f:
            killed("router")
            eq(wait_for(lambda: health() == before, 30), True,
               "a new router knows all that there is")
            eq(((await c.ask())["status"], (await f.ask())["status"]),
               (200, 200), "clients did not notice")
            eq((pair(ours)[0], pair("kept-code")[0], pair(admin)[0]),
               (200, 200, 200), "codes are still good")
            eq((pair(ours)[0], pair("first-code")[0]), (403, 403),
               "and those that were used are not")
            killed("auth")
            eq((await c.ask())["status"], 200, "auth dies: nor now")
    async with Client(TOKEN) as c:
        eq((await c.ask())["status"], 200, "tokens are in the store")
    async with Client(foreign) as f:
        for name in ("listener", "listener 1"):
            killed(name)
        ok(await n.until(lambda: health()["nodes"] == 2),
           "all listeners died: nodes are back")

    async def works(tok):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                async with Client(tok) as x:
                    if (await x.ask()).get("status") == 200:
                        return True
            except (OSError, websockets.WebSocketException):
                pass
            await asyncio.sleep(0.1)
    ok(await works(foreign) and await works(TOKEN), "and so are clients")
    await n.stop()

    async with Client(TOKEN) as c, Client(token()) as d:
        await c.send(path="/sleep/4")
        relay.ctl("user", "disable", "you@example.org")
        start = time.monotonic()
        eq((await c.code(), await d.code()), (4403, 4403),
           "a user who is locked out: 4403")
        ok(time.monotonic() - start < 20, "at once")
    async with Client(TOKEN) as c:
        eq(await c.code(), 4403, "and there is no way in")
    relay.ctl("user", "enable", "you@example.org")
    wait_for(lambda: node_online(relay, "pi"), 60)
    async with Client(TOKEN) as c:
        eq((await c.ask())["status"], 200, "until they are let in again")
        relay.ctl("node", "remove", "pi")
        eq(await c.code(), 4403, "a node that is removed: 4403")
    async with Client(TOKEN) as c:
        eq(await c.code(), 4403, "its sessions went with it")

asyncio.run(deaths())


# ---- many, and slow ones ----

async def crowd():
    async with websockets.connect(WS + "/ws/node?node_id=n4",
                                  ping_interval=None) as node:
        await node.send('{"type":"pair_offer","code":"n4-code"}')
        await node.recv()
        tok = pair("n4-code")[1]["token"]
        count = 200 if SANITIZED else 1000
        clients = [Client(tok, ping_interval=None) for _ in range(count)]
        for c in clients[:20]:
            await c.__aenter__()
        pids = [p for k, p in relay.children().items() if "listener" in k]
        before = sum(map(rss, pids))
        for c in clients[20:]:
            await c.__aenter__()
        each = (sum(map(rss, pids)) - before) / (count - 20)
        ok(SANITIZED or each < 16384, "idle clients are cheap: %d bytes each" %
           each)
        for c in clients[::50]:
            await c.ws.send('{"type":"ping"}')
            await c.get()
        for c in clients:
            await c.__aexit__()
        return tok


def stuffed(target, msg):
    """Who asks and does not read: what waits for it is bounded."""
    s = by_hand(target)
    frame = bytes([0x81, 0x80 | len(msg), 0, 0, 0, 0]) + msg
    s.setblocking(False)
    sent, many = 0, frame * 2000
    stuck, end = time.monotonic(), time.monotonic() + 30
    while sent < 30 << 20 and time.monotonic() < end:
        try:
            sent += s.send(many[sent % len(many):])
            stuck = time.monotonic()
        except BlockingIOError:
            if time.monotonic() - stuck > 2:
                break
            time.sleep(0.02)
    ok(time.monotonic() < end and sent < 30 << 20,
       "who does not read is not read: %d bytes" % sent)
    s.close()

stuffed("/ws/client?token=" + asyncio.run(crowd()), b'{"type":"ping"}')
stuffed("/ws/node?node_id=n5", b"x" * 15)

# ---- attempts, origins, off ----

reload("rpc pair rate 3\nrpc origin https", "a reload")
eq([pair("x", src="127.0.0.5")[0] for _ in range(5)], [403] * 3 + [429] * 2,
   "three attempts a minute")
eq(http_ask("POST", "/api/pair", "{}", src="127.0.0.5")[0], 422,
   "what is no attempt is still told so")
eq(pair("x", src="127.0.0.6")[0], 403, "others are not counted")
eq(http_ask("POST", "/api/pair", '{"code":"x"}', src="127.0.0.5")[1],
   b'{"detail":"too many attempts"}', "and why")


async def off():
    eq(await refused("/ws/node?node_id=n9"), 403, "connectors: off")
    eq(await refused("/ws/client?token=x", origin="http://evil.example"), 403,
       "an origin without TLS")
    async with Client("x", origin="https://good.example") as c:
        eq(await c.code(), 4403, "one with it")
    async with Client("x") as c:
        eq(await c.code(), 4403, "none")

asyncio.run(off())
done()
