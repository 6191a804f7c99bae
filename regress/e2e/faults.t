#!/usr/bin/env python3
# tags: slow
"""What else can happen to a relay: auth killed again and again under log-ins,
certificates renewed under load, memory that runs out, one identity twice."""
import base64
import os
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

KILLS = 5 if SANITIZED else 20
RELOADS = 20 if SANITIZED else 100

# ---- auth is killed under log-ins ----
relay = Relay(tls=False, prefork=2)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
good = relay.token("connect")
gone = relay.token("connect")           # in good form, and of nobody
eq(relay.ctl("token", "revoke", gone.split("_")[1]).returncode, 0,
   "a token is revoked")
held = Connect(env, "pi", target.port)


def passes():
    return held.echoes()


def attempt(token, source):
    """The head of the answer to a log-in, or b''."""
    with socket.create_connection(("127.0.0.1", relay.port), 30,
                                  (source, 0)) as s:
        s.settimeout(30)
        s.sendall(b"GET /api/access/ws HTTP/1.1\r\nHost: localhost\r\n"
                  b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                  base64.b64encode(os.urandom(16)) + b"\r\n"
                  b"Sec-WebSocket-Protocol: culvert.1\r\n"
                  b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
        out = b""
        while b"\r\n\r\n" not in out:
            b = s.recv(4096)
            if not b:
                return b""
            out += b
        return out


ok(passes(), "a stream is open")
seen, wrong, slow = {}, [], []
stop = threading.Event()
lock = threading.Lock()


def log_ins(k):
    i = 0
    while not stop.is_set():
        i += 1
        bad = i % 4 == 0
        t0 = time.monotonic()
        try:
            head = attempt(gone if bad else good, "127.%d.%d.%d" % (
                20 + k, i >> 8 & 255, 1 + i % 250))
        except OSError as e:
            head = b"?? " + str(e).encode()
        took = time.monotonic() - t0
        st = head.split(b" ")[1].decode() if head.count(b" ") > 1 else "none"
        with lock:
            seen[bad, st] = seen.get((bad, st), 0) + 1
            if bad and st not in ("401", "503", "429") or \
                    not bad and st not in ("101", "503", "429"):
                wrong.append((bad, head[:200]))
            if st == "503" and b"retry-after:" not in head.lower():
                wrong.append((bad, head[:200]))
            if took > 20:
                slow.append(took)


ts = [threading.Thread(target=log_ins, args=(k,)) for k in range(6)]
for t in ts:
    t.start()
before = relay.children()
back = 0
for i in range(KILLS):
    wait_for(lambda: "auth" in relay.children(), 60)
    os.kill(relay.children()["auth"], signal.SIGKILL)
    # One that served for a while is started anew at once.
    if all(wait_for(lambda: attempt(token, "127.9.%d.%d" % (k, 1 + i))[9:12]
                    == status, 60)
           for k, (token, status) in enumerate(((good, b"101"),
                                                (gone, b"401")))):
        back += 1
    if i % 6 == 5:              # ten in a row would end the daemon
        time.sleep(11)
stop.set()
for t in ts:
    t.join()
eq(back, KILLS, "after each of %d kills of auth good log-ins are taken, and bad "
   "ones refused" % KILLS)
ok(not wrong, "each log-in was answered rightly, or with 503 and when to "
   "come again: %s" % sorted(seen.items()), wrong[:5])
ok(not slow, "and soon", slow)
ok(all(sum(n for (bad, _), n in seen.items() if bad == what) > KILLS
       for what in (False, True)), "good and bad ones were tried", seen)
ok(passes(), "the open stream went on")
after = relay.children()
ok(all(after[k] == before[k] for k in before if k != "auth"),
   "and nobody else was started again", (before, after))
r = relay.ctl("user", "list")
eq(r.returncode, 0, "the store is whole")
held.end()
agent.stop()
relay.stop()

# ---- certificates renewed under load ----
make_ca()
pairs = [make_cert("one"), make_cert("two", kind="rsa")]
live = [(path("tls/live.pem"), path("tls/live.key"))]


def install(pair, key=None):
    for src, dst in ((pair[0], live[0][0]), (key or pair[1], live[0][1])):
        shutil.copy(src, dst + ".new")
        os.chmod(dst + ".new", 0o600)
        os.rename(dst + ".new", dst)


install(pairs[0])
relay = Relay("renew", prefork=2, certs=live)
relay.user_add()
ctx = client_context()
failed, done_, certs = [], [0], set()
stop = threading.Event()


def requests():
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", relay.port),
                                          30) as s, \
                    ctx.wrap_socket(s, server_hostname="localhost") as t:
                t.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
                          b"Connection: close\r\n\r\n")
                out = b""
                while True:
                    b = t.recv(4096)
                    if not b:
                        break
                    out += b
                certs.add(hashlib.sha256(t.getpeercert(True)).hexdigest())
            if not out.startswith(b"HTTP/1.1 200"):
                failed.append(out[:100])
            done_[0] += 1
        except (OSError, ssl.SSLError) as e:
            failed.append(str(e))


ts = [threading.Thread(target=requests) for _ in range(3)]
for t in ts:
    t.start()
refused = 0
for i in range(RELOADS):
    n = done_[0]
    if i % 10 == 9:             # a broken one in between
        install(pairs[0], key=pairs[1][1])
        refused += relay.ctl("reload").returncode != 0
    install(pairs[i & 1])
    r = relay.ctl("reload")
    if r.returncode != 0:
        failed.append(r.stderr)
    wait_for(lambda: done_[0] > n + 2, 30)
stop.set()
for t in ts:
    t.join()
ok(not failed, "%d certificates one after the other: none of %d requests "
   "failed" % (RELOADS, done_[0]), failed[:5])
eq(len(certs), 2, "and both were served")
eq(refused, RELOADS // 10, "each broken pair was refused")

# ---- expired, not valid yet ----
make_key("old.key")
for name, when in (("expired", "-9 days"), ("not valid yet", "+2 days")):
    subprocess.run(["faketime", when, "openssl", "req", "-new", "-x509",
                    "-key", "old.key", "-days", "1", "-subj",
                    "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-out", "old.pem"],
                   cwd=path("tls"), check=True, capture_output=True)
    install((path("tls/old.pem"), path("tls/old.key")))
    p = subprocess.run([OBJ + "/relayd", "-d", "-f", relay.conf],
                       capture_output=True, text=True, timeout=30)
    ok(p.returncode == 1 and re.search(name, p.stderr),
       "relayd does not start with a certificate that is " + name, p.stderr)
    ok(relay.ctl("reload").returncode != 0, "nor is it taken by a reload")
ok(relay.serving() and relay.proc.alive(), "the old one serves on")
install(pairs[0])
eq(relay.ctl("reload").returncode, 0, "a good one is taken again")

# What a device does about a relay's certificate at another time than ours.
for name, when, word in (("in 40 days", "+40 days", "expired"),
                         ("a year ago", "-365 days", "not (yet )?valid")):
    a = Agent(relay, "late", token=relay.token("node"), wait=False,
              program=["faketime", "-f", when.replace(" days", "d"),
                       OBJ + "/agentd"] if not SANITIZED else None)
    if SANITIZED:
        a.stop()
        skip("a device " + name, "two preloaded libraries")
        continue
    ok(a.proc.wait_line(r"(?i)certificate.*(%s).*next attempt" % word, 30),
       "a device whose clock is %s: refuses, and says so" % name,
       a.proc.text())
    said = a.proc.lines(r"next attempt")
    ok(any(len(re.findall(r"\d{4}-\d{2}-\d{2}", x)) >= 2 for x in said),
       "with the dates of the certificate", said)
    ok(a.proc.alive() and len(said) < 20, "and waits longer and longer",
       said)
    a.stop()

# ---- one identity twice ----
token = relay.token("node")
a = Agent(relay, "twin", token=token)
b = Agent(relay, "twin", token=token)
seconds = 20
time.sleep(seconds)
flips = relay.proc.lines("takes over from")
ok(1 <= len(flips) <= 3, "two devices with one token: at most a change in "
   "10 s: %d in %d s" % (len(flips), seconds), flips)
n = sum(len(x.proc.lines("link to .* is up")) for x in (a, b))
ok(n <= 14, "and neither is connected again and again", n)
a.stop()
b.stop()

# ---- out of memory ----
adj = {k: int(open("/proc/%d/oom_score_adj" % p).read())
       for k, p in relay.children().items()}
own = int(open("/proc/self/oom_score_adj").read())
ok(adj["listener"] == 200 and adj["auth"] <= max(own, 0),
   "the kernel ends a listener rather than auth", adj)


def cgroup():
    """A group of processes with a limit, made now: (folder, limit file)."""
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                       ("/sys/fs/cgroup", "memory.max")):
        d = "%s/culvert-test-%d" % (top, os.getpid())
        try:
            os.mkdir(d)
        except OSError:
            continue
        if os.path.exists(d + "/" + limit):
            return d, d + "/" + limit
        os.rmdir(d)
    return None, None


group, limit = cgroup() if ROOT and not SANITIZED else (None, None)
if group is None:
    skip("a listener out of memory", "no cgroup that limits memory")
    done()
agent = Agent(relay, "pi")
env = login(relay)
held = Connect(env, "pi", target.port)
ok(passes(), "a stream is open")
pids = relay.children()
try:
    with open(limit, "w") as f:
        f.write(str(2 << 20))
    for name in ("listener", "listener 1"):
        with open(group + "/cgroup.procs", "w") as f:
            f.write(str(pids[name]))
    many = []

    # A handshake takes memory, a connection that is made hardly any.
    def fill():
        for _ in range(400):
            hello = ssl.MemoryBIO()
            try:
                ctx.wrap_bio(ssl.MemoryBIO(), hello,
                             server_hostname="localhost").do_handshake()
            except ssl.SSLWantReadError:
                pass
            try:
                s = socket.create_connection(("127.0.0.1", relay.port), 10)
                many.append(s)
                s.sendall(hello.read())
                s.recv(1)
            except OSError:
                pass
            if relay.children().get("listener") != pids["listener"] or \
                    relay.children().get("listener 1") != \
                    pids["listener 1"]:
                return True
        return False

    ok(fill(), "listeners that may have 2 MB more are killed",
       relay.proc.text()[-500:])
finally:
    for x in many:
        x.close()
    held.kill()
ok(relay.proc.wait_line("ended: killed by signal 9"), "the log says so")
ok(wait_for(lambda: relay.serving() and node_online(relay) and
            Connect(env, "pi", target.port).end(b"x")[:2] == (0, b"x"), 60),
   "they are started again, and streams pass", relay.proc.text()[-800:])
after = relay.children()
ok(all(after[k] == pids[k] for k in ("auth", "keys", "router")),
   "the others are unharmed", (pids, after))
agent.stop()
eq(relay.stop(), 0, "relayd ends in order")
wait_for(lambda: not open(group + "/cgroup.procs").read(), 10)
os.rmdir(group)
done()
