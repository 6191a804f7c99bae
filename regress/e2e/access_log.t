#!/usr/bin/env python3
"""The access log: what its lines say, that nobody can forge one, and that none
is lost when the file is moved away, but when the disk is full."""
import re
import stat
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

FILTER = TOP + "/etc/fail2ban/filter.d/culvert-access.conf"
COMBINED = re.compile(
    r'(\S+) - (\S+) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] '
    r'"([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)" '
    r'(\S+) (\S+) (\d+|-) (\d+) (\d+) (\S+) (\w+) (\S+)')
FIELDS = ("client user date request status bytes referer agent node id first "
          "ms bytes_in host door error").split()
LOG = path("log/access.log")


def raw(name=None):
    try:
        with open(name or LOG, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def lines(name=None):
    """All of them, each as its fields; one that is none fails the test."""
    out = []
    text = raw(name).decode("ascii")
    for line in text.splitlines():
        if line.startswith("{"):
            out.append(json.loads(line))
            continue
        m = COMBINED.fullmatch(line)
        if m is None:
            raise SystemExit("not a line: %r" % line)
        out.append(dict(zip(FIELDS, m.groups())))
    if text and not text.endswith("\n"):
        raise SystemExit("half a line: %r" % text[-200:])
    return out


def wait_lines(cond, name=None, seconds=30):
    """The lines that cond() takes, once there are some."""
    return wait_for(lambda: [x for x in lines(name) if cond(x)], seconds) or []


def ask(target, src="127.0.0.1", **kw):
    return http_get(relay.port, target, src=src, **kw)[0]


def writers():
    """How many listeners have the file."""
    n = 0
    for name, pid in relay.children().items():
        d = "/proc/%d/fd/" % pid
        try:
            n += name.startswith("listener") and any(
                os.readlink(d + fd) == LOG for fd in os.listdir(d))
        except OSError:
            pass
    return n


def rotate(n):
    os.rename(LOG, "%s.%d" % (LOG, n))
    relay.proc.kill(signal.SIGUSR1)
    return wait_for(lambda: os.path.exists(LOG) and writers() == 2, 30)


os.mkdir(path("log"), 0o755)
relay = Relay(extra='access log "%s"\nmetrics allow 127.0.0.1\n'
              'limit handshake timeout 5s' % LOG)
relay.user_add()

# ---- what they say ----
eq(stat.S_IMODE(os.stat(LOG).st_mode), 0o640, "the file is not for everybody")
eq(ask("/health?x=1", src="127.0.1.1",
       fields=["User-Agent: curl/8.5", "Referer: https://a.example/?token=t"]),
   200, "a request")
r = wait_lines(lambda x: x["client"] == "127.0.1.1")
eq(len(r), 1, "is one line")
r = r[0]
eq([r[k] for k in ("user", "request", "status", "referer", "agent", "node",
                   "id", "bytes_in", "host", "door", "error")],
   ["-", "GET /health?x=1 HTTP/1.1", "200", "https://a.example/?token=***",
    "curl/8.5", "-", "-", "0", "-", "api", "-"], "of which this is said")
body = http_get(relay.port, "/health")[2]
eq(int(r["bytes"]), len(body), "and how long the body was")
ask("/health", src="127.0.1.2", method="HEAD")
eq([x["bytes"] for x in wait_lines(lambda x: x["client"] == "127.0.1.2")],
   ["0"], "a HEAD has none")
ask("/nothing", src="127.0.1.3", version="1.0")
r = wait_lines(lambda x: x["client"] == "127.0.1.3")[0]
eq((r["request"], r["status"], r["door"], r["error"]),
   ("GET /nothing HTTP/1.0", "404", "other", "no-path"),
   "what the relay refuses has a word of its own")



def device(c):
    """A web server; /401 is its own, and so is /403, half of it."""
    b = b""
    while b"\r\n\r\n" not in b:
        b += c.recv(65536)
    st = b"401 No" if b"/401" in b else b"403 No" if b"/403" in b else \
        b"200 OK"
    c.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n"
              b"Connection: close\r\n\r\nhello" % (
                  st, 9 if b"/403" in b else 5))


web = Target(device)
agent = Agent(relay, "pi", extra='http backend "http://127.0.0.1:%d"\n'
              'http service none "http://127.0.0.1:%d"' % (
                  web.port, free_port()))
r = wait_lines(lambda x: x["door"] == "node" and x["status"] == "101")
ok(r and r[0]["user"] == "you@example.org" and r[0]["node"] == "pi",
   "a node's link: whose, and which", r)
r = [x for x in lines() if x["door"] == "node" and x["status"] == "401"]
ok(r and r[0]["error"] == "login", "it was asked to log in before", r)
token = relay.token("connect")
st, _, body = http_get(relay.port, "/api/nodes", token, src="127.0.1.4")
r = wait_lines(lambda x: x["client"] == "127.0.1.4")[0]
eq((st, r["user"], r["status"], int(r["bytes"])),
   (200, "you@example.org", "200", len(body)),
   "an answer that comes piece by piece: who asked, and its length")
with Http(relay.port, "127.0.1.5") as h:
    for i in range(3):
        h.send("/version?n=%d" % i)
    got = [h.answer()[0] for i in range(3)]
eq(got, [200] * 3, "three requests on one connection")
wait_lines(lambda x: x["client"] == "127.0.1.5" and "n=2" in x["request"])
eq([x["request"] for x in lines() if x["client"] == "127.0.1.5"],
   ["GET /version?n=%d HTTP/1.1" % i for i in range(3)], "are three lines")

# ---- sites ----
def site(target, src, *args, host="pi.localhost"):
    # No certificate may be for *.localhost, programs think.
    r = run(["curl", "-sk", "-o", path("body"), "-w", "%{http_code}",
             "--interface", src, "--resolve",
             "%s:%d:127.0.0.1" % (host, relay.port), *args,
             "https://%s:%d%s" % (host, relay.port, target)])
    w = wait_lines(lambda x: x["client"] == src)
    return r.stdout, w[-1] if w else None


if shutil.which("curl"):
    relay.ctl("node", "set", "pi", "http=public")
    st, r = wait_for(lambda: (lambda x: x[0] == "200" and x)(
        site("/?token=x", "127.0.6.1", "-d", "12345678901")), 30)
    eq([r[k] for k in ("user", "request", "status", "bytes", "bytes_in",
                       "node", "host", "door", "error")],
       ["-", "POST /?token=*** HTTP/1.1", "200", "5", "11", "pi",
        "pi.localhost", "http", "-"], "a request to a site")
    ok(re.fullmatch("[0-9a-f]{16}", r["id"]), "has an id", r)
    st, r = site("/401", "127.0.6.2")
    eq((st, r["status"], r["error"]), ("401", "401", "-"),
       "what the device refuses is not what we do")
    st, r = site("/403", "127.0.6.5")
    eq((r["status"], r["error"]), ("403", "cut"),
       "nor if it breaks off in the middle of that")
    relay.ctl("service", "set", "pi", "none", "http=public")
    st, r = site("/", "127.0.6.3", host="none--pi.localhost")
    eq((st, r["node"], r["error"] != "-"), ("502", "pi/none", True),
       "what we say for a backend has a word")
    relay.ctl("node", "set", "pi", "http=private")
    r = wait_for(lambda: (lambda x: x[0] == "401" and x[1])(
        site("/", "127.0.6.4")), 30)
    ok(r and r["error"] == "login", "nor who has to log in", r)
    m = http_get(relay.port, "/metrics")[2].decode()
    got = {c: sum(int(x) for x in re.findall(
        r'culvert_http_responses_total\{listener="\d+",status="%s"\} (\d+)'
        % c, m)) for c in ("2xx", "4xx", "5xx")}
    ok(got["2xx"] >= 1 and got["4xx"] >= 2 and got["5xx"] >= 1,
       "the metrics count them", got)
else:
    skip("sites", "no curl")

# ---- that nobody can forge ----
FORGED = '" 401 1 "-" "-" - - - 1 1 - api denied'
ask("/health", src="127.0.1.6", fields=[
    "User-Agent: x" + FORGED, "Referer: \\" + FORGED])
r = wait_lines(lambda x: x["client"] == "127.0.1.6")[0]
ok(r["agent"] == "x" + FORGED.replace('"', "\\x22") and
   r["referer"] == "\\x5C" + FORGED.replace('"', "\\x22"),
   "quotes are not quotes", r)
with Http(relay.port, "127.0.1.7") as h:
    h.s.sendall(b"GET /h\"\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n"
                b"User-Agent: \xff\x80\tx\r\n\r\n")
    st = h.answer()[0]
r = wait_lines(lambda x: x["client"] == "127.0.1.7")[0]
ok(r["status"] == str(st), "nor is what no request may hold", r)
with Http(relay.port, "127.0.1.8") as h:
    h.s.sendall(b"\"\n127.0.0.99 - - x\r\n\r\n")
    h.answer()
r = wait_lines(lambda x: x["client"] == "127.0.1.8")[0]
eq((r["request"], r["status"], r["error"]), ("-", "400", "bad-request"),
   "what is no request at all is not repeated")
with Http(relay.port, "127.0.1.10") as h:
    h.s.sendall(b"GET /half HTTP/1.1\r\nHost: x")
    st = h.answer()[0]
r = wait_lines(lambda x: x["client"] == "127.0.1.10")
eq([(x["request"], x["status"], x["error"]) for x in r],
   [("-", str(st), "slow")], "nor is one that does not come to its end")
ask("/ws?a=b&token=SECRET&TICKET=SECRET&t%6fken=SECRET", src="127.0.1.9")
r = wait_lines(lambda x: x["client"] == "127.0.1.9")[0]
eq(r["request"], "GET /ws?a=b&token=***&TICKET=***&t%6fken=*** HTTP/1.1",
   "secrets in a query are masked")
ok(b"SECRET" not in raw() and "SECRET" not in relay.proc.text(),
   "and are nowhere else")

# ---- fail2ban ----
wrong = "culv_" + "a" * 12 + "_" + "b" * 43 + "_" + "c" * 6
want = []
for i in range(1, 5):
    src = "127.0.2.%d" % i
    if ask("/api/nodes", src=src, fields=["Authorization: Bearer %s" % (
            wrong if i % 2 else "rubbish")]) == 401:
        want.append(src)
eq(len(want), 4, "wrong tokens")
if shutil.which("curl"):
    st, r = site("/", "127.0.2.5", "-H", "Authorization: Bearer " + wrong)
    eq((st, r["error"]), ("401", "denied"), "a wrong token at a site")
    relay.ctl("node", "set", "pi", "http=basic")
    r = wait_for(lambda: (lambda x: x[1]["error"] == "denied" and x)(
        site("/", "127.0.2.6", "-u", "you@example.org:wrong")), 30)
    eq(r and r[0], "401", "a wrong password")
    st, r = site("/401", "127.0.2.11")
    eq((st, r["error"]), ("401", "login"), "none")
    want += ["127.0.2.5"] + ["127.0.2.6"] * len(
        [x for x in lines() if x["client"] == "127.0.2.6" and
         x["error"] == "denied"])
ask("/api/nodes", src="127.0.2.9")
ask("/nothing" + FORGED.replace(" ", "+"), src="127.0.2.10")
wait_lines(lambda x: x["client"] == "127.0.2.10")
if shutil.which("fail2ban-regex"):
    r = run(["fail2ban-regex", "-o", "ip", LOG, FILTER])
    eq(sorted(r.stdout.split()), sorted(want),
       "fail2ban finds each of them, and no other")
else:
    skip("fail2ban", "no fail2ban-regex")

# ---- moved away, while requests come ----
ids, stop, lock = [], threading.Event(), threading.Lock()


def load(n):
    i = 0
    while not stop.is_set():
        try:
            with Http(relay.port, "127.0.3.%d" % (n + 1)) as h:
                for _ in range(20):
                    i += 1
                    h.send("/version?id=%d.%d" % (n, i))
                    if h.answer()[0] == 200:
                        with lock:
                            ids.append("%d.%d" % (n, i))
        except (OSError, EOFError):
            pass


def logged(names):
    out = []
    for name in names:
        for x in lines(name):
            m = re.search(r"\?id=([0-9.]+)", x.get("request") or x["target"])
            if m:
                out.append(m[1])
    return out


threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
names = [LOG]
for n in range(1, 6):
    before = len(ids)
    wait_for(lambda: len(ids) > before + 50, 60)
    ok(rotate(n), "rotation %d: there is a new file" % n)
    names.append("%s.%d" % (LOG, n))
before = len(ids)
wait_for(lambda: len(ids) > before + 50, 60)
stop.set()
for t in threads:
    t.join()
eq(wait_for(lambda: set(ids) <= set(logged(names)), 30), True,
   "five times, and no line is lost")
got = logged(names)
eq(len(got), len(set(got)), "nor is there one twice")
ok(all(logged([n]) for n in names), "each file has some")
size = os.path.getsize(LOG + ".1")
ask("/health?after=1")
wait_lines(lambda x: "after=1" in x["request"])
eq(os.path.getsize(LOG + ".1"), size, "nobody writes to the old one")

# ---- what is no file ----
os.rename(LOG, LOG + ".6")
os.symlink("/etc/passwd", LOG)
relay.proc.kill(signal.SIGUSR1)
ok(relay.proc.wait_line("access log: the file from before stays"),
   "a link is not followed, and the log goes on where it was")
ask("/health?link=1")
ok(wait_lines(lambda x: "link=1" in x["request"], LOG + ".6"), "so it does")
r = relay.ctl("reload")
ok(r.returncode != 0 and "access log" in r.stderr,
   "nor is such a configuration taken", r.stderr)
os.unlink(LOG)
os.mkfifo(LOG)
r = relay.ctl("reload")
ok(r.returncode != 0, "a pipe will not do", r.stderr)
os.unlink(LOG)

# ---- JSON; off; on ----
conf = relay.extra
relay.extra = conf.replace(LOG + '"', LOG + '" format json')
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "another format, by reload")
# Listeners hear of it a moment later.
r = wait_for(lambda: ask("/version?a=\"b\"&token=x", src="127.0.4.1",
                         fields=["User-Agent: \"\\"]) and [
    x for x in lines() if x["client"] == "127.0.4.1" and "tls" in x], 30)[0]
eq((r["target"], r["status"], r["user_agent"], r["door"], r["tls"]),
   ("/version?a=\"b\"&token=***", 200, "\"\\", "api", True), "is JSON")
relay.extra = conf.replace("access log", "# access log")
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "no log, by reload")
ok(wait_for(lambda: not writers(), 30), "nobody has the file")
n = len(lines())
ask("/version")
relay.extra = conf
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "and back")
ok(wait_for(lambda: writers() == 2, 30), "all have it")
ask("/version", src="127.0.4.2")
wait_lines(lambda x: x["client"] == "127.0.4.2")
eq(len(lines()), n + 1, "what came in between is not in it")

# ---- whoever dies ----
pids = relay.children()
for name in [k for k in pids if k.startswith("listener")]:
    os.kill(pids[name], signal.SIGKILL)
ok(wait_for(lambda: set(pids.values()).isdisjoint(
    v for k, v in relay.children().items() if k.startswith("listener")) and
    relay.serving(), 30), "the listeners are others")


def answers(target, src):
    try:
        return ask(target, src=src) == 200
    except (OSError, EOFError, TypeError):
        return False


wait_for(lambda: answers("/version?reborn", "127.0.4.3"), 30)
ok(wait_lines(lambda x: "reborn" in x.get("request", "")),
   "they write to it as well")
# Not while one of them is being started.
ok(wait_for(lambda: relay.ctl("upgrade", timeout=120).returncode == 0, 60,
            0.5), "an upgrade")
wait_for(lambda: answers("/version?upgraded", "127.0.4.4"), 30)
ok(wait_lines(lambda x: "upgraded" in x.get("request", "")),
   "the new ones write to it")
ok(rotate(7), "and open it anew")
wait_for(lambda: answers("/version?rotated", "127.0.4.5"), 30)
ok(wait_lines(lambda x: "rotated" in x["request"]), "all of them")
relay.stop()

# ---- a full disk ----
small = path("small")
os.mkdir(small, 0o755)
if not ROOT or run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755",
                    "tmpfs", small]).returncode != 0:
    skip("a full disk", "no tmpfs can be mounted")
else:
    try:
        LOG = small + "/access.log"
        relay = Relay("full", extra='access log "%s"' % LOG, prefork=1)
        sent = 0
        with Http(relay.port) as h:
            while sent < 2000:
                h.send("/version?" + "x" * 500)
                if h.answer()[0] != 200:
                    break
                sent += 1
        eq(sent, 2000, "requests are answered all the same")
        r = relay.proc.lines("access log: No space left on device: "
                             r"\d+ lines? (was|were) lost")
        eq(len(r), 1, "it is said, once")
        whole = raw().split(b"\n")[:-1]
        ok(0 < len(whole) < 2000 and all(
            COMBINED.fullmatch(x.decode()) for x in whole),
           "what was written are lines")
        with open(LOG, "r+") as f:
            f.truncate(0)
        for i in range(20):
            with Http(relay.port, "127.0.5.%d" % (i + 1)) as h:
                h.send("/version?again=%d" % i)
                h.answer()
        got = wait_for(lambda: [
            x for x in raw().decode().splitlines()
            if COMBINED.fullmatch(x) and "?again=" in x][19:], 30)
        ok(got, "there is room again, and there are lines again", raw())
        rest = [x for x in raw().decode().splitlines()
                if not COMBINED.fullmatch(x)]
        ok(rest in ([], [""]), "and whole ones", rest)
        relay.stop()
    finally:
        run(["umount", small])
done()
