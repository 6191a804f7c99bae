#!/usr/bin/env python3
# tags: slow
"""The rpc door: pairing, paired clients, their node's backend, limits, and
sessions that end."""
import select
import shutil
import sqlite3
import sys
sys.path.insert(0, "regress/e2e")
from rpc_door import *
from http_way import Listeners

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
for ttl in (30, 90, 600):
    at = time.time()
    r = relay.ctl("pair", "pi", "--no-qr", "--ttl", "%ds" % ttl)
    m = re.search(r"^good until  (\S+ \S+) \((?:(\d+)m)?(\d+)s\), once$",
                  r.stdout, re.M)
    left = m and int(m[2] or 0) * 60 + int(m[3])
    ok(m and abs(time.mktime(time.strptime(m[1], "%Y-%m-%d %H:%M:%S")) -
                 at - ttl) <= 2 and ttl - 2 <= left <= ttl,
       "--ttl %ds: until which second" % ttl, r.stdout)
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

tok = token()
reload("rpc pair rate 3\nrpc origin https\ntrusted proxy 127.0.0.7",
       "a reload")
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


async def behind_a_proxy():
    n = len(Backend.seen)
    async with Client(tok, src="127.0.0.7", extra_headers={
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Proto": "https"}) as c:
        eq((await c.ask(id="1", path="/data"))["status"], 200,
           "a client behind a proxy that ends TLS")
    fields = Backend.seen[n][2]
    eq([fields.get("x-forwarded-" + x) for x in ("for", "proto", "port")],
       ["192.0.2.1", "https", "443"], "and the device hears how it came")

asyncio.run(behind_a_proxy())
done()
