#!/usr/bin/env python3
"""Sites: who may see what a node shows, and which names lead there."""
import sqlite3
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

LONG = 30
EMAIL = "you@example.org"
port, web = free_port(), free_port()
cert = make_cert("site", "DNS:localhost,DNS:*.relay.test,IP:127.0.0.1")
relay = Relay(prefork=2, port=port, certs=[cert],
              extra="domain \"relay.test\"\n", listen=[
                  "listen on 127.0.0.1 port %d tls" % port,
                  "listen on 127.0.0.1 port %d" % web])
relay.user_add()
token = relay.token("node")


def backend(text):
    """A web server with this page, and one at /stream without an end."""
    def handle(c):
        head = b""
        while b"\r\n\r\n" not in head:
            b = c.recv(4096)
            if not b:
                return
            head += b
        ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        if b" /stream " not in head.split(b"\r\n")[0]:
            c.sendall(ok + b"Content-Length: %d\r\nConnection: close\r\n"
                      b"\r\n%s" % (len(text), text))
            return
        c.sendall(ok + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            c.sendall(b"1\r\nx\r\n")
            time.sleep(0.05)

    return Target(handle)


page, grafana = backend(b"page"), backend(b"grafana")
agent = Agent(relay, token=token,
              extra="http backend \"http://127.0.0.1:%d\"\n"
              "http service grafana \"http://127.0.0.1:%d\"\n" %
              (page.port, grafana.port))


def said(r, status, part, name):
    ok(r.returncode == status and part in r.stdout + r.stderr, name,
       "%d %s%s" % (r.returncode, r.stdout, r.stderr))


def shown(name="pi"):
    return relay.json("node", "show", name)


def sql(text):
    with sqlite3.connect(relay.dir + "/state/culvert.db") as db:
        return db.execute(text).fetchall()


# ---- nodes ----
n = shown()
eq((n["http"], n["host"]), ("private", "pi.relay.test"),
   "a node is private, and has a name")
said(relay.ctl("node", "show", "pi"), 0, "pi.relay.test", "which is shown")
said(relay.ctl("node", "set", "pi", "http=public"), 0,
     "pi is public; 0 links and 0 streams ended", "node set")
eq(shown()["http"], "public", "and so it is")
for args, want, part, name in (
        (("node", "set", "pi"), 2, "usage", "nothing to set"),
        (("node", "set", "pi", "http=open"), 2, "http=private",
         "what it can't be"),
        (("node", "set", "pi", "ftp=public"), 2, "http=private",
         "what it does not show"),
        (("node", "set", "nope", "http=public"), 1, "no node nope",
         "no such node"),
        (("service", "set", "pi", "a--b", "http=public"), 1, "no --",
         "no name for a service"),
        (("service", "set", "pi", "xn", "http=public"), 1, "not xn",
         "what other names begin with"),
        (("service", "set", "nope", "x", "http=public"), 1, "no node nope",
         "a service of no node"),
        (("service", "remove", "pi", "x"), 1, "service list",
         "removing what is not set"),
        (("service", "list", "nope"), 1, "no node nope", "services of none"),
        (("domain", "add", "app", "pi"), 1, "not the full name",
         "half a name"),
        (("domain", "add", "192.0.2.1", "pi"), 1, "not the full name",
         "an address"),
        (("domain", "add", "a_b.example.com", "pi"), 1, "not the full name",
         "a name with odd characters"),
        (("domain", "add", "relay.test", "pi"), 1, "of this relay",
         "the relay's own name"),
        (("domain", "add", "a.b.relay.test", "pi"), 1, "of this relay",
         "a name below it"),
        (("domain", "add", "x.localhost", "pi"), 1, "of this relay",
         "a name of this host"),
        (("domain", "add", "app.example.com", "nope"), 1, "no node nope",
         "a domain for no node"),
        (("domain", "add", "app.example.com", "pi:"), 2, "node:service",
         "a domain for no service"),
        (("domain", "add", "app.example.com", "pi:a_b"), 1,
         "a service name is", "a domain for an odd service"),
        (("domain", "add", "x" * 300 + ".com", "pi"), 2, "longer than",
         "a name that is too long"),
        (("domain", "remove", "app.example.com"), 1, "domain list",
         "removing what is not there"),
        (("node", "rename", "pi", "p--i"), 1, "no --",
         "a name that reads as two")):
    said(relay.ctl(*args), want, part, name + " is refused")

# ---- services ----
r = relay.ctl("service", "set", "PI", "grafana", "http=basic")
said(r, 0, "grafana--pi.relay.test", "service set says where")
said(relay.ctl("service", "set", "pi", "x" * 61, "http=public"), 0,
     "too long", "a service that has no name of a host")
eq([(s["node"], s["service"], s["http"], s["host"])
    for s in relay.json("service", "list", "pi")],
   [("pi", "grafana", "basic", "grafana--pi.relay.test"),
    ("pi", "x" * 61, "public", "")], "service list")
said(relay.ctl("service", "remove", "pi", "x" * 61), 0, "is as pi",
     "service remove")
eq(len(relay.json("service", "list")), 1, "and it is gone")

# ---- domains ----
r = relay.ctl("domain", "add", "App.Example.com.", "pi:grafana")
said(r, 0, "leads to pi:grafana", "domain add")
ok("certificate" in r.stderr, "and it wants a certificate", r.stderr)
said(relay.ctl("domain", "add", "--passthrough", "tls.example.com",
               "pi:tls"), 0, "untouched", "domain add --passthrough")
said(relay.ctl("domain", "add", "app.example.com", "pi"), 1,
     "leads to pi:grafana already", "a name that is taken is refused")
eq([(d["host"], d["node"], d["service"], d["passthrough"], d["http"])
    for d in relay.json("domain", "list")],
   [("app.example.com", "pi", "grafana", False, "basic"),
    ("tls.example.com", "pi", "tls", True, "")], "domain list")
said(relay.ctl("domain", "list"), 0, "PASSTHROUGH", "for people, too")
said(relay.ctl("domain", "remove", "tls.example.com"), 0,
     "leads nowhere; 0 links and 0 streams", "domain remove")

# ---- what is noted ----
wait_for(lambda: len(sql("SELECT 1 FROM audit WHERE text LIKE "
                         "'remove domain%: done'")) > 0, LONG)
lines = [x[0] for x in sql("SELECT text FROM audit WHERE what = 'admin'")]
for want in ("show pi http=public: done",
             "show PI:grafana http=basic: done",
             "add domain App.Example.com. to pi:grafana: done",
             "add domain tls.example.com to pi:tls, untouched: done",
             "remove domain tls.example.com from pi:tls: done"):
    ok(want in lines, "in the audit log: " + want, "\n".join(lines))
node = [x[0] for x in sql("SELECT node FROM audit WHERE text LIKE "
                          "'show pi%done'")]
ok(set(node) <= {"pi", "PI"} and node, "with its node", node)
eq(sql("SELECT node FROM audit WHERE text LIKE 'remove domain%done'"),
   [("pi",)], "as has what was removed")

# ---- what visitors see ----
def visit(host, path="/"):
    """(status, body) as a program that is nobody sees it."""
    try:
        with socket.create_connection(("127.0.0.1", web), LONG) as c:
            c.sendall(("GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: "
                       "close\r\n\r\n" % (path, host, web)).encode())
            b = b""
            while True:
                more = c.recv(65536)
                if not more:
                    break
                b += more
    except OSError:
        return 0, b""
    head, _, body = b.partition(b"\r\n\r\n")
    m = re.match(rb"HTTP/1.1 (\d\d\d) ", head)
    return int(m[1]) if m else 0, body


class Stream:
    """A visitor who stays."""

    def __init__(self, host):
        self.c = socket.create_connection(("127.0.0.1", web), LONG)
        self.c.sendall(("GET /stream HTTP/1.1\r\nHost: %s\r\n\r\n" %
                        host).encode())
        b = b""
        while b"x" not in b.partition(b"\r\n\r\n")[2]:
            more = self.c.recv(65536)
            b += more
            if not more or not b.startswith(b"HTTP/1.1 200"[:len(b)]):
                raise SystemExit("no stream at %s: %r" % (host, b))

    def lives(self):
        """There is more to come than what may be on its way."""
        end = time.monotonic() + 0.5
        try:
            while time.monotonic() < end:
                if not self.c.recv(65536):
                    return False
            return bool(self.c.recv(1))
        except OSError:
            return False

    def gone(self):
        try:
            while self.c.recv(65536):
                pass
        except socket.timeout:
            return False
        except OSError:
            pass
        return True


def ended(r):
    m = re.search(r"(\d+) streams? ended within \d+ ms", r.stdout)
    return int(m[1]) if m else -1


def restarted(name):
    """Its pid after kill -9."""
    old = relay.children()[name]
    os.kill(old, signal.SIGKILL)
    return wait_for(lambda: relay.children().get(name, old) != old and
                    relay.serving(), LONG)


def streams():
    return [c for c in relay.json("connection", "list") or []
            if c["node"] == "pi"]


def sees(host, want, name):
    ok(wait_for(lambda: visit(host) == want, LONG), name, visit(host))


sees("pi.relay.test", (200, b"page"), "a public page")
eq(visit("grafana--pi.relay.test")[0], 401, "a service that is not public")
relay.ctl("service", "set", "pi", "grafana", "http=public")
sees("grafana--pi.relay.test", (200, b"grafana"), "now it is")
sees("app.example.com", (200, b"grafana"), "by another domain, too")
eq(visit("nope.relay.test")[0], 404, "what is not there")
eq(visit("other.example.com")[0], 404, "a domain that nobody added")
r = run(["curl", "-sS", "--cacert", make_ca(), "--resolve",
         "pi.relay.test:%d:127.0.0.1" % port,
         "https://pi.relay.test:%d/" % port])
eq((r.returncode, r.stdout), (0, "page"), "curl --resolve does without DNS")

# ---- what ends ----
a, b, c = (Stream(h) for h in ("pi.relay.test", "grafana--pi.relay.test",
                               "app.example.com"))
r = relay.ctl("node", "set", "pi", "http=private")
ok(ended(r) == 1 and a.gone(), "a public page's stream ends when it is "
   "private", r.stdout)
ok(b.lives() and c.lives(), "those of a service that stays public do not")
eq(visit("pi.relay.test")[0], 401, "and nobody gets in")
r = relay.ctl("domain", "remove", "app.example.com")
ok(ended(r) == 1 and c.gone(), "domain remove ends what came by it",
   r.stdout)
ok(b.lives(), "and nothing else")
eq(visit("app.example.com")[0], 404, "it leads nowhere")
r = relay.ctl("user", "disable", EMAIL)
ok(ended(r) == 1 and b.gone(), "user disable ends the last one", r.stdout)
eq(visit("grafana--pi.relay.test")[0], 404, "the site is gone")
relay.ctl("user", "enable", EMAIL)
wait_for(lambda: node_online(relay), LONG)
sees("grafana--pi.relay.test", (200, b"grafana"), "user enable: it is back")

# ---- who dies ----
b = Stream("grafana--pi.relay.test")
ok(restarted("auth"), "auth is killed, and started again")
ok(b.lives(), "the stream goes on")
sees("grafana--pi.relay.test", (200, b"grafana"), "the site is there")
ok(restarted("router"), "router is killed, and started again")
ok(b.lives(), "the stream goes on")
sees("grafana--pi.relay.test", (200, b"grafana"), "the site is there")
ok(wait_for(lambda: len(streams()) == 1, LONG),
   "the new router knows the stream", relay.json("connection", "list"))
r = relay.ctl("service", "set", "pi", "grafana", "http=basic")
ok(ended(r) == 1 and b.gone(), "and ends it", r.stdout)
relay.ctl("service", "set", "pi", "grafana", "http=public")
ok(restarted("auth") and restarted("router"), "both are killed")
sees("grafana--pi.relay.test", (200, b"grafana"), "the site comes back")
b = Stream("grafana--pi.relay.test")
auth = relay.children()["auth"]
os.kill(auth, signal.SIGSTOP)
ok(restarted("router") or True, "router is killed while auth hangs")
eq(visit("new.relay.test")[0], 503, "nobody can tell what a new name is")
ok(b.lives(), "the stream goes on")
os.kill(auth, signal.SIGCONT)
sees("grafana--pi.relay.test", (200, b"grafana"), "auth goes on: it is there")
ok(wait_for(lambda: visit("new.relay.test")[0] == 404, LONG),
   "and what is not is known")
ok(wait_for(lambda: len(streams()) == 1, LONG), "the stream is on record")
b.c.close()
for name in ("listener", "listener 1"):
    ok(restarted(name), "%s is killed" % name)
    wait_for(lambda: node_online(relay), LONG)
    sees("grafana--pi.relay.test", (200, b"grafana"), "it comes back")
b = Stream("grafana--pi.relay.test")
with open(relay.conf) as f:
    conf = f.read()
with open(relay.conf, "w") as f:
    f.write(conf.replace("domain \"relay.test\"", "").replace(
        "domain localhost", ""))
eq(relay.ctl("reload").returncode, 0, "reload without a domain")
ok(b.gone(), "the stream's name leads nowhere")
ok(b"grafana" not in visit("grafana--pi.relay.test")[1],
   "nobody gets in by it")
r = run(["curl", "-sS", "http://grafana--pi.localhost:%d/" % web])
eq((r.returncode, r.stdout), (0, "grafana"), "it is below localhost instead")
with open(relay.conf, "w") as f:
    f.write(conf)
relay.ctl("reload")
sees("grafana--pi.relay.test", (200, b"grafana"), "and back again")
b = Stream("grafana--pi.relay.test")
r = relay.ctl("node", "remove", "pi")
ok(ended(r) >= 1 and b.gone(), "node remove ends what was there", r.stdout)
ok(wait_for(lambda: node_online(relay), LONG), "the node registers again")
eq((visit("pi.relay.test")[0], visit("grafana--pi.relay.test")[0]),
   (401, 401), "and is private")
said(relay.ctl("node", "set", "pi", "http=public"), 0, "public",
     "public again")
relay.ctl("domain", "add", "app.example.com", "pi:grafana")
relay.ctl("service", "set", "pi", "grafana", "http=basic")

# ---- what is kept ----
relay.stop()
relay.start()
node_online(relay)
eq((shown()["http"], len(relay.json("domain", "list"))), ("public", 1),
   "a new relayd knows it all")
r = relay.ctl("node", "rename", "pi", "nas")
eq(r.returncode, 0, "node rename")
eq((shown("nas")["host"], relay.json("domain", "list")[0]["node"]),
   ("nas.relay.test", "nas"), "takes its names along")
relay.ctl("node", "remove", "nas")
eq((relay.json("service", "list"), relay.json("domain", "list")), ([], []),
   "node remove takes them away")
agent.stop()
relay.stop()

# ---- visitors leave room ----
port, web = free_port(), free_port()
few = Relay(name="few", prefork=1, port=port, certs=[cert],
            extra="domain \"relay.test\"\nlimit connections 16\n", listen=[
                "listen on 127.0.0.1 port %d tls" % port,
                "listen on 127.0.0.1 port %d" % web])
few.user_add()
env = login(few, name="few-home")
agent = Agent(few, name="few", token=few.token("node"),
              extra="http backend \"http://127.0.0.1:%d\"\n" % page.port)
few.ctl("node", "set", "few", "http=public")


def stays():
    """A visitor's connection, and what its first request got."""
    s = socket.create_connection(("127.0.0.1", web), LONG)
    s.sendall(b"GET / HTTP/1.1\r\nHost: few.relay.test\r\n\r\n")
    f = s.makefile("rb")
    status, n = f.readline()[9:12], 0
    for line in iter(f.readline, b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            n = int(line[15:])
    f.read(n)
    return s, status


crowd = [stays() for _ in range(12)]
eq({c[1] for c in crowd}, {b"200"}, "of 16 connections 12 are for visitors")
s, status = stays()
eq(status, b"503", "one more is told so")
s.close()
echo = Target(lambda c: c.sendall(c.recv(10)))
eq(Connect(env, "few", echo.port).end(b"x")[:2], (0, b"x"),
   "and a user comes in beside them")
for c in crowd:
    c[0].close()
ok(wait_for(lambda: stays()[1] == b"200"), "there is room again")
done()
