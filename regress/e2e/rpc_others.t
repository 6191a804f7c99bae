#!/usr/bin/env python3
# tags: slow
"""The rpc door: backends and clients of other makes, nodes of another make as
their connector behaves, and what dies under all of that."""
import shutil
import sys
sys.path.insert(0, "regress/e2e")
from rpc_door import *

TOKEN = token()


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
done()
