#!/usr/bin/env python3
"""accessctl show memory: what is taken, for whom, beside what the system says
of the processes."""
import os
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=2)
relay.user_add()
relay.user_add("other@example.org")
agent = Agent(relay)
other = Agent(relay, "po", token=relay.token("node", "other@example.org"))
env = login(relay)


def source(c):
    c.recv(1)
    b = b"s" * 65536
    while True:
        c.sendall(b)


def sink(c):
    """Reads nothing."""
    time.sleep(3600)


def memory():
    return relay.json("show", "memory")


m = memory()
ok(m and list(m) == ["processes", "users", "links", "streams", "other"],
   "as JSON", m)
names = {p["process"]: p for p in m["processes"]}
eq(sorted(names), ["auth", "keys", "listener 0", "listener 1", "parent",
                   "router"], "every process")
pids = relay.children()
ok(all(names[k if k != "listener" else "listener 0"]["pid"] == p
       for k, p in pids.items()), "by its pid", (names, pids))
ok(all(p["rss"] > p["pss"] > 0 and p["private"] > 0 for p in names.values()),
   "resident, proportional and private memory of each", names)


def close_to(a, b, part=0.3, bytes_=1 << 20):
    return abs(a - b) <= max(part * b, bytes_)


def smaps(pid, what):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(x) << 10 for x in re.findall(
            r"^%s:\s+(\d+)" % what, f.read(), re.M))


for k, p in names.items():
    ok(close_to(p["rss"], smaps(p["pid"], "Rss")) and
       close_to(p["private"], smaps(p["pid"], "Private_(?:Clean|Dirty)")),
       "%s: as the system says" % k, p)
ok(SANITIZED or all(p["accounted"] <= p["private"] + (1 << 20)
                    for p in names.values()),
   "no more is accounted for than there is", names)
eq(sorted((x["user"], x["node"]) for x in m["links"] if x["kind"] == "node"),
   [("other@example.org", "po"), ("you@example.org", "pi")],
   "the links of nodes, and whose they are")
eq(m["streams"], [], "no streams yet")

# ---- a reader that stalls ----
src = Target(source)
fwd = free_port()
f = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (fwd, src.port))


socks = [stalled(fwd) for _ in range(3)]


def streams(**want):
    return [s for s in memory()["streams"]
            if all(s[k] == v for k, v in want.items())]


def full():
    """All that may wait does: for each, a listener's window is full."""
    own = streams(kind="stream")
    every = own + streams(kind="relayed")
    return len(own) == 3 and sum(
        s["queued_from_node"] >= 100 << 10 for s in every) >= 3 and every


every = wait_for(full, 30)
ok(every, "three stalled streams show what waits", memory()["streams"])
every = every or []
ok(all(s["queued_from_node"] <= s["window_from_node"] <= 16 << 20 and
       s["queued_to_node"] <= s["window_to_node"] for s in every),
   "no more than their windows", every)
ok(all(s["held_from_node"] >= s["queued_from_node"] and
       s["held_from_node"] <= s["queued_from_node"] * 1.2 + (40 << 10)
       for s in every), "in blocks that are not much larger", every)
ok(all(s["user"] == "you@example.org" and s["node"] == "pi" and
       s["target"] == "127.0.0.1:%d" % src.port and
       s["address"].startswith("127.0.0.1:") for s in every),
   "by whom, from where, to what", every)


def still():
    """Twice the same, so that sums can be compared."""
    a = memory()
    b = memory()
    key = lambda m: [(s["id"], s["process"], s["queued_from_node"],
                      s["window_from_node"]) for s in sorted(
                          m["streams"], key=lambda s: (s["process"], s["id"]))]
    return key(a) == key(b) and b


m = wait_for(still, 30)
ok(m, "it stands still")
m = m or memory()
you = [u for u in m["users"] if u["user"] == "you@example.org"][0]
theirs = [u for u in m["users"] if u["user"] == "other@example.org"][0]
mine = [s for s in m["streams"] if s["user"] == "you@example.org"]
eq(you["streams"], 3, "the user has three streams")
eq((you["queued"], you["window"]),
   (sum(s["queued_to_node"] + s["queued_from_node"] for s in mine),
    sum(s["window_to_node"] + s["window_from_node"] for s in mine)),
   "and the sum of what waits in them, and of their windows")
own = [x for x in m["links"] if x["user"] == "you@example.org"]
eq(you["links"], len(own), "and links")
eq(you["bytes"], sum(x["state"] + x["buffers"] for x in own) +
   sum(s["bytes"] for s in mine), "and bytes, each once")
eq((theirs["streams"], theirs["queued"], theirs["window"]), (0, 0, 0),
   "which are nobody else's")
links = sum(x["queued"] for x in m["links"])
eq(links, sum(u["queued"] for u in m["users"]),
   "what waits in links is what waits in streams")
for p in m["processes"]:
    if not p["process"].startswith("listener"):
        continue
    parts = sum(x["bytes"] for x in m["links"]
                if x["process"] == p["process"])
    parts += sum(s["state"] for s in m["streams"]
                 if s["process"] == p["process"])
    parts += sum(o["bytes"] for o in m["other"]
                 if o["process"] == p["process"])
    eq(p["accounted"], parts, "%s: the whole is its parts" % p["process"])
ok(SANITIZED or all(p["accounted"] <= p["private"] + (1 << 20)
                    for p in m["processes"]),
   "and no more than the process has", m["processes"])
grown = sum(p["accounted"] for p in m["processes"]) - sum(
    p["accounted"] for p in names.values())
ok(grown >= 3 * (100 << 10), "it has grown by what waits", grown)

r = relay.ctl("show", "memory")
ok(r.returncode == 0 and re.search(r"^PROCESS +PID +RSS +PSS", r.stdout,
                                   re.M) and
   re.search(r"^you@example.org +\d+ +3 ", r.stdout, re.M) and
   re.search(r"^\w+ +stream +listener \d +you@example.org +pi ", r.stdout,
             re.M), "tables for people", r.stdout)
eq(relay.ctl("show", "memory", "x").returncode, 2, "usage")

# ---- towards a node that does not read ----
snk = Target(sink)
fwd2 = free_port()
f2 = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (fwd2, snk.port))
up = socket.create_connection(("127.0.0.1", fwd2))
up.setblocking(False)
stop = threading.Event()


def push():
    while not stop.is_set():
        try:
            up.send(b"u" * 65536)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            return


t = threading.Thread(target=push)
t.start()
ok(wait_for(lambda: [s for s in memory()["streams"] if
                     s["target"] == "127.0.0.1:%d" % snk.port and
                     s["queued_to_node"] >= 100 << 10], 30),
   "what waits for a node is on the other side", memory()["streams"])
stop.set()
t.join()
up.close()
f2.stop()

# ---- it goes ----
for s in socks:
    s.close()
f.stop()


def gone():
    m = memory()
    return m["streams"] == [] and sum(
        x["queued"] + x["held"] for x in m["links"]) == 0


ok(wait_for(gone, 30), "when they end, nothing waits any more", memory())

# ---- many, and a listener that hangs or dies ----
many = [socket.create_connection(("127.0.0.1", relay.port))
        for _ in range(700)]
ok(wait_for(lambda: len([x for x in memory()["links"]
                         if x["kind"] == "stranger"]) == 700, 20),
   "more than fits on a page: each is there once")
r = relay.ctl("show", "memory")
ok("connections, the 20 largest of 7" in r.stdout, "people see the largest")
r = relay.ctl("show", "memory", "--all")
ok(len([x for x in r.stdout.splitlines() if x.startswith("stranger ")]) ==
   700, "--all shows all")
for s in many:
    s.close()
pid = relay.children()["listener 1"]
os.kill(pid, signal.SIGSTOP)
r = relay.ctl("show", "memory", "--json", timeout=60)
os.kill(pid, signal.SIGCONT)
try:
    procs = {p["process"] for p in json.loads(r.stdout)["processes"]}
except ValueError:
    procs = set()
ok({"listener 0", "listener 1", "router"} <= procs,
   "a listener that hangs does not hide the rest", r.stdout + r.stderr)
os.kill(relay.children()["listener"], signal.SIGKILL)
ok(wait_for(lambda: (memory() or {}).get("processes"), 20),
   "nor one that was killed")
done()
