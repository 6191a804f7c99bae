#!/usr/bin/env python3
# tags: slow long no-asan
"""The Nth allocation, write, read, fsync, open or socket of each process
fails: no process crashes or hangs, no stream is wrong, and soon all is well
again.  A sample for FAULT_SECONDS, or with FAULT_ALL=1 all of them, first
while it starts, then while it serves: of allocations one for each way that
leads to one (see regress/fault/seam.c), of the other calls each N.  With
FAULT_ALL=2 each N of allocations, too.  FAULT_SEED repeats a sample;
FAULT_ONLY, a regular expression like run:auth:malloc, looks at some only, and
FAULT_FROM=2900 at those from there on."""
import os
import random
import sys
import time
sys.path.insert(0, "regress/e2e")
import harness
from fault import *
from nth_world import *

if not os.path.exists(FAULT_OBJ + "/relayd"):
    skip_all("needs \"make VARIANT=fault\"")
seed = int(os.environ.get("FAULT_SEED") or random.randrange(1 << 32))
first = int(os.environ.get("FAULT_FROM") or 1)
every = int(os.environ.get("FAULT_ALL") or 0) or 2 * (first > 1)
seconds = float(os.environ.get("FAULT_SECONDS") or (1e9 if every else 90))
only = os.environ.get("FAULT_ONLY", "")
rng = random.Random(seed)
print("# FAULT_SEED=%d" % seed, file=sys.stderr)
faults = Faults()


def starts(w, what, kind, call, at, error):
    """Hit while it starts."""
    w.agent.stop()
    relay = kind in KINDS[:5]
    if relay:
        w.relay.stop()
    faults.arm(kind, call, at, 1, error)
    if relay:
        w.relay.start(wait=False)
        p = w.relay.proc
    else:
        w.agent.start(wait=False)
        p = w.agent.proc
    if not wait_for(lambda: not p.alive() or p.lines(
            "serves on" if relay else "link to .* is up"), 40):
        note(what, "neither serves nor ends: " + p.text()[-500:])
        p.kill()
        p.p.wait()
    if not p.alive() and (p.p.returncode <= 0 or not p.text().strip()):
        note(what, "start ends with %d: %s" % (p.p.returncode,
                                               p.text()[-300:]))
    said = p.lines(WRONG)
    if said:
        note(what, said)
    faults.disarm()
    if not w.relay.proc.alive():
        w.relay.start(wait=False)
    if w.agent.proc.alive():
        w.agent.stop()
    w.agent.start(wait=False)
    if not wait_for(w.well, 40, 0.03):
        note(what, "not well after a failed start " +
             w.relay.proc.text()[-600:])
    w.mark()


def count(f):
    before = faults.made()
    f()
    return {k: v - before[k] for k, v in faults.made().items()}


w = World(faults, rng)
w.scenario("no fault")
per = count(lambda: w.scenario("no fault"))


def restart():
    w.agent.stop()
    w.relay.stop()
    w.relay.start()
    w.agent.start()


per_start = count(restart)
per_start = {k: v for k, v in per_start.items()
             if k[0] not in ("accessctl",)}
w.mark()
ok(wait_for(w.well, 30) and not bad, "without faults all is well", bad)

# The link between two listeners breaks while both live.
w.relay.ctl("log", "debug")
for at in range(1, 200):
    faults.arm("listener", "read", at)
    whole = w.stream()[0] == 0 and w.stream()[0] == 0
    faults.disarm()
    if w.relay.proc.lines("link to listener"):
        break
    # Nothing goes by that link while the node is away.
    if not whole:
        wait_for(w.well, 30)
ok(w.relay.proc.wait_line("link between listeners .* made again", 20),
   "two listeners whose link broke get another")
ok(wait_for(w.well, 30), "and streams pass")
w.relay.ctl("log", "brief")
w.mark()

todo = [("start", k, c, n) for (k, c), n in per_start.items() if n]
todo += [("run", k, c, n) for (k, c), n in per.items() if n and
         k != "accessctl"]
per = count(lambda: w.stream(FAULT_OBJ))
todo += [("client", k, c, n) for (k, c), n in per.items() if n and
         k == "accessctl"]
todo = [x for x in todo if re.search(only, "%s:%s:%s" % x[:3])]
# What hears strangers comes first.
todo.sort(key=lambda x: x[0] != "start" and (
    "listener auth router tunnel proxy".split() + KINDS).index(x[1]))
end = time.monotonic() + seconds
fired = tried = 0
results = {}


def ways(how, kind, call, n):
    """One failure for each way, until none is left."""
    at = idle = 0
    # Those of libraries while it starts differ by no more than the last two.
    # What all children have in common is tried in the first.
    if how != "start" or kind not in ("auth", "router", "listener", "proxy"):
        faults.forget()
    faults.fresh(2 if how == "start" else 5)
    while idle < 3:
        at += 1
        yield how, kind, call, n, 1, "way %d" % at
        idle = 0 if faults.fired else idle + 1
    faults.fresh(0)


def plans():
    if every:
        for x in todo:
            if every == 1 and x[2] == "malloc":
                yield from ways(*x)
                continue
            for at in range(first, x[3] + 1):
                yield *x, at, "%d of %d" % (at, x[3])
        return
    while True:
        rng.shuffle(todo)
        for x in todo:
            at = rng.randrange(1, x[3] + 1)
            yield *x, at, "%d of %d" % (at, x[3])


# Of what libc does not survive, here while getpwnam(3) and the first
# getaddrinfo(3) load its modules, the parent starts another; or, while it
# starts itself, ends by it.
LIBC = "proc_child_user", "resolve_init", "state_check"


def way():
    program = "relayd" if kind in KINDS[:5] else "agentd" if \
        kind in KINDS[5:8] else "accessctl"
    return faults.way(FAULT_OBJ + "/" + program)


def attempt(how, kind, call, at, times, error, what):
    if how == "start":
        starts(w, what, kind, call, at, error)
        return
    faults.arm(kind, call, at, times, error)
    if how == "client":
        st, err = w.stream(FAULT_OBJ)
        if st in ("hangs", "wrong"):
            note(what, "accessctl: %s %s" % (st, err))
        elif st < 0:
            note(what, "accessctl: killed by signal %d %s" % (-st, err))
        elif st != 0 and not err.strip():
            note(what, "accessctl: %d without a reason" % st)
        faults.disarm()
    else:
        w.scenario(what)
        w.recover(what)


for how, kind, call, n, at, name in plans():
    if time.monotonic() > end:
        break
    times = 1 if every else rng.choice((1, 1, 1, 2, 20))
    error = ERRORS[call][at % len(ERRORS[call])]
    what = "%s %s %s %s, %d times, error %d" % (
        how, kind, call, name, times, error)
    tried += 1
    if os.environ.get("FAULT_VERBOSE"):
        print("# " + what, file=sys.stderr, flush=True)
    nbad, t = len(bad), time.monotonic()
    attempt(how, kind, call, at, times, error, what)
    r = results.setdefault((how, kind, call), [0, 0, 0])
    r[0] += faults.fired > 0
    r[2] += time.monotonic() - t
    fired += faults.fired > 0
    if os.environ.get("FAULT_VERBOSE"):
        print("# %.1f s" % (time.monotonic() - t), file=sys.stderr,
              flush=True)
    if len(bad) > nbad:
        by = way()
        print("# by way of " + by, file=sys.stderr, flush=True)
        if any(x in by for x in LIBC) and all(
                "killed by" in x or "start ends with -" in x
                for x in bad[nbad:]):
            del bad[nbad:]
    r[1] += len(bad) > nbad
    if len(bad) > 60:
        break
for (how, kind, call), (f, b, t) in sorted(results.items()):
    ok(b == 0, "%s: %s: %s: %d faults in %d s" % (
        {"run": "while it serves", "start": "while it starts",
         "client": "a client"}[how], kind, call, f, t),
       "FAULT_SEED=%d\n" % seed + "\n".join(
           x for x in bad if x.startswith("%s %s %s " % (how, kind, call))))
ok(fired > tried / 3, "%d faults happened in %d tries" % (fired, tried))
ok(wait_for(w.well, 30), "and in the end all is well")
eq(w.agent.stop(), 0, "agentd ends in order")
eq(w.relay.stop(), 0, "relayd ends in order")
del harness._procs[:-4]
done()
