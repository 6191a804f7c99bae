#!/usr/bin/env python3
# tags: slow
"""The log: where it goes, how much there is, who did what from where; and
fail2ban's view of it."""
import os
import sys
import threading
import zlib
sys.path.insert(0, "regress/e2e")
from culvert import *

FILTER = TOP + "/etc/fail2ban/filter.d/culvert.conf"
HAVE_F2B = shutil.which("fail2ban-regex") is not None


def bad_token(i=0):
    t = "culv_%012d_%s_" % (i, "a" * 52)
    return t + "%08x" % zlib.crc32(t[:-1].encode())


def attempt(relay, source, token=None, node="pi", auth=None, host=None,
            path="/api/nodes/ws"):
    """A log-in by bearer from that address; the status."""
    fam = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(fam, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        s.bind((source, 0))
        s.connect(("::1" if ":" in source else "127.0.0.1", relay.port))
        s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n"
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                   "Sec-WebSocket-Protocol: culvert.1\r\n"
                   "Authorization: %s\r\nCulvert-Node: %s\r\n\r\n" % (
                       path, host or "localhost", auth or "Bearer " +
                       (token or bad_token()), node)).encode("latin-1"))
        out = b""
        while b"\r\n\r\n" not in out:
            b = s.recv(4096)
            if not b:
                break
            out += b
    m = re.match(rb"HTTP/1\.1 (\d+)", out)
    return int(m[1]) if m else None


def banned(name):
    """The addresses that fail2ban finds in a file, one per line matched."""
    r = run(["fail2ban-regex", "-o", "ip", name, FILTER])
    return [x for x in r.stdout.split() if x]


FORGED = [
    "x) 127.0.0.99:1: log-in denied: y",
    "client 127.0.0.99:1: log-in denied: ",
    "auth[1]: client 127.0.0.99:1: log-in denied: x",
    "2026-11-21 06:49:44 auth[1]: client 127.0.0.99:1: log-in denied:",
    "Nov 21 06:49:44 h relayd[1]: auth[1]: client 127.0.0.99:1: lo",
    "h relayd[1]: auth[1]: client 127.0.0.99:1: log-in denied: x",
    "\xe9\x9b\x1b]0;x\x07 client 127.0.0.99:1: log-in denied: ",
]


def attack(relay, v6=True):
    """Denied log-ins of all sorts; what fail2ban should find."""
    want = []
    for i, node in enumerate(FORGED):
        source = "127.0.1.%d" % (i + 1)
        st = attempt(relay, source, bad_token(i), node)
        if st == 401:
            want.append(source)
    attempt(relay, "127.0.2.1", auth="Bearer rubbish 127.0.0.99")
    want.append("127.0.2.1")
    attempt(relay, "127.0.2.2", auth="Culvert id=\"" + FORGED[0] + "\"")
    want.append("127.0.2.2")
    # Tokens that can't be: a letter is changed, or it is of no length.
    for i, (host, path) in enumerate((("localhost", "/api/nodes/ws"),
                                      ("localhost", "/api/nodes"),
                                      ("localhost", "/metrics"),
                                      ("pi.localhost", "/"))):
        for j, bad in enumerate((bad_token(88)[:-1] + "x",
                                 "culv_000000000001_bbbb_cc")):
            source = "127.0.4.%d" % (2 * i + j + 1)
            # Where pi is not known, nothing is asked for.
            st = attempt(relay, source, bad, host=host, path=path)
            ok(st == 401 or (st == 404 and host == "pi.localhost"),
               "%s%s and a token that can't be" % (host, path), st)
            if st == 401:
                want.append(source)
    if v6:
        attempt(relay, "::1", bad_token(77))
        want.append("::1")
    # Refused, not denied: another's host name, with the forged words in it.
    attempt(relay, "127.0.3.1", host="client 127.0.0.99:1: log-in denied: ")
    attempt(relay, "127.0.3.2", host="elsewhere.example.org")
    return want


def matches(name, want, what):
    if not HAVE_F2B:
        return skip(what, "no fail2ban-regex")
    got = banned(name)
    ok(sorted(got) == sorted(want), what, "got %s\nwanted %s\n%s" % (
        got, want, open(name, errors="replace").read()[-3000:]))


# ---- to standard error: levels, lines, fail2ban ----
port = free_port()
relay = Relay(tls=False, port=port, listen=[
    "listen on 127.0.0.1 port %d" % port, "listen on ::1 port %d" % port])
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
ok(relay.proc.wait_line(r" node pi: link up from 127\.0\.0\.1:\d+, agentd "),
   "a node's link is one line, with its address", relay.proc.text())
ok(relay.proc.lines(r" client 127\.0\.0\.1:\d+: log-in of you@example\.org "
                    r"with token \w+ as node pi$"), "so is a log-in")
eq(Connect(env, "pi", target.port).end(b"x")[:2], (0, b"x"), "a stream")
ok(relay.proc.wait_line(r" client you@example\.org: link down from "
                        r"127\.0\.0\.1:\d+ after \d+ s, 1 bytes in, 1 bytes "
                        r"out: "), "a link's end: how long, how many bytes")
ok(not relay.proc.lines("stream ") and not agent.proc.lines("stream "),
   "brief: no line for a stream")
r = relay.ctl("log")
eq((r.returncode, r.stdout), (0, "brief\n"), "accessctl log says how much")
eq(relay.ctl("log", "loud").returncode, 2, "an unknown level is refused")
r = relay.ctl("log", "verbose")
eq((r.returncode, r.stdout), (0, "verbose\n"), "accessctl log verbose")
eq(Connect(env, "pi", target.port).end(b"abc")[:2], (0, b"abc"), "a stream")
where = r"you@example\.org from 127\.0\.0\.1:\d+ to pi 127\.0\.0\.1:%d" % \
    target.port
ok(relay.proc.wait_line(r" stream \w+: up: %s$" % where) and
   relay.proc.wait_line(r" stream \w+: down: %s after \d+ ms, 3 bytes in, "
                        r"3 bytes out: ended$" % where),
   "verbose: a stream's beginning and end", relay.proc.text())
eq(Connect(env, "pi", 1).end()[0], 3, "a target that refuses")
ok(relay.proc.wait_line(r" stream \w+: down: .*refused"), "its reason")
for name in ("auth", "router", "listener"):
    os.kill(relay.children()[name], signal.SIGKILL)
    ok(wait_for(lambda: relay.serving(), 30), "%s is killed" % name)
ok(wait_for(lambda: node_online(relay), 40), "the node is back")
n = len(relay.proc.lines(r" stream \w+: up:"))
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[0] == 0, 30),
   "a stream")
ok(relay.proc.wait_line(r" stream \w+: up:", count=n + 1),
   "those that were started again are verbose, too")
eq(relay.ctl("reload").returncode, 0, "reload")
eq(relay.ctl("log").stdout, "brief\n", "it goes back to relayd.conf's level")
relay.extra = "log debug"
relay.write_conf()
relay.ctl("reload")
eq(relay.ctl("log").stdout, "debug\n", "and to a new one")
relay.extra = "log to syslog"
relay.write_conf()
ok(relay.ctl("reload").returncode == 1 and relay.ctl("log").stdout ==
   "debug\n", "log to takes a restart")
relay.extra = ""
relay.write_conf()
relay.ctl("reload")

# the agent's own
with open(agent.conf, "a") as f:
    f.write("log verbose\n")
agent.proc.kill(signal.SIGHUP)
ok(agent.proc.wait_line("configuration reloaded", 20), "agentd reloads")
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"abc")[:2] ==
            (0, b"abc"), 30), "a stream")
where = r"you@example\.org from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:%d" % \
    target.port
ok(agent.proc.wait_line(r" stream \d+: up: %s$" % where) and
   agent.proc.wait_line(r" stream \d+: down: %s after \d+ ms, 3 bytes in, 3 "
                        r"bytes out: ended$" % where),
   "the node's log says who, from where, to what, how much",
   agent.proc.text())
Connect(env, "pi", 1).end()
ok(agent.proc.wait_line(r" stream \d+: not connected: .*refused"),
   "and what could not be reached")

want = attack(relay)
ok(len(want) >= 5 and "127.0.4.8" in want, "log-ins were denied", want)
matches(relay.proc.log, want, "fail2ban finds each of them, and no other")
ok(not relay.proc.lines("bbbb|culv_|" + bad_token(88)[:20]),
   "no part of a token that can't be is in the log")
raw = open(relay.proc.log, "rb").read()
ok(not [c for c in raw if c > 126 or c < 32 and c != 10],
   "no byte from the network that does not print")

# ---- a flood ----
size = os.path.getsize(relay.proc.log)
TOTAL = 4000 if SANITIZED else 20000
bad = []


def flood(k):
    for i in range(TOTAL // 8):
        source = "127.%d.%d.%d" % (10 + k, i >> 8, 1 + i % 250)
        try:
            if attempt(relay, source, bad_token(i)) not in (401, 429, 503):
                bad.append(source)
        except OSError:
            pass


ts = [threading.Thread(target=flood, args=(k,)) for k in range(8)]
for t in ts:
    t.start()
for t in ts:
    t.join()
grown = os.path.getsize(relay.proc.log) - size
ok(not bad, "%d bad log-ins from as many addresses" % TOTAL, bad[:5])
ok(grown < 1 << 20, "the log has grown by less than 1 MB",
   "%d bytes" % grown)
ok(grown > 50000, "and holds the first of them")
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[0] == 0, 60),
   "who may comes in meanwhile")
agent.stop()
relay.stop()

# ---- syslog and the journal ----
if not ROOT or run(["unshare", "-m", "true"]).returncode != 0:
    skip("syslog and the journal", "no mount namespace")
    done()


class Elsewhere(Relay):
    """A relay that sees another /dev and /run."""

    def start(self, wait=True):
        d = path("dev")
        os.makedirs(d, exist_ok=True)
        os.makedirs(path("run"), exist_ok=True)
        os.chmod(path("run"), 0o755)
        nodes = "null zero full random urandom tty"
        self.proc = Proc(self.name, [
            "unshare", "-m", "--propagation", "private", "sh", "-c",
            "set -e; for n in %s; do : >>%s/$n; mount --bind /dev/$n %s/$n; "
            "done; mount --rbind %s /dev; mount --bind %s /run; exec \"$@\"" %
            (nodes, d, d, d, path("run")), "sh", self.obj + "/relayd",
            "-d", "-f", self.conf, *self.args])
        if wait and not self.proc.wait_line(r"serves on", 30):
            self.proc.show()
            raise SystemExit("relayd did not start")
        return self


class Receiver:
    """Datagrams on a socket; they go to a file as a syslogd writes them."""

    def __init__(self, name, out):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(name)
        os.chmod(name, 0o666)
        self.got, self.out, self.name = [], out, name
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                d = self.s.recv(65536)
            except OSError:
                return
            self.got.append(d)

    def has(self, pattern, seconds=20):
        return wait_for(lambda: [x for x in self.got
                                 if re.search(pattern, x)], seconds)

    def close(self):
        self.s.close()
        os.unlink(self.name)


os.makedirs(path("dev"), exist_ok=True)
sl = Receiver(path("dev/log"), path("syslog"))
relay = Elsewhere("viasyslog", tls=False, prefork=1,
                  extra="log to syslog facility local2\nlog verbose")
ok(sl.has(rb"^<150>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d relayd\[\d+\]: "
          rb"parent\[\d+\]: serves on"), "to syslog, with a facility", sl.got)
want = attack(relay, v6=False)
ok(all(sl.has(rb"client %s:\d+: log-in denied" % re.escape(x).encode())
       for x in want), "log-ins denied")
time.sleep(1)
with open(path("syslog"), "wb") as f:
    for d in sl.got:
        d = re.sub(rb"^<\d+>", b"", d)
        f.write(d[:16] + b"host " + d[16:] + b"\n")
matches(path("syslog"), want, "fail2ban on what syslogd writes")
ok(not relay.proc.lines("log-in denied"), "nothing of it on standard error")
sl.close()
attempt(relay, "127.0.4.1")
ok(wait_for(relay.serving, 20), "syslogd ends: relayd goes on")
sl = Receiver(path("dev/log"), None)
ok(wait_for(lambda: attempt(relay, "127.0.4.2", bad_token(5)) and
            sl.has(rb"127\.0\.4\.2", 1), 20), "and finds the next one")
# Nobody reads: the queue of the socket fills up.
still = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sl.close()
still.bind(path("dev/log"))
for i in range(600):
    attempt(relay, "127.5.0.%d" % (1 + i % 250), bad_token(i))
ok(wait_for(relay.serving, 20), "syslogd stands still: relayd does not")
still.close()
os.unlink(path("dev/log"))
relay.stop()

busybox = shutil.which("busybox")
if busybox and "syslogd" in run([busybox, "--list"]).stdout.split():
    relay = Elsewhere("viabusybox", tls=False, prefork=1, start=False,
                      extra="log to syslog")
    # It makes /dev/log itself, in the relay's view of the world.
    relay.args = []
    conf = relay.conf
    relay.obj, obj = path("wrap"), relay.obj
    os.makedirs(relay.obj, exist_ok=True)
    with open(relay.obj + "/relayd", "w") as f:
        f.write("#!/bin/sh\n%s syslogd -n -O %s & exec %s/relayd \"$@\"\n" %
                (busybox, path("messages"), obj))
    os.chmod(relay.obj + "/relayd", 0o755)
    relay.start()
    relay.obj = obj
    ok(wait_for(lambda: os.path.exists(path("dev/log")), 20),
       "a real syslogd")
    ok(wait_for(lambda: attempt(relay, "127.0.6.1", bad_token(6)) == 401 and
                "127.0.6.1" in open(path("messages")).read(), 20),
       "it gets our lines")
    with open(path("messages")) as f:
        syslogd = f.read()
    with open(path("messages.copy"), "w") as f:
        f.write(syslogd)
    matches(path("messages.copy"),
            ["127.0.6.1"] * len(re.findall(r"127\.0\.6\.1:\d+: log-in denied",
                                           syslogd)),
            "fail2ban on its file")
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit() and
            "syslogd -n -O " + path("messages") in cmdline(int(p))]
    relay.stop()
    for p in pids:
        os.kill(p, signal.SIGKILL)
else:
    skip("a real syslogd", "no busybox syslogd")

journald = "/lib/systemd/systemd-journald"
os.makedirs(path("run/systemd/journal"), exist_ok=True)
jn = Receiver(path("run/systemd/journal/socket"), None)
relay = Elsewhere("viajournal", tls=False, prefork=1, extra="log to journal")
d = jn.has(rb"serves on")
ok(d and b"PRIORITY=6\n" in d[0] and b"SYSLOG_IDENTIFIER=relayd\n" in d[0]
   and b"CULVERT_PROCESS=parent\n" in d[0] and
   b"SYSLOG_FACILITY=3\n" in d[0] and re.search(
       rb"\nMESSAGE=parent\[\d+\]: serves on [^\n]*\n$", d[0]),
   "to the journal, in fields", d)
want = attack(relay, v6=False)
for x in want:
    jn.has(rb"client %s:\d+: log-in denied" % re.escape(x).encode())
ok(all(x.count(b"\n") == 7 and x.endswith(b"\n") for x in jn.got),
   "no field but ours, whatever the network sends", jn.got)
jn.close()
relay.stop()

if os.path.exists(journald) and shutil.which("journalctl"):
    relay = Elsewhere("viajournald", tls=False, prefork=1, start=False,
                      extra="log to journal")
    relay.obj, obj = path("wrap"), relay.obj
    os.makedirs(relay.obj, exist_ok=True)
    with open(relay.obj + "/relayd", "w") as f:
        f.write("#!/bin/sh\n%s & while [ ! -S /run/systemd/journal/socket ]; "
                "do sleep 0.1; done\nexec %s/relayd \"$@\"\n" %
                (journald, obj))
    os.chmod(relay.obj + "/relayd", 0o755)
    relay.start()
    want = attack(relay, v6=False)

    def entries(*args):
        return run(["journalctl", "-D", path("run/log/journal"), "-q",
                    "--no-pager", "SYSLOG_IDENTIFIER=relayd", *args]).stdout
    ok(wait_for(lambda: all(x + ":" in entries() for x in want), 20),
       "a real journald")
    ok(re.search("serves on", entries("CULVERT_PROCESS=parent")) and
       not re.search("serves on", entries("CULVERT_PROCESS=auth")),
       "whose fields can be asked for")
    with open(path("journal.txt"), "w") as f:
        f.write(entries("-o", "short"))
    matches(path("journal.txt"), want, "fail2ban on its lines")
    pids = [p for p in kids(relay.pid if hasattr(relay, "pid") else
                            relay.proc.pid) if journald in cmdline(p)]
    relay.stop()
    for p in pids:
        if alive(p):
            os.kill(p, signal.SIGKILL)
else:
    skip("a real journald", "there is none")
done()
