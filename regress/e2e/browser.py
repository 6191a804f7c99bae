"""Chromium, driven through chromedriver by the W3C's WebDriver protocol."""

import base64
import urllib.error
import urllib.request

from culvert import *

KEY = "element-6066-11e4-a52e-4f735466cecf"


def missing():
    """Why there is no browser, or None."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return "no " + program
    return None


class Browser:
    """A window.  Errors of the driver are exceptions."""

    def __init__(self, *args):
        self.port = free_port()
        os.makedirs(path("chrome"), exist_ok=True)
        env = dict(os.environ, HOME=path("chrome"), TMPDIR=path("chrome"))
        self.proc = Proc("chromedriver", [
            "chromedriver", "--port=%d" % self.port], env=env)
        if not wait_for(lambda: can_connect(self.port), 30):
            self.proc.show()
            raise SystemExit("chromedriver did not start")
        self.url = "http://127.0.0.1:%d" % self.port
        options = {"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run",
            "--window-size=900,1000", "--disable-background-networking",
            "--user-data-dir=" + path("chrome/%d" % self.port), *args]}
        r = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "acceptInsecureCerts": False}}})
        self.url += "/session/" + r["sessionId"]

    def ask(self, method, what, data=None, seconds=120):
        body = None if data is None else json.dumps(data).encode()
        req = urllib.request.Request(
            self.url + what, body, {"Content-Type": "application/json"},
            method=method)
        try:
            with urllib.request.urlopen(req, timeout=seconds) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError("%s %s: %s" % (
                method, what, json.load(e)["value"].get("message")))

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def where(self):
        return self.ask("GET", "/url")

    def title(self):
        return self.ask("GET", "/title")

    def js(self, script, *args):
        return self.ask("POST", "/execute/sync",
                        {"script": script, "args": list(args)})

    def find(self, css):
        return self.ask("POST", "/element", {
            "using": "css selector", "value": css})[KEY]

    def click(self, css):
        self.ask("POST", "/element/%s/click" % self.find(css), {})

    def type(self, css, text):
        self.ask("POST", "/element/%s/value" % self.find(css),
                 {"text": text})

    def text(self, css):
        return self.js("const e = document.querySelector(arguments[0]);"
                       "return e ? e.innerText : null;", css)

    def cookies(self):
        return self.ask("GET", "/cookie")

    def log(self):
        return self.ask("POST", "/se/log", {"type": "browser"})

    def shot(self, name):
        """A picture of the page, where CULVERT_SHOTS says."""
        d = os.environ.get("CULVERT_SHOTS") or path("shots")
        os.makedirs(d, exist_ok=True)
        with open("%s/%s.png" % (d, name), "wb") as f:
            f.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def close(self):
        self.ask("DELETE", "")
        self.proc.stop()
