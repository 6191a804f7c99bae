#!/usr/bin/env python3
# tags: slow no-asan
"""A browser at a device's page: assets, a chat by WebSocket, an event stream,
an upload with progress; pages of the relay's own; logging in.

	CULVERT_SHOTS=folder	keeps pictures of the pages"""
import sys
sys.path.insert(0, "regress/e2e")
from http_site import *
import browser

why = browser.missing()
if why or shutil.which("node") is None:
    skip_all(why or "no node")
if run(["node", "-e", "require('ws')"], env=NODE_ENV).returncode != 0:
    skip_all("no ws for Node.js")

relay = Sites()
node = NodeServer(TOP + "/regress/e2e/http_page.js")
agent = Agent(relay, extra="http backend \"http://127.0.0.1:%d\"" %
              node.port)
relay.public()
if not ok(relay.serves(), "the site answers", curl(relay.site())):
    done()
b = browser.Browser()

# ---- the page ----
b.go(relay.site(tls=False) + "/")
eq(b.title(), "A device", "the page has its title")
ok(b.js("return document.styleSheets.length === 1 && getComputedStyle("
        "document.body).color === 'rgb(20, 40, 60)';"), "and its style")
ok(wait_for(lambda: b.js("return document.images[0].naturalWidth > 0;"), 30),
   "and its picture")
eq(wait_for(lambda: b.text("#assets") != "Not yet." and b.text("#assets"),
            30), "60 of 60 are right", "60 assets at once")

# ---- the chat ----
ok(wait_for(lambda: b.js("return document.body.dataset.chat;") == "open",
            30), "the chat is open")
b.type("#words", "hello, all\n")
eq(wait_for(lambda: b.text("#chat"), 30), "hello, all",
   "what is said comes back")
b.js("for (let i = 0; i < 100; i++) ws.send('line ' + i);")
ok(wait_for(lambda: b.js("return document.querySelectorAll('#chat li')"
                         ".length;") == 101, 30), "a hundred lines more")
eq(b.js("return document.querySelector('#chat li:last-child').innerText;"),
   "line 99", "in order")

# ---- the events ----
eq(wait_for(lambda: b.text("#events") == "20" and b.text("#event"), 30),
   "19", "20 events have come, while the stream stays open")
eq(b.js("return events.readyState;"), 1, "and it is open")

# ---- the upload ----
b.click("#upload")
r = wait_for(lambda: b.text("#uploaded") != "Nothing yet." and
             b.text("#uploaded"), 60)
ok(r and r.startswith("{") and json.loads(r)["bytes"] == 192 << 20,
   "an upload of 192 MB", r)
p = b.js("return progress;")
ok(len(p) > 2 and p == sorted(p) and 0 < p[0] < 192 << 20 and
   p[-1] == 192 << 20, "with progress", p)
b.js("for (const li of [...document.querySelectorAll('#chat li')].slice(1, "
     "-2)) li.remove();")
b.shot("page")
eq(b.js("return problems;"), [], "no script has failed")
eq([x for x in b.log() if x["level"] == "SEVERE" and "favicon" not in
    x["message"]], [], "and the browser has nothing to complain of")

# ---- what the relay says itself ----
b.go(relay.site("nosuch", tls=False) + "/")
ok("404" in b.text("body") or "no " in b.text("body").lower(),
   "a page for a name that nobody has", b.text("body"))
b.shot("no-site")
node.stop()
b.go(relay.site(tls=False) + "/?gone")
ok("502" in b.text("body") or "refused" in b.text("body").lower(),
   "a page for a backend that is gone", b.text("body"))
b.shot("refused")
agent.stop()
wait_for(lambda: node_online(relay, "pi", False), 60)
b.go(relay.site(tls=False) + "/?offline")
ok("offline" in b.text("body").lower(), "a page for a node that is offline",
   b.text("body"))
b.shot("offline")
b.close()
done()
