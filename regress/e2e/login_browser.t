#!/usr/bin/env python3
"""The login page in Chromium, which holds its policy against it."""
import http.server
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *
import browser

if browser.missing():
    skip_all(browser.missing())
PASSWORD = "correct horse & <battery>"


class Device(http.server.BaseHTTPRequestHandler):
    """A page that shows who it is for; /away leads to another origin."""
    protocol_version = "HTTP/1.1"
    seen = []

    def do_GET(self):
        Device.seen.append((self.path, dict(self.headers.items())))
        body = b""
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "https://open.culvert.test:%d/there"
                             % relay.port)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            body = ("<!DOCTYPE html><title>%s</title><p id=who>%s" % (
                self.path, self.headers.get("x-culvert-user"))).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *a):
        pass


device = QuietServer(Device)
make_cert("relay", "DNS:localhost,DNS:culvert.test,DNS:*.culvert.test")
relay = Relay(prefork=2, start=False)
with open(relay.conf) as f:
    conf = f.read().replace("domain localhost", "domain culvert.test")
write("relayd.d/relayd.conf", conf)
relay.start()
plain = Relay("plain", tls=False, prefork=2)
BACKEND = 'http backend "http://127.0.0.1:%d"' % device.port
for r in (relay, plain):
    r.ctl("user", "add", "ann@example.org", "--password-stdin",
          input=PASSWORD + "\n")
agents = [Agent(relay, n, relay.token("node", "ann@example.org"), BACKEND)
          for n in ("pi", "pa", "open")]
relay.ctl("node", "set", "open", "http=public")
agents.append(Agent(plain, "clear", plain.token("node", "ann@example.org"),
                    BACKEND))


def url(host, where="/"):
    return "https://%s.culvert.test:%d%s" % (host, relay.port, where)


HOME = "https://culvert.test:%d" % relay.port
b = browser.Browser("--host-resolver-rules=MAP culvert.test 127.0.0.1,"
                    "MAP *.culvert.test 127.0.0.1",
                    "--ignore-certificate-errors", "--no-proxy-server")


def arrives(where, name):
    ok(wait_for(lambda: b.where() == where, 30), name, (b.where(), b.log()))


def log_in(password=PASSWORD):
    b.type("#email", "ann@example.org")
    b.type("#password", password)
    b.click("button")


b.go(url("pi", "/a?b=c&d=%20e"))
ok(b.where().startswith(HOME + "/login?to="), "the login page", b.where())
b.shot("login")
b.type("#email", "ann@example.org")
b.type("#password", "nonsense")
b.click("button")
ok(wait_for(lambda: "not accepted" in (b.text(".bad") or ""), 30),
   "a wrong password is told", b.text("body"))
b.shot("login-wrong")
b.type("#password", PASSWORD)
b.click("button")
arrives(url("pi", "/a?b=c&d=%20e"), "back at the page")
eq(b.text("#who"), "ann@example.org", "which knows who it is")
got = {c["name"]: c for c in b.cookies()}
c = got.get("__Host-culvert-visit", {})
ok(c.get("httpOnly") and c.get("secure") and c.get("sameSite") == "Lax" and
   c.get("domain") == "pi.culvert.test" and c.get("path") == "/",
   "by a cookie that is its own", got)
ok("__Host-culvert" not in got, "and not the relay's")
eq(b.js("return document.cookie"), "", "no script sees it")
ok(not any("culvert" in str(f.get("Cookie", "")) for _, f in Device.seen) and
   Device.seen, "nor the device", Device.seen)
b.go(url("pa", "/other"))
arrives(url("pa", "/other"), "the next site asks nothing")

# ---- from a form over to another origin ----
b.go(HOME + "/logout")
b.shot("logout")
b.click("button")
ok(wait_for(lambda: "logged out" in b.text("body"), 30), "log out",
   b.text("body"))
b.go(url("pa", "/other"))
ok(b.where().startswith(HOME + "/login?to="), "that ends it at the sites",
   b.where())
b.go(url("pi", "/away"))
log_in()
arrives(url("open", "/there"), "a page that leads to another origin")
errors = [x for x in b.log() if "Content Security Policy" in x["message"] and
          "favicon" not in x["message"]]
eq(errors, [], "the policy had nothing against it")
b.go(url("pi", "/.culvert/logout"))
b.click("button")
ok(wait_for(lambda: "logged out" in b.text("body"), 30),
   "log out at a site", b.text("body"))

# ---- another's page can't do that ----
b.go(url("pi", "/x"))
log_in()
arrives(url("pi", "/x"), "logged in again")
b.js("""const f = document.createElement("form");
f.method = "post"; f.action = arguments[0];
document.body.append(f); f.submit();""", HOME + "/logout?mark=x")
wait_for(lambda: b.where().startswith(HOME), 30)
b.go(url("pi", "/x"))
arrives(url("pi", "/x"), "a site logs nobody out of the relay")

# ---- in the clear, as in a try at home ----
b.go("http://clear.localhost:%d/home" % plain.port)
ok(b.where().startswith("http://localhost:%d/login?to=" % plain.port),
   "in the clear", b.where())
log_in()
arrives("http://clear.localhost:%d/home" % plain.port, "it works as well")
b.close()
done()
