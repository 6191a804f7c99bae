#!/usr/bin/env python3
"""accessctl connect: bytes, half-closes, ends and exit statuses."""
import os
import subprocess
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=2)
relay.user_add()
agent = Agent(relay, extra="block to 127.0.0.9")
env = login(relay)

target = Target(echo)
st, out, err = Connect(env, "pi", target.port).end(b"x" * 100000)
eq((st, len(out)), (0, 100000), "echo: what went in came out, status 0")


def speaks_first(c):
    c.sendall(b"hello\n")
    c.shutdown(socket.SHUT_WR)
    while c.recv(4096):
        pass


st, out, err = Connect(env, "pi", "127.0.0.1",
                       Target(speaks_first).port, "tcp").end()
eq((st, out), (0, b"hello\n"), "the target speaks first and closes first")

got = []


def counts(c):
    n = 0
    while True:
        b = c.recv(65536)
        if not b:
            break
        n += len(b)
    got.append(n)
    c.sendall(b"%d" % n)


st, out, err = Connect(env, "pi", Target(counts).port).end(b"y" * 5000000)
eq((st, out), (0, b"5000000"),
   "an answer after the end of input: half-close is real")

whole = []


def slow_after_fin(c):
    import time
    c.shutdown(socket.SHUT_WR)
    n = 0
    while True:
        b = c.recv(65536)
        if not b:
            break
        n += len(b)
        if n < 1 << 20:
            time.sleep(0.01)
    whole.append(n)


st, out, err = Connect(env, "pi", Target(slow_after_fin).port).end(
    b"u" * (2 << 20))
eq(st, 0, "the target has said all before a slow upload: status 0")
ok(wait_for(lambda: whole == [2 << 20], 20),
   "and all of the upload gets there", whole)
wait_for(lambda: relay.json("connection", "list") == [])

quiet = Target(lambda c: c.recv(1) and None)
c = Connect(env, "pi", quiet.port)
wait_for(lambda: relay.json("connection", "list"))
ok(c.p.poll() is None, "a target that never speaks is waited for")
conns = relay.json("connection", "list")
eq([(x.get("node"), x.get("user", x.get("email"))) for x in conns],
   [("pi", "you@example.org")], "it is on the list of connections")
r = relay.ctl("connection", "kill", str(conns[0]["id"]))
ok(r.returncode == 0 and "; 0 links and 1 stream ended" in r.stdout,
   "connection kill: what came of it is said", r.stdout)
eq(c.end(seconds=10)[0], 10, "a killed connection: status 10")


def resets(c):
    import struct
    c.recv(1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack("ii", 1, 0))
    c.close()


c = Connect(env, "pi", Target(resets).port)
st, out, err = c.end(b"z")
eq(st, 10, "a target that resets: status 10, never a clean end")

dead = free_port()
for args, want, name in (
        (("pi", dead), 3, "a target that refuses: 3"),
        (("pi", "127.0.0.9", dead), 5, "a target that the rules block: 5"),
        (("pi", "192.0.2.1", 22), 5, "not loopback, no rule: 5"),
        (("pi", "no-such-host.invalid", 22), 4, "no such host: 4"),
        (("nope", 22), 6, "no such node: 6")):
    st, out, err = Connect(env, *args).end()
    ok(st == want and len(err.strip().splitlines()) == 1,
       name + ", in one line", "%d %s" % (st, err))

# a target that does not answer: its backlog is full
full = socket.socket()
full.bind(("127.0.0.1", 0))
full.listen(0)
fill = []
for _ in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(full.getsockname())
    fill.append(c)
st, out, err = Connect(env, "pi", full.getsockname()[1]).end(b"", 40)
eq(st, 4, "a target that does not answer: 4, in time")
st, out, err = Connect(dict(env, RELAY_URL="wss://127.0.0.1:%d" % dead),
                       "pi", 22).end()
eq(st, 8, "no relay there: 8")
st, out, err = Connect(env, "pi").end()
eq(st, 2, "usage: 2")

# the name of somebody else's node
relay.user_add("other@example.org")
other = relay.token("connect", "other@example.org")
e2 = login(relay, other, "home2")
eq(Connect(e2, "pi", target.port).end()[0], 5, "somebody else's node: 5")
r = run([OBJ + "/accessctl", "nodes", "--json"], env=e2)
eq(json.loads(r.stdout), [], "and it is not on their list")
r = run([OBJ + "/accessctl", "nodes", "--json"], env=env)
eq([(n["node"], n["online"]) for n in json.loads(r.stdout)], [("pi", True)],
   "accessctl nodes")

# files as ends
big = path("big")
size = 20 << 20
subprocess.check_call(["openssl", "rand", "-out", big, str(size)])
with open(big, "rb") as i, open(path("out"), "wb") as o:
    p = subprocess.run([OBJ + "/accessctl", "connect", "pi",
                        str(target.port)], stdin=i, stdout=o, env=env,
                       timeout=60)
eq((p.returncode, sha256(path("out"))), (0, sha256(big)),
   "standard input and output are files")

# ---- datagram sockets as standard input and output ----
def udp_pair():
    s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab"]
    for x in s:
        x.bind(("127.0.0.1", 0))
    s[0].connect(s[1].getsockname())
    s[1].connect(s[0].getsockname())
    return s


udp = UdpTarget()
for what, pair in (("a pair", lambda: socket.socketpair(
        socket.AF_UNIX, socket.SOCK_DGRAM)), ("connected UDP", udp_pair)):
    ours, its = pair()
    ours.settimeout(20)
    p = subprocess.Popen([OBJ + "/accessctl", "connect", "pi",
                          "127.0.0.1:%d/udp" % udp.port], env=env, stdin=its,
                         stdout=its, stderr=subprocess.PIPE, text=True)
    its.close()
    ours.send(b"one")
    eq(ours.recv(100), b"one", "datagram sockets, %s: an answer" % what)
    ours.send(b"")
    eq(ours.recv(100), b"", "and an empty one is one, and not the end")
    ours.close()
    # UDP tells of the first one, that it is lost, when there is a second.
    for _ in "ab":
        udp.sock.sendto(b"late", udp.sources[-1])
    try:
        err = p.communicate(timeout=20)[1]
    except subprocess.TimeoutExpired:
        p.kill()
        err = p.communicate()[1]
    eq((p.returncode, err), (10, ""),
       "that nobody has the other end is seen, and not put down to the target")

# the older name
link = os.path.join(OBJ, "access-client")
tok = relay.token("connect")
e = dict(os.environ, HTTP_NETWORK_RELAY_URL=relay.url +
         "/ws_for_access_clients", HTTP_NETWORK_RELAY_SECRET=tok,
         SSL_CERT_FILE=make_ca(), XDG_CONFIG_HOME=path("nobody"))
plain = Relay("plain", tls=False, prefork=1)
plain.user_add()
a2 = Agent(plain, "old")
p = subprocess.Popen(
    [link, "old", "127.0.0.1", str(target.port), "tcp", "--relay-url",
     "ws://localhost:%d/ws_for_access_clients" % plain.port, "--secret",
     plain.token("connect")],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    env=dict(os.environ, XDG_CONFIG_HOME=path("nobody")))
p.stdin.write(b"old ")
p.stdin.flush()
eq(os.read(p.stdout.fileno(), 100), b"old ", "access-client, over ws://")
ok("culv_" not in cmdline(p.pid), "its secret is out of sight of ps")
p.stdin.close()
eq(p.wait(10), 0, "and it ends in order")

agent.stop()
wait_for(lambda: node_online(relay, online=False))
eq(Connect(env, "pi", target.port).end()[0], 7, "the node is offline: 7")
done()
