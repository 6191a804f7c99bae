#!/usr/bin/env python3
# tags: no-asan
"""Each process of both daemons tries each forbidden thing: it dies of it, or
gets the error of the table; and the parent says which call it was."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

CALLS = ("open socket connect fork execve kill ptrace setuid mmap_exec "
         "fchdir io_uring").split()
# What some may do, being what they are, or get an error for.
ERROR = {
    ("*", "open"), ("*", "fchdir"),     # EACCES: a library that probes lives
    ("proxy", "socket"), ("proxy", "connect"),
}
relay_dir = Relay("base", start=False)
token = "culv_" + "a" * 12 + "_" + "a" * 52 + "_"
import zlib
token += "%08x" % zlib.crc32(token[:-1].encode())
tok = write("token", token + "\n", 0o600)
aconf = write("agentd.conf", "relay \"ws://127.0.0.1:9\"\nname \"x\"\n"
              "token file \"%s\"\n" % tok)


def attempt(daemon, conf, proc, call):
    p = Proc("try-%s-%s" % (proc, call), [
        TEST_OBJ + "/" + daemon, "-d", "-f", conf, "-T",
        "%s:%s" % (proc, call)])
    want = (r"forbidden system call|%s.*try %s" % (proc, call))
    hit = wait_for(lambda: p.lines(want) or not p.alive(), 20)
    lines = p.lines(want)
    p.stop()
    return lines


for daemon, conf, procs in (
        ("relayd", relay_dir.conf, "keys auth router listener parent"),
        ("agentd", aconf, "tunnel proxy parent")):
    for proc in procs.split():
        for call in CALLS:
            if proc == "parent" and call in (
                    "open", "socket", "connect", "fork", "execve", "kill",
                    "setuid", "mmap_exec", "fchdir"):
                continue        # what a parent is for
            lines = attempt(daemon, conf, proc, call)
            killed = any("forbidden system call" in x for x in lines)
            refused = any(re.search("try %s: (?!possible)" % call, x)
                          for x in lines)
            may = (proc, call) in ERROR or ("*", call) in ERROR
            ok(killed or (may and lines), "%s: %s: %s" % (
                daemon, proc, call), lines)
done()
