#!/usr/bin/env python3
"""Grants: others' nodes, so far and so long as they were given."""
import os
import sqlite3
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

LONG = 30
ME, BOB = "you@example.org", "bob@example.org"
relay = Relay(prefork=2)
relay.user_add()
relay.user_add(BOB)
sock, sock2 = path("one.sock"), path("two.sock")
agent = Agent(relay, extra="pass to 127.0.0.0/8\npass unix \"%s\"\n"
              "pass unix \"%s\"\n" % (sock, sock2))
own = Agent(relay, "bobs", token=relay.token("node", BOB))
env = login(relay, relay.token("connect", BOB), "bob")
one, two = Target(echo), Target(echo)


def at_path(name):
    """A Unix socket that sends back what it is sent."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    os.chmod(name, 0o777)
    s.listen(8)

    def loop():
        while True:
            c, _ = s.accept()
            echo(c)
            c.close()

    threading.Thread(target=loop, daemon=True).start()


def at_udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))

    def loop():
        while True:
            b, a = s.recvfrom(65536)
            s.sendto(b, a)

    threading.Thread(target=loop, daemon=True).start()
    return s.getsockname()[1]


def grant(*args):
    return relay.ctl("grant", BOB, "pi", *args)


def status(port, host="127.0.0.1", node="pi", e=env):
    st, out, err = Connect(e, node, host, port, "tcp").end(b"x", LONG)
    return st, err.strip()


def held(port, node="pi"):
    c = Connect(env, node, port)
    if not c.echoes():
        raise SystemExit("no stream: " + c.end()[2])
    return c


def gone(c, seconds=LONG):
    try:
        return c.p.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def ended(r):
    """How many streams the command says it has ended."""
    m = re.search(r"(\d+) streams? ended within \d+ ms", r.stdout)
    return int(m[1]) if m else -1


def nodes():
    r = run([OBJ + "/accessctl", "nodes", "--json"], env=env)
    return {n["node"]: n for n in json.loads(r.stdout)}


def audit(what):
    with sqlite3.connect(relay.dir + "/state/culvert.db") as db:
        return [r for r in db.execute(
            "SELECT email, node, target, text FROM audit WHERE what = ?",
            (what,))]


# ---- without ----
eq(status(one.port)[0], 5, "without a grant: denied")
eq(status(one.port, node="nope")[0], 6, "what is not there is not there")
eq(list(nodes()), ["bobs"], "and not on the list")

# ---- what is no grant ----
for args, want, name in (
        (("grant", BOB, "pi"), 2, "no scope"),
        (("grant", BOB, "pi", "--scope", "node"), 2, "a scope of nodes"),
        (("grant", "pi", BOB, "--scope", "connect"), 2, "the wrong way round"),
        (("grant", BOB, "--scope", "connect"), 2, "no node"),
        (("grant", BOB, "pi", "--scope", "connect", "--to", "22"), 2,
         "a target that is none"),
        (("grant", BOB, "pi", "--scope", "connect", "--to",
          ",".join("10.0.%d.0/24:22" % i for i in range(17))), 2,
         "too many targets"),
        (("grant", BOB, "pi", "--to", "127.0.0.1:22", "--scope", "http"), 2,
         "a target for sites"),
        (("grant", BOB, "pi", "--scope", "connect", "--until", "soon"), 2,
         "an end that is none"),
        (("grant", BOB, "pi", "--scope", "connect", "--until",
          "2020-01-01"), 2, "an end in the past"),
        (("grant", BOB, "nope", "--scope", "connect"), 1, "no such node"),
        (("grant", "no@example.org", "pi", "--scope", "connect"), 1,
         "no such user"),
        (("grant", ME, "pi", "--scope", "connect"), 1, "the owner"),
        (("grant", "revoke", BOB, "pi"), 1, "revoking what is not there")):
    r = relay.ctl(*args)
    ok(r.returncode == want and r.stderr, name + " is refused",
       "%d %s" % (r.returncode, r.stderr))

# ---- with ----
r = grant("--scope", "connect,ssh", "--until", "2d")
ok(r.returncode == 0 and "granted pi to " + BOB in r.stdout, "grant",
   r.stdout + r.stderr)
eq([status(one.port)[0] for _ in range(6)], [0] * 6,
   "six clients get through, whichever listener they meet")
sshd = Sshd()
r = run(["ssh", "-F", sshd.config(env), "pi", "echo hello"], timeout=60)
eq((r.returncode, r.stdout), (0, "hello\n"), "ssh")
n = nodes().get("pi", {})
ok(n.get("owner") == ME and n.get("granted") is True and
   n.get("online") is True and n.get("scopes") == ["connect", "ssh"] and
   n.get("targets") == [] and n.get("until"), "accessctl nodes says so", n)
n = nodes().get("bobs", {})
ok(n.get("owner") == BOB and n.get("granted") is False and
   n.get("scopes") == [] and n.get("until") is None,
   "and what is his own", n)
g = relay.json("grant", "list")
eq([(x["user"], x["node"], x["owner"], x["expired"]) for x in g],
   [(BOB, "pi", ME, False)], "grant list")
eq(relay.json("grant", "list", "--node", "bobs"), [], "grant list --node")
eq(len(relay.json("grant", "list", "--user", BOB)), 1, "grant list --user")
other = dict(env, RELAY_TOKEN=relay.token("connect", BOB, "--nodes", "bobs"))
eq(status(one.port, e=other)[0], 5, "a token for another node does not pass")
third = relay.ctl("user", "add", "eve@example.org", "--no-password")
eve = dict(env, RELAY_TOKEN=relay.token("connect", "eve@example.org"))
eq(status(one.port, e=eve)[0], 5, "nor does anybody else")

# ---- targets and scopes ----
edge, past = Target(echo, "127.0.0.3"), Target(echo, "127.0.0.4")
r = grant("--scope", "connect", "--to", "127.0.0.1:%d" % one.port, "--to",
          "127.0.0.0/30:%d,LOCALHOST:%d" % (edge.port, two.port))
eq(r.returncode, 0, "grant --to")
eq(nodes()["pi"]["targets"], ["127.0.0.1:%d" % one.port, "127.0.0.0/30:%d" %
                              edge.port, "localhost:%d" % two.port],
   "accessctl nodes shows the targets")
eq(nodes()["pi"]["until"], None, "a new grant has replaced the old one")
for host, port, want, name in (
        ("127.0.0.1", one.port, 0, "an address"),
        ("127.0.0.1", two.port, 5, "another port"),
        ("127.0.0.3", edge.port, 0, "the last of a prefix"),
        ("127.0.0.4", past.port, 5, "the first behind a prefix"),
        ("localhost", two.port, 0, "a name"),
        ("127.1", one.port, 5, "an address in disguise"),
        ("localhost", one.port, 5, "a name that was not given")):
    st, err = status(port, host)
    ok(st == want and (st == 0 or "grant does not cover" in err),
       "%s: %d" % (name, want), "%d %s" % (st, err))
ok(wait_for(lambda: [a for a in audit("stream denied")
                     if "does not cover" in a[3] and a[0] == BOB], LONG),
   "denials are in the audit log", audit("stream denied"))
at_path(sock)
at_path(sock2)
udp = at_udp()


def answers(*args):
    st, out, err = Connect(env, *args).end(b"x", LONG)
    return st, out


grant("--scope", "connect")
eq(answers("pi", sock), (0, b"x"), "without --to: a Unix socket")
eq(answers("-w", "1", "pi", "127.0.0.1:%d/udp" % udp), (0, b"x"), "and UDP")
grant("--scope", "connect", "--to", "*:*")
eq(answers("pi", sock)[0], 5, "any port of any host is no Unix socket")
eq(answers("-w", "1", "pi", "127.0.0.1:%d/udp" % udp), (0, b"x"),
   "but it is UDP")
grant("--scope", "connect", "--to", "%s,127.0.0.1:%d" % (sock, one.port))
eq(answers("pi", sock), (0, b"x"), "the path of a Unix socket")
eq(answers("pi", sock2)[0], 5, "and not another")
eq(answers("-w", "1", "pi", "127.0.0.1:%d/udp" % udp)[0], 5,
   "a UDP port that was not given")
eq(grant("--scope", "http").returncode, 0, "a grant without connect")
st, err = status(one.port)
ok(st == 5 and "scope connect" in err, "denied, with the reason", err)

# ---- replaced ----
grant("--scope", "connect")
a, b = held(one.port), held(two.port)
mine = held(one.port, "bobs")
r = grant("--scope", "connect", "--to", "127.0.0.1:%d" % one.port)
eq(ended(r), 1, "a narrower grant ends what it does not cover")
eq(gone(b), 10, "which is cut")
ok(a.echoes(), "the rest goes on")
eq(status(two.port)[0], 5, "nothing new behind its back")
r = grant("--scope", "connect")
ok(r.returncode == 0 and a.echoes(), "a wider one ends nothing", r.stdout)
eq(status(two.port)[0], 0, "and counts at once")

# ---- revoked ----
many = [held(one.port) for _ in range(5)]
r = relay.ctl("grant", "revoke", BOB, "pi")
eq(ended(r), 6, "grant revoke says how many streams it has ended")
eq([gone(c) for c in many + [a]], [10] * 6, "all are cut")
ok(mine.echoes(), "what is his own goes on")
eq(status(one.port)[0], 5, "denied again")
eq(list(nodes()), ["bobs"], "and no longer on the list")

# one link for both
fwd, keep = free_port(), free_port()
grant("--scope", "connect")
p = Proc("forward", [OBJ + "/accessctl", "forward", "-L",
                     "%d:pi:%d" % (fwd, one.port), "-L",
                     "%d:bobs:%d" % (keep, one.port)], env=env)
p.wait_line("forwarding")
wait_for(lambda: can_connect(keep) and can_connect(fwd))
s1 = socket.create_connection(("127.0.0.1", fwd), LONG)
s2 = socket.create_connection(("127.0.0.1", keep), LONG)
for s in (s1, s2):
    s.sendall(b"x")
eq((s1.recv(1), s2.recv(1)), (b"x", b"x"), "two nodes over one link")


def cut(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


r = relay.ctl("grant", "revoke", BOB, "pi")
ok(cut(s1), "the granted one is cut", r.stdout)
s2.sendall(b"y")
eq(s2.recv(1), b"y", "the link and the other stream go on")
p.stop()

# ---- expired ----
until = int(time.time()) + 4
r = grant("--scope", "connect", "--until",
          time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)))
eq(r.returncode, 0, "grant --until")
a = held(one.port)
eq(gone(a), 10, "the stream ends when the time is over")
late = time.time() - until
ok(-0.2 < late < 10, "not before", "%.1f s" % late)
ok(mine.echoes(), "what is his own goes on")
eq(status(one.port)[0], 5, "an expired grant gives nothing")
eq([x["expired"] for x in relay.json("grant", "list")], [True],
   "it is on the list as expired")
eq(list(nodes()), ["bobs"], "but not on his")
ok(wait_for(lambda: audit("grant expired"), LONG), "and in the audit log")
ok(wait_for(lambda: audit("grant") and [
    x for x in audit("revoke") if x[:2] == (BOB, "pi")], LONG),
   "with grants and revocations", audit("revoke"))

# ---- its users ----
grant("--scope", "connect")
a = held(one.port)
r = relay.ctl("user", "disable", ME)
ok(gone(a) not in (0, None), "the owner is disabled: it ends", r.stdout)
ok(status(one.port)[0] in (5, 7), "and gives nothing")
relay.ctl("user", "enable", ME)
ok(wait_for(lambda: status(one.port)[0] == 0, 60, 0.5),
   "the owner is enabled: it is as it was")
mine.kill()
a = held(one.port)
r = relay.ctl("user", "disable", BOB)
ok(gone(a) not in (0, None) and ended(r) >= 1,
   "the user is disabled: it ends", r.stdout)
relay.ctl("user", "enable", BOB)
ok(wait_for(lambda: status(one.port)[0] == 0, 60, 0.5),
   "the user is enabled: it is as it was")

# ---- processes that die in between ----


def killed(*names):
    before = relay.children()
    for n in names:
        os.kill(before[n], signal.SIGKILL)
    return wait_for(lambda: set(before) <= set(relay.children()) and all(
        relay.children().get(n) != before[n] for n in names) and
        relay.serving(), 60)


for name in ("auth", "router"):
    a = held(one.port)
    ok(killed(name), name + " is killed and comes back")
    ok(a.echoes(), "the stream goes on")
    b = held(one.port)
    r = grant("--scope", "connect", "--to", "127.0.0.1:%d" % two.port)
    eq((ended(r), gone(a), gone(b)), (2, 10, 10),
       "and ends when the grant is narrowed")
    grant("--scope", "connect")
    c = held(one.port)
    r = relay.ctl("grant", "revoke", BOB, "pi")
    eq((ended(r), gone(c)), (1, 10), "or revoked")
    grant("--scope", "connect")

# what was decided, but nobody heard of: one of them died just then
for name in ("auth", "router"):
    a, b = held(one.port), held(two.port)
    with sqlite3.connect(relay.dir + "/state/culvert.db", 10) as db:
        db.execute("UPDATE grants SET targets = ?",
                   ('["127.0.0.1:%d"]' % two.port,))
    ok(killed(name), "%s is killed with the store changed" % name)
    eq(gone(a), 10, "what is no longer covered ends")
    ok(b.echoes(), "what still is goes on")
    with sqlite3.connect(relay.dir + "/state/culvert.db", 10) as db:
        db.execute("DELETE FROM grants")
    ok(killed(name), "%s is killed with the grant deleted" % name)
    eq(gone(b), 10, "what rested on it ends")
    grant("--scope", "connect")
# the same for a link that has no stream, only a route
p = Proc("forward", [OBJ + "/accessctl", "forward", "-L",
                     "%d:pi:%d" % (fwd, one.port)], env=env)
p.wait_line("forwarding")


def through():
    try:
        with socket.create_connection(("127.0.0.1", fwd), LONG) as s:
            s.sendall(b"x")
            return s.recv(1) == b"x"
    except ConnectionError:
        return False


ok(wait_for(through, LONG), "a stream over a link that stays")
with sqlite3.connect(relay.dir + "/state/culvert.db", 10) as db:
    db.execute("DELETE FROM grants")
ok(killed("auth"), "auth is killed with the grant deleted")
ok(wait_for(lambda: not through(), LONG), "the link's route ends as well")
p.stop()
until = int(time.time()) + 3
grant("--scope", "connect", "--until",
      time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)))
a = held(one.port)
pid = relay.children()["auth"]
os.kill(pid, signal.SIGSTOP)
wait_for(lambda: time.time() > until + 0.5, 10)
os.kill(pid, signal.SIGKILL)
eq(gone(a), 10, "auth was away when it expired: it ends when it is back")
ok(wait_for(lambda: relay.serving(), 60), "all is there again")
grant("--scope", "connect")
ok(killed("listener", "listener 1"), "the listeners are killed")
ok(wait_for(lambda: status(one.port)[0] == 0, 60, 0.5),
   "the grant holds with new ones")
a = held(one.port)
eq(ended(relay.ctl("grant", "revoke", BOB, "pi")), 1, "and ends there")
eq(gone(a), 10, "its stream is cut")

# ---- the node ----
grant("--scope", "connect")
relay.ctl("node", "rename", "pi", "po")
agent.stop()
agent = Agent(relay, "po", token=agent.token)
ok(wait_for(lambda: status(one.port, node="po")[0] == 0, 60, 0.5),
   "a node that is renamed keeps its grants")
eq([x["node"] for x in relay.json("grant", "list")], ["po"],
   "under its new name")
a = held(one.port, "po")
r = relay.ctl("node", "remove", "po")
ok(gone(a) not in (0, None) and ended(r) >= 1, "a node is removed: it ends",
   r.stdout + r.stderr)
eq(relay.json("grant", "list"), [], "and so do its grants")
ok(wait_for(lambda: node_online(relay, "po"), 60),
   "when it registers again it is another node")
eq(status(one.port, node="po")[0], 5, "to which there is no grant")
relay.ctl("grant", BOB, "po", "--scope", "connect")

# ---- the owner finds room ----
few = Agent(relay, "few", extra="limit streams 8")
relay.ctl("grant", BOB, "few", "--scope", "connect")
held_all = [held(one.port, "few") for _ in range(7)]
st, err = status(one.port, node="few")
ok(st != 0 and "too many streams" in err,
   "of eight streams of a node another user has seven", err)
mine = login(relay, name="mine")
eq(status(one.port, node="few", e=mine)[0], 0, "and its owner the last")
ok(all(c.echoes() for c in held_all), "beside them")
held_all.pop().end()
ok(wait_for(lambda: status(one.port, node="few")[0] == 0),
   "one that ends makes room")
for c in held_all:
    c.end()
eq(relay.ctl("user", "delete", BOB).returncode, 0, "user delete")
eq(relay.json("grant", "list"), [], "takes the grants along")
done()
