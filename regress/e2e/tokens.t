#!/usr/bin/env python3
"""Users, tokens, names; and that revocation is immediate."""
import os
import sys
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=2)
target = Target(echo)

# ---- users ----
eq(relay.user_add().returncode, 0, "user add")
ok(relay.user_add().returncode != 0, "the same user again is refused")
r = relay.ctl("user", "add", "pw@example.org", "--password-stdin",
              input="correct horse\n")
eq(r.returncode, 0, "user add with a password")
users = relay.json("user", "list")
eq(sorted(u["email"] for u in users), ["pw@example.org", "you@example.org"],
   "user list")
with open(relay.dir + "/state/culvert.db", "rb") as f:
    db = f.read()
if os.path.exists(relay.dir + "/state/culvert.db-wal"):
    with open(relay.dir + "/state/culvert.db-wal", "rb") as f:
        db += f.read()
ok(b"correct horse" not in db and b"$y$" in db,
   "the store has the password's hash only")
ok(relay.ctl("user", "add", "no-at-sign", "--no-password").returncode != 0,
   "a bad address is refused")
ok(relay.ctl("token", "create", "--user", "nobody@example.org", "--scope",
             "node").returncode != 0, "a token for nobody is refused")
ok(relay.ctl("token", "create", "--user", "you@example.org", "--scope",
             "everything").returncode != 0, "an unknown scope is refused")

# ---- tokens ----
node = relay.token("node", "you@example.org", "--name", "pi")
ok(re.fullmatch(r"culv_[a-z0-9]{12}_[a-z2-7]{52}_[0-9a-f]{8}", node),
   "token create prints the token alone", node)
secret = node.split("_")[2].encode()
with open(relay.dir + "/state/culvert.db", "rb") as f:
    ok(secret not in f.read(), "its secret is not in the store")
agent = Agent(relay, token=node)
conn = relay.token("connect", "you@example.org", "--name", "laptop",
                   "--expires", "30d")
env = login(relay, conn)
ids = {t["name"]: t for t in relay.json("token", "list")}
ok("laptop" in ids and "pi" in ids, "token list", ids)
st, out, err = Connect(env, "pi", target.port).end(b"x")
eq((st, out), (0, b"x"), "a stream passes")


def status_of(token, port=None):
    e = dict(os.environ, XDG_CONFIG_HOME=env["XDG_CONFIG_HOME"],
             RELAY_TOKEN=token)
    st_, out_, err_ = Connect(e, "pi", target.port).end(b"", 20)
    return st_, err_.strip()


for name, tok in (
        ("cut short", conn[:-3]),
        ("with a typing error", conn[:20] + ("b" if conn[20] == "a" else "a")
         + conn[21:]),
        ("that is none", "hello"),
        ("of the wrong scope", relay.token("node"))):
    st, err = status_of(tok)
    ok(st not in (0, 124) and err and len(err.splitlines()) == 1,
       "a token %s: refused with a line" % name, "%s %s" % (st, err))
    ok(tok not in err, "which does not repeat it")
short = relay.token("connect", "you@example.org", "--expires", "2s")
eq(status_of(short)[0], 0, "a token that expires soon works")


def held(e=env, n="pi"):
    c = Connect(e, n, target.port)
    assert c.echoes()
    return c


r = relay.ctl("token", "create", "--user", "you@example.org", "--scope",
              "connect", "--nodes", "")
ok(r.returncode == 2 and r.stdout == "" and "--nodes" in r.stderr,
   "an empty list of nodes is not all of them", r.stdout + r.stderr)
held_short, short_at = None, time.monotonic()

# ---- revocation ----


held_short = held(dict(env, RELAY_TOKEN=short))


def ends_within(c_, what, *cmd):
    t0_ = time.monotonic()
    r_ = relay.ctl(*cmd)
    took = time.monotonic() - t0_
    try:
        st_ = c_.p.wait(3)
    except subprocess.TimeoutExpired:
        st_ = None
    total = time.monotonic() - t0_
    ok(r_.returncode == 0 and st_ not in (None, 0) and total < 2,
       "%s ends live streams at once" % what,
       "%s status %s in %.2f s (command %.2f s) %s" % (
           cmd, st_, total, took, r_.stderr))
    ok(re.search(r"\d+ link", r_.stdout + r_.stderr) and
       re.search(r"\d+ ms", r_.stdout + r_.stderr),
       "and the command says how many and how fast", r_.stdout + r_.stderr)
    c_.kill()


victim = relay.token("connect")
ends_within(held(dict(env, RELAY_TOKEN=victim)), "token revoke", "token",
            "revoke", victim.split("_")[1])
eq(status_of(victim)[0], 5, "a revoked token: 5")
eq(status_of(conn)[0], 0, "the others go on")
ends_within(held(), "user disable", "user", "disable", "you@example.org")
eq(status_of(conn)[0], 5, "a disabled user's token: 5")
eq(relay.ctl("user", "enable", "you@example.org").returncode, 0,
   "user enable")
ok(wait_for(lambda: node_online(relay), 60), "the node comes back")
ok(wait_for(lambda: status_of(conn)[0] == 0, 20), "and all works again")

# ---- names ----
relay.user_add("other@example.org")
theirs = relay.token("node", "other@example.org")
thief = Agent(relay, "pi", token=theirs, wait=False)
ok(thief.proc.wait_line("belongs to somebody else"),
   "a name that is somebody else's is refused with the reason",
   thief.proc.text())
eq(status_of(conn)[0], 0, "and its owner is not disturbed")
thief.stop()
second = Agent(relay, "pi", token=relay.token("node"), wait=False)
ok(second.proc.wait_line("another token"),
   "another token of the owner is refused while the first is live",
   second.proc.text())
second.stop()
for bad in ("Pi_1", "-pi", "a--b", "x" * 64):
    r = run([OBJ + "/agentd", "-n", "-f", write(
        "bad.conf", "relay \"%s\"\nname \"%s\"\n" % (relay.url, bad)),
        "--token-file", write("t", theirs, 0o600)])
    ok(r.returncode != 0 and "name" in r.stderr, "bad name %s" % bad[:8],
       r.stderr)

# the same device twice: the newer one holds the name, nothing flaps
clone = Agent(relay, "pi", token=node, wait=True)
ok(wait_for(lambda: relay.proc.lines("two devices|another agentd"), 20),
   "two devices with one identity are reported", relay.proc.text()[-800:])
n0 = len(relay.proc.lines("taken over"))
eq(status_of(conn)[0], 0, "one of them serves")
clone.stop()
ok(wait_for(lambda: status_of(conn)[0] == 0, 60),
   "when it goes, the other one serves again")

# ---- nodes ----
eq(relay.ctl("node", "kick", "pi").returncode, 0, "node kick")
ok(wait_for(lambda: status_of(conn)[0] == 0, 30), "it comes back by itself")
r = relay.ctl("node", "show", "pi")
ok(r.returncode == 0 and "you@example.org" in r.stdout, "node show", r.stdout)
eq(relay.ctl("node", "rename", "pi", "po").returncode, 0, "node rename")
ok(relay.ctl("node", "rename", "po", "Bad_Name").returncode != 0,
   "not to a name that is none")
c = None
r = relay.ctl("node", "remove", "po")
eq(r.returncode, 0, "node remove")
r = relay.ctl("user", "delete", "other@example.org")
eq(r.returncode, 0, "user delete")
ok("other@example.org" not in [u["email"] for u in
                               relay.json("user", "list")], "is gone")
ok(relay.ctl("token", "revoke", "aaaaaaaaaaaa").returncode != 0,
   "revoking what is not there fails")

# ---- expiry, with the minute that clocks may be apart ----
# (its user was disabled meanwhile, which ended that link; a new one now)
if time.monotonic() - short_at < 55:
    held_short.kill()
    held_short = None
    n2 = Agent(relay, "px")
    held_short = held(dict(env, RELAY_TOKEN=short), "px")
    t0 = time.monotonic()
    try:
        st = held_short.p.wait(80)
    except subprocess.TimeoutExpired:
        st = None
    ok(st not in (None, 0), "a live link ends when its token has expired",
       "%s after %.0f s" % (st, time.monotonic() - t0))
ok(wait_for(lambda: status_of(short)[0] == 5, 20, 1),
   "an expired token: 5", status_of(short))

# ---- what an agent's token may not ----
e = dict(env, RELAY_TOKEN=node)
st, err = status_of(node)
eq(st, 5, "a node's token connects nowhere")
log = relay.proc.text() + agent.proc.text()
ok(not any(t.split("_")[2] in log for t in (node, conn, victim, theirs)),
   "no secret is in any log")
done()
