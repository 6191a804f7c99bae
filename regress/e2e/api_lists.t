#!/usr/bin/env python3
"""The api door's lists, of nodes and connections: who sees what, at once not
any more, and however long they are and slow their readers."""
import sqlite3
import sys
import threading
import uuid
sys.path.insert(0, "regress/e2e")
from culvert import *

ANN, BOB, ROOT_USER = "ann@example.org", "bob@example.org", "root@example.org"
relay = Relay(prefork=2)
relay.user_add(ANN)
relay.user_add(BOB)
relay.ctl("user", "add", ROOT_USER, "--admin", "--no-password")
ann, bob = relay.token("connect", ANN), relay.token("connect", BOB)
root = relay.token("connect,admin", ROOT_USER)


def get(path, token=None, **kw):
    return http_get(relay.port, path, token, **kw)


def status(path, token=None, **kw):
    return get(path, token, **kw)[0]


def nodes(token, **kw):
    st, f, body = get("/api/nodes", token, **kw)
    assert st == 200 and f["content-type"] == "application/json", (st, body)
    assert f.get("cache-control") == "no-store"
    return json.loads(body)["nodes"]


def conns(token, **kw):
    st, f, body = get("/api/connections", token, **kw)
    assert st == 200 and f["content-type"] == "application/json", (st, body)
    return json.loads(body)["connections"]


# ---- who may ask ----
node_token = relay.token("node", ANN)
http_token = relay.token("http", ANN)
gone = relay.token("connect", ANN)
relay.ctl("token", "revoke", gone.split("_")[1])
for path in ("/api/nodes", "/api/connections"):
    st, f, _ = get(path)
    ok(st == 401 and f["www-authenticate"] == 'Bearer realm="culvert"',
       path + " without a token", (st, f))
    for bad, what in ((gone, "a revoked one"), ("rubbish", "rubbish"),
                      (ann[:-1] + ("a" if ann[-1] != "a" else "b"),
                       "a damaged one")):
        st, f, body = get(path, bad)
        ok(st == 401 and 'error="invalid_token"' in
           f.get("www-authenticate", "") and "error" in json.loads(body),
           "%s with %s" % (path, what), (st, f, body))
    eq(status(path, node_token), 403, path + " with a device's token")
    eq(status(path, http_token), 200, path + " with another scope")
    eq(status(path, ann, method="POST"), 405, "POST " + path)
    st, f, body = get(path, ann, method="HEAD")
    ok(st == 200 and body == b"", "HEAD " + path, (st, f))
    eq(status(path, node_token, method="HEAD"), 403, "HEAD with 403")
eq(nodes(ann), [], "no nodes")
eq(conns(ann), [], "no connections")

# ---- who sees what ----
a1 = Agent(relay, "a1", token=node_token)
b1 = Agent(relay, "b1", token=relay.token("node", BOB))
a2 = Agent(relay, "a2", token=relay.token("node", ANN), wait=True)
a2.stop()
r = relay.ctl("grant", BOB, "a1", "--scope", "connect", "--until", "2d")
eq(r.returncode, 0, "bob may use a1")
some = relay.token("connect", ANN, "--nodes", "a2")
some_root = relay.token("connect,admin", ROOT_USER, "--nodes", "b1")


def shown(token):
    return {n["node"]: (n["owner"], n["online"], n["granted"])
            for n in nodes(token)}


ok(wait_for(lambda: shown(ann) == {"a1": (ANN, True, False),
                                   "a2": (ANN, False, False)}, 30),
   "ann's nodes", shown(ann))
eq(shown(bob), {"a1": (ANN, True, True), "b1": (BOB, True, False)},
   "bob's, and the one he may use")
g = [n for n in nodes(bob) if n["node"] == "a1"][0]
ok(g["scopes"] == ["connect"] and g["targets"] == [] and
   abs(g["until"] - time.time() - 2 * 86400) < 600 and
   abs(g["since"] - time.time()) < 600, "with what he may do there", g)
eq(shown(root), {"a1": (ANN, True, False), "a2": (ANN, False, False),
                 "b1": (BOB, True, False)}, "an administrator sees all")
eq(shown(some), {"a2": (ANN, False, False)}, "a token for some nodes: those")
eq(shown(some_root), {"b1": (BOB, True, False)}, "an administrator's, too")

target = Target(echo)
ann_env, bob_env = login(relay, ann, "ann"), login(relay, bob, "bob")
open_ones = []
for env, node in ((ann_env, "a1"), (bob_env, "a1"), (bob_env, "b1")):
    c = Connect(env, node, target.port)
    c.p.stdin.write(b"hello")
    c.p.stdin.flush()
    os.read(c.p.stdout.fileno(), 5)
    open_ones.append(c)


def who(token):
    return sorted((c["user"], c["node"]) for c in conns(token))


eq(who(ann), [(ANN, "a1"), (BOB, "a1")],
   "ann sees her own, and others on her node")
eq(who(bob), [(BOB, "a1"), (BOB, "b1")], "bob sees his own")
eq(who(root), [(ANN, "a1"), (BOB, "a1"), (BOB, "b1")],
   "an administrator sees all")
eq(who(some), [], "a token for some nodes: its own, and there are none")
eq(who(some_root), [], "an administrator's, too")
c = [c for c in conns(ann) if c["user"] == ANN][0]
ok(c["kind"] == "tcp" and c["port"] == target.port and
   c["host"] == "127.0.0.1" and c["address"].startswith("127.0.0.1:") and
   abs(c["since"] - time.time()) < 600, "what is told of one", c)
ok(wait_for(lambda: [x["bytes_in"] for x in conns(ann)] == [5, 5], 30, 1),
   "its bytes", conns(ann))
listed = {c["id"] for c in relay.json("connection", "list")}
eq({c["id"] for c in conns(root)}, listed, "the same ids as accessctl's")
ids = [c["id"] for c in conns(ann) if c["user"] == ANN]
eq(relay.ctl("connection", "kill", ids[0]).returncode, 0, "which can be ended")
eq(who(ann), [(BOB, "a1")], "and are gone then")
for c in open_ones:
    c.kill()
ok(wait_for(lambda: conns(root) == [], 30), "as are those that end")
eq(relay.stat("sessions"), 2, "no session of a request is left")

# ---- at once not any more ----
short = relay.token("connect", ANN)
with Http(relay.port) as h:
    h.send("/api/nodes", token=short)
    eq(h.answer()[0], 200, "a token")
    relay.ctl("token", "revoke", short.split("_")[1])
    h.send("/api/nodes", token=short)
    eq(h.answer()[0], 401, "revoked: not on the same connection either")
relay.ctl("user", "disable", BOB)
eq(status("/api/nodes", bob), 401, "a disabled user")
relay.ctl("user", "enable", BOB)
eq(status("/api/nodes", bob), 200, "enabled again")
relay.ctl("grant", "revoke", BOB, "a1")
ok("a1" not in shown(bob), "a grant that was revoked")

# ---- one behind the other, old clients ----
with Http(relay.port) as h:
    for _ in range(3):
        h.send("/api/nodes", token=ann)
        h.send("/health")
        h.send("/api/connections", token=bob)
        h.send("/api/nodes", "HEAD", token=ann)
        h.send("/api/nodes", token=gone)
        h.send("/health")
    got = [h.answer()[0], h.answer()[0], h.answer()[0], h.answer(True)[0],
           h.answer()[0]]
    eq(got, [200, 200, 200, 200, 401], "requests one behind the other")
    ok(h.closed(), "a denied log-in ends the connection")
with Http(relay.port) as h:
    for _ in range(20):
        h.send("/api/nodes", token=ann)
    got = [json.loads(h.answer()[2]) for _ in range(20)]
    ok(len(got[0]["nodes"]) == 2 and all(x == got[0] for x in got),
       "twenty lists on one connection")
with Http(relay.port) as h:
    h.send("/api/nodes", token=ann, version="1.0")
    st, f, body = h.answer()
    ok(st == 200 and "transfer-encoding" not in f and
       len(json.loads(body)["nodes"]) == 2, "a list for HTTP/1.0", f)

for args in ([], ["--http1.0"], ["-H", "Connection: close"]):
    r = run(["curl", "-sS", "--fail", "--noproxy", "*", "--cacert",
             make_ca(), "-H", "Authorization: Bearer " + ann, *args] +
            ["https://localhost:%d/api/nodes" % relay.port] * 3)
    ok(r.returncode == 0 and [len(json.loads(x)["nodes"]) for x in
                              r.stdout.splitlines()] == [2, 2, 2],
       "curl %s thinks so, too" % " ".join(args), r.stderr)

# ---- failures are throttled ----
said = [get("/api/nodes", gone, src="127.0.0.77")[:2] for _ in range(14)]
ok(said[-1][0] == 429 and int(said[-1][1].get("retry-after", "0")) > 0,
   "too many failures: 429", said[-1])
eq(status("/api/nodes", ann, src="127.0.0.78"), 200, "from there alone")

# ---- long lists ----
MANY = 20000
db = sqlite3.connect(relay.dir + "/state/culvert.db", timeout=60)
(user,) = db.execute("SELECT id FROM users WHERE email = ?",
                     (BOB,)).fetchone()
(tok,) = db.execute("SELECT id FROM pat_tokens WHERE user_id = ?",
                    (user,)).fetchone()
with db:
    db.executemany(
        "INSERT INTO nodes (id, user_id, token_id, name, created_at) "
        "VALUES (?, ?, ?, ?, 1700000000)",
        [(str(uuid.uuid4()), user, tok, "many-%05d" % i)
         for i in range(MANY)])
db.close()
names = ["b1"] + ["many-%05d" % i for i in range(MANY)]
t0 = time.monotonic()
eq([n["node"] for n in nodes(bob)], names, "%d nodes in one list" % MANY)
print("# %d nodes in %.1f s" % (MANY, time.monotonic() - t0))
eq(len(nodes(root)), MANY + 3, "and in an administrator's")
eq([n["node"] for n in nodes(ann)], ["a1", "a2"], "but in nobody else's")
r = run([OBJ + "/accessctl", "nodes", "--json"], env=bob_env)
ok(r.returncode == 0 and [n["node"] for n in json.loads(r.stdout)] == names,
   "over a link as well", r.stderr)


def listeners_rss():
    return sum(rss(pid) for name, pid in relay.children().items()
               if name.startswith("listener"))


def begin(token=bob):
    """A reader that has seen the begin of a long list, and stops there."""
    h = Http(relay.port, rcvbuf=4096)
    h.send("/api/nodes", token=token)
    assert h.line() == "HTTP/1.1 200 OK"
    return h


def rest(h):
    """The whole list, or "cut"."""
    h.buf = b"HTTP/1.1 200 OK\r\n" + h.buf
    try:
        body = h.answer()[2]
    except (EOFError, OSError):
        return "cut"
    return [n["node"] for n in json.loads(body)["nodes"]]


def quiet():
    """No more pages are asked for: every reader has filled its pipe."""
    last = None
    for _ in range(60):
        cpu = open("/proc/%d/stat" % relay.children()["auth"]).read()
        cpu = cpu.split(")")[1].split()[11:13]
        if cpu == last:
            return True
        last = cpu
        time.sleep(0.5)


before = listeners_rss()
slow = [begin() for _ in range(30)]
quiet()
grown = listeners_rss() - before
size = len(get("/api/nodes", bob)[2])
what = "30 slow readers of a long list: memory stays"
if SANITIZED:
    skip(what, "a sanitizer keeps what was freed")
else:
    ok(grown < 30 * size / 3, what, "%d bytes more" % grown)
print("# %d bytes each: %d bytes more in memory" % (size, grown))
eq(status("/health"), 200, "others are served meanwhile")
eq(rest(slow[0]), names, "a slow one gets all of it in the end")
eq(rest(slow[1]), names, "and so does the next")

# ---- what ends in the middle ----
relay.ctl("token", "revoke", bob.split("_")[1])
eq(rest(slow[2]), "cut", "revoked: a list ends where it is")
eq(status("/api/nodes", bob), 401, "and there is no other")
for h in slow:
    h.s.close()
bob = relay.token("connect", BOB)


def kill(kind):
    pid = relay.children()[kind]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: relay.children().get(kind) not in (None, pid) and
             relay.serving(), 30)


def works():
    """503s with Retry-After at worst, then the list."""
    st, f, body = get("/api/nodes", bob)
    assert st == 200 or (st == 503 and "retry-after" in f), (st, f)
    return st == 200 and [n["node"] for n in
                          json.loads(body)["nodes"]] == names


for kind in ("auth", "router"):
    h = begin(bob)
    quiet()
    kill(kind)
    got = rest(h)
    ok(got == "cut" or got == names,
       "%s is killed: the list is whole, or cut" % kind,
       got if got == "cut" else len(got))
    ok(wait_for(works, 60), "and whole the next time")
# In the middle of a storm of them.
results, calm = [], threading.Event()


def ask():
    while not calm.is_set():
        try:
            st, f, body = get("/api/nodes", ann)
            results.append((st, "retry-after" in f, body if st == 200 and
                            len(json.loads(body)["nodes"]) != 2 else b""))
        except (EOFError, OSError):
            results.append(("cut", False, b""))


threads = [threading.Thread(target=ask) for _ in range(8)]
for t in threads:
    t.start()
ok(wait_for(lambda: 200 in [r[0] for r in results], 30),
   "a storm of requests")
for kind in ("auth", "router"):
    kill(kind)
calm.set()
for t in threads:
    t.join()
odd = [r for r in results if r[0] not in (200, "cut") and r[:2] !=
       (503, True) or r[2]]
ok(not odd, "while both are killed: answered, 503 or cut", odd[:5])
wait_for(lambda: status("/api/nodes", ann) == 200, 30)
eq(shown(ann).keys(), {"a1", "a2"}, "and then all is well")
a1.stop()
b1.stop()
eq(relay.stop(), 0, "relayd ends in order")
done()
