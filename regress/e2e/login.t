#!/usr/bin/env python3
"""Who may visit a site: the login page and its cookies, tickets, tokens,
Basic; what the device never sees; what ends with what it rests on."""
import sqlite3
import sys
import urllib.parse
sys.path.insert(0, "regress/e2e")
from login_sites import *

# ---- a browser logs in and is back at the page ----
b = Curl("ann")
n = len(Device.seen)
b(*HTML, url("pi.culvert.test", "/a/b?c=d&e=%20f"))
eq(b.status, 303, "a browser is sent to log in")
to = b.field("location")
ok(to.startswith(url("culvert.test", "/login?to=https%3A%2F%2Fpi.culvert.test%3A")),
   "at the relay's own host", to)
ok("no-store" in b.field("cache-control") and
   b.field("referrer-policy") == "no-referrer", "and that is kept nowhere",
   b.fields)
b(*HTML, to)
eq(b.status, 200, "there is a form")
ok("<script" not in b.body and 'type="password"' in b.body and
   "to visit pi.culvert.test" in b.body, "without a script", b.body)
csp = b.field("content-security-policy")
ok("default-src 'none'" in csp and "frame-ancestors 'none'" in csp and
   "form-action 'self' https://pi.culvert.test:%d;" % PORT in csp,
   "with a policy", csp)
eq(b.field("referrer-policy"), "no-referrer", "that tells nobody")
ok("no-store" in b.field("cache-control"), "and is not stored")
b.form()
eq((b.status, b.url), (200, url("pi.culvert.test", "/a/b?c=d&e=%20f")),
   "with the password it is back at the page")
got = json.loads(b.body)
eq(got["path"], "/a/b?c=d&e=%20f", "and the device has answered")
eq(len(saw(n)), 1, "which was asked once")
jar = b.cookies()
ok(("culvert.test", "__Host-culvert") in jar and
   ("pi.culvert.test", "__Host-culvert-visit") in jar, "there are two cookies",
   jar)
text = "".join(b.blocks)
for c in re.findall(r"(?i)set-cookie: (.*)", text):
    ok("HttpOnly" in c and "; Secure" in c and "SameSite=Lax" in c and
       "Path=/" in c and "domain" not in c.lower(), "as they should be", c)
fields = {k.lower(): v for k, v in got["fields"]}
eq((fields.get("x-culvert-user"), fields.get("x-culvert-email")),
   ("ann@example.org", "ann@example.org"), "the device knows who it is")
ok("cookie" not in fields, "and no cookie of ours", got)
b(*HTML, url("pi.culvert.test", "/again"))
eq(b.status, 200, "and then it is in")
c = Curl()
c("-b", "x=y; __Host-culvert-visit=%s; z=\"1 2\"" %
  jar["pi.culvert.test", "__Host-culvert-visit"], "-X", "POST", "-d", "x",
  url("pi.culvert.test", "/post"))
got = {k.lower(): v for k, v in json.loads(c.body)["fields"]}
eq(got.get("cookie"), 'x=y; z="1 2"', "the device's own cookies are kept")

for path_ in ("/%2eculvert/enter", "//.culvert/logout", "/x/../.culvert/x"):
    c("--path-as-is", url("pi.culvert.test", path_))
    ok(c.status == 400 and c.field("culvert-error") == "bad-path",
       path_ + " is neither the gate's nor the device's", (c.fields, c.body))
c(url("pi.culvert.test", "/.culvert/logout"))
want = (c.status, c.body)
c("--request-target", "http://pi.culvert.test:%d/.culvert/logout" % PORT,
  url("pi.culvert.test", "/"))
eq((c.status, c.body), want, "what is the gate's is so by its whole URL")
ok(c.status == 200 and "fields" not in c.body, "and not the device's", c.body)
c(*HTML, "--request-target", "http://pi.culvert.test:%d?a=b" % PORT,
  url("pi.culvert.test", "/"))
ok("%%3A%d%%2F%%3Fa%%3Db&way=" % PORT in c.field("location"),
   "a whole URL without a path is sent back to as it is", c.fields)

# ---- the next site needs no password ----
b("-L", *HTML, url("pa.culvert.test", "/other"))
eq((b.status, b.url), (200, url("pa.culvert.test", "/other")),
   "at the next site it is in at once")
b(*HTML, "-H", "Sec-Fetch-Mode: navigate", "-L",
  url("pi.culvert.test", "/x"))
eq(b.status, 200, "as a real browser says it")

# ---- programs ----
c = Curl()
c(url("pi.culvert.test", "/api"))
ok(c.status == 401 and c.field("www-authenticate").startswith("Bearer ") and
   json.loads(c.body)["code"] == "login", "a program is told to log in",
   (c.fields, c.body))
c(*HTML, "-d", "x", url("pi.culvert.test", "/"))
eq(c.status, 401, "and so is a form that comes late")
http = relay.token("http", "ann@example.org")
conn = relay.token("connect", "ann@example.org")
bobs = relay.token("http", "bob@example.org")
here = relay.token("http", "ann@example.org", "--nodes", "pi")


def bearer(token, host, *args):
    return Curl()("-H", "Authorization: Bearer " + token, *args,
                  url(host, "/t"))


r = bearer(http, "pi.culvert.test")
eq(r.status, 200, "a token with the scope http")
got = {k.lower(): v for k, v in json.loads(r.body)["fields"]}
ok("authorization" not in got and
   got["x-culvert-user"] == "ann@example.org", "stays here", got)
eq(bearer(conn, "pi.culvert.test").status, 403, "not one without")
eq(bearer(bobs, "pi.culvert.test").status, 403, "nor one of somebody else")
eq(bearer(here, "pi.culvert.test").status, 200, "one for this node")
eq(bearer(here, "pa.culvert.test").status, 403, "is for no other")
r = bearer(http[:-1] + ("0" if http[-1] != "0" else "1"), "pi.culvert.test")
ok(r.status == 401 and "invalid_token" in r.field("www-authenticate"),
   "one with a typing error", r.fields)
c = Curl()("-H", "Authorization: Bearer somethingelse",
           url("open.culvert.test", "/"))
got = {k.lower(): v for k, v in json.loads(c.body)["fields"]}
eq(got.get("authorization"), "Bearer somethingelse",
   "another's token passes at a public site")
c = Curl()("-H", "Authorization: Bearer " + http, "-H", "X-Culvert-User: eve",
           "-H", "X_Culvert_Email: eve", "-H", "x-culvert-any: eve",
           "-b", "__Host-culvert=x; culvert-visit=y; a=b",
           url("open.culvert.test", "/"))
got = {k.lower(): v for k, v in json.loads(c.body)["fields"]}
ok("authorization" not in got and got.get("cookie") == "a=b" and
   not [k for k in got if "culvert" in k], "ours does not, anywhere", got)
c = Curl()("-H", "Authorization: Bearer\t" + http,
           url("open.culvert.test", "/"))
ok(c.status == 200 and "culv_" not in c.body, "however it is written", c.body)
c = Curl()("-H", "X-Culvert-User: eve", "-H", "X_Culvert_User: eve", "-H",
           "X.Culvert.User: eve", "-H", "X-Culvert~User: eve", "-H",
           "Authorization: Bearer " + http, url("pi.culvert.test"))
got = [v for k, v in json.loads(c.body)["fields"]
       if re.sub("[^a-z]", "-", k.lower()) == "x-culvert-user"]
eq(got, ["ann@example.org"], "nobody says who it is but us")
c = Curl()(url("open.culvert.test", "/cookies"))
got = [v for k, v in c.fields if k.lower() == "set-cookie"]
eq(got, ["a=b"], "a device sets no cookie that is ours, or wide")
c = Curl()("-H", "Authorization: Bearer " + http,
           url("pi.culvert.test", "/cookies"))
got = [v for k, v in c.fields if k.lower() == "set-cookie"]
eq(got, ["a=b", "c=d; Domain=pi.culvert.test"], "but for its own host")

# ---- wrong ----
c = Curl()
c("-L", *HTML, url("pi.culvert.test", "/"))
ok(c.status == 200 and c.hidden("mark"), "a form for another browser")
c.form(password="wrong <one>")
one = c.body
ok(c.status == 403 and "not accepted" in one and "wrong &lt;" not in one and
   c.hidden("to"), "a wrong password", (c.status, one))
c.form(email="nobody@example.org")
ok(c.status == 403 and "not accepted" in c.body, "no such user", c.body)
eq(re.sub(r'value="[^"]*"', "", c.body), re.sub(r'value="[^"]*"', "", one),
   "which looks the same")
line = r"log-in denied: email address or password not accepted " \
    r"\(user \S+@example.org\)"
ok(relay.proc.wait_line(line, count=2), "and is in the log")
ok(not relay.proc.lines("horse|battery"), "without a password")
c.form(email="ann@example.org' OR 1=1 --")
eq(c.status, 403, "no user of such a name")

# ---- CSRF ----
mark = c.hidden("mark")
other = Curl()
other("-L", *HTML, url("pi.culvert.test", "/"))
other.form(mark=mark)
eq(other.status, 403, "the mark of one browser is none for another")
c = Curl()
c("-d", "email=ann@example.org", "--data-urlencode", "password=" + PASSWORD,
  url("culvert.test", "/login"))
ok(c.status == 403 and not c.cookies().get(("culvert.test",
   "__Host-culvert")), "a form from elsewhere logs nobody in", c.fields)
c("-L", *HTML, url("pi.culvert.test", "/"))
for f in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site",
          "Sec-Fetch-Site: same-site",
          "Origin: https://pi.culvert.test:%d" % PORT):
    page = Curl()
    page("-L", *HTML, url("pi.culvert.test", "/"))
    page.form("ann@example.org", PASSWORD, "-H", f)
    eq(page.status, 403, f)
page = Curl()
page("-L", *HTML, url("pi.culvert.test", "/"))
page.form("ann@example.org", PASSWORD, "-H",
          "Origin: https://culvert.test:%d" % PORT, "-H",
          "Sec-Fetch-Site: same-origin")
eq(page.status, 200, "but not from the page itself")
c("-X", "POST", url("culvert.test", "/logout"))
eq(b("-X", "POST", "-d", "", url("culvert.test", "/logout")).status, 403,
   "nor is anybody logged out")

# ---- pages of the neighbours ----
cookie = ("-b", "__Host-culvert-visit=" +
          b.cookies()["pi.culvert.test", "__Host-culvert-visit"])
WS = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]
n = len(Device.seen)
for who, more in (("same-site", ["-H", "Origin: " + url("open.culvert.test",
                                                        "")]),
                  ("same-site", []), ("same-site", ["-H", "Origin: null"]),
                  ("same-site", ["-H", "Origin: " +
                                 url("x.app--pi.culvert.test", "")]),
                  ("same-site", ["-H", "Origin: " +
                                 url("--pi.culvert.test", "")]),
                  ("same-site", ["-H", "Origin: " +
                                 url("open--api.culvert.test", "")]),
                  ("cross-site", ["-H", "Origin: https://evil.example"]),
                  (None, ["-H", "Origin: " + url("culvert.test", "")]),
                  (None, ["-H", "Origin: " + url("open.culvert.test", "")])):
    args = [*cookie, *more]
    if who:
        args += ["-H", "Sec-Fetch-Site: " + who]
    for what in (["-d", "x"], ["-X", "DELETE"], WS):
        c = Curl()(*args, *what, url("pi.culvert.test", "/foreign"))
        ok(c.status == 403 and c.field("culvert-error") == "foreign",
           "another's page does not get in: %s" % [*more, *what],
           (c.status, c.body))
eq(saw(n), [], "and the device hears nothing")
for more in (["-H", "Sec-Fetch-Site: same-origin"],
             ["-H", "Origin: " + url("pi.culvert.test", "")],
             ["-H", "Origin: null"], ["-H", "Sec-Fetch-Site: none"],
             ["-H", "Sec-Fetch-Site: same-site", "-H",
              "Origin: " + url("app--pi.culvert.test", "")]):
    c = Curl()(*cookie, *more, "-d", "x", url("pi.culvert.test", "/own"))
    eq(c.status, 200, "the node's own do: %s" % more)
eq(Curl()(*cookie, "-H", "Sec-Fetch-Site: same-site", "-H", "Origin: " +
          url("open.culvert.test", ""), url("pi.culvert.test")).status, 200,
   "and there are links to it")
eq(bearer(http, "pi.culvert.test", "-H", "Origin: https://evil.example", "-d",
          "x").status, 200, "a token comes not by itself")

# ---- where a login leads ----
for to in ("https://evil.example/", "//evil.example/", "https://evil.example",
           "https://pi.culvert.test:%d@evil.example/" % PORT,
           "http://pi.culvert.test:%d/" % PORT, "https://pi.culvert.test:1/",
           "https://pi.culvert.test/", "javascript:alert(1)", "/x", "x",
           "https://culvert.test:%d.evil.example/" % PORT,
           "https://pi.culvert.test:%d/\r\nX: y" % PORT,
           "https://pi.culvert.test:%d/\"><script>" % PORT,
           "https://evil.example:%d/" % PORT,
           "https://pi.culvert.test.evil.example:%d/" % PORT,
           "https://none.culvert.test:%d/" % PORT,
           "https://culvert.test:%d/logout" % PORT,
           "https://a.b.culvert.test:%d/" % PORT):
    for way in ("", "&way=" + "A" * 43):
        b(*HTML, url("culvert.test", "/login?to=" +
                     urllib.parse.quote(to, safe="") + way))
        ok(b.status in (400, 403, 404) and not b.field("location"),
           "it does not lead to %r" % to, (b.status, b.fields))
b(*HTML, url("culvert.test", "/login?to=" +
             urllib.parse.quote(url("pi.culvert.test", "/x"))))
eq((b.status, b.field("location")), (303, url("pi.culvert.test", "/x")),
   "without a mark it leads there, without a ticket")

# ---- tickets ----


def ticket(browser, host="pi.culvert.test", where="/"):
    """As far as a ticket, not used."""
    browser(*HTML, url(host, where))
    browser(*HTML, browser.field("location"))
    return browser.field("location")


def fresh(browser, host="pi.culvert.test"):
    """Without the cookie of the site."""
    lines = open(browser.jar).read().split("\n")
    with open(browser.jar, "w") as f:
        f.write("\n".join(x for x in lines if not (
            host in x and "culvert-visit" in x)))


fresh(b)
t = ticket(b)
ok("/.culvert/enter?ticket=" in t, "there is a ticket", t)
eve = Curl()
eve(*HTML, url("pi.culvert.test", "/"))
eve(*HTML, t)
ok(eve.status == 303 and not eve.cookies().get(
   ("pi.culvert.test", "__Host-culvert-visit")),
   "it is good for nobody else, who has a mark as well", eve.fields)
b(*HTML, t)
ok(("pi.culvert.test", "__Host-culvert-visit") not in b.cookies(),
   "and after that not for its owner", b.fields)
fresh(b)
t = ticket(b)
b(*HTML, t)
first = b.cookies().get(("pi.culvert.test", "__Host-culvert-visit"))
ok(first, "a ticket", b.fields)
fresh(b)
b(*HTML, t)
ok(b.status == 303 and ("pi.culvert.test", "__Host-culvert-visit") not in
   b.cookies(), "is used once", b.fields)
t = ticket(b)
b(*HTML, t.replace("pi.culvert.test", "pa.culvert.test"))
ok(("pi.culvert.test", "__Host-culvert-visit") not in b.cookies(),
   "and at its site", b.fields)
fresh(b)
b(*HTML, "-H", "Sec-Fetch-Mode: navigate", ticket(b, where="/q?a=b"))
ok(b.status == 200 and b.field("refresh") ==
   "0; url=" + url("pi.culvert.test", "/q?a=b"), "a browser goes on by itself",
   b.fields)
c = Curl()
for to in ("//evil.example/", "https://evil.example/", "/\\evil", "/a\r\nb:c",
           "", "x"):
    c(*HTML, url("pi.culvert.test", "/.culvert/enter?ticket=x&to=" +
                 urllib.parse.quote(to, safe="")))
    ok(c.status == 303 and c.field("location").startswith(
       url("pi.culvert.test", "/")) and not c.field("b"), "enter to %r" % to,
       c.fields)
eq(c(*HTML, url("pi.culvert.test", "/.culvert/other")).status, 404,
   "there is nothing else of ours")
n = len(Device.seen)
c = Curl()
c("-b", "__Host-culvert-visit=" + first, url("pa.culvert.test", "/"))
eq(c.status, 401, "the cookie of one site is not good for another")
c("-b", "__Host-culvert-visit=" + b.cookies()[
    "culvert.test", "__Host-culvert"], url("pi.culvert.test", "/"))
eq(c.status, 401, "nor is the relay's")
c("-b", "__Host-culvert-visit=%s; __Host-culvert-visit=%s" % (
    first, first), url("pi.culvert.test", "/"))
eq(c.status, 401, "nor are two")
eq(saw(n), [], "and the device saw none of that")
ok(wait_for(lambda: "/.culvert/enter" in open(path("access.log")).read()),
   "the access log has the tickets' requests")
ok("ticket=" not in open(path("access.log")).read(), "and not the tickets")
c("-L", *HTML, url("pi.culvert.test", "/x?token=hidden-one"))
ok(c.hidden("mark") and wait_for(lambda: "/x?token=***" in
   open(path("access.log")).read()), "nor what a page was asked with")
ok(wait_for(lambda: re.search("GET /login HTTP.* login ",
   open(path("access.log")).read())) and
   "hidden-one" not in open(path("access.log")).read(),
   "also where that is asked to log in",
   run(["grep", "hidden-one", path("access.log")]).stdout)

# ---- somebody else's ----
e = Curl("eve")
e("-L", *HTML, url("pi.culvert.test", "/"))
e.form("eve@example.org")
ok(e.status == 403 and "may not visit" in e.body and "eve@" in e.body,
   "who may not visit is told so", e.body)
relay.ctl("grant", "set", "eve@example.org", "pi", "--scope", "connect")
relay.ctl("grant", "eve@example.org", "pi", "--scope", "connect")
e("-L", *HTML, url("pi.culvert.test", "/"))
eq(e.status, 403, "a grant needs the scope http")
relay.ctl("grant", "eve@example.org", "pi", "--scope", "http")
e("-L", *HTML, url("pi.culvert.test", "/g"))
eq((e.status, e.url), (200, url("pi.culvert.test", "/g")), "and then it is in")
relay.ctl("grant", "eve@example.org", "pi", "--scope", "connect,http", "--to",
          "127.0.0.1:22")
e("-L", *HTML, url("pi.culvert.test", "/to"))
eq(e.status, 200, "with targets for connect, too")

# ---- Basic ----
relay.ctl("node", "set", "pa", "http=basic")
c = Curl()
wait_for(lambda: c(url("pa.culvert.test")).field(
    "www-authenticate").startswith("Basic"))
eq((c.status, c.field("www-authenticate")),
   (401, 'Basic realm="pa.culvert.test", charset="UTF-8"'), "Basic asks")
c("-u", "ann@example.org:" + PASSWORD, url("pa.culvert.test", "/basic"))
got = {k.lower(): v for k, v in json.loads(c.body)["fields"]}
ok(c.status == 200 and "authorization" not in got and
   got["x-culvert-user"] == "ann@example.org", "and is answered", got)
eq(c("-u", "ann@example.org:nonsense", url("pa.culvert.test")).status, 401,
   "a wrong one")
eq(c("-u", "bob@example.org:" + PASSWORD, url("pa.culvert.test")).status, 403,
   "of somebody else")
eq(c("-H", "Authorization: Basic !!", url("pa.culvert.test")).status, 401,
   "garbled")
eq(c("-u", "ann@example.org:" + PASSWORD, "-d", "x", "-H",
     "Origin: https://evil.example", url("pa.culvert.test")).status, 403,
   "a password that the browser sends by itself, for another's page")
eq(bearer(http, "pa.culvert.test").status, 200, "a token does as well")
t0 = time.monotonic()
r = c("-u", "ann@example.org:" + PASSWORD,
      *[url("pa.culvert.test", "/%d" % i) for i in range(50)])
ok(len(re.findall(r'"path"', r.body)) == 50, "fifty requests", r.err)


# ---- what ends ----
class Download:
    def __init__(self, *args, host="pi.culvert.test"):
        self.p = subprocess.Popen(
            [*CURL, "-o", "/dev/null",
             "--max-time", "60", *args, url(host, "/slow")],
            stderr=subprocess.DEVNULL)
        n = len(Device.seen)
        wait_for(lambda: any(x[1] == "/slow" for x in Device.seen[n:]) or
                 self.p.poll() is not None, 20)
        time.sleep(.1)

    def ends(self, what, *ctl, status=0, **kw):
        ok(self.p.poll() is None, what + ": it runs")
        t = time.monotonic()
        r = relay.ctl(*ctl, **kw)
        took = wait_for(lambda: self.p.poll() is not None, 30)
        ok(took and self.p.returncode != 0, what + ": it is cut",
           (r.stdout, r.stderr))
        return r


def cookie_of(browser, host="pi.culvert.test"):
    fresh(browser, host)
    browser("-L", *HTML, url(host, "/"))
    if browser.hidden("mark"):
        browser.form(browser.who)
    assert browser.status == 200, (browser.status, browser.body)
    return ("-b", "__Host-culvert-visit=" +
            browser.cookies()[host, "__Host-culvert-visit"])


b.who, e.who = "ann@example.org", "eve@example.org"
d = Download(*cookie_of(e))
r = d.ends("grant revoke", "grant", "revoke", "eve@example.org", "pi")
relay.ctl("grant", "eve@example.org", "pi", "--scope", "http")
cookie = cookie_of(e)
d = Download(*cookie)
rows = relay.json("session", "list", "--user", "eve@example.org")
site = [x for x in rows if x["host"] == "pi.culvert.test"]
ok(rows and site and all(x["email"] == "eve@example.org" for x in rows),
   "sessions are listed", rows)
got = relay.json("session", "list")
ok({x["email"] for x in got} == {"ann@example.org", "eve@example.org"},
   "of all users", got)
mine = [x for x in rows if x["host"] == ""]
r = d.ends("session revoke", "session", "revoke", mine[0]["id"])
ok(r.returncode == 0 and "1 stream" in r.stdout, "and says what ended",
   r.stdout)
eq(Curl()(*cookie, url("pi.culvert.test")).status, 401,
   "its cookie is good no more")
e("-L", *HTML, url("pi.culvert.test", "/"))
ok(e.hidden("mark"), "it has to log in again", e.body)
eq(relay.ctl("session", "revoke", mine[0]["id"]).returncode, 1,
   "it is gone")
d = Download(*cookie_of(e))
r = d.ends("session revoke --user", "session", "revoke", "--user",
           "eve@example.org")
eq(relay.json("session", "list", "--user", "eve@example.org"), [],
   "all of them are gone")
d = Download(*cookie_of(e))
r = d.ends("session revoke --node", "session", "revoke", "--node", "pi")
d = Download(*cookie_of(e))
d.ends("user passwd", "user", "passwd", "eve@example.org",
       "--password-stdin", input=PASSWORD + "2\n")
eq(relay.json("session", "list", "--user", "eve@example.org"), [],
   "a new password ends them all")
e("-L", *HTML, url("pi.culvert.test", "/"))
eq(e.form("eve@example.org").status, 403, "the old password")
e.form("eve@example.org", PASSWORD + "2")
eq(e.status, 200, "the new one")
d = Download("-H", "Authorization: Bearer " + here)
d.ends("token revoke", "token", "revoke", here[5:17])
eq(bearer(here, "pi.culvert.test").status, 401, "the token is good no more")
d = Download("-u", "ann@example.org:" + PASSWORD, host="pa.culvert.test")
d.ends("basic and user passwd", "user", "passwd", "ann@example.org",
       "--password-stdin", input=PASSWORD + "\n")

# ---- log out ----
b.who = "ann@example.org"
cookie = cookie_of(b)
d = Download(*cookie)
b(*HTML, url("pi.culvert.test", "/.culvert/logout"))
action = re.search(r'action="([^"]*)"', b.body)[1]
b("-d", "", url("pi.culvert.test", action + "x"))
eq(b.status, 403, "log out: not by another page")
b("-d", "", url("pi.culvert.test", action))
ok(b.status == 200 and "logged out" in b.body, "log out at a site", b.body)
ok(wait_for(lambda: d.p.poll() is not None, 30), "what runs is cut")
b("-L", *HTML, url("pi.culvert.test", "/"))
ok(b.hidden("mark"), "and the relay asks again", b.body)
cookie = cookie_of(b)
b(*HTML, url("culvert.test", "/login"))
ok("logged in as ann@example.org" in b.body, "the relay says who it is")
b(*HTML, url("culvert.test", "/logout"))
action = re.search(r'action="([^"]*)"', b.body)[1]
b("-d", "", url("culvert.test", action))
ok("logged out" in b.body and ("culvert.test", "__Host-culvert") not in
   b.cookies(), "log out at the relay", b.body)
eq(Curl()(*cookie, url("pi.culvert.test")).status, 401, "that ends the sites")

# ---- processes come and go ----
cookie = cookie_of(b)
for name in ("auth", "router"):
    d = Download(*cookie)
    pid = relay.children()[name]
    os.kill(pid, signal.SIGKILL)
    c = Curl()(*cookie, url("pi.culvert.test", "/after"))
    ok(wait_for(lambda: relay.serving() and
                relay.children().get(name, pid) != pid, 30) and
       wait_for(lambda: c(*cookie, url("pi.culvert.test", "/after")).status ==
                200, 30), name + ": after its end the cookie is good",
       (c.status, c.body))
    ok(d.p.poll() is None, name + ": and what ran runs on")
    # Both know of it again.
    wait_for(lambda: len(relay.json("connections") or
                         relay.json("connection", "list") or []) > 0, 5)
    row = [x for x in relay.json("session", "list", "--user",
                                 "ann@example.org")
           if x["host"] == "pi.culvert.test"][-1]
    d.ends(name + ": revoked after that", "session", "revoke", row["id"])
    cookie = cookie_of(b)
for name in ("listener", "listener 1"):
    os.kill(relay.children()[name], signal.SIGKILL)
c = Curl()
ok(wait_for(lambda: c(*cookie, url("pi.culvert.test", "/after")).status == 200,
            60), "listeners: after their end the cookie is good",
   (c.status, c.body))

# ---- users ----
d = Download(*cookie)
d.ends("user disable", "user", "disable", "ann@example.org")
b("-L", *HTML, url("pi.culvert.test", "/"))
ok(b.hidden("mark") is not None or b.status == 404, "who is disabled is out",
   (b.status, b.body))
relay.ctl("user", "enable", "ann@example.org")

# ---- throttled ----
waits = []
c = Curl()
c("-L", *HTML, url("open.culvert.test", "/"))
c(*HTML, url("culvert.test", "/login"))
for i in range(14):
    c.form("ann@example.org", "guess %d" % i)
    waits.append(c.status)
ok(waits[0] == 403 and waits[-1] == 429 and c.field("retry-after"),
   "who guesses has to wait", waits)
db = sqlite3.connect(relay.dir + "/state/culvert.db")
got = db.execute("SELECT count(*) FROM sessions WHERE secret_hash LIKE ?",
                 ("%" + b.cookies().get(("culvert.test", "__Host-culvert"),
                                        "x") + "%",)).fetchone()[0]
eq(got, 0, "the store has no secret of theirs")
ok(not relay.proc.lines("horse|battery"), "no password is in the log")
if shutil.which("fail2ban-regex"):
    r = run(["fail2ban-regex", "-o", "ip", relay.proc.log,
             TOP + "/etc/fail2ban/filter.d/culvert.conf"])
    denied = relay.proc.lines("log-in denied: ")
    eq((len(r.stdout.split()), len(denied) > 10), (len(denied), True),
       "fail2ban finds who guesses passwords, and no other")
else:
    skip("fail2ban", "no fail2ban-regex")
done()
