#!/usr/bin/env python3
# tags: slow long no-asan
"""The Nth allocation, write, read, fsync, open or socket of each process
fails: no process crashes or hangs, no stream is wrong, and soon all is well
again.  A sample for FAULT_SECONDS, or with FAULT_ALL=1 each N in turn.
FAULT_SEED repeats a sample; FAULT_ONLY=start:auth:malloc looks at one, and
FAULT_FROM=2900 at those from there on."""
import os
import random
import sys
import time
sys.path.insert(0, "regress/e2e")
import culvert
from fault import *
from doors import *

if not os.path.exists(FAULT_OBJ + "/relayd"):
    skip_all("needs \"make VARIANT=fault\"")
seed = int(os.environ.get("FAULT_SEED") or random.randrange(1 << 32))
seconds = float(os.environ.get("FAULT_SECONDS") or 90)
first = int(os.environ.get("FAULT_FROM") or 1)
every = bool(os.environ.get("FAULT_ALL")) or first > 1
only = os.environ.get("FAULT_ONLY", "")
rng = random.Random(seed)
print("# FAULT_SEED=%d" % seed, file=sys.stderr)
faults = Faults()
bad = []                # what must not be
WRONG = re.compile(r"killed by signal (?!9)|forbidden|does not answer|out of step|"
                   r"at the word of|does not come to serve|does not end")


def note(what, why):
    bad.append("%s: %s" % (what, why))
    print("# %s: %s" % (what, why), file=sys.stderr, flush=True)


class World:
    """A relay, a device and a person's log-in, all of which may fail."""

    def __init__(self):
        self.n = 0
        make_cert("relay", "DNS:localhost,DNS:%s,DNS:*.%s" % (DOMAIN,
                                                              DOMAIN))
        self.relay = Relay(prefork=2, obj=FAULT_OBJ, domain=DOMAIN,
                           extra=CONF.split("\n", 1)[1])
        self.doors = Doors(self.relay, FAULT_OBJ, ("pi",))
        self.agent = self.doors.agents["pi"]
        wait_for(lambda: self.doors.ask("pi." + DOMAIN, "/length/5")[0] ==
                 200, 30)
        self.cookie, self.token = self.doors.enter(), self.doors.pair()
        self.env = login(self.relay)
        self.target = Target(echo)
        self.mark()

    def mark(self):
        self.seen = {p: len(p.lines("ended: |killed")) for p in self.procs()}

    def procs(self):
        return self.relay.proc, self.agent.proc

    def stream(self, obj=OBJ):
        """The status of a stream; that of a good one must be right."""
        data = rng.randbytes(rng.choice((10, 40000, 300000)))
        p = subprocess.Popen(
            [obj + "/accessctl", "connect", "pi", str(self.target.port)],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        try:
            out, err = p.communicate(data, timeout=20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            return "hangs", ""
        if p.returncode == 0 and out != data:
            return "wrong", "%d of %d bytes" % (len(out), len(data))
        return p.returncode, err.decode(errors="replace")

    def scenario(self, what):
        """What people do; it may fail, but not hang, nor lie."""
        self.n += 1
        st, err = self.stream()
        if st in ("hangs", "wrong"):
            note(what, "a stream is " + st)
        self.visits(what)
        email = "u%d@example.org" % self.n
        done_ = {}
        for i, args in enumerate((
                ("user", "add", email, "--no-password"),
                ("token", "create", "--user", email, "--scope", "connect"),
                ("stats",), ("reload",), ("connection", "list"),
                ("user", "delete", email))):
            r = self.relay.ctl(*args, timeout=40)
            done_[args[0] + args[-1]] = r.returncode
            if r.returncode == 124:
                note(what, "hangs: accessctl " + " ".join(args))
            elif r.returncode != 0 and not r.stderr.strip():
                note(what, "no reason: accessctl " + " ".join(args))
            if i == 0:
                added = r.returncode == 0
            elif i == 5 and added and "no such" in r.stderr + r.stdout:
                note(what, "an added user is not there")

    def visits(self, what):
        d = self.doors
        for name, f in (("a page", lambda: d.public("pi", 20000)),
                        ("a private page", lambda: d.private(self.cookie)),
                        ("a stranger", d.stranger),
                        ("a password", d.basic),
                        ("a program", lambda: d.rpc(self.token)),
                        ("TLS", lambda: d.through(20000))):
            try:
                f()
            except Wrong as e:
                note(what, "%s: %s" % (name, e))
            except TimeoutError:
                note(what, name + " hangs")
            except CUT:
                pass

    def well(self):
        """A few streams, as each may come by another listener."""
        return self.relay.proc.alive() and self.agent.proc.alive() and \
            self.relay.serving() and \
            all(self.stream()[0] == 0 for _ in range(3))

    def recover(self, what):
        """Within seconds all is well, or a daemon has ended with a reason;
        which is started again for what comes next."""
        faults.disarm()
        ok_ = wait_for(lambda: not self.relay.proc.alive() or
                       not self.agent.proc.alive() or self.well(), 45, 0.1)
        if not ok_:
            note(what, "not well again: relayd ... %s agentd ... %s" % (
                self.relay.proc.text()[-700:], self.agent.proc.text()[-700:]))
        deaths = 0
        for p in self.procs():
            said = p.lines(WRONG)
            if said:
                note(what, said)
            deaths += len(p.lines("ended: ")) - self.seen[p]
            if not p.alive():
                st = p.p.returncode
                if st <= 0:
                    note(what, "%s ended with %d" % (p.name, st))
                elif not p.lines("fatal|giving up|could not|can't|no "):
                    note(what, "%s ended without a reason" % p.name)
                said = True
            if said or not ok_:
                deaths += 99
        if deaths > 3:          # before the backoff grows
            self.agent.stop()
            if self.relay.stop() not in (0, 1):
                note(what, "relayd ended with %d" % self.relay.proc.p.
                     returncode)
            self.relay.start()
            self.agent.start()
            if not wait_for(self.well, 30, 0.1):
                note(what, "a new start does not help")
            self.mark()


def starts(w, what, kind, call, at):
    """Hit while it starts."""
    w.agent.stop()
    relay = kind in KINDS[:5]
    if relay:
        w.relay.stop()
    faults.arm(kind, call, at)
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
        w.relay.start()
    if w.agent.proc.alive():
        w.agent.stop()
    w.agent.start()
    if not wait_for(w.well, 40, 0.1):
        note(what, "not well after a failed start " +
             w.relay.proc.text()[-600:])
    w.mark()


def count(f):
    before = faults.made()
    f()
    return {k: v - before[k] for k, v in faults.made().items()}


w = World()
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
for at in range(1, 80):
    faults.arm("listener", "read", at)
    w.stream()
    w.stream()
    faults.disarm()
    if w.relay.proc.lines("link to listener"):
        break
ok(w.relay.proc.wait_line("link between listeners .* made again", 20),
   "two listeners whose link broke get another")
ok(wait_for(w.well, 30), "and streams pass")
w.relay.ctl("log", "brief")
w.mark()

todo = [("run", k, c, n) for (k, c), n in per.items() if n and
        k != "accessctl"]
todo += [("start", k, c, n) for (k, c), n in per_start.items() if n]
per = count(lambda: w.stream(FAULT_OBJ))
todo += [("client", k, c, n) for (k, c), n in per.items() if n and
         k == "accessctl"]
todo = [x for x in todo if only in "%s:%s:%s" % x[:3]]
end = time.monotonic() + seconds
fired = tried = 0
results = {}
plan = []


def plans():
    if every:
        for how, kind, call, n in todo:
            for at in range(first, n + 1):
                yield how, kind, call, n, at
        return
    while True:
        rng.shuffle(todo)
        for how, kind, call, n in todo:
            yield how, kind, call, n, rng.randrange(1, n + 1)


for how, kind, call, n, at in plans():
    if time.monotonic() > end:
        break
    times = 1 if every else rng.choice((1, 1, 1, 2, 20))
    error = rng.choice(ERRORS[call])
    what = "%s %s %s %d of %d, %d times, error %d" % (
        how, kind, call, at, n, times, error)
    tried += 1
    if os.environ.get("FAULT_VERBOSE"):
        print("# " + what, file=sys.stderr, flush=True)
    nbad = len(bad)
    if how == "start":
        starts(w, what, kind, call, at)
    else:
        faults.arm(kind, call, at, times, error)
        if how == "client":
            st, err = w.stream(FAULT_OBJ)
            if st in ("hangs", "wrong") or st < 0:
                note(what, "accessctl: %s %s" % (st, err))
            elif st != 0 and not err.strip():
                note(what, "accessctl: %d without a reason" % st)
            faults.disarm()
        else:
            w.scenario(what)
            w.recover(what)
    fired += faults.fired > 0
    k = (how, kind, call)
    r = results.setdefault(k, [0, 0])
    r[0] += faults.fired > 0
    r[1] += len(bad) > nbad
    if len(bad) > 60:
        break
for (how, kind, call), (f, b) in sorted(results.items()):
    ok(b == 0, "%s: %s: %s: %d faults" % (
        {"run": "while it serves", "start": "while it starts",
         "client": "a client"}[how], kind, call, f),
       "FAULT_SEED=%d\n" % seed + "\n".join(
           x for x in bad if x.startswith("%s %s %s " % (how, kind, call))))
ok(fired > tried / 2, "%d faults happened in %d tries" % (fired, tried))
ok(wait_for(w.well, 30), "and in the end all is well")
eq(w.agent.stop(), 0, "agentd ends in order")
eq(w.relay.stop(), 0, "relayd ends in order")
del culvert._procs[:-4]
done()
