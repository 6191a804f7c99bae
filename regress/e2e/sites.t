#!/usr/bin/env python3
"""Sites: who may see what a node shows, and which names lead there."""
import sqlite3
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

LONG = 30
relay = Relay(prefork=2, extra="domain \"relay.test\"\n")
relay.user_add()
agent = Agent(relay)


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
                         "'%domain tls.example.com: done'")) > 0, LONG)
lines = [x[0] for x in sql("SELECT text FROM audit WHERE what = 'admin'")]
for want in ("show pi http=public: done",
             "show PI:grafana http=basic: done",
             "add domain App.Example.com. to pi:grafana: done",
             "add domain tls.example.com to pi:tls, untouched: done",
             "remove domain tls.example.com: done"):
    ok(want in lines, "in the audit log: " + want, "\n".join(lines))
node = [x[0] for x in sql("SELECT node FROM audit WHERE text LIKE "
                          "'show pi%done'")]
ok(set(node) <= {"pi", "PI"} and node, "with its node", node)

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

done()
