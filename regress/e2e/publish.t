#!/usr/bin/env python3
"""Published ports: ports of the relay's host that lead to targets of a node."""
import os
import re
import resource
import select
import sys
import threading
sys.path.insert(0, "regress/e2e")
from published import *

# ---- who may ----
p = free_port()
r = add(p)
eq(r.returncode, 0, "publish add")
ok("leads to pi:127.0.0.1:%d" % target.port in r.stdout, "says what it did",
   said(r))
ok(works(p), "and bytes pass")
for spec, why, text, *to in (
        ("127.0.0.1:19999", "outside of the rule's ports", "relayd.conf"),
        ("127.0.0.1:31990-32000", "only in part within", "relayd.conf",
         "pi:10-20"),
        ("127.0.0.2:20000", "on another address", "relayd.conf"),
        ("20000", "on all addresses", "relayd.conf"),
        ("[::]:20000", "on all addresses of IPv6", "relayd.conf"),
        ("127.0.0.1:%d" % p, "that is published", "published already"),
        ("127.0.0.1:%d-%d" % (p - 2, p + 2), "in a range with one that is",
         "published already", "pi:10-14"),
        ("127.0.0.1:%d" % relay.port, "that relayd has itself",
         "relayd itself listens"),
        ("127.0.0.1:22/sctp", "of an unknown protocol", "tcp or udp"),
        ("127.0.0.1:20000-22000", "in too large a range", "too many")):
    r = add(spec, *to)
    ok(r.returncode != 0 and text in r.stderr, "not a port %s" % why, said(r))
r = add(free_port(), "nobody:22")
ok(r.returncode == 1 and "no node nobody" in r.stderr, "no such node",
   said(r))
r = add(free_port(), "pi:22-23")
ok(r.returncode == 1 and "as many ports" in r.stderr,
   "as many targets as ports", said(r))
other = Agent(relay, "theirs", token=relay.token("node", "other@example.org"))
r = add(free_port(), "theirs:22")
ok(r.returncode == 1 and "does not let other@example.org" in r.stderr,
   "the rule is about the node's owner", said(r))
other.stop()
taken_port = free_port()
busy = socket.create_server(("127.0.0.1", taken_port))
r = add(taken_port)
ok(r.returncode == 1 and "in use by another program" in r.stderr,
   "a port that another program has", said(r))
eq(len(relay.json("publish", "list")), 1, "nothing of that was kept")

# ---- the list, connections, the logs ----
relay.ctl("log", "verbose")
s = visit(p)
ok(passes(s), "a visitor")
me = "127.0.0.1:%d" % s.getsockname()[1]
ok(relay.proc.wait_line(r"stream \w+: up: you@example.org from %s to pi .* by "
                        r"127.0.0.1:%d/tcp$" % (re.escape(me), p)),
   "the log tells by which port")
# Router hears of it a moment after the first bytes have passed.
wait_for(lambda: entry(p)["streams"] == 1, 10)
e = entry(p)
ok(e["state"] == "open" and e["streams"] == 1 and e["online"] and
   e["node"] == "pi" and e["user"] == "you@example.org",
   "publish list shows it", e)
c = [x for x in relay.json("connection", "list") if x["address"] == me]
ok(len(c) == 1 and c[0]["node"] == "pi" and c[0]["port"] == target.port and
   c[0]["bytes_in"] == 5 and c[0]["bytes_out"] == 5 and
   c[0]["by"].endswith(":%d/tcp" % p),
   "connection list shows the visitor's address, port and bytes",
   relay.json("connection", "list"))
r = relay.ctl("connection", "kill", c[0]["id"])
eq(r.returncode, 0, "connection kill")
ok(reset(s), "ends it with a reset")


ok(wait_for(lambda: any(x["address"] == me and "by 127.0.0.1:%d" % p in
                        x["text"] for x in relay.json("audit") or [])),
   "the audit log tells of visitor and port", relay.ctl("audit").stdout)

# ---- much, and many ----
big = os.urandom(1 << 20) * 32
with visit(p) as s:
    got = bytearray()

    def pump():
        s.sendall(big)
        s.shutdown(socket.SHUT_WR)

    t = threading.Thread(target=pump)
    t.start()
    while True:
        b = s.recv(1 << 20)
        if not b:
            break
        got += b
    t.join()
ok(bytes(got) == big, "32 MB there and back, half-closed", len(got))
n = 100 if SANITIZED else 500
many = [visit(p, seconds=60) for _ in range(n)]
for x in many:
    x.sendall(b"many")
ok(all(x.recv(10) == b"many" for x in many), "%d at once" % n)
eq(entry(p)["streams"], n, "and all of them are counted")
took = time.monotonic()
r = remove(p)
took = time.monotonic() - took
ok(r.returncode == 0 and "%d streams ended" % n in r.stdout,
   "publish remove says how many it ended", said(r))
ok(all(reset(x) for x in many), "they have ended, with a reset")
for x in many:
    x.close()
ok(wait_for(lambda: not can_connect(p)), "the port is closed")
eq(relay.json("publish", "list"), [], "the list is empty")
r = remove(p)
ok(r.returncode == 1 and "is not published" in r.stderr, "once is enough",
   said(r))
eq(add(p).returncode, 0, "and it can be published again at once")
ok(works(p), "and works")

# ---- ssh, curl ----
sshd = Sshd()
ps = free_port()
eq(add(ps, "pi:%d" % sshd.port).returncode, 0, "sshd's port")
r = run(["ssh", "-p", str(ps), "-i", path("ssh/user"), "-o",
         "UserKnownHostsFile=" + path("ssh/known_hosts"), "-o",
         "HostKeyAlias=device", "-o", "BatchMode=yes", "-o",
         "IdentitiesOnly=yes", "%s@127.0.0.1" % pwd.getpwuid(
             os.geteuid()).pw_name, "echo over ssh; exit 3"], 60)
eq((r.returncode, r.stdout), (3, "over ssh\n"), "ssh through it")
os.mkdir(path("www"))
os.chmod(path("www"), 0o755)
write("www/index.html", "a page\n")
web = [free_port() for _ in range(3)]
user = "user %s;" % pwd.getpwuid(os.geteuid()).pw_name if ROOT else ""
conf = write("nginx.conf", """daemon off; pid %s; error_log stderr; %s
events { worker_connections 512; }
http { access_log off; server_tokens off;
 client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
 uwsgi_temp_path %s; scgi_temp_path %s;
 server { listen 127.0.0.1:%d; root %s; }
 server { listen 127.0.0.1:%d proxy_protocol;
  return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port\\n"; }
}
""" % (path("nginx.pid"), user, *[path("tmp%d" % i) for i in range(5)],
       web[0], path("www"), web[1]))
if os.path.exists("/usr/sbin/nginx"):
    nginx = Proc("nginx", ["/usr/sbin/nginx", "-p", path(""), "-c", conf])
    wait_for(lambda: can_connect(web[0]))
    pw = free_port()
    eq(add(pw, "pi:%d" % web[0]).returncode, 0, "nginx's port")
    r = run(["curl", "-sS", "http://127.0.0.1:%d/" % pw])
    eq(r.stdout, "a page\n", "curl through it")
    for v in ("v1", "v2"):
        pv = free_port()
        eq(add(pv, "pi:%d" % web[1], "--proxy", v).returncode, 0,
           "--proxy " + v)
        r = run(["curl", "-sS", "--interface", "127.0.0.9", "--local-port",
                 "40100-40900", "http://127.0.0.1:%d/" % pv])
        w = r.stdout.split()
        ok(len(w) == 3 and w[0] == "127.0.0.9" and
           40100 <= int(w[1]) <= 40900 and w[2] == str(pv),
           "nginx hears of the visitor by it", said(r))
        remove(pv)
    nginx.stop()
else:
    skip("nginx", "is not installed")
# A target that speaks first gets the header as well, and at once.
heard = []


def listens(c):
    heard.append(c.recv(1000))
    c.sendall(b"ok")


first = Target(listens)
pv = free_port()
eq(add(pv, "pi:%d" % first.port, "--proxy", "v1").returncode, 0, "v1 again")
with visit(pv) as s:
    eq(s.recv(10), b"ok", "the header does not wait for the visitor to speak")
    eq(heard[0].decode(), "PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" %
       (s.getsockname()[1], pv), "and is what it says")
remove(pv)
v6 = free_port(socket.AF_INET6)
r = add("[::1]:%d/tcp" % v6, "pi:%d" % first.port, "--proxy", "v1", "--from",
        "::1")
ok("[::1]:%d/tcp leads to" % v6 in r.stdout, "a port of IPv6", said(r))
with socket.create_connection(("::1", v6), 20) as s:
    eq(s.recv(10), b"ok", "leads to its target")
    eq(heard[-1].decode(), "PROXY TCP6 ::1 ::1 %d %d\r\n" %
       (s.getsockname()[1], v6), "and so does the header")
eq(remove("[::1]:%d" % v6).returncode, 0, "and is removed by its name")
r = add(free_port(), None, "--proxy", "v3")
eq(r.returncode, 2, "there is no v3")

# ---- a range ----
base = free_range(12) + 1       # none beside it either
# Targets in step: ten ports of which we hold the first and the last.
tb = free_range(10)
held = []
for i in (0, 9):
    t = socket.create_server(("127.0.0.1", tb + i))
    held.append(t)
    threading.Thread(target=lambda t=t, i=i: [
        (c.sendall(b"%d" % i), c.close()) for c, _ in iter(t.accept, None)],
        daemon=True).start()
r = add("127.0.0.1:%d-%d/tcp" % (base, base + 9),
        "pi:%d-%d" % (tb, tb + 9))
eq(r.returncode, 0, "ten ports at once")
for i in (0, 9):
    with visit(base + i) as s:
        eq(s.recv(10), b"%d" % i, "port %d leads to target %d" % (i, i))
ok(refused(base + 5), "a target that refuses is a reset")
ok(not can_connect(base - 1) and not can_connect(base + 10),
   "and nothing beside them is open")
r = remove("127.0.0.1:%d-%d" % (base, base + 9))
ok(r.returncode == 0 and not any(can_connect(base + i) for i in range(10)),
   "all of it is closed", said(r))
r = add("127.0.0.1:%d-%d" % (taken_port - 3, taken_port + 3),
        "pi:%d-%d" % (tb, tb + 6))
ok(r.returncode == 1 and "%d is in use" % taken_port in r.stderr and
   not can_connect(taken_port - 3), "a range with a taken port: nothing of it",
   said(r))

# ---- from, connections ----
pf = free_port()
eq(add(pf, None, "--from", "127.0.0.3,127.1.0.0/16").returncode, 0, "--from")
ok(works(pf, source="127.0.0.3") and works(pf, source="127.1.2.3"),
   "who may come comes")
ok(refused(pf) and refused(pf, "127.0.0.4") and refused(pf, "127.2.0.1"),
   "others are refused")
eq(streams(), 0, "and leave no stream behind")
remove(pf)
r = add(pf, None, "--from", "127.0.0.0/33")
eq(r.returncode, 2, "no network")
pc = free_port()
eq(add(pc, None, "--connections", "5", "--bandwidth", "10M").returncode, 0,
   "--connections 5")
e = entry(pc)
eq((e["connections"], e["bandwidth"]), (5, 10 << 20), "the list shows both")
five = [visit(pc) for _ in range(5)]
ok(all(passes(x) for x in five), "five may come, at any listener")
ok(all(refused(pc) for _ in range(8)), "the next are refused")
ok(all(passes(x) for x in five), "which hurts none of the five")
five.pop().close()
ok(works(pc), "one leaves, another comes")


def replaced(name):
    pids = relay.children()
    os.kill(pids[name], signal.SIGKILL)
    wait_for(lambda: relay.children().get(name) not in (None, pids[name]))


def five_come():
    while five:
        five.pop().close()
    try:
        five.extend(visit(pc) for _ in range(5))
    except OSError:
        return False
    return all(passes(x) for x in five)


replaced("listener 1")
ok(wait_for(five_come), "five again")
# The other hears too late how many may come.
late = relay.children()["listener 1"]
os.kill(late, signal.SIGSTOP)
replaced("listener")
for _ in range(40):
    try:
        five.append(visit(pc))
    except OSError:
        pass
wait_for(lambda: select.select(five[5:], [], [], 0)[0])
os.kill(late, signal.SIGCONT)
for x in five:
    x.close()
wait_for(lambda: node_online(relay))
ok(works(pc), "after the listeners were killed")


def fill():
    """As many as come in at once."""
    got = []
    for _ in range(12):
        try:
            s = visit(pc)
            if passes(s):
                got.append(s)
            else:
                s.close()
        except OSError:
            pass
    n = len(got)
    for s in got:
        s.close()
    return n


ok(wait_for(lambda: fill() == 5, 20), "there is room for five, not more or "
   "less", fill())
remove(pc)

# ---- the node goes and comes ----
s = visit(p)
ok(passes(s), "a visitor, before the node goes")
agent.proc.kill()
agent.proc.p.wait()
ok(reset(s), "its connection is reset with the node")
ok(wait_for(lambda: refused(p)), "with the node offline: refused at once")
t0 = time.monotonic()
ok(all(refused(p) for _ in range(20)), "each time")
ok(time.monotonic() - t0 < 10, "and without a wait")
ok(not entry(p)["online"] and entry(p)["state"] == "open",
   "the list says so", entry(p))
agent.start()
ok(works(p), "the node is back, and so is its port")

# ---- every process killed ----
for name in ("auth", "router", "keys", "listener", "listener 1"):
    s = visit(p)
    ok(passes(s), "a visitor, before kill -9 of %s" % name)
    pids = relay.children()
    os.kill(pids[name], signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get(name) not in
                (None, pids[name]), 10), "%s is started again" % name)
    if not name.startswith("listener"):
        ok(passes(s), "the visitor does not notice")
    if name == "router":
        ok(wait_for(lambda: streams() == 1), "the new router knows of it",
           relay.json("connection", "list"))
        c = relay.json("connection", "list")[0]
        eq(c["address"], "127.0.0.1:%d" % s.getsockname()[1],
           "and of the address")
        ok(wait_for(lambda: entry(p).get("streams") == 1),
           "and of the port it came by", entry(p))
        r = relay.ctl("connection", "kill", c["id"])
        ok(r.returncode == 0 and reset(s), "and can end it", said(r))
    s.close()
    ok(works(p), "and the port works")
    ok(all(works(p, 5) for _ in range(10)), "at each listener")
    ok(wait_for(lambda: entry(p).get("state") == "open"), "and is shown so")
pids = list(relay.children().values())
relay.proc.kill()
ok(wait_for(lambda: not any(alive(x) for x in pids), 5), "kill -9 of relayd")
relay.proc.p.wait()
relay.start()
ok(works(p, 40), "relayd is started again: the port is open by itself")
ok(wait_for(lambda: all(x["state"] == "open" for x in
                        relay.json("publish", "list"))), "and all others",
   relay.ctl("publish", "list").stdout)

# ---- a port that is taken when relayd starts ----
relay.stop()
thief = socket.create_server(("127.0.0.1", p))
relay.start()
ok(wait_for(lambda: entry(p).get("state") == "failed", 20),
   "a port that was taken meanwhile", entry(p))
ok("in use by another program" in entry(p)["reason"], "the list says why",
   entry(p))
ok(relay.proc.lines("in use by another program"), "and the log")
thief.close()
ok(works(p, 40), "it opens once it is free")

# ---- reload ----
s = visit(p)
ok(passes(s), "a visitor, before a reload")
eq(relay.ctl("reload").returncode, 0, "reload with the same rules")
ok(passes(s), "which he does not notice")
relay.extra = ""
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "reload without the rule")
ok(reset(s), "his connection has ended")
ok(wait_for(lambda: not can_connect(p)), "the port is closed")
e = entry(p)
ok(e["state"] == "closed" and "relayd.conf" in e["reason"],
   "but kept, and the list says why", e)
relay.stop()
relay.start()
ok(not can_connect(p) and entry(p)["state"] == "closed",
   "and so it is after a start", entry(p))
relay.extra = RULES
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "reload with the rule again")
ok(works(p, 40), "the port is open again")
relay.extra = RULES + "listen on 127.0.0.1 port %d" % p
relay.write_conf()
r = relay.ctl("reload")
ok(r.returncode != 0, "relayd can't listen where a port is published",
   said(r))
relay.extra = RULES
relay.write_conf()

# ---- the user, the node ----
s = visit(p)
ok(passes(s), "a visitor, before the user is disabled")
r = relay.ctl("user", "disable", "you@example.org")
ok("1 stream ended" in r.stdout, "user disable says that it ended", said(r))
ok(reset(s), "and it has")
ok(wait_for(lambda: not can_connect(p)), "and the port is closed")
ok(entry(p)["state"] == "closed" and "disabled" in entry(p)["reason"],
   "and shown so", entry(p))
relay.ctl("user", "enable", "you@example.org")
ok(works(p, 60), "user enable: it is open again")
r = relay.ctl("node", "rename", "pi", "pie")
eq(r.returncode, 0, "node rename")
ok(wait_for(lambda: entry(p).get("node") == "pie"), "its port follows")
r = relay.ctl("node", "rename", "pie", "pi")
ok(works(p, 60), "and back")
s = visit(p)
ok(passes(s), "a visitor, before the node is removed")
r = relay.ctl("node", "remove", "pi")
ok("1 stream ended" in r.stdout, "node remove says that it ended", said(r))
ok(reset(s), "and it has")
ok(wait_for(lambda: not can_connect(p)), "and the port is closed")
eq(relay.json("publish", "list"), [], "and forgotten")
ok(not relay.proc.lines(r"malformed|refused message|killed by signal 6|"
                        r"forbidden"), "nothing odd in the log",
   relay.proc.lines(r"malformed|refused|signal 6|forbidden"))
busy.close()

# ---- strangers leave room ----
few = Relay(name="few", prefork=1, extra=RULES + "limit connections 16\n")
few.user_add()
node = Agent(few, "po")
env = login(few, name="few-home")
p = free_port()
few.ctl("publish", "add", "127.0.0.1:%d" % p, "po:%d" % target.port)
wait_for(lambda: can_connect(p))
crowd = []


def crowded():
    """As many as there may be."""
    try:
        while len(crowd) < 16:
            x = visit(p)
            if not passes(x):
                x.close()
                break
            crowd.append(x)
    except ConnectionResetError:
        pass
    return len(crowd) == 12


ok(wait_for(crowded), "of 16 connections twelve are for visitors",
   len(crowd))
eq(Connect(env, "po", target.port).end(b"x")[:2], (0, b"x"),
   "and a user comes in beside them")
ok(all(passes(x) for x in crowd), "who stay")
for x in crowd:
    x.close()

# And of a node's streams, of two ports of its together.
small = Agent(few, "small", extra="limit streams 4")
doors = [free_port(), free_port()]
for door in doors:
    few.ctl("publish", "add", "127.0.0.1:%d" % door,
            "small:%d" % target.port)
ok(all(wait_for(lambda: works(door)) for door in doors), "two ports")


def three():
    """As many as there may be: those before leave first."""
    while crowd:
        crowd.pop().close()
    try:
        for i in range(3):
            crowd.append(visit(doors[i % 2]))
            if not passes(crowd[-1]):
                return False
    except ConnectionResetError:
        return False
    return True


def turned_away(door):
    try:
        return reset(visit(door))
    except ConnectionResetError:
        return True


ok(wait_for(three), "of four streams of a node three are for visitors")
ok(all(turned_away(door) for door in doors), "one more is refused")
ok(wait_for(lambda: few.proc.lines(
    r"port \d+ of node small: .* is refused: too many streams")),
   "with the reason in the log")
eq(Connect(env, "small", target.port).end(b"x")[:2], (0, b"x"),
   "and the owner comes in")
ok(all(passes(x) for x in crowd), "beside them")
crowd.pop().close()
ok(wait_for(lambda: works(doors[0])), "one that leaves makes room")
for x in crowd:
    x.close()
small.stop()

# ---- more sockets than there may be ----
resource.prlimit(few.proc.pid, resource.RLIMIT_NOFILE, (200, 200))
base = free_range(100)
r = few.ctl("publish", "add", "127.0.0.1:%d-%d" % (base, base + 99),
            "po:1000-1099")
ok(r.returncode == 1 and "too many open files" in r.stderr,
   "a range that takes too many sockets is refused", said(r))
ok(few.json("publish", "list") is not None and not any(
    can_connect(base + i) for i in range(0, 100, 9)), "nothing of it is open")
eq(few.ctl("publish", "remove", "127.0.0.1:%d" % p).returncode, 0,
   "the others can go")
eq(few.ctl("publish", "add", "127.0.0.1:%d" % p, "po:%d" %
           target.port).returncode, 0, "and come")
node.stop()
few.stop()
done()
