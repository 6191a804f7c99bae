"""A relay with the rpc door, a node and its backend; paired clients, connectors
of the other make, and WebSockets by hand."""
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
import threading

from culvert import *

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


def killed(kind):
    pid = relay.children()[kind]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: relay.children().get(kind) not in (None, pid), 30)
    wait_for(lambda: relay.serving() and node_online(relay, "pi"), 60)
