#!/usr/bin/env python3
"""The api door over HTTP: what anybody may know, figures for monitoring, and
what users see of their own."""
import sqlite3
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

SECRET = "a-token-for-metrics-%s" % os.urandom(8).hex()
MONITOR, STRANGER = "127.0.0.2", "127.0.0.3"
relay = Relay(prefork=2, start=False,
              extra="metrics { allow %s token \"%s\" }" % (MONITOR, SECRET))
os.chmod(relay.conf, 0o600)
if ROOT:
    os.chown(relay.conf, 0, 0)
relay.start()
relay.user_add("ann@example.org")
relay.user_add("bob@example.org")
relay.ctl("user", "add", "root@example.org", "--admin", "--no-password")


def get(path, token=None, src=STRANGER, **kw):
    return http_get(relay.port, path, token, src=src, **kw)


def status(path, token=None, **kw):
    return get(path, token, **kw)[0]


# ---- for anybody ----
for path, kind in (("/", "text/plain"), ("/health", "application/json"),
                   ("/version", "application/json")):
    st, f, body = get(path)
    ok(st == 200 and f["content-type"].startswith(kind) and body, path, body)
    st, h, b = get(path, method="HEAD")
    ok(st == 200 and b == b"" and h["content-length"] == str(len(body)),
       "HEAD " + path, h)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        st, f, _ = get(path, method=method)
        ok(st == 405 and f.get("allow") == "GET, HEAD", method + " " + path,
           (st, f))
st, f, body = get("/", fields=["Accept: text/html"])
ok(st == 200 and f["content-type"].startswith("text/html") and
   b"<h1>Culvert</h1>" in body and
   f["content-security-policy"] == "default-src 'none'",
   "/ for a browser", f)
eq(json.loads(get("/health")[2]), {"ok": True, "nodes": 0, "pairs": 0,
                                   "sessions": 0}, "/health is JSON")
eq(json.loads(get("/version")[2])["name"], "culvert", "/version is JSON")
eq(status("/api/nothing"), 404, "there is no more")
with Http(relay.port, STRANGER) as h:
    for path in ("/health", "/", "/version", "/nothing", "/health"):
        h.send(path)
    got = [h.answer()[0] for _ in range(5)]
    eq(got, [200, 200, 200, 404, 200], "requests one behind the other")
    h.send("/health", "HEAD")
    h.send("/version")
    got = [h.answer(True)[0], json.loads(h.answer()[2])["name"]]
    eq(got, [200, "culvert"], "also behind a HEAD")
    h.send("/health", fields=["Connection: close"])
    st, f, _ = h.answer()
    ok(f.get("connection") == "close" and h.closed(), "until one says close")
with Http(relay.port, STRANGER) as h:
    h.send("/health", version="1.0")
    st, f, _ = h.answer()
    ok(st == 200 and h.closed(), "HTTP/1.0")

# ---- by its whole URL ----
OWN = "https://localhost:%d" % relay.port
HOST = "localhost:%d" % relay.port


def whole(target, host=HOST, method="GET", fields=()):
    """(status, body) of this target with this Host."""
    with Http(relay.port, STRANGER) as h:
        h.s.sendall("\r\n".join(["%s %s HTTP/1.1" % (method, target),
                                 "Host: " + host, *fields, "", ""]).encode())
        return h.answer(method == "HEAD")[::2]


for path in ("/", "/health", "/version", "/api/nothing", "/login",
             "/login?to=x", "/api/nodes", "/api/access/ws"):
    eq(whole(OWN + path)[0], whole(path)[0], "%s: as in origin-form" % path)
eq(whole(OWN)[0], 200, "no path is /")
eq(whole(OWN + "/health"), whole("/health"), "with the same answer")
eq(whole("HTTPS://LocalHost:%d/health" % relay.port)[0], 200,
   "in capitals, too")
eq(whole(OWN + "/health", method="POST")[0], 405, "and the same methods")
eq(whole(OWN + "/health", "other.example.org")[0], 400,
   "but not with the Host of another")
eq(whole("https://other.example.org/health", HOST)[0], 400,
   "nor the other way round")
eq(whole("https://other.example.org/", "other.example.org")[0],
   whole("/", "other.example.org")[0], "and another host is another")

# ---- who sees the figures ----
relay.ctl("user", "add", "former@example.org", "--admin", "--no-password")
former = relay.token("connect,admin", "former@example.org")
db = sqlite3.connect(relay.dir + "/state/culvert.db")
with db:
    db.execute("""UPDATE users SET roles = '["user"]'
               WHERE email = 'former@example.org'""")
root = relay.token("connect,admin", "root@example.org")
root_plain = relay.token("connect", "root@example.org")
for path in ("/stats", "/metrics"):
    eq(status(path, src=MONITOR), 200, path + ": from an address on the list")
    st, f, _ = get(path)
    ok(st == 401 and f["www-authenticate"] == 'Bearer realm="culvert"',
       path + ": from another", (st, f))
    eq(status(path, SECRET), 200, path + ": with the token for metrics")
    for bad, what in ((SECRET[:-1], "less of it"), (SECRET + "x", "more"),
                      ("x" * len(SECRET), "another"), ("", "none")):
        st, f, _ = get(path, bad)
        ok(st == 401 and 'error="invalid_token"' in
           f.get("www-authenticate", ""), "%s: %s" % (path, what), (st, f))
    eq(status(path, fields=["Authorization: Basic " + SECRET]), 401,
       path + ": by another scheme")
    eq(status(path, root), 200, path + ": an administrator with the scope")
    eq(status(path, root_plain), 403, path + ": one without")
    eq(status(path, former), 403, path + ": the scope without the role")
    st, f, _ = get(path, root, method="HEAD")
    ok(st == 200 and int(f["content-length"]) > 500, "HEAD " + path, f)
    eq(status(path, src=MONITOR, method="POST"), 405, "POST " + path)


# ---- what they say ----
def metrics(**kw):
    """Read them as strictly as the format is (0.0.4)."""
    st, f, body = get("/metrics", src=MONITOR, **kw)
    assert st == 200, st
    eq(f["content-type"], "text/plain; version=0.0.4; charset=utf-8",
       "the type of /metrics")
    return parse_metrics(body.decode())


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'


def parse_metrics(text):
    out, types, helps, done, current = {}, {}, set(), set(), None
    assert text.endswith("\n") and "\r" not in text
    for line in text[:-1].split("\n"):
        m = re.fullmatch(r"# HELP (%s) (.+)" % NAME, line)
        if m:
            assert m[1] not in helps and m[1] not in done, line
            helps.add(m[1])
            current = m[1]
            continue
        m = re.fullmatch(r"# TYPE (%s) (counter|gauge)" % NAME, line)
        if m:
            # directly behind its HELP, before any sample of it
            assert m[1] == current and m[1] not in types, line
            types[m[1]] = m[2]
            continue
        m = re.fullmatch(r"(%s)(?:\{(%s(?:,%s)*)\})? (-?\d+(?:\.\d+)?)" % (
            NAME, LABEL, LABEL), line)
        assert m, "no sample: " + line
        name, labels, value = m[1], m[2] or "", float(m[3])
        assert name == current, "not in one group: " + line
        assert name.startswith("culvert_"), line
        assert (name.endswith("_total")) == (types[name] == "counter"), line
        names = re.findall(r'([a-zA-Z_]\w*)="', labels)
        assert len(names) == len(set(names)), line
        key = (name, labels)
        assert key not in out, "twice: " + line
        assert types[name] == "gauge" or value >= 0, line
        out[key] = value
        done.add(name)
    assert set(types) == helps, "HELP and TYPE of the same"
    return out


def stats():
    st, f, body = get("/stats", src=MONITOR)
    assert st == 200 and f["content-type"] == "application/json"
    return json.loads(body)


agent = Agent(relay, "pi", token=relay.token("node", "ann@example.org"))
env = login(relay, relay.token("connect", "ann@example.org"))
target = Target(echo)
c = Connect(env, "pi", target.port)
c.p.stdin.write(b"x" * 100000)
c.p.stdin.flush()
got = b""
while len(got) < 100000:
    got += os.read(c.p.stdout.fileno(), 100000)


def settled():
    m = metrics()
    return m if m[("culvert_stream_bytes_total", 'direction="in"')] == \
        100000 and m[("culvert_streams", "")] == 1 else None


m = wait_for(settled, 30, 1)
ok(m, "bytes and streams are counted")
m = m or metrics()
s = stats()
eq(m[("culvert_links", 'peer="node"')], 1, "links of nodes")
eq(m[("culvert_links", 'peer="client"')], 1, "links of clients")
eq(m[("culvert_stream_bytes_total", 'direction="out"')], 100000,
   "bytes to targets")
ok(m[("culvert_link_bytes_total", 'peer="node",direction="in"')] >= 100000,
   "bytes of links")
eq(s["bytes"]["from_targets"], 100000, "and in /stats")
eq((s["links"]["nodes"], s["links"]["clients"], s["streams"]["open"]),
   (1, 1, 1), "links and streams in /stats")
ok(s["name"] == "culvert" and s["version"] and s["uptime_s"] >= 0 and
   abs(s["started"] + s["uptime_s"] - time.time()) < 60, "who and how long")
eq([x["listener"] for x in s["listeners"]], [0, 1], "each listener")
ok(sum(x["connections"] for x in s["listeners"]) >= 2 and
   sum(x["requests"]["api"] for x in s["listeners"]) > 20,
   "with its connections and requests", s["listeners"])
ok(sum(v for k, v in m.items() if k[0] == "culvert_logins_denied_total" and
       'status="401"' in k[1]) == 0, "nobody was denied by auth so far")
procs = {(p["process"], p["instance"]) for p in s["processes"]}
eq(procs, {("parent", 0), ("keys", 0), ("auth", 0), ("router", 0),
           ("listener", 0), ("listener", 1)}, "each process")
ok(all(p["starts"] == 1 and p["resident_bytes"] > 1 << 20
       for p in s["processes"]), "with its memory", s["processes"])
ok(all(m[("culvert_process_resident_memory_bytes",
          'process="%s",instance="%d"' % p)] > 1 << 20 for p in procs),
   "also as a metric")
c.p.stdin.close()
c.p.wait()
c.p.stdout.close()
ok(wait_for(lambda: metrics()[(
    "culvert_streams_closed_total", 'reason="cancelled"')] == 1, 30, 1),
   "a stream that has ended is counted")
labels = {k[1] for k in metrics()}
ok(not any("pi" == v or "@" in v or "127.0" in v for x in labels
           for v in re.findall('"([^"]*)"', x)),
   "no label is a user, a node or an address", labels)

for path in ("/", "/health", "/version", "/stats", "/metrics"):
    for args in ([], ["--head"], ["--http1.0"]):
        r = run(["curl", "-sS", "--fail", "--noproxy", "*", "--cacert",
                 make_ca(), "--interface", MONITOR, *args,
                 "https://localhost:%d%s" % (relay.port, path)])
        ok(r.returncode == 0 and r.stdout, "curl %s %s" % (
            " ".join(args), path), r.stderr)

# ---- certificates that end ----
left = m[("culvert_certificate_expires_seconds",
          'certificate="0",name="localhost"')]
ok(86400 < left <= 2 * 86400, "the certificate's end as a metric", left)
ok(86400 < s["certificates"][0]["expires_s"] <= 2 * 86400 and
   s["certificates"][0]["name"] == "localhost", "and in /stats")
ok(86400 < (relay.stat("certificate_expires_s:localhost") or 0) <= 172800,
   "and for accessctl")
warned = r"certificate .*relay.pem: localhost: ends in \d+ (day|hour)s?, on"
eq(len(relay.proc.lines(warned)), 1, "the log warns at the start")
cert, key = make_cert("long", 'DNS:long.example,DNS:localhost', days=400)
relay.certs.append((cert, key))
relay.write_conf()
os.chmod(relay.conf, 0o600)
eq(relay.ctl("reload").returncode, 0, "reload with one more")
ok(relay.proc.wait_line(warned, 30, 2), "the log warns at a reload")
ok(not relay.proc.lines("long.example.*ends in"),
   "though not of one that has longer")
key = ("culvert_certificate_expires_seconds",
       'certificate="1",name="long.example"')
m = wait_for(lambda: metrics() if key in metrics() else None, 30, 1)
ok(m and 399 * 86400 < m[key] <= 400 * 86400, "the new one as a metric")

# ---- processes that are killed in between ----
def restarted(kind):
    pid = relay.children()[kind]
    os.kill(pid, signal.SIGKILL)
    said = set()
    wait_for(lambda: not alive(pid), 30)
    t0 = time.monotonic()
    while time.monotonic() - t0 < 30:
        try:
            st, f, body = get("/metrics", root)
        except (OSError, EOFError):
            st, f = "cut", {}
        said.add(st)
        if st == 503 and "retry-after" not in f:
            said.add("no Retry-After")
        if st == 200 and relay.children().get(kind) not in (None, pid):
            break
    return said


for kind in ("auth", "router"):
    said = restarted(kind)
    ok(200 in said and said <= {200, 503}, "%s is killed: 503, then 200" %
       kind, said)
m = wait_for(lambda: (lambda x: x if x.get((
    "culvert_process_starts_total", 'process="router",instance="0"')) == 2
    and x.get(("culvert_process_starts_total",
               'process="auth",instance="0"')) == 2 else None)(metrics()),
    30, 1)
ok(m, "what was started again is counted")

relay.extra = ""
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "reload without monitors")
ok(wait_for(lambda: all(status("/metrics", src=MONITOR) == 401
                        for _ in range(6)), 30),
   "by default no address sees the figures")
eq(status("/metrics", SECRET), 401, "nor does a token of the past")
eq(status("/metrics", root), 200, "but administrators")
agent.stop()
eq(relay.stop(), 0, "relayd ends in order")
done()
