#!/usr/bin/env python3
"""accessctl forward and connect: UDP, Unix sockets, waiting, -f, signals."""
import json
import os
import select
import shutil
import socketserver
import stat
import subprocess
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from culvert import *
from forwarding import *

for prog in "dig", "dnsmasq", "iperf3", "curl":
    if shutil.which(prog, path=os.environ["PATH"] + ":/usr/sbin") is None:
        skip_all(prog + " is not there")

relay = Relay(prefork=2)
relay.user_add()


# ---- what there is on the device ----

sock = path("docker.sock")
other = path("other.sock")
for name in sock, other:
    threading.Thread(target=UnixWeb(name, Web).serve_forever,
                     daemon=True).start()
# As Docker's: of root alone, which neither tunnel nor proxy is.
os.chmod(sock, 0o600)
web = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
webport = web.server_address[1]


def measured(b):
    return b"%d:" % len(b) + b[:65500]


udp = UdpTarget(measured)
blocked = UdpTarget(measured)
dns = free_port()
big = "x" * 200
dnsmasq = Proc("dnsmasq", [
    shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin"),
    "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
    "--port=%d" % dns, "--listen-address=127.0.0.1", "--bind-interfaces",
    "--pid-file=", "--edns-packet-max=4096",
    "--address=/printer.home/192.0.2.7"] +
    ["--txt-record=big.home,%d%s" % (i, big) for i in range(12)])
iperf = free_port()
server = Proc("iperf3", ["iperf3", "-s", "-B", "127.0.0.1", "-p",
                         str(iperf)])

agent = Agent(relay, extra="""pass unix "%s"
block udp to loopback port %d
""" % (sock, blocked.port))
env = login(relay)


# ---- accessctl connect ----

st, out, err = Connect(env, "-w", "1", "pi", udp.port, "udp").end(b"hi")
eq((st, out), (0, b"2:hi"), "connect node port udp")
st, out, err = Connect(env, "-w", "1", "pi", "127.0.0.1:%d/udp" %
                       udp.port).end(b"hi")
eq((st, out), (0, b"2:hi"), "connect node host:port/udp")
eq(Connect(env, "pi", "127.0.0.1:%d" % Target(echo).port).end(b"tcp"),
   (0, b"tcp", ""), "connect node host:port")
get = b"GET /v1 HTTP/1.0\r\n\r\n"
st, out, err = Connect(env, "pi", sock).end(get)
ok(st == 0 and b"you asked for /v1" in out, "connect node /path", (st, err))
none = free_port()
for args, want, name in (
        (("pi", none, "udp"), 3, "nobody receives there: 3"),
        (("pi", blocked.port, "udp"), 5, "UDP that the rules block: 5"),
        (("pi", "192.0.2.1", 53, "udp"), 5, "UDP beyond loopback: 5"),
        (("pi", other), 5, "a socket that no rule names: 5"),
        (("pi", os.path.dirname(sock) + "/./docker.sock"), 5,
         "nor by another name: 5"),
        (("pi", "no-such.invalid", 53, "udp"), 4, "no such host: 4"),
        (("nope", 53, "udp"), 6, "no such node: 6"),
        (("pi", 53, "sctp"), 2, "no such protocol: 2"),
        (("pi", sock, "udp"), 2, "a Unix socket has no protocol: 2")):
    st, out, err = Connect(env, *args).end(b"x")
    ok(st == want and len(err.strip().splitlines()) >= 1,
       "connect: " + name, "%d %s" % (st, err))
eq(blocked.sources, [], "and what is blocked hears nothing")

# Which listener a link comes to is chance: some cross, some do not.
got = [Connect(env, "-w", "1", "pi", udp.port, "udp").end(b"%d" % i)[1]
       for i in range(6)]
eq(got, [b"1:%d" % i for i in range(6)],
   "links at this and at the other listener")

# At a terminal a line is a datagram.
pid, tty = os.forkpty()
if pid == 0:
    os.execve(OBJ + "/accessctl", ["accessctl", "connect", "pi",
                                   str(udp.port), "udp"], env)
seen = b""
for line in b"one\n", b"two, longer\n":
    os.write(tty, line)
    want = b"%d:%s" % (len(line), line.rstrip())
    end = time.monotonic() + 20
    while want not in seen and time.monotonic() < end:
        seen += os.read(tty, 1000)
ok(b"4:one" in seen and b"12:two, longer" in seen,
   "at a terminal a line is a datagram", seen)
os.write(tty, b"\x03")
eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -2, "^C ends it")
os.close(tty)


# ---- accessctl forward ----

ldns, lweb, liperf, ludp, lblock, lnone, llan = (free_port()
                                                 for _ in range(7))
lsock, ltcp = path("l.sock"), path("tcp.sock")
# Of a program that is gone, and in the way.
s = socket.socket(socket.AF_UNIX)
s.bind(lsock)
s.close()
f = Forwards(env, "%d:pi:%d/udp" % (ldns, dns),
             "[::1]:%d:pi:127.0.0.1:%d" % (ldns, dns), "127.0.0.1:%d:pi:%d" % (ldns, dns),
             "%d:pi:%s" % (lweb, sock), "%s:pi:%s" % (lsock, sock),
             "%s:pi:%d" % (ltcp, webport),
             "%d:pi:%d" % (liperf, iperf), "%d:pi:%d/udp" % (liperf, iperf),
             ":%d:pi:localhost:%d/udp" % (ludp, udp.port),
             "%d:pi:%d/udp" % (lblock, blocked.port),
             "%d:pi:%d/udp" % (lnone, none),
             "%d:pi:192.0.2.1:53/udp" % llan)
ok(f.alive(), "a dozen at once, over one link")


def dig(*args, port=ldns, at="127.0.0.1"):
    return run(["dig", "@" + at, "-p", str(port), "+short", "+time=5",
                "+tries=4", *args])


eq(dig("printer.home").stdout, "192.0.2.7\n", "dig, UDP")
eq(dig("printer.home", at="::1").stdout, "192.0.2.7\n", "on ::1 too")
eq(dig("+tcp", "printer.home").stdout, "192.0.2.7\n", "and over TCP")
r = dig("+bufsize=4096", "+ignore", "txt", "big.home").stdout
eq((r.count(big), len(r.splitlines())), (12, 12),
   "an answer of more than a packet")
batch = write("batch", "printer.home\n" * 200)
r = dig("-f", batch)
eq(r.stdout.count("192.0.2.7"), 200, "200 questions, each from a port")

c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.settimeout(20)
c.connect(("127.0.0.1", ludp))
sizes = [0, 1, 1472, 16383, 16384, 16385, 60000, 65500]
got = []
for n in sizes:
    c.send(b"s" * n)
    got.append(c.recv(70000))
eq([g == b"%d:" % n + b"s" * n for n, g in zip(sizes, got)],
   [True] * len(sizes), "datagrams keep their bounds, none to 65500 bytes")
eq(len(set(udp.sources[-len(sizes):])), 1, "one source is one session")
c2 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c2.settimeout(20)
c2.connect(("127.0.0.2", ludp))
c2.send(b"two")
eq(c2.recv(100), b"3:two", "an answer comes from the address that was asked")
eq(len(set(udp.sources[-len(sizes) - 1:])), 2, "another source is another")

conns = [(x["kind"], x["host"], x["port"])
         for x in relay.json("connection", "list")]
ok(("udp", "localhost", udp.port) in conns, "on the list as udp", conns)


def audited(target):
    return wait_for(lambda: [x for x in relay.json("audit") or []
                             if x.get("target") == target], 20)


ok(audited("127.0.0.1:%d/udp" % udp.port), "in the audit log as udp")
ok(audited(sock), "and a Unix socket by its path")

d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
d.settimeout(0.2)
for port, pattern, name in (
        (lnone, r"nobody receives", "a port where nobody receives"),
        (lblock, r"denied: the device's own rules.*/udp",
         "a port that the rules block"),
        (llan, r"denied.*192.0.2.1:53/udp", "a host that no rule passes")):
    def told():
        d.sendto(b"x", ("127.0.0.1", port))
        return f.lines(pattern)
    ok(wait_for(told, 30, 0.3), name + ": the log says so", f.text())

# iperf3: its control is TCP, on the same port
for extra, name in ([], "there"), (["-R"], "and back"):
    # Between two tests its server is not there for a moment.
    for _ in range(20):
        r = run(["iperf3", "-c", "127.0.0.1", "-p", str(liperf), "-u", "-b",
                 "8M", "-l", "1400", "-t", "2", "-J", *extra], timeout=90)
        if '"connected":\t[]' not in r.stdout:
            break
        time.sleep(0.1)
    try:
        j = json.loads(r.stdout)["end"]["sum"]
    except (ValueError, KeyError):
        j = {}
    ok(r.returncode == 0 and j.get("packets", 0) > 100 and
       j.get("lost_packets", 1 << 30) < j["packets"] / 2,
       "iperf3 -u, " + name, r.stdout[-2000:] + r.stderr)
    eq(j.get("out_of_order", 0), 0, "nothing out of order")
r = run(["iperf3", "-c", "127.0.0.1", "-p", str(liperf), "-u", "-b", "400M",
         "-l", "8000", "-t", "2", "-J"], timeout=90)
eq(r.returncode, 0, "a flood of datagrams")
# A node that stands still: its datagrams are lost, and nothing else waits.
tunnel = agent.children()["tunnel"]
os.kill(tunnel, signal.SIGSTOP)
lost = relay.stat("datagrams_lost")


def flood():
    for _ in range(2000):
        c.send(b"f" * 8000)
    return relay.stat("datagrams_lost") > lost + 100


c.setblocking(False)
flooded = False
end = time.monotonic() + 60
while not flooded and time.monotonic() < end:
    try:
        flooded = flood()
    except BlockingIOError:
        pass
ok(flooded, "a node that stands still: datagrams are lost, and counted",
   relay.stat("datagrams_lost"))
r = run([OBJ + "/accessctl", "nodes", "--json"], env=env)
eq(r.returncode, 0, "others come in meanwhile")
os.kill(tunnel, signal.SIGCONT)
c.settimeout(20)


def fresh():
    c.send(b"fresh")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        try:
            if c.recv(70000) == b"5:fresh":
                return True
        except OSError:
            return False
    return False


ok(wait_for(fresh, 60), "and when it goes on, so does the session")
eq(dig("printer.home").stdout, "192.0.2.7\n", "others go on behind it")

# Unix sockets
eq(stat.S_IMODE(os.stat(lsock).st_mode), 0o600, "a socket of mode 0600")

eq(curl("--unix-socket", lsock, "http://docker/containers/json"),
   "you asked for /containers/json", "a Unix socket on both ends")
eq(curl("http://127.0.0.1:%d/x" % lweb), "you asked for /x",
   "a port that leads to a Unix socket")
eq(curl("--unix-socket", ltcp, "http://x/y"), "you asked for /y",
   "a Unix socket that leads to a port")
body = path("body")
with open(body, "wb") as o:
    o.write(os.urandom(1 << 20) * 8)
eq(curl("--unix-socket", lsock, "--data-binary", "@" + body, "http://d/up"),
   "you asked for /up", "8 MB to it")

p = Forwards(env, "%s:pi:%s" % (lsock, sock), wait=False, name="taken")
eq(p.p.wait(20), 1, "a socket that somebody listens on is not taken")
ok("another program" in p.text() and curl(
    "--unix-socket", lsock, "http://d/") == "you asked for /",
   "which is said, and it goes on", p.text())
p = Forwards(env, "%s:pi:%s" % (body, sock), wait=False, name="file")
eq(p.p.wait(20), 1, "a file is not replaced")
ok(os.path.getsize(body) == 8 << 20, "and is still there")
p = Forwards(env, "%s:pi:%s" % (path("o.sock"), other), name="other")
eq(curl("--unix-socket", path("o.sock"), "http://d/"), "",
   "a socket of the device that no rule names")
ok(p.wait_line("denied: the device's own rules"), "is denied", p.text())
p.kill(signal.SIGKILL)
p.p.wait()
ok(wait_for(lambda: not os.path.exists(path("o.sock")), 20),
   "kill -9: the file goes, too")

# The device's rules are read again.
with open(agent.conf, "a") as o:
    o.write('block unix any\npass quick unix "%s"\n' % other)
agent.proc.kill(signal.SIGHUP)
agent.proc.wait_line("configuration reloaded", 30)
p = Forwards(env, "%s:pi:%s" % (path("o.sock"), other), name="other")
ok(wait_for(lambda: curl("--unix-socket", path("o.sock"), "http://d/") ==
            "you asked for /", 30, 0.3), "rules that were reloaded")
eq(curl("--unix-socket", lsock, "http://d/"), "", "both ways")
p.stop()
with open(agent.conf, "a") as o:
    o.write('pass quick unix any\n')
agent.proc.kill(signal.SIGHUP)
agent.proc.wait_line("configuration reloaded", 30, 2)
eq(dig("printer.home").stdout, "192.0.2.7\n",
   "a question waits for a node that is coming back")

# ---- waiting: for the relay, for the node ----

class Ask(threading.Thread):
    """A connection that is made now; what comes of it."""

    def __init__(self, where):
        super().__init__(daemon=True)
        self.where, self.got = where, None
        self.s = socket.socket(socket.AF_UNIX if isinstance(where, str) else
                               socket.AF_INET)
        self.s.settimeout(90)
        self.s.connect(where)
        self.start()

    def run(self):
        try:
            self.s.sendall(b"GET /late HTTP/1.0\r\n\r\n")
            got = b""
            while True:
                b = self.s.recv(65536)
                if not b:
                    break
                got += b
        except OSError as e:
            got = e
        self.got = got

    def ended(self, seconds=60):
        self.join(seconds)
        return self.got


relay.proc.kill()
relay.proc.p.wait()
ok(f.wait_line(r"next attempt in", 30), "the relay was killed: one line")
waiting = [Ask(("127.0.0.1", lweb)), Ask(lsock)]
lost = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
lost.settimeout(3)
lost.connect(("127.0.0.1", ludp))
relay.start()
got = [w.ended() for w in waiting]
ok(all(b"you asked for /late" in g for g in got if isinstance(g, bytes)) and
   all(isinstance(g, bytes) for g in got),
   "connections wait for the relay and the node to come back", got)


def answered():
    lost.send(b"again")
    try:
        return lost.recv(100) == b"5:again"
    except OSError:
        return False


ok(wait_for(answered, 60), "UDP goes on, too")

# No node: the link is new, so nothing is taken for granted.
agent.stop()
relay.stop()
n = len(f.lines("is up again"))
relay.start()
f.wait_line("is up again", 60, n + 1)
waiting = [Ask(("127.0.0.1", lweb)), Ask(ltcp)]
time.sleep(1)
ok(all(w.got is None for w in waiting), "they wait for a node")
agent.start()
got = [w.ended() for w in waiting]
ok(all(isinstance(g, bytes) and b"you asked for /late" in g for g in got),
   "that comes back", got)
agent.stop()
wait_for(lambda: node_online(relay, online=False), 30)
# The first may find out; those behind it wait.
Ask(("127.0.0.1", lweb)).ended()
n = len(f.lines("refused after"))
waiting = [Ask(("127.0.0.1", lweb)) for _ in range(3)]
got = [w.ended() for w in waiting]
ok(all(isinstance(g, (OSError, bytes)) and not g or isinstance(g, OSError)
       for g in got), "for one that does not they are refused", got)
ok(f.wait_line(r"the node is offline.*refused after 10 s", 20, n + 1),
   "with the reason", f.text())
relay.stop()


def long_pause():
    """The next attempt is not near: how many there were."""
    n = len(f.lines(r"next attempt in (\d\d|[5-9])\."))
    ok(f.wait_line(r"next attempt in (\d\d|[5-9])\.", 90, n + 1),
       "nobody waits: a long pause", f.text())
    return len(f.lines("next attempt in"))


n = long_pause()
waits = Ask(lsock)
ok(f.wait_line("next attempt in", 4, n + 1),
   "somebody waits: the next attempt comes soon", f.text())
got = waits.ended()
pauses = [float(s.split()[-2]) for s in f.lines("next attempt in")[n:]]
ok(5 <= len(pauses) < 20 and max(pauses[:5]) <= 2,
   "and those after it, but not too many", pauses)
ok(not got or isinstance(got, OSError), "no relay: refused", got)
ok(f.wait_line(r"no link to the relay; 1 connection refused after 10 s", 20),
   "with the reason", f.text())


def left_after(count, seconds):
    """Of so many connections, those that have not been refused by then."""
    poll, left = select.poll(), {}
    end = time.monotonic() + seconds
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", lweb))
        left[s.fileno()] = s
        poll.register(s, select.POLLIN)
    while left and time.monotonic() < end:
        for fd, _ in poll.poll(100):
            poll.unregister(fd)
            left.pop(fd).close()
    n = len(left)
    for s in left.values():
        s.close()
    return n


eq(left_after(400, 15), 0,
   "more than may wait: the others wait no longer for that")
n = long_pause()
lost.send(b"once more")
ok(f.wait_line("next attempt in", 4, n + 1),
   "a datagram waits: soon, too", f.text())
relay.start()
agent.start()
ok(wait_for(lambda: curl("--unix-socket", lsock, "http://d/") ==
            "you asked for /", 60, 0.3), "and all is well again")

# a listener that dies takes its links with it
for name, pid in relay.children().items():
    if name.startswith("listener"):
        os.kill(pid, signal.SIGKILL)
ok(wait_for(lambda: dig("printer.home").stdout == "192.0.2.7\n", 60, 0.3),
   "kill -9 of both listeners: names again")

# ---- the end ----
f.kill(signal.SIGINT)
eq(f.p.wait(20), -signal.SIGINT, "^C ends it, as a signal does")
ok(not os.path.exists(lsock) and not os.path.exists(ltcp),
   "and its sockets are gone by then")

done()
