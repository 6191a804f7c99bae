"""A relay with three sites, what the device of each saw, and browsers."""
import http.server

from culvert import *

PASSWORD = "correct horse & <battery>"
HTML = ["-H", "Accept: text/html,application/xhtml+xml"]


class Device(http.server.BaseHTTPRequestHandler):
    """Says what it saw."""
    protocol_version = "HTTP/1.1"
    seen = []

    def do_GET(self):
        n = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(n)
        Device.seen.append((self.command, self.path, self.headers.items(),
                            body))
        if self.path.startswith("/slow"):
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 1000)
                    time.sleep(.02)
            except OSError:
                return
        out = json.dumps({"path": self.path,
                          "fields": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(out)))
        if self.path == "/cookies":
            for c in ("a=b", "culvert-visit=x; Path=/",
                      "__Host-culvert-visit=x; Secure; Path=/",
                      "=culvert=x", "wide=1; Domain=culvert.test",
                      "c=d; Domain=pi.culvert.test", "e=f; domain=.culvert.test"):
                self.send_header("Set-Cookie", c)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(out)
    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *a):
        pass


device = QuietServer(Device)

make_cert("relay", "DNS:localhost,DNS:culvert.test,DNS:*.culvert.test")
relay = Relay(prefork=2, start=False, extra='log debug\naccess log "%s"' %
              path("access.log"))
with open(relay.conf) as f:
    conf = f.read().replace("domain localhost", "domain culvert.test")
write("relayd.d/relayd.conf", conf)
relay.start()
for who in ("ann", "bob", "eve"):
    relay.ctl("user", "add", who + "@example.org", "--password-stdin",
              input=PASSWORD + "\n")
BACKEND = 'http backend "http://127.0.0.1:%d"' % device.port
pi = Agent(relay, "pi", relay.token("node", "ann@example.org"), BACKEND)
pa = Agent(relay, "pa", relay.token("node", "ann@example.org"), BACKEND)
open_ = Agent(relay, "open", relay.token("node", "bob@example.org"), BACKEND)
PORT = relay.port
relay.ctl("node", "set", "open", "http=public")
CURL = ["curl", "-sS", "--cacert", make_ca(), "--resolve",
        "*:%d:127.0.0.1" % PORT]
made = 0


def url(host, path="/"):
    return "https://%s:%d%s" % (host, PORT, path)


class Curl:
    """A browser of sorts."""

    def __init__(self, name=None):
        global made
        made += 1
        self.jar = path("jar.%s" % (name or made))
        open(self.jar, "a").close()

    def __call__(self, *args, timeout=40):
        r = run([*CURL, "-b", self.jar, "-c",
                 self.jar, "-D", self.jar + ".head", "-w",
                 "\n%{http_code} %{url_effective}", "--max-time", "30",
                 *args], timeout=timeout)
        body, _, last = r.stdout.rpartition("\n")
        self.err = r.stderr
        code, _, self.url = last.partition(" ")
        self.status = int(code or 0)
        self.body = body
        with open(self.jar + ".head") as f:
            blocks = f.read().replace("\r", "").strip().split("\n\n")
        self.blocks = blocks
        self.fields = [tuple(x.split(": ", 1)) for x in
                       blocks[-1].split("\n")[1:] if ": " in x]
        return self

    def field(self, name):
        for k, v in self.fields:
            if k.lower() == name.lower():
                return v

    def cookies(self):
        out = {}
        with open(self.jar) as f:
            for line in f:
                x = line.rstrip("\n").replace("#HttpOnly_", "").split("\t")
                if len(x) == 7:
                    out[x[0], x[5]] = x[6]
        return out

    def hidden(self, name):
        m = re.search(r'name="%s" value="([^"]*)"' % name, self.body)
        return m and m[1].replace("&amp;", "&")

    def form(self, email="ann@example.org", password=PASSWORD, *args,
             **more):
        data = {"mark": self.hidden("mark"), "way": self.hidden("way"),
                "to": self.hidden("to"), "email": email,
                "password": password, **more}
        for k, v in data.items():
            if v is not None:
                args += ("--data-urlencode", "%s=%s" % (k, v))
        return self(*args, "-L", url("culvert.test", "/login"))


def saw(since=0):
    return Device.seen[since:]
