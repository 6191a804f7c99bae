#!/usr/bin/env python3
"""A new binary in the place of the one that runs: nobody notices."""
import hashlib
import os
import signal
import socket
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from upgrading import *

AGENTS = 50

# ---- with everything at once ----

def under_load(name, tls, prefork, user=None):
    print("# %s" % name, file=sys.stderr)
    relay = Installed(name, tls=tls, prefork=prefork, user=user,
                      extra="upgrade spread 3s drain 5m")
    relay.user_add()
    token = relay.token("node")
    agent = Agent(relay, token=token, name="pi", user=user)
    tok = write(name + ".tok", token + "\n", 0o600)
    sim = Proc("agents", [OBJ + "/regress/e2e/agents", relay.url,
                          make_ca() if tls else "-", tok, "sim",
                          str(AGENTS)])
    ok(sim.wait_line(r"^up %d$" % AGENTS, 60), "%s: %d agents" % (
        name, AGENTS))
    env = login(relay, name=name + "-home")
    target = Target(echo)
    fport = free_port()
    Forward(env, "%d:pi:%d" % (fport, target.port))
    pumps = [Pump(env, target.port) for _ in range(3)]
    ok(all(p.moves() for p in pumps), name + ": streams run")
    pid, before = relay.proc.pid, relay.children()
    shell = subprocess.Popen(
        ["ssh", "-F", sshd.config(env, name=name + "-ssh"), "pi",
         "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i + 1)); "
         "sleep 0.1; done; cat | sha256sum"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    eq(shell.stdout.readline(), b"line 0\n", "an ssh session")
    hammer = Hammer(relay, env, target.port, fport)
    time.sleep(1)
    upgraded(relay)
    now = relay.children()
    ok(relay.proc.alive() and relay.proc.pid == pid, "the pid is the same")
    ok(all(before[k] != now[k] for k in ("auth", "router")) and
       len([k for k in now if k.startswith("listener")]) > prefork,
       "there are new processes beside the old listeners",
       "%r %r" % (before, now))
    ok(all(p.moves() for p in pumps), "streams that were open go on")
    ok(wait_for(lambda: relay.status().get("nodes") == 0, 30, 0.2),
       "all nodes come over", relay.status())
    ok(wait_for(lambda: len(sim.lines(r"^moved %d$" % AGENTS)) > 0, 30),
       "each agent has moved", sim.text()[-300:])
    ok(not sim.lines(r"^up %d$" % (AGENTS - 1)), "and none of them was "
       "offline", sim.text())
    st = relay.status()
    ok(st.get("listeners", 0) > 0 and st.get("streams", 0) >= 3,
       "what drains is counted", st)
    eq(relay.stat("listeners_draining"), st.get("listeners"),
       "accessctl stats says the same")
    eq(relay.stat("listeners"), prefork, "and counts the others")
    r = relay.ctl("connection", "list")
    ok(r.stdout.count(" pi ") >= 3, "old streams are on record", r.stdout)
    hammer.end()
    ok(all(n > 20 for n in hammer.done.values()) and not hammer.failed,
       "%s: %s while it happened, none of them failed" % (
           name, hammer.done), hammer.failed[:10])
    print("# slowest %.2f s" % hammer.slowest, file=sys.stderr)
    data = os.urandom(1 << 20)
    out = shell.communicate(data, 60)[0]
    ok(out.count(b"line") == 59 and
       out.split()[-2].decode() == hashlib.sha256(data).hexdigest(),
       "the ssh session was not disturbed", out[-200:])
    for i, p in enumerate(pumps):
        eq(p.end(), (0, True), "stream %d ends when it ends, intact" % i)
    ok(relay.drained(), "then the old listeners end", relay.status())
    gone = [k for k, p in before.items() if alive(p)]
    eq(gone, [], "nothing is left of the old processes")
    ok(wait_for(lambda: not zombies(pid), 10), "nor a zombie", zombies(pid))
    eq(len(relay.listeners()), prefork, "there are as many as before")
    ok(relay.proc.lines("took over") and not
       relay.proc.lines("out of step|refused$|forbidden|killed by"),
       "nobody complained", relay.proc.text()[-3000:])
    agent.stop()
    sim.stop()
    # the last one serves as well as the first
    agent = Agent(relay, token=token, name="pi", user=user)
    eq(Connect(env, "pi", target.port).end(b"hello"), (0, b"hello", ""),
       "and all is as it was")
    agent.stop()
    relay.stop()
    eq(relay.proc.p.returncode, 0, "relayd ends in order")
    ok(not os.path.exists(relay.socket), "with its control socket")


sshd = Sshd()
under_load("tls", True, 3)
under_load("plain", False, 1)
if ROOT:
    under_load("user", True, 2, user=ordinary_user())

# ---- while something else happens ----

relay = Installed("relayd", prefork=2, extra="upgrade spread 1s")
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
old = Pump(env, target.port)
ok(old.moves(), "a stream runs")
upgraded(relay)
middle = Pump(env, target.port)
ok(middle.moves(), "one more, by the new listeners")
ok(wait_for(lambda: relay.status().get("nodes") == 0, 30),
   "the node has come over")
upgraded(relay)
ok(old.moves() and middle.moves(), "streams of two generations go on")
ok(wait_for(lambda: relay.status().get("nodes") == 0, 30),
   "the node has come over again")
new = Pump(env, target.port)
ok(new.moves() and len(relay.listeners()) >= 4, "beside a third")
eq(relay.ctl("reload").returncode, 0, "reload while listeners drain")
ok(old.moves() and middle.moves() and new.moves(), "harms nobody")
for who in ("router", "auth", "keys"):
    os.kill(relay.children()[who], signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get(who) and relay.serving() and
                Connect(env, "pi", target.port).end(b"x")[0] == 0, 30),
       "%s dies and comes back" % who)
    ok(old.moves() and middle.moves() and new.moves(),
       "all streams survive it")
ok(wait_for(lambda: relay.status().get("streams", 0) >= 2, 30),
   "the new router knows the old streams", relay.status())
eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "new streams find the "
   "node")
eq(old.end(), (0, True), "the oldest ends well")
eq(middle.end(), (0, True), "and the middle one")
ok(relay.drained(), "their listeners end")
ok(new.moves(), "the third goes on")
eq(new.end(), (0, True), "to its end")

# revoked while it drains
p = Pump(env, target.port)
ok(p.moves(), "a stream")
upgraded(relay)
tok = relay.json("token", "list")
mine = [t["id"] for t in tok if "connect" in t["scopes"]]
r = relay.ctl("token", "revoke", mine[0])
ok(r.returncode == 0 and " 1 stream" in r.stdout, "a token of a draining "
   "link is revoked", r.stdout + r.stderr)
ok(p.c.p.wait(10) != 0, "its stream ends")
env = login(relay, name="home2")

# kill -9 of one that drains
p = Pump(env, target.port)
q = relay.listeners()
ok(p.moves(), "a stream")
upgraded(relay)
olds = [relay.children()[k] for k in relay.listeners() if k in q]
for pid in olds:
    os.kill(pid, signal.SIGKILL)
ok(p.c.p.wait(20) not in (0, None), "a draining listener that is killed "
   "takes its stream along")
ok(wait_for(lambda: relay.status().get("listeners") == 0, 20),
   "and is not started again")
eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "all else serves")
agent.stop()
relay.stop()

# ---- published ports ----

relay = Installed("ports", prefork=2, extra="upgrade spread 1s\n"
                  "publish ports 20000-31999 on 127.0.0.1 by any")
relay.user_add()
agent = Agent(relay)
port, limited = free_port(), free_port()
for p, more in ((port, ()), (limited, ("--connections", "2"))):
    r = relay.ctl("publish", "add", *more, "127.0.0.1:%d/tcp" % p,
                  "pi:%d" % target.port)
    eq(r.returncode, 0, "a published port%s" % " ".join(("",) + more))


def visit(p=port):
    s = socket.create_connection(("127.0.0.1", p), 20)
    s.settimeout(20)
    return s


def answers(s):
    try:
        s.sendall(b"hello")
        return s.recv(100) == b"hello"
    except OSError:
        return False


def serves(p=port):
    try:
        with visit(p) as s:
            return answers(s)
    except OSError:
        return False


ok(wait_for(serves, 20), "it leads to the target")
visitor = visit()
held = [visit(limited) for _ in range(2)]
ok(answers(visitor) and all(answers(s) for s in held), "visitors")
visits, failed, stop = [0], [], []


def hammer():
    while not stop:
        try:
            with visit() as s:
                if not answers(s):
                    failed.append("no answer")
        except OSError as e:
            failed.append(repr(e))
        visits[0] += 1


threads = [threading.Thread(target=hammer, daemon=True) for _ in range(3)]
for t in threads:
    t.start()
time.sleep(0.5)
upgraded(relay)
ok(answers(visitor), "a visitor stays connected")
ok(wait_for(lambda: relay.status().get("nodes") == 0, 30), "the node moves")
time.sleep(1)
stop.append(1)
for t in threads:
    t.join(30)
ok(visits[0] > 20 and not failed, "%d visits while it happened, none of "
   "them failed" % visits[0], failed[:10])
ok(answers(visitor) and all(answers(s) for s in held), "old visitors stay")
ok(wait_for(lambda: relay.status().get("streams") == 3, 10),
   "accessctl upgrade --status counts them", relay.status())
ok(not serves(limited), "and count for the limit")
for s in held:
    s.close()
ok(wait_for(lambda: serves(limited), 20), "until they leave")
visitor.close()
ok(relay.drained(40), "then nothing is left of the old listeners")
relay.write_conf()
eq(relay.ctl("publish", "remove", "127.0.0.1:%d/tcp" % port).returncode, 0,
   "it is removed")
ok(wait_for(lambda: not can_connect(port), 10), "and closed, by whoever "
   "opened it")
agent.stop()
relay.stop()

# ---- again and again ----

relay = Installed("often", prefork=1, extra="upgrade spread 0s")
relay.user_add()


def takes():
    return (len(os.listdir("/proc/%d/fd" % relay.proc.pid)),
            rss(relay.proc.pid))


def filters():
    with open("/proc/%d/status" % relay.proc.pid) as f:
        m = re.search(r"Seccomp_filters:\s+(\d+)", f.read())
    return int(m[1]) if m else 0


for i in range(3):
    upgraded(relay, "--wait")
wait_for(lambda: len(relay.children()) == 4, 20)
fds, mem = takes()
n = filters()
for i in range(7):
    upgraded(relay, "--wait")
ok(wait_for(lambda: len(relay.children()) == 4, 20), "the last old process "
   "has gone")
ok(wait_for(lambda: takes()[0] <= fds, 20), "no descriptor is left over",
   "%r %r" % (fds, takes()))
ok(takes()[1] < mem + (1 << 20) or SANITIZED, "nor memory",
   "%r %r" % (mem, takes()))
eq(filters(), n, "and the system call filter is there once")
eq(relay.status().get("upgrades"), 10, "ten times")
relay.stop()

# ---- its limit ----

relay = Installed("limit", prefork=1, extra="upgrade drain 4s spread 1s")
relay.user_add()
agent = Agent(relay)
env = login(relay, name="home3")
c = Connect(env, "pi", target.port)
c.p.stdin.write(b"x")
c.p.stdin.flush()
eq(os.read(c.p.stdout.fileno(), 10), b"x", "a stream")
upgraded(relay)
ok(relay.status().get("until"), "the limit can be seen", relay.status())
try:
    st = c.p.wait(20)
except subprocess.TimeoutExpired:
    st = None
eq(st, 10, "at the limit the stream is cut")
err = c.p.stderr.read().decode()
ok("restarting" in err or "going away" in err, "and is told why", err)
ok(relay.drained(20), "the listener ends")
eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "all else serves")
r = relay.ctl("upgrade", "--wait", timeout=60)
ok(r.returncode == 0 and "nothing is left" in r.stdout,
   "accessctl upgrade --wait sees the end", r.stdout + r.stderr)
relay.proc.kill(signal.SIGUSR2)
ok(relay.proc.wait_line("took over", 30, 3), "SIGUSR2 does the same")
eq(relay.ctl("upgrade", "--wait", "--status").returncode, 2,
   "wait or status, not both")

# ---- a binary that is no good ----

relay.extra = "upgrade spread 1s"
relay.write_conf()
ok(wait_for(lambda: relay.drained(20) and len(relay.children()) == 4, 20),
   "nothing drains")
p = Pump(env, target.port)
ok(p.moves(), "a stream")
before = relay.children()


def refused(what, pattern):
    r = relay.ctl("upgrade", timeout=120)
    ok(r.returncode == 1 and re.search(pattern, r.stderr),
       "%s: refused, with the reason" % what, r.stderr + r.stdout)
    ok(wait_for(lambda: relay.children() == before, 10) and p.moves(),
       "nothing has changed", "%r %r" % (before, relay.children()))
    eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "it serves")


os.chmod(path("bin/relayd"), 0o644)
refused("not executable", "not a program")
os.chmod(path("bin/relayd"), 0o777)
refused("everybody may write it", "others may write")
install("relayd", "/bin/false")
refused("another program", "would not serve")
write("bin/.new", "#!/bin/sh\nkill -SEGV $$\n", 0o755)
os.rename(path("bin/.new"), path("bin/relayd"))
refused("one that crashes", "would not serve")
os.unlink(path("bin/relayd"))
refused("none at all", "No such file")
install("relayd")
with open(relay.conf, "a") as f:
    f.write("rubbish\n")
refused("a configuration with errors", "relayd.conf:\\d+")
relay.write_conf()
with open(relay.conf, "a") as f:
    f.write("prefork 2\n")
refused("one that takes a restart", "only with a restart")
relay.write_conf()
with open(relay.conf, "a") as f:
    f.write("listen on 127.0.0.1 port %d\n" % target.port)
refused("an address that is taken", "listen on|in use")
relay.write_conf()
upgraded(relay)
ok(p.moves(), "a good one after all that")
eq(p.end(), (0, True), "the stream was never hurt")
ok(relay.drained(30), "drained")
agent.stop()
relay.stop()

# ---- one that fails when it runs already ----

for how, why in (("crash", "crashed"), ("exit", "could not start"),
                 ("hang", "took too long"), ("child", "ended: killed")):
    if SANITIZED and how == "crash":
        continue
    relay = Installed("back-" + how, env=dict(
        os.environ, CULVERT_TEST_RESUME=how), prefork=2, start=False)
    install("relayd", TEST_OBJ + "/relayd")
    relay.start()
    relay.user_add()
    agent = Agent(relay)
    env = login(relay, name="home-" + how)
    p = Pump(env, target.port)
    ok(p.moves(), "a stream")
    before = relay.children()
    r = relay.ctl("upgrade", timeout=120)
    ok(r.returncode == 1 and why in r.stderr, "%s: back to the one before" %
       how, r.stderr + r.stdout)
    ok(wait_for(lambda: relay.children() == before, 10), "with all of its "
       "processes", "%r %r" % (before, relay.children()))
    ok(wait_for(lambda: not zombies(relay.proc.pid), 10), "and no others",
       zombies(relay.proc.pid))
    ok(p.moves(), "the stream goes on")
    eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "it serves")
    os.kill(before["listener"], signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get("listener") not in
                (None, before["listener"]), 20), "and still starts again "
       "what ends")
    eq(relay.ctl("reload").returncode, 0, "and can be reloaded")
    p.c.kill()
    agent.stop()
    relay.stop()

# ---- from a version with a process that this one has not ----

with open(OBJ + "/relayd", "rb") as f:
    program = f.read()
other = path("relayd.other")
with open(other, "wb") as f:
    # Of two strings that end alike a program holds the longer one.
    f.write(re.sub(rb"(?<=[\0 ])keys\0", b"kexs\0", program))
relay = Installed("stranger", start=False, prefork=1,
                  extra="upgrade spread 0s")
install("relayd", other)
relay.start()
relay.user_add()
agent = Agent(relay)
env = login(relay, name="home5")
before = relay.children()
ok("kexs" in before and "keys" not in before, "one of another name", before)
p = Pump(env, target.port)
ok(p.moves(), "a stream")
os.kill(before["kexs"], signal.SIGSTOP)
fds = len(os.listdir("/proc/%d/fd" % relay.proc.pid))
install("relayd")
upgraded(relay)
ok(relay.proc.wait_line(r"kexs 0 \(pid %d\) is of the version before.*: it is "
                        "ended" % before["kexs"], 20), "it is named")
ok(wait_for(lambda: not alive(before["kexs"]), 30), "and it has ended, even "
   "if it hangs", relay.proc.text()[-2000:])
ok(relay.proc.lines("kexs 0 .* does not end: killed"), "which is said")
ok(p.moves() and "keys" in relay.children(), "all else goes on")
eq(p.end(), (0, True), "and ends well")
ok(relay.drained(40), "the old listener has gone")
ok(wait_for(lambda: len(os.listdir("/proc/%d/fd" % relay.proc.pid)) <= fds,
            20), "no descriptor is left over")
ok(not zombies(relay.proc.pid), "nor a zombie")
agent.stop()
relay.stop()

# ---- another protocol between processes ----

if SANITIZED:
    skip("another protocol", "the sanitized build is one for tests")
    done()
relay = Installed("foreign", prefork=2, extra="upgrade spread 2s drain 5m")
relay.user_add()
agent = Agent(relay)
env = login(relay, name="home4")
fport = free_port()
Forward(env, "%d:pi:%d" % (fport, target.port))
p = Pump(env, target.port)
ok(p.moves(), "a stream")
hammer = Hammer(relay, env, target.port, fport)
time.sleep(1)
install("relayd", TEST_OBJ + "/relayd")
upgraded(relay)
ok(p.moves(), "an old stream goes on without a router")
ok(wait_for(lambda: len(agent.proc.lines("link to .* is up")) >= 2, 30),
   "the node comes over")
time.sleep(1)
hammer.end()
bad = [x for x in hammer.failed]
ok(all(n > 20 for n in hammer.done.values()) and not bad,
   "%s while it happened, none of them failed" % hammer.done, bad[:10])
ok(p.moves(), "it still does")
eq(p.end(), (0, True), "and ends well")
ok(relay.drained(40), "the old listeners end")
eq(Connect(env, "pi", target.port).end(b"x")[0], 0, "all is well")
p = Pump(env, target.port)
ok(p.moves(), "a stream")
install("relayd")
upgraded(relay)
ok(p.moves(), "goes on, as before")
other = relay.token("connect")
eq(relay.ctl("token", "revoke", other.split("_")[1]).returncode, 0,
   "something is revoked")
ok(p.c.p.wait(20) not in (0, None) and
   wait_for(lambda: relay.status().get("listeners") == 0, 20),
   "what nobody can look at ends")
agent.stop()
relay.stop()
done()
