#!/usr/bin/env python3
"""What visitors of a device come to: a real nginx by http, by https with each
way to trust it, and by a Unix socket; the Host it gets; whom it is told of;
its health; services; and the deaths of proxy and tunnel."""
import http.client
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

if shutil.which("nginx") is None:
    skip_all("no nginx")

make_ca()
cert, key = make_cert("backend")
named, named_key = make_cert("named", "DNS:app.lan")
pub = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"],
                     stdout=subprocess.PIPE, check=True).stdout
der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"],
                     input=pub, stdout=subprocess.PIPE, check=True).stdout
pin = "sha256:" + hashlib.sha256(der).hexdigest()

# ---- nginx ----

d = path("nginx")
os.mkdir(d)
os.chmod(d, 0o755)
plain, tls, byname, told, toldtls, silent = (free_port() for _ in range(6))
unix, toldunix = d + "/app.sock", d + "/told.sock"
big = os.urandom(1 << 20) * 16
with open(d + "/big", "wb") as f:
    f.write(big)
os.chmod(d + "/big", 0o644)
open(d + "/up", "w").close()
SERVER = """server {
%s
    root %s;
    location = /big { }
    location = /health {
        if (-f %s/up) { return 204; }
        return 503;
    }
    location = /upload { client_max_body_size 0; proxy_pass
        http://127.0.0.1:%d/; }
    location / {
        default_type text/plain;
        return 200 "%s|$http_host|$http_x_forwarded_for|$http_forwarded|$proxy_protocol_addr|$proxy_protocol_port|$ssl_server_name|$remote_port";
    }
}
"""
TLS = "listen 127.0.0.1:%d ssl%s; ssl_certificate %s; ssl_certificate_key %s;"


def server(name, listen):
    return SERVER % (listen, d, d, sink.port, name)


def swallow(c):
    """Takes a body and says how long it was."""
    buf = b""
    while b"\r\n\r\n" not in buf:
        buf += c.recv(65536)
    head, rest = buf.split(b"\r\n\r\n", 1)
    want = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    h, got = hashlib.sha256(rest), len(rest)
    while got < want:
        b = c.recv(65536)
        if not b:
            return
        h.update(b)
        got += len(b)
    c.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" +
              h.hexdigest().encode())


sink = Target(swallow)
nginx = Proc("nginx", ["nginx", "-p", d, "-e", "stderr", "-c", write(
    "nginx/nginx.conf", """daemon off;
pid nginx.pid;
error_log stderr;
events { }
http {
    access_log %s/access.log;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
    uwsgi_temp_path t4; scgi_temp_path t5;
    log_format addr '$proxy_protocol_addr $proxy_protocol_port $request';
%s%s%s%s%s%s%s}
""" % (d, server("plain", "listen 127.0.0.1:%d;" % plain),
       server("tls", TLS % (tls, "", cert, key)),
       server("byname", TLS % (byname, "", named, named_key)),
       server("unix", "listen unix:%s;" % unix),
       server("told", "listen 127.0.0.1:%d proxy_protocol; access_log "
              "%s/told.log addr;" % (told, d)),
       server("toldtls", TLS % (toldtls, " proxy_protocol", cert, key)),
       server("toldunix", "listen unix:%s proxy_protocol;" % toldunix)))])


def there(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


ok(wait_for(lambda: there(toldtls) and os.path.exists(toldunix), 30),
   "nginx is there")
for s in unix, toldunix:
    os.chmod(s, 0o600)          # only who started agentd may

# Takes connections and says nothing: TLS never begins.
mute = socket.create_server(("127.0.0.1", silent), backlog=64)

# ---- the relay, the device ----

relay = Relay()
relay.user_add()
ca = path("tls/ca.pem")
ghost = free_port()
HEALTH = "health \"/health\" every 1s"
agent = Agent(relay, args=("-v",), extra="""
http backend "http://127.0.0.1:%d" %s
http service "rewritten" "http://127.0.0.1:%d" host rewrite "App.lan:3000"
http service "v1" "http://127.0.0.1:%d" proxy-protocol v1
http service "v2" "http://127.0.0.1:%d" proxy-protocol v2 %s
http service "tls" "https://127.0.0.1:%d" ca "%s" %s
http service "pinned" "https://127.0.0.1:%d" pin "%s"
http service "wrongpin" "https://127.0.0.1:%d" pin "sha256:%s"
http service "roots" "https://127.0.0.1:%d"
http service "any" "https://127.0.0.1:%d" no verify
http service "byname" "https://127.0.0.1:%d" ca "%s" host rewrite "app.lan"
http service "wrongname" "https://127.0.0.1:%d" ca "%s"
http service "v1tls" "https://127.0.0.1:%d" ca "%s" proxy-protocol v1
http service "unix" "unix:%s" %s
http service "v2unix" "unix:%s" proxy-protocol v2
http service "nounix" "unix:%s.none"
http service "ghost" "http://127.0.0.1:%d"
http service "dead" "http://127.0.0.1:%d" health "/" every 1s
""" % (plain, HEALTH, plain, told, told, HEALTH, tls, ca, HEALTH, tls, pin,
       tls, "0" * 64, tls, tls, byname, ca, byname, ca, toldtls, ca, unix,
       HEALTH, toldunix, unix, ghost, ghost))
ok(wait_for(lambda: node_online(relay), 30), "the device is online")
eq(relay.ctl("node", "set", "pi", "http=public").returncode, 0,
   "everybody may visit")
context = client_context()
context.check_hostname = False  # Python takes no *.localhost


def visit(service="", target="/", timeout=30):
    """A connection to a site, and nothing said."""
    host = "pi.localhost" if service == "" else service + "--pi.localhost"
    s = socket.create_connection(("127.0.0.1", relay.port), timeout)
    s = context.wrap_socket(s, server_hostname=host)
    c = http.client.HTTPConnection(host, relay.port, timeout=timeout)
    c.sock = s
    return c


def get(service="", target="/", method="GET", body=None):
    """(status, body, headers)"""
    c = visit(service)
    try:
        c.request(method, target, body, {"Accept": "application/json"})
        r = c.getresponse()
        return r.status, r.read(), r.headers
    except (OSError, http.client.HTTPException) as e:
        return 0, str(e).encode(), {}
    finally:
        c.close()


def fields(service=""):
    st, body, _ = get(service)
    return (st, *body.decode().split("|"))[:8]


def state(service):
    r = agent.status("-j")
    try:
        for b in json.loads(r.stdout)["backends"]:
            if b["service"] == service:
                return b["state"]
    except ValueError:
        return None


here = "%s:%d" % ("pi.localhost", relay.port)


def at(service):
    return "%s--pi.localhost:%d" % (service, relay.port)


# ---- each kind ----

st, name, host, xff, fwd, addr, port, sni = fields()
eq((st, name, host, xff, addr), (200, "plain", here, "127.0.0.1", ""),
   "by http, with the visitor's Host, and who that is")
ok("127.0.0.1" in fwd, "in Forwarded as well", fwd)
eq(fields("rewritten")[:4], (200, "plain", "app.lan:3000", "127.0.0.1"),
   "with a Host of its own")
for service, name, sni in (("tls", "tls", ""), ("pinned", "tls", ""),
                           ("any", "tls", ""), ("byname", "byname",
                                                "app.lan")):
    f = fields(service)
    eq((f[0], f[1], f[2], f[7]),
       (200, name, "app.lan" if service == "byname" else at(service), sni),
       "by https: " + service)
eq(fields("unix")[:4], (200, "unix", at("unix"), "127.0.0.1"),
   "by a Unix socket that only root may use")
for service, name in (("v1", "told"), ("v2", "told"), ("v1tls", "toldtls"),
                      ("v2unix", "toldunix")):
    c = visit(service)
    me = c.sock.getsockname()
    c.request("GET", "/")
    f = c.getresponse().read().decode().split("|")
    c.close()
    eq(f[:6], [name, at(service), "", "", me[0], str(me[1])],
       "PROXY and no fields: " + service)
with open(d + "/told.log") as f:
    ok(re.search(r"^127\.0\.0\.1 \d+ GET / ", f.read(), re.M),
       "nginx has it in its log")

# ---- what is refused ----

for service, status, why in (
        ("wrongpin", 502, "the pinned one"), ("roots", 502, "unknown CA"),
        ("wrongname", 502, "for another name"), ("ghost", 502, "refused"),
        ("nounix", 502, "No such file"), ("nosuch", 404, None)):
    st, body, _ = get(service)
    eq(st, status, "%s: %d" % (service, status))
    ok(why is None or agent.proc.lines("http service %s: not connected: .*%s"
                                       % (service, why)),
       service + ": the log says why", agent.proc.lines(service))

# ---- bytes ----

for service in "", "tls", "unix":
    st, body, _ = get(service, "/big")
    ok(st == 200 and body == big, "16 MB from " + (service or "http"),
       (st, len(body)))
    st, body, _ = get(service, "/upload", "POST", big)
    eq((st, body.decode()), (200, hashlib.sha256(big).hexdigest()),
       "16 MB to " + (service or "http"))


def proxy():
    return agent.proc.children()["proxy"]


# A visitor who does not read: what TLS opens waits where it came from.
slow = visit("tls")
slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
slow.request("GET", "/big")
wait_for(lambda: False, 2)
ok(SANITIZED or rss(proxy()) < 8 << 20, "a slow reader costs proxy little",
   rss(proxy()))
eq(get("tls")[0], 200, "and others nothing")
slow.close()

# ---- the end of one ----


def hold(c):
    """Begins an answer; then tells how the connection ended."""
    try:
        while b"\r\n\r\n" not in c.recv(65536):
            pass
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        ends.append(c.recv(65536))
    except OSError as e:
        ends.append(e)


ends = []
holder = Target(hold)
backend_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
backend_context.load_cert_chain(cert, key)
secret = Target(lambda c: hold(backend_context.wrap_socket(
    c, server_side=True)))
unclean = Target(lambda c: cut(backend_context.wrap_socket(
    c, server_side=True)))


arrived = threading.Event()


def cut(c):
    """An answer of no known length whose TLS does not end, only TCP."""
    while b"\r\n\r\n" not in c.recv(65536):
        pass
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\nnot all of it")
    arrived.wait(30)
    socket.socket.shutdown(c, socket.SHUT_RDWR)


with open(agent.conf, "a") as f:
    f.write("http service \"hold\" \"http://127.0.0.1:%d\"\n"
            "http service \"holdtls\" \"https://127.0.0.1:%d\" no verify\n"
            "http service \"cut\" \"https://127.0.0.1:%d\" no verify\n" %
            (holder.port, secret.port, unclean.port))
agent.proc.kill(signal.SIGHUP)
ok(wait_for(lambda: state("hold") == "" and get("tls")[0] == 200, 30),
   "a reload")
for service in "hold", "holdtls":
    del ends[:]
    c = visit(service)
    c.request("GET", "/")
    r = c.getresponse()
    eq(r.read(5), b"begun", service + ": an answer begins")
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
    c.sock.close()
    r.close()
    ok(wait_for(lambda: ends, 30), service +
       ": the backend sees that its visitor is gone", ends)
c = visit("cut")
c.request("GET", "/")
r = c.getresponse()
got = r.read(13)
arrived.set()
try:
    got += r.read()
    ok(False, "an answer that was cut is not taken for whole", got)
except (OSError, http.client.HTTPException) as e:
    ok(True, "an answer that was cut is not taken for whole")
c.close()

# ---- health ----


ok(wait_for(lambda: all(state(s) == "up" for s in ("", "v2", "tls", "unix")),
            30), "those with a check are up", agent.status().stdout)
ok(wait_for(lambda: state("dead") == "down", 30), "one is not")
eq(state("rewritten"), "", "one is not checked")
st, body, head = get("dead")
eq(st, 502, "who is down is refused")
os.unlink(d + "/up")
for service in "", "v2", "tls", "unix":
    ok(wait_for(lambda: state(service) == "down", 30),
       "%s: down" % (service or "http"))
    eq(get(service)[0], 502, "and refused")
ok(agent.proc.lines("http service tls: down: GET /health: 503"),
   "the log says why")
ok("GET /health: 503 Service Unavailable" in agent.status().stdout,
   "agentd status as well")
open(d + "/up", "w").close()
for service in "", "v2", "tls", "unix":
    ok(wait_for(lambda: state(service) == "up" and get(service)[0] == 200,
                30), "%s: up again" % (service or "http"))
ok(agent.proc.lines("http backend: up again"), "in the log, too")
nginx.kill(signal.SIGSTOP)
for pid in kids(nginx.pid):
    os.kill(pid, signal.SIGSTOP)
ok(wait_for(lambda: state("") == "down" and state("tls") == "down", 60),
   "one that hangs is down", agent.status().stdout)
eq((get()[0], get("tls")[0]), (502, 502), "and refused, not waited for")
for pid in kids(nginx.pid):
    os.kill(pid, signal.SIGCONT)
nginx.kill(signal.SIGCONT)
ok(wait_for(lambda: get()[0] == 200 and get("tls")[0] == 200, 60),
   "and up again when it goes on")

# ---- deaths ----


def begun(service):
    c = visit(service)
    c.request("GET", "/")
    r = c.getresponse()
    return (c, r) if r.read(5) == b"begun" else None


def broken(c):
    """Whether an answer that has begun ends as one that is not whole."""
    try:
        return len(c[1].read()) < 95
    except (OSError, http.client.HTTPException):
        return True


del ends[:]
one, two = begun("hold"), begun("holdtls")
os.kill(proxy(), signal.SIGKILL)
ok(broken(two), "kill -9 proxy: what passed through it breaks")
ok(wait_for(lambda: get("tls")[0] == 200, 60), "and comes back")
ok(node_online(relay), "the link stays")
holder.conns[-1].sendall(b"x" * 95)
eq(len(one[1].read()), 95, "what did not, goes on")
one[0].close()
two[0].close()
ok(wait_for(lambda: state("") == "up" and state("dead") == "down", 60),
   "health is known again")
del ends[:]
one, two = begun("hold"), begun("holdtls")
os.kill(agent.proc.children()["tunnel"], signal.SIGKILL)
ok(broken(one) and broken(two), "kill -9 tunnel: visitors are told")
ok(wait_for(lambda: len(ends) == 2, 30), "and backends", ends)
ok(wait_for(lambda: get()[0] == 200 and get("tls")[0] == 200 and
            get("unix")[0] == 200, 60), "and all of them come back")
ok(wait_for(lambda: state("") == "up" and state("dead") == "down", 60),
   "health is known again")

# ---- the default one is of a flag, or of nobody ----

eq(fields("v1")[0], 200, "one last visit")
agent.stop()
agent = Agent(relay, token=agent.token, args=("-v", "--backend",
                                              "unix:" + unix))
ok(wait_for(lambda: fields()[:2] == (200, "unix"), 30), "--backend",
   fields())
eq(get("v1")[0], 404, "services are those of the file")
agent.stop()
agent = Agent(relay, token=agent.token, args=("-v",))
ok(wait_for(lambda: get()[0] == 404, 30), "a device without a backend",
   get()[:2])
forbidden = [x for p in (agent.proc, relay.proc) for x in
             p.lines("forbidden|bad message|fatal")]
ok(not forbidden, "nobody did what it may not", forbidden)
done()
