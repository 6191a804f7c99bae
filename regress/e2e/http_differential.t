#!/usr/bin/env python3
# tags: slow no-asan
"""Requests that are damaged in all ways, sent to the door: what passes,
nginx and Node.js see as the same requests that our parser read, as many of
them, of the same method, target and length.

	HTTP_SEED=N HTTP_COUNT=N"""
import asyncio
import random
import struct
import sys
sys.path.insert(0, "regress/e2e")
from http_site import *
from http_wire import Parser, Wire

for program in ("nginx", "node"):
    if shutil.which(program) is None:
        skip_all("no " + program)
if run(["node", "-e", "require('ws')"], env=NODE_ENV).returncode != 0:
    skip_all("no ws for Node.js")

seed = int(os.environ.get("HTTP_SEED", random.randrange(1 << 32)))
count = int(os.environ.get("HTTP_COUNT", 600))
print("# HTTP_SEED=%d" % seed, flush=True)
rng = random.Random(seed)

# ---- what is sent ----
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH")
FIELDS = (
    b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: 05",
    b"Content-Length: 5, 5", b"Content-Length: +5", b"Content-Length : 5",
    b"Content_Length: 5", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked",
    b"Transfer_Encoding: chunked", b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked",
    b"Connection: close", b"Connection: keep-alive",
    b"Connection: Content-Length", b"Connection: X-Foo", b"X-Foo: bar",
    b"Host: evil.relay.localhost", b"X-A: b\r\n c", b"X-A:", b"X-A: \xff\xfe",
    b"Expect: 100-continue", b"TE: trailers", b"Trailer: X-T",
    b"Upgrade: h2c", b"Keep-Alive: 5", b"Proxy-Connection: keep-alive",
    b"Accept: */*", b"Cookie: a=b; c=d", b"Range: bytes=0-1",
    b"Content-Type: text/plain", b"Content-Encoding: gzip")
TARGETS = (b"/d/", b"/d/a?b=c", b"/d//x", b"/d/%2e%2e/x", b"/d/%00",
           b"/d/../d", b"/d/;a", b"/d/" + b"x" * 300, b"/d/?" + b"y" * 900,
           b"http://<host>/d/abs", b"*", b"/d/%zz", b"/d/\xc3\xa4")
BYTES = (b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"0",
         b"5", b"a", b"\xff", b"\x0b", b"\x7f", b"GET ", b"HTTP/1.1", b"\r\n\r\n",
         b"chunked", b"0\r\n\r\n", b"-", b"_", b"+", b"0x")
BODIES = (b"hello", b"", b"5\r\nhello\r\n0\r\n\r\n",
          b"5;x=y\r\nhello\r\n0\r\nX-T: z\r\n\r\n", b"0\r\n\r\n",
          b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
          b"00000005\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n")


def request():
    """One that is right."""
    lines = [b"%s %s HTTP/1.%d" % (rng.choice(METHODS), rng.choice(TARGETS),
                                   rng.random() < 0.9), b"Host: <host>"]
    body = b""
    kind = rng.randrange(4)
    if kind == 1:
        body = rng.choice(BODIES)
        lines.append(b"Content-Length: %d" % len(body))
    elif kind == 2:
        body = rng.choice(BODIES[2:])
        lines.append(b"Transfer-Encoding: chunked")
    for _ in range(rng.randrange(3)):
        lines.insert(rng.randrange(1, len(lines) + 1),
                     rng.choice(FIELDS[16:]))
    return b"\r\n".join(lines + [b"", b""]) + body


def damage(text):
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        i = rng.randrange(len(text) + 1)
        how = rng.randrange(6)
        if how == 0:
            text = text[:i] + rng.choice(BYTES) + text[i:]
        elif how == 1:
            text = text[:i] + text[i + rng.randrange(1, 4):]
        elif how == 2:
            text = text[:i] + bytes([rng.randrange(256)]) + text[i + 1:]
        else:
            at = [k + 2 for k in range(len(text) - 1)
                  if text[k:k + 2] == b"\r\n"] or [0]
            k = rng.choice(at)
            text = text[:k] + rng.choice(FIELDS) + b"\r\n" + text[k:]
    return text


def stream():
    return b"".join(damage(request()) for _ in range(rng.randint(1, 4)))


inputs = [stream() for _ in range(count)]

# ---- what our parser reads of it ----
HOSTS = {"ngin": b"ngin--pi.relay.localhost", "node": b"node--pi.relay.localhost"}


def parsed(texts):
    r = subprocess.run([OBJ + "/regress/e2e/http_parse"], check=True,
                       stdout=subprocess.PIPE, input=b"".join(
                           struct.pack(">I", len(t)) + t for t in texts))
    out = []
    for line in r.stdout.decode().splitlines():
        w = line.split()
        out.append((list(zip(w[:-1:4], w[1:-1:4], map(int, w[2:-1:4]))),
                    w[-1]))
    assert len(out) == len(texts)
    return out


ours = {s: parsed([t.replace(b"<host>", HOSTS[s]) for t in inputs])
        for s in HOSTS}

# ---- what the servers see ----
relay = Sites()
pages = path("pages")
os.mkdir(pages)
nginx = Nginx(pages, "location / { return 200 ok; }\n"
              "access_log %s/by_visitor by_visitor;" % pages)
node = NodeServer(TOP + "/regress/e2e/http_seen.js")
agent = Agent(relay, extra="""http service ngin "http://127.0.0.1:%d"
http service node "http://127.0.0.1:%d"
""" % (nginx.port, node.port))
relay.public()
relay.ctl("service", "set", "pi:ngin", "http=public")
relay.ctl("service", "set", "pi:node", "http=public")
if not ok(relay.serves("node--pi") and relay.serves("ngin--pi"),
          "both sites answer", [curl(relay.site("node--pi")),
                                curl(relay.site("ngin--pi"))]):
    done()


def visitor(i):
    return "127.77.%d.%d" % (i // 250, i % 250 + 1)


async def send(i, site, gate):
    """What the visitor gets for it: statuses, and whether they are ours."""
    text = inputs[i].replace(b"<host>", HOSTS[site])
    methods = [bytes.fromhex(m) for m, _, _ in ours[site][i][0]]
    async with gate:
        w = await Wire.dial(("127.0.0.1", relay.plain), visitor(i))
        p = Parser(False, methods)
        try:
            await w.write(text)
            # Who says early that there is no more may be taken for gone.
            half = False
            end = asyncio.get_running_loop().time() + 60
            while asyncio.get_running_loop().time() < end:
                if not half and (len(p.complete()) >= len(methods) and
                                 ours[site][i][1] == "more"):
                    await w.half_close()
                    half = True
                try:
                    b = await asyncio.wait_for(w.read(), 60 if half else 3)
                except asyncio.TimeoutError:
                    if half:
                        raise
                    await w.half_close()
                    half = True
                    continue
                if not b:
                    if b == b"":
                        p.eof()
                    break
                p.feed(b)
        except asyncio.TimeoutError:
            return "stuck"
        finally:
            w.close()
    if p.error:
        return "malformed: " + p.error
    return [(m.status, m.get(b"culvert-error") is not None)
            for m in p.complete()]


async def send_all():
    gate = asyncio.Semaphore(32)
    return {s: await asyncio.gather(*(send(i, s, gate)
                                      for i in range(count)))
            for s in HOSTS}


got = asyncio.run(send_all())
time.sleep(1)
logged = {}
with open(pages + "/by_visitor", errors="replace") as f:
    for line in f:
        who, status, method, uri, length = line.rstrip("\n").split(" ", 4)
        logged.setdefault(who, []).append((int(status), method, uri, length))


def node_seen(i):
    import urllib.request
    with urllib.request.urlopen("http://127.0.0.1:%d/seen?%s" % (
            node.port, visitor(i)), timeout=30) as r:
        return json.load(r)


def origin(target, site):
    """A target as it is sent to the server."""
    t = bytes.fromhex(target)
    host = HOSTS[site]
    if t.lower().startswith(b"http://" + host):
        t = t[7 + len(host):]
        t = t if t.startswith(b"/") else b"/" + t
    return t


passed, wrong = 0, {s: [] for s in HOSTS}
for i in range(count):
    for s in HOSTS:
        r, requests = got[s][i], ours[s][i][0]
        if isinstance(r, str):
            wrong[s].append((i, r))
            continue
        # Those that the server took, each with what we made of it.
        want = [requests[k] for k, (st, mine) in enumerate(r)
                if k < len(requests) and not mine and st < 300]
        if any(not mine and st < 300 for st, mine in r[len(requests):]):
            wrong[s].append((i, "answers to what we never read", r, requests))
        passed += len(want)
        want = [(bytes.fromhex(m).decode("latin-1"), origin(t, s), n)
                for m, t, n in want]
        if s == "node":
            seen = [(m, bytes.fromhex(t), n) for m, t, n in node_seen(i)]
        else:
            seen = [(m, u.encode("latin-1").decode(
                "unicode_escape").encode("latin-1"), n)
                for st, m, u, n in logged.get(visitor(i), []) if st < 300]
            # nginx says what it was told, and nothing of chunked ones.
            seen = [(m, u, w[2] if n == "-" else int(n)) for (m, u, n), w in
                    zip(seen, want)] + seen[len(want):]
        # Of one that never became whole only the head can be compared.
        if [x[:2] for x in seen] != [x[:2] for x in want] or any(
                b[2] not in (-1, a[2]) for a, b in zip(seen, want)):
            wrong[s].append((i, seen, want, r))
print("# %d inputs; %d requests passed" % (count, passed), flush=True)
ok(passed > count // 2, "enough passes", passed)
for s in HOSTS:
    ok(not wrong[s], "%s sees the requests that we read" % s,
       "\n".join("%s\n    %r" % (x, inputs[x[0]]) for x in wrong[s][:5]))


def refusals(answers):
    """The door's own; who waits for the rest (408) may be answered first."""
    return [x for x in answers if x[1] and x[0] != 408]


both = [i for i in range(count) if not isinstance(got["ngin"][i], str) and
        not isinstance(got["node"][i], str) and
        refusals(got["ngin"][i]) != refusals(got["node"][i]) and
        all(st < 300 or mine for st, mine in got["ngin"][i] + got["node"][i])]
ok(not both, "and the door says the same of both", [
    (i, got["ngin"][i], got["node"][i], inputs[i]) for i in both[:5]])
done()
