#!/usr/bin/env python3
# tags: slow long no-asan
"""Debian's packages: built, judged by lintian, installed in a fresh Debian,
used there, upgraded, removed and purged."""

import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from culvert import *  # noqa: E402,F403

MAKE = os.environ.get("MAKE", "make")
OLD, NEW = "0.0.9", "0.1.0"

if not ROOT:
    skip_all("debootstrap takes root")


def debs(version):
    return [d for d in glob.glob("%s/obj-deb/*_%s_*.deb" % (TOP, version))
            if "dbgsym" not in d]


for version in (OLD, NEW):
    r = run([MAKE, "-C", TOP, "deb", "VERSION=" + version], timeout=300)
    if not ok(r.returncode == 0 and len(debs(version)) == 3,
              "make deb, version " + version, r.stdout + r.stderr):
        done()
for changes in glob.glob("%s/obj-deb/*_%s_*.changes" % (TOP, NEW)):
    r = run(["lintian", "--allow-root", "--fail-on", "error,warning",
             "--no-tag-display-limit", changes], timeout=120)
    ok(r.returncode == 0, "lintian finds no error and no warning",
       r.stdout + r.stderr)

# ---- a fresh Debian ----

root = path("debian")
origin = run(["apt-get", "indextargets", "--format",
              "$(REPO_URI) $(CODENAME)", "Created-By: Packages",
              "Origin: Debian"]).stdout.splitlines()
mirror = origin[0].split()[0] if origin else None
suite = origin[0].split()[1] if origin else None
r = run(["debootstrap", "--variant=minbase", suite or "stable", root] +
        ([mirror] if mirror else []), timeout=400)
if not ok(r.returncode == 0, "debootstrap", r.stdout[-3000:] + r.stderr):
    done()
for version in (OLD, NEW):
    os.makedirs("%s/debs/%s" % (root, version))
    for d in debs(version):
        shutil.copy(d, "%s/debs/%s/" % (root, version))
shutil.copy(TOP + "/regress/e2e/deb-inside.sh", root + "/inside.sh")


def inside(*args, timeout=300):
    """Run a step in there, with a /proc and an end of its own."""
    return run(["unshare", "--mount", "--pid", "--fork", "--kill-child",
                "--mount-proc=%s/proc" % root, "chroot", root, "/bin/sh",
                "/inside.sh", *args], timeout=timeout)


def step(name, *args):
    r = inside(*args)
    return ok(r.returncode == 0, name, r.stdout[-4000:] + r.stderr[-4000:])


if step("they install", "install", OLD):
    step("users, folders and services are there", "installed")
    step("a relay, an agent and a client work", "use", OLD)
    step("an upgrade keeps store and configuration", "install", NEW)
    step("and all still work, as the new version", "use", NEW)
    step("removing keeps store and configuration", "remove")
    step("a purge leaves nothing", "purge")
done()
