#!/usr/bin/env python3
"""accessctl on a laptop: whom it shares its ends with, and forward."""
import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
import culvert
from culvert import *

ACCESSCTL = OBJ + "/accessctl"
relay = Relay(prefork=1)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
silent = Target(lambda c: [None for _ in iter(lambda: c.recv(4096), b"")] and
                time.sleep(60) or time.sleep(60))


def connect(port, **kw):
    return subprocess.Popen([ACCESSCTL, "connect", "pi", str(port)], env=env,
                            stderr=subprocess.PIPE, **kw)


# ---- standard input and output ----

r1, w1 = os.pipe()
r2, w2 = os.pipe()
p = connect(target.port, stdin=r1, stdout=w2)
os.write(w1, b"hello")
eq(os.read(r2, 100), b"hello", "pipes")
ok(not fcntl.fcntl(r1, fcntl.F_GETFL) & os.O_NONBLOCK and
   not fcntl.fcntl(w2, fcntl.F_GETFL) & os.O_NONBLOCK,
   "the pipes of others stay blocking while it runs")
os.close(w2)
os.close(w1)
eq(os.read(r2, 100), b"", "the reader sees the end")
eq(p.wait(10), 0, "and it is one in order")
os.close(r1)
os.close(r2)

a, b = socket.socketpair()
p = connect(target.port, stdin=b, stdout=b)
b.close()
a.sendall(b"x" * 1000000)
a.shutdown(socket.SHUT_WR)
n = 0
while True:
    d = a.recv(65536)
    if not d:
        break
    n += len(d)
eq((n, p.wait(10)), (1000000, 0), "one socket as both, half-closed")
a.close()

m, s = pty.openpty()
before = fcntl.fcntl(s, fcntl.F_GETFL)
p = connect(silent.port, stdin=s, stdout=s)
wait_for(lambda: relay.json("connection", "list"))
p.terminate()
st = p.wait(10)
eq(st, -signal.SIGTERM, "a signal ends it, and is seen to have")
eq(fcntl.fcntl(s, fcntl.F_GETFL), before, "the terminal is as it was")
os.close(m)
os.close(s)

r1, w1 = os.pipe()
p = connect(silent.port, stdin=r1, stdout=subprocess.PIPE)
os.close(r1)
wait_for(lambda: relay.json("connection", "list"))
p.stdout.close()
t0 = time.monotonic()
try:
    st = p.wait(10)
except subprocess.TimeoutExpired:
    st = None
    p.kill()
eq(st, 10, "it ends when nobody reads its output any more")
os.close(w1)
ok(wait_for(lambda: relay.json("connection", "list") == []),
   "and no stream is left")



def shell(script, **kw):
    return run(["sh", "-c", script, ACCESSCTL], timeout=60, **kw)


r = shell("exec $0 connect pi %d <&-" % target.port, env=env)
eq((r.returncode, r.stdout, r.stderr), (0, "", ""),
   "started without standard input: as with an empty one")
r = shell("echo hello | $0 connect pi %d >&-" % target.port, env=env)
ok(r.returncode != 0 and "descriptor" in r.stderr and
   "epoll" not in r.stderr, "and without output: that is said", r.stderr)
r = shell("exec $0 connect pi %d </" % target.port, env=env)
ok(r.returncode == 1 and "standard input: Is a directory" in r.stderr,
   "a folder as input", r.stderr)
r = shell("exec $0 user list >&-", env=dict(
    os.environ, CULVERT_SOCKET=relay.socket))
ok(r.returncode == 1 and "standard output" in r.stderr,
   "a list that nobody can get is an error", r.stderr)
ok(not relay.proc.lines("no request"), "and did not go to the relay")

# ---- the target closes first, and reads slowly what still comes ----


def first_done(c):
    c.shutdown(socket.SHUT_WR)
    total = 0
    try:
        while True:
            time.sleep(0.005)
            b_ = c.recv(65536)
            if not b_:
                break
            total += len(b_)
    except ConnectionResetError:
        total = -total
    got.append(total)


got = []
p = connect(Target(first_done).port, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
size = 2 << 20
out, err = p.communicate(b"z" * size, timeout=60)
eq(p.returncode, 0, "the target closed first, the upload went on")
wait_for(lambda: got, 30)
ok(got == [size], "all of it arrived", got)

# ---- forward ----

port = free_port()
f = Forward(env, "%d:pi:%d" % (port, target.port))


def talk(data=b"ping", timeout=15, p_=None, host="127.0.0.1"):
    with socket.create_connection((host, p_ or port), timeout) as c:
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
        got_ = b""
        while True:
            d_ = c.recv(65536)
            if not d_:
                return got_
            got_ += d_


eq(talk(b"v4"), b"v4", "forward: by 127.0.0.1")
if can_connect(port, "::1"):
    eq(talk(b"v6", host="::1"), b"v6", "and by ::1")
r = run([ACCESSCTL, "forward", "-L", "%d:pi:80" % port], env=env)
ok(r.returncode == 1 and "another program" in r.stderr,
   "a port that is taken: status 1, and said so", r.stderr)
r = run([ACCESSCTL, "forward", "-n", "-L", "1:2:3:4:5:6"], env=env)
eq(r.returncode, 2, "a bad -L: usage")
r = run([ACCESSCTL, "forward", "-n", "-L", "1:a:2", "-L", "[::]:1:a:b:2"],
        env=env)
eq(r.returncode, 0, "forward -n")

r = run([ACCESSCTL, "forward", "-n", "-L", "1:a:2", "-L", "1:b:2"], env=env)
ok(r.returncode == 2 and "another -L" in r.stderr, "one port twice: usage",
   r.stderr)
r = run([ACCESSCTL, "forward", "-n", "-L", "1:a:2", "-L", "1:a:2/udp", "-L",
         "0:a:1", "-L", "0:a:1"], env=env)
eq(r.returncode, 0, "TCP and UDP are two, and so are two free ones")

p2 = free_port()
r = shell("exec $0 forward -f -L %d:pi:%d <&- >&- 2>&-" % (p2, target.port),
          env=env)
eq(r.returncode, 0, "forward -f without any descriptor")
try:
    end = talk(b"alone", p_=p2)
except OSError as e:
    end = e
eq(end, b"alone", "does serve")
for p in os.listdir("/proc"):
    if p.isdigit() and "forward -f -L %d:" % p2 in cmdline(int(p)):
        kill_pid(int(p), signal.SIGTERM)

p2 = free_port()
f2 = Proc("forward", ["sh", "-c", "ulimit -n 24; exec %s forward -L "
                      "%d:pi:%d" % (ACCESSCTL, p2, target.port)], env=env)
f2.wait_line("forwarding", 30)
many = [socket.create_connection(("127.0.0.1", p2), 10) for _ in range(30)]
ok(f2.wait_line("wait for others to end: Too many open files", 30),
   "out of descriptors: that is said", f2.text())
for s in many:
    s.close()
eq(talk(b"room", p_=p2), b"room", "and over when the others have gone")
f2.stop()

# A node that is away, and many who ask for it.
gone = Agent(relay, name="gone")
gone.stop()
p2, p3 = free_port(), free_port()
p4, p5 = free_port(), free_port()
f2 = Proc("forward", [ACCESSCTL, "forward", "-L", "%d:gone:22" % p2, "-L",
                      "%d:pi:[::1]:1" % p4, "-L", "%d:pi:[::1]:2" % p5, "-L",
                      "%d:pi:%d" % (p3, target.port)], env=env)
f2.wait_line("forwarding .* to pi 127", 30)
many = [socket.create_connection(("127.0.0.1", p2), 10) for _ in range(300)]
eq(talk(b"here", p_=p3, timeout=60), b"here", "those for another node")
ok(not f2.lines("refused after"), "do not wait for what waits for that one",
   f2.text())
for p in (p4, p5):
    try:
        talk(p_=p)
    except OSError:
        pass
ok(f2.wait_line(r"\[?::1\]? port 1: ") and f2.wait_line("port 2: "),
   "two that fail in one second are told both", f2.text())
for s in many:
    s.close()
f2.stop()

dead = free_port()
f2 = Forward(env, "0:pi:%d" % dead)
p2 = int(re.search(r"127.0.0.1:(\d+) to pi", f2.text()).group(1))
ends = []
for i in range(50):
    try:
        ends.append(talk(p_=p2))
    except OSError:
        ends.append("reset")
eq(set(ends), {"reset"}, "a target that refuses is a reset, not an end")
ok(len(f2.lines("refused")) in (1, 2), "told in a line, not in fifty",
   f2.text())
f2.stop()
ok(wait_for(lambda: len(os.listdir("/proc/%d/task" % f.p.pid)) == 1),
   "the thread that looked the relay's name up is not in the sandbox, and "
   "gone", os.listdir("/proc/%d/task" % f.p.pid))

# ---- by a proxy helper ----

helper = write("helper", """#!%s
import os, select, socket, sys
print("on my way to", sys.argv[1], file=sys.stderr, flush=True)
s = socket.create_connection(sys.argv[1:])
while True:
    for i in select.select([0, s], [], [])[0]:
        b = os.read(0, 65536) if i == 0 else s.recv(65536)
        if not b:
            sys.exit()
        s.sendall(b) if i == 0 else os.write(1, b)
""" % sys.executable, 0o755)


def says_bye(c):
    c.sendall(b"bye")
    c.shutdown(socket.SHUT_WR)
    while c.recv(4096):
        pass


p = subprocess.Popen([ACCESSCTL, "connect", "--proxy-helper", helper, "pi",
                      str(Target(says_bye).port)], env=env,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
end = []
t = threading.Thread(target=lambda: end.append(p.stdout.read()))
t.start()
t.join(30)
eq(end, [b"bye"], "the target's end is seen, while ours is to come")
p.stdin.close()
eq(p.wait(30), 0, "which is one in order")
t.join()

p2 = free_port()
r = run([ACCESSCTL, "forward", "-f", "--proxy-helper", helper, "-L",
         "%d:pi:%d" % (p2, target.port)], timeout=20, env=env)
eq(r.returncode, 0, "forward -f: nothing holds the output of who called it")
ok("proxy helper: on my way to localhost" in r.stderr,
   "where is what the helper said", r.stderr)


def by_helper():
    try:
        return talk(b"helped", p_=p2) == b"helped"
    except OSError:
        return False


ok(wait_for(by_helper, 30), "it serves")
r = run([ACCESSCTL, "forward", "-f", "--proxy-helper", write("bad", """#!/bin/sh
echo no ticket >&2
""", 0o755), "-L", "0:pi:1"], timeout=20, env=env)
ok(r.returncode == 8 and "proxy helper: no ticket" in r.stderr,
   "one that fails: its reason is told", r.stderr)

# ---- another relay ----

relay.stop()
waiting = socket.create_connection(("127.0.0.1", port), 10)
waiting.sendall(b"early")
time.sleep(1)
relay.start()
waiting.settimeout(30)
try:
    end = waiting.recv(100)
except ConnectionResetError:
    end = "reset"
# The link may be back before the device is.
ok(end == b"early" or f.lines("pi: the node is offline"),
   "a connection made meanwhile was kept, and served", f.text())
waiting.close()
ok(f.lines("is up again"), "the link came back by itself", f.text())
ok(wait_for(lambda: node_online(relay), 60), "the device, too")
eq(talk(b"again"), b"again", "and goes on")
ok(wait_for(by_helper, 60), "by another helper, too")
for p in os.listdir("/proc"):
    if p.isdigit() and " forward -f " in cmdline(int(p)) and \
            "-L %d:" % p2 in cmdline(int(p)):
        kill_pid(int(p), signal.SIGTERM)

relay.stop()
t0 = time.monotonic()
try:
    end = talk(timeout=20)
except ConnectionResetError:
    end = "reset"
took = time.monotonic() - t0
ok(end == "reset" and 8 < took < 13,
   "without a relay a connection is reset after ten seconds",
   "%s %.1f" % (end, took))
relay.start()
f.kill(signal.SIGINT)
t0 = time.monotonic()
eq(f.p.wait(5), -signal.SIGINT, "^C ends forward, as a signal does")
ok(time.monotonic() - t0 < 1, "at once")

r = run([ACCESSCTL, "forward", "-L", "0:pi:1"], timeout=20,
        env=dict(env, RELAY_TOKEN=relay.token("node")))
eq(r.returncode, 5, "a token that may not: forward does not go on trying")
token = relay.token("connect")
f = Forward(dict(env, RELAY_TOKEN=token), "0:pi:1")
relay.ctl("token", "revoke", token.split("_")[1])
ok(f.wait_line("token was revoked; accessctl login takes another", 30),
   "one that may no longer: what to do is said", f.text())
f.stop()

# ---- login, logout ----

r = run([ACCESSCTL, "logout"], env=env)
eq(r.returncode, 0, "logout")
r = run([ACCESSCTL, "nodes"], env=env)
ok(r.returncode == 2 and "login" in r.stderr, "nodes asks for a login",
   r.stderr)
r = run([ACCESSCTL, "user", "list", "--socket", path("nowhere.sock")],
        env=env)
ok(r.returncode == 1 and "not running" in r.stderr,
   "a control socket that is not there: what to do", r.stderr)
done()
