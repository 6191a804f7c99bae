#!/usr/bin/env python3
"""The audit log: listed, chosen from, followed past a restart of auth; a
reader that reads nothing."""
import os
import sqlite3
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(extra="publish ports 1024-65535 on 127.0.0.1 by any\n")
relay.user_add()
relay.user_add("other@example.org")
agent = Agent(relay)
env = login(relay)
target = Target(echo)
eq(Connect(env, "pi", target.port).end(b"abc")[:2], (0, b"abc"), "a stream")


def audit(*args):
    r = relay.ctl("audit", "--json", *args)
    try:
        return json.loads(r.stdout)
    except ValueError:
        return None


def stream_line():
    return [a for a in audit() if a["what"] == "stream"]


a = wait_for(stream_line, 10)
ok(a and a[0]["user"] == "you@example.org" and a[0]["node"] == "pi" and
   a[0]["target"] == "127.0.0.1:%d" % target.port and
   (a[0]["bytes_in"], a[0]["bytes_out"]) == (3, 3) and
   a[0]["address"].startswith("127.0.0.1:"),
   "a stream: who, from where, to what, how many bytes", a)
whats = {x["what"] for x in audit()}
ok({"admin", "login", "link up", "link down", "stream"} <= whats,
   "and all else that happened", whats)
ids = [x["id"] for x in audit()]
eq(ids, sorted(set(ids)), "in order, each once")
eq({x["user"] for x in audit("--user", "OTHER@example.org")},
   {"other@example.org"}, "--user")
ok({x["node"] for x in audit("--node", "pi")} == {"pi"}, "--node")
eq(audit("--node", "nothing"), [], "of nobody: an empty list")
r = relay.ctl("audit")
ok(re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d stream: you@example\.org "
             r"token \w+ from 127\.0\.0\.1:\d+ node pi to 127\.0\.0\.1:%d, "
             r"\d+\.\d\d\d s, 3 in, 3 out$" % target.port, r.stdout, re.M),
   "lines for people", r.stdout)
eq(relay.ctl("audit", "--since", "soon").returncode, 2, "--since nonsense")
eq(relay.ctl("audit", "x").returncode, 2, "an argument too many")

# ---- commands, and what they end ----
cam = Agent(relay, "cam")
cam.stop()
p = free_port()
for args in (("publish", "add", "127.0.0.1:%d" % p, "PI:22"),
             ("publish", "remove", "127.0.0.1:%d" % p),
             ("user", "limit", "other@example.org", "--bandwidth", "none"),
             ("grant", "other@example.org", "PI", "--scope", "connect",
              "--until", "2040-01-31T12:00Z"),
             ("token", "create", "--user", "you@example.org", "--scope",
              "connect"),
             ("user", "disable", "other@example.org"),
             ("user", "enable", "other@example.org"),
             ("node", "rename", "cam", "camera"),
             ("session", "revoke", "--node", "pi")):
    r = relay.ctl(*args)
    eq(r.returncode, 0, " ".join(args[:2]) + r.stderr)


def people(*args):
    """Lines for people, from behind the time."""
    return [x[20:] for x in relay.ctl("audit", *args).stdout.splitlines()]


published = "publish 127.0.0.1:%d/tcp to pi:127.0.0.1:22: done" % p
for args in (("--node", "pi"), ("--node", "PI"),
             ("--user", "YOU@example.org")):
    lines = people(*args)
    ok("admin: you@example.org from uid %d node pi: %s" %
       (os.getuid(), published) in lines and
       "admin: you@example.org from uid %d node pi: un%s" %
       (os.getuid(), published) in lines and
       "revoke: you@example.org node pi: the port is no longer published: "
       "0 links, 0 streams" in lines,
       " ".join(args) + " shows whose port was published", lines)
eq(audit("--node", "PI"), audit("--node", "pi"),
   "the case of a node's name is ignored")
lines = people("--node", "camera")
ok("revoke: node camera: node was renamed from cam: 0 links, 0 streams" in
   lines,
   "a rename is found by the new name, too", lines)
lines = people()
ok("admin: other@example.org from uid %d: limit user other@example.org, "
   "no limit of bandwidth: done" % os.getuid() in lines,
   "a limit of none reads as none", lines)
ok(any("until 2040-01-31T12:00:00Z; to all" in x for x in lines),
   "a grant's end is a date", lines)
bad = [x for x in lines if "::" in x or ":," in x or
       re.match("(admin|revoke|grant).*(s, .* in, .* out)", x)]
eq(bad, [], "no line has a hole, or figures of what carries nothing")

# ---- since ----
db = sqlite3.connect(relay.dir + "/state/culvert.db", timeout=10)
now = int(time.time())
with db:
    db.executemany(
        "INSERT INTO audit (at, what, email, token_id, node, addr, target, "
        "ms, bytes_in, bytes_out, text) VALUES (?, 'stream', "
        "'old@example.org', '', 'old', 'a', 't', 1, 2, 3, ?)",
        [(now - 7200, "two hours"), (now - 3 * 86400, "three days")])
texts = lambda *args: sorted(x["text"] for x in audit(
    "--user", "old@example.org", *args))
eq(texts("--since", "1h"), [], "--since 1h")
eq(texts("--since", "3h"), ["two hours"], "--since 3h")
eq(texts(), ["two hours"], "a day is the default")
eq(texts("--since", "all"), ["three days", "two hours"], "--since all")

# ---- follow ----
def follow(*args):
    return Proc("follow", [OBJ + "/accessctl", "audit", "--follow",
                           "--socket", relay.socket, *args])


f = follow("--json", "--since", "1s")
g = follow("--user", "other@example.org")
mark = 0


def happens():
    """Something that leaves a line with a text of its own."""
    global mark
    mark += 1
    relay.ctl("user", "add", "new%d@example.org" % mark, "--no-password")
    return r"add user new%d@example.org: done" % mark


ok(f.wait_line(happens(), 20), "a new line is shown when it comes")
for proc in ("auth", "auth", "auth"):
    os.kill(relay.children()[proc], signal.SIGKILL)
    wait_for(relay.serving, 20)
    wait_for(lambda: relay.ctl("user", "list").returncode == 0, 20)
    ok(f.wait_line(happens(), 30), "and after auth was killed")
os.kill(relay.children()["router"], signal.SIGKILL)
wait_for(relay.serving, 20)
ok(f.wait_line(happens(), 30), "and after router was killed")
eq(relay.ctl("upgrade", timeout=120).returncode, 0, "an upgrade")
ok(f.wait_line(happens(), 30), "does not end it")
relay.stop()
relay.start()
ok(f.wait_line(happens(), 30), "nor does a restart of relayd")
seen = [json.loads(x)["id"] for x in f.text().splitlines()
        if x.startswith("{")]
eq(seen, sorted(set(seen)), "each once, in order, an object a line")
relay.ctl("user", "disable", "other@example.org")
ok(g.wait_line("disable user other@example.org", 20) and
   not g.lines("new1@"), "followed by user")
g.stop()
f.stop()

# ---- a reader that leaves ----
for args in ([], ["--json"]):
    left = subprocess.Popen([OBJ + "/accessctl", "audit", "--follow",
                             "--socket", relay.socket, *args],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ok(left.stdout.readline(), "a line is read")
    left.stdout.close()
    try:
        # Nothing happens meanwhile that would be a line.
        st = left.wait(20)
    except subprocess.TimeoutExpired:
        left.kill()
        st = left.wait()
    eq((st, left.stderr.read()), (10, b""),
       "follow ends without a word when its reader has gone")
    left.stderr.close()

# ---- a long log, and a slow reader ----
N = 20000 if SANITIZED else 60000
with db:
    db.executemany(
        "INSERT INTO audit (at, what, email, token_id, node, addr, target, "
        "ms, bytes_in, bytes_out, text) VALUES (?, 'stream', "
        "'long@example.org', '', 'long', 'a', 't', 1, 2, 3, ?)",
        [(now, "line %d" % i) for i in range(N)])
m0 = {k: rss(p) for k, p in relay.children().items()}
slow = subprocess.Popen([OBJ + "/accessctl", "audit", "--json", "--follow",
                         "--socket", relay.socket, "--user",
                         "long@example.org"], stdout=subprocess.PIPE)
first = slow.stdout.readline()
ok(b"line 0" in first, "a reader that stops after a line", first)
for i in range(20):
    ok(relay.serving(), "others are served") if i == 19 else relay.serving()
    time.sleep(0.05)
m1 = {k: rss(p) for k, p in relay.children().items()}
grown = {k: (m1[k] - m0[k]) >> 10 for k in m0 if k in m1}
ok(SANITIZED or all(v < 8192 for v in grown.values()),
   "no process keeps the log for it", grown)
n = 1
for line in slow.stdout:
    n += 1
    if n == N:
        break
eq(n, N, "when it goes on it gets every line")
ok(b"line %d" % (N - 1) in line, "to the last", line)
slow.kill()
slow.wait()
slow.stdout.close()
t0 = time.monotonic()
r = relay.ctl("audit", "--user", "long@example.org", timeout=120)
eq(len(r.stdout.splitlines()), N, "a long log, listed (%.1f s)" %
   (time.monotonic() - t0))

# one that never reads is dropped, and relayd says so
stop = subprocess.Popen([OBJ + "/accessctl", "audit", "--follow", "--socket",
                         relay.socket, "--user", "long@example.org"],
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
stop.stdout.read(10)
os.kill(stop.pid, signal.SIGSTOP)
ok(relay.proc.wait_line("reads nothing of a long answer: dropped", 60),
   "a reader that never reads is dropped")
os.kill(stop.pid, signal.SIGCONT)
out, err = stop.communicate(timeout=60)
ok(stop.returncode == 1 and (b"too slowly" in err or b"hung up" in err),
   "and told", (stop.returncode, err))

ok(relay.serving(), "relayd is well")
db.close()

# ---- what ends while there is no router ----
def carried():
    return sum(x["bytes_in"] for x in relay.json("traffic")
               if x["what"] == "user")


ok(wait_for(lambda: node_online(relay), 60), "the node is there")
port = free_port()
f = Forward(env, "%d:pi:%d" % (port, target.port))
c = socket.create_connection(("127.0.0.1", port), 20)
c.sendall(b"a")
eq(c.recv(1), b"a", "a stream")
n = len(stream_line())
router = relay.children()["router"]
# Nobody starts another one before it has ended.
relay.proc.kill(signal.SIGSTOP)
os.kill(router, signal.SIGKILL)
ok(wait_for(lambda: not alive(router), 30), "router dies")
c.sendall(b"b")
eq(c.recv(1), b"b", "the stream does not")
c.close()
ok(wait_for(lambda: target.conns[-1].fileno() == -1, 30), "before it ends")
relay.proc.kill(signal.SIGCONT)
ok(wait_for(lambda: relay.children().get("router") not in (None, router) and
            relay.serving() and len(stream_line()) == n + 1, 30),
   "when router is back it is on record",
   len(stream_line()) - n)
f.stop()

shutil.copy(OBJ + "/relayd", path("relayd"))
os.chmod(path("relayd"), 0o755)
relay.stop()
relay.proc = Proc("upgraded", [path("relayd"), "-d", "-f", relay.conf])
ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0 and
            node_online(relay), 60), "a relay of a binary of its own")
before, n = carried(), len(stream_line())
eq(Connect(env, "pi", target.port).end(b"x" * 50000)[0], 0, "a stream")
eq(relay.ctl("upgrade", timeout=120).returncode, 0, "an upgrade behind it")
ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0, 30) and
   len(stream_line()) == n + 1, "it is on record")
eq(carried() - before, 50000, "and counted")
relay.stop()
relay.start()

# ---- what ends with relayd ----

for i, what in enumerate(("the parent is told to end",
                          "all processes are told to",
                          "the device does not answer")):
    name = "end%d" % i
    other = Agent(relay, name)
    before = carried()
    c = Connect(env, name, target.port)
    ok(c.echoes(), "a stream")
    hung = what.startswith("the device") and other.children()["tunnel"]
    if hung:
        os.kill(hung, signal.SIGSTOP)
    for pid in [relay.proc.pid] + ([] if "all" not in what else
                                   list(relay.children().values())):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:      # the parent has told it already
            pass
    eq(relay.proc.p.wait(30), 0, what + ": relayd ends in order")
    c.kill()
    if hung:
        os.kill(hung, signal.SIGCONT)
    other.stop()
    relay.start()
    ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0, 30),
       "and is started again")
    lines = audit("--node", name)
    s = [x for x in lines if x["what"] == "stream"]
    ok(len(s) == 1 and (s[0]["bytes_in"], s[0]["bytes_out"]) == (1, 1),
       "the stream that was open is on record", lines)
    eq(len([x for x in lines if x["what"] == "link down"]), 1,
       "and the end of the link")
    eq(carried() - before, 1, "what it has carried is counted")
done()
