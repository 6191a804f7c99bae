#!/usr/bin/env python3
"""Reload: all or nothing, certificates too, open streams untouched."""
import os
import shutil
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

make_ca()
first = make_cert("first")
live = [(path("tls/live.pem"), path("tls/live.key"))]


def install(pair, key=None):
    shutil.copy(pair[0], live[0][0])
    shutil.copy(key or pair[1], live[0][1])
    os.chmod(live[0][1], 0o600)


install(first)
relay = Relay(prefork=2, certs=live)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
c = Connect(env, "pi", target.port)


def passes(what):
    c.p.stdin.write(b"r")
    c.p.stdin.flush()
    ok(os.read(c.p.stdout.fileno(), 10) == b"r", what + ": the open stream "
       "goes on")


def served(port=None):
    ctx = client_context()
    with socket.create_connection(("127.0.0.1", port or relay.port), 10) as s:
        with ctx.wrap_socket(s, server_hostname="localhost") as t:
            return t.getpeercert(True)


def der(pair):
    with open(pair[0]) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


passes("before")
second = make_cert("second", kind="rsa")
install(second)
r = relay.ctl("reload")
eq(r.returncode, 0, "accessctl reload")
eq(served(), der(second), "new connections get the new certificate")
passes("a new certificate")
install(first)
relay.proc.kill(signal.SIGHUP)
ok(wait_for(lambda: served() == der(first)), "SIGHUP does the same")
passes("SIGHUP")

# Many, one right after the other: whoever was there when a certificate was
# in use ends its handshake with it.


class Slow:
    """Half of a hello."""

    def __init__(self):
        self.s = socket.create_connection(("127.0.0.1", relay.port), 30)
        self.i, self.o = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.t = client_context().wrap_bio(self.i, self.o,
                                           server_hostname="localhost")
        self.step()
        self.hello = self.o.read()
        self.s.sendall(self.hello[:100])

    def step(self):
        try:
            self.t.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def end(self):
        """The certificate; or why there is none."""
        self.s.sendall(self.hello[100:])
        try:
            while not self.step():
                self.i.write(self.s.recv(65536) or self.i.write_eof() or b"")
        except (OSError, ssl.SSLError) as e:
            return str(e)
        finally:
            self.s.close()
        return self.t.getpeercert(True)


def load():
    while not stop.is_set():
        try:
            served()
            done_.append(1)
        except (OSError, ssl.SSLError) as e:
            failed.append(str(e))


several = [make_cert("several%d" % i) for i in range(6)]
slow, before = [], first
# The agent and the open stream.
wait_for(lambda: relay.stat("connections") == 2)
for pair in several:
    slow.append((Slow(), before))
    ok(wait_for(lambda: relay.stat("connections") == len(slow) + 2),
       "one begins its handshake")
    install(pair)
    eq(relay.ctl("reload").returncode, 0, "and the certificate is another")
    before = pair
wrong = [(i, x) for i, (s, pair) in enumerate(slow) for x in [s.end()]
         if x != der(pair)]
ok(not wrong, "who began %d reloads ago, or fewer, has the certificate of "
   "then" % len(several), wrong)

failed, done_, stop = [], [], threading.Event()
ts = [threading.Thread(target=load) for _ in range(2)]
for t in ts:
    t.start()
for pair in several + [first]:
    install(pair)
    if relay.ctl("reload").returncode != 0:
        failed.append(pair)
wait_for(lambda: len(done_) > 20)
stop.set()
for t in ts:
    t.join()
ok(not failed, "%d reloads at once: none of %d handshakes failed" % (
    len(several) + 1, len(done_)), failed[:5])

install(second, key=first[1])
r = relay.ctl("reload")
look = "; relayd -n -f %s " % relay.conf
ok(r.returncode != 0 and "old configuration stays" + look in r.stderr,
   "a key that does not belong: refused, and said so", r.stderr + r.stdout)
eq(served(), der(first), "the old certificate stays")
passes("a bad pair")
install(first)

other = free_port()
with open(relay.conf, "a") as f:
    f.write("listen on 127.0.0.1 port %d tls\n" % other)
eq(relay.ctl("reload").returncode, 0, "an address more")
ok(wait_for(lambda: can_connect(other)), "is listened on")
eq(served(other), der(first), "with TLS")
with open(relay.conf, "a") as f:
    f.write("listen on rubbish\n")
r = relay.ctl("reload")
ok(r.returncode != 0 and "old configuration stays" + look in r.stderr,
   "a configuration with errors is refused as a whole", r.stderr)
ok(can_connect(relay.port) and can_connect(other), "and nothing changed")
ok(relay.proc.lines(r"relayd.conf:\d+:"), "file and line are in the log",
   relay.proc.text()[-500:])
passes("a bad configuration")
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "the first configuration again")
ok(wait_for(lambda: not can_connect(other)), "the other address is closed")
passes("an address less")
W = "domain other.example.org: none of the certificates is for this name"
with open(relay.conf, "a") as f:
    f.write("domain other.example.org\n")
eq(relay.ctl("reload").returncode, 0, "a domain without a certificate")
ok(len(relay.proc.lines(W)) == 1, "is warned of", relay.proc.text()[-500:])
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "and not without it")
eq(c.end()[0], 0, "it ends in order")

# it is told when it is done, and that is when all have it
for kind in ("keys", "auth", "listener"):
    pid = relay.children()[kind]
    os.kill(pid, signal.SIGSTOP)
    p = subprocess.Popen([OBJ + "/accessctl", "reload"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, env=dict(os.environ,
                                             CULVERT_SOCKET=relay.socket))
    try:
        p.wait(1)
    except subprocess.TimeoutExpired:
        pass
    ok(p.returncode is None, "a reload that %s has not taken is not over yet"
       % kind)
    os.kill(pid, signal.SIGCONT)
    ok(p.wait(30) == 0 and "configuration reloaded" in p.stdout.read(),
       "and it is then")

# a second start
r = run([OBJ + "/relayd", "-d", "-f", relay.conf], timeout=10)
ok(r.returncode not in (0, 124) and "another relayd" in r.stderr,
   "a second relayd says so and ends", r.stderr)
ok(relay.serving(), "and the first is not disturbed")

# expired, not yet valid
make_key("old.key")
for name, when in (("expired", "-1 day"), ("not valid yet", "+2 days")):
    subprocess.run(["faketime", when.replace("-1", "-9"), "openssl", "req",
                    "-new", "-x509", "-key", "old.key", "-days", "1",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-out", "old.pem"],
                   cwd=path("tls"), check=True, capture_output=True)
    install((path("tls/old.pem"), path("tls/old.key")))
    r = relay.ctl("reload")
    ok(r.returncode != 0, "reload refuses a certificate that is " + name)
    r = run([OBJ + "/relayd", "-n", "-f", relay.conf])
    ok(r.returncode == 1 and ("expired" in r.stderr or
                              "not valid yet" in r.stderr),
       "and relayd -n says " + name, r.stderr)
eq(served(), der(first), "the old one is served still")
done()
