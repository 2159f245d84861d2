"""A sandbox tenant and a twin in it, each a process of its own, and what people do there.

Shared by the judges that talk to the twin as its colleagues do. Nothing of the twin is looked into:
people write in chats, its evidence is read with `subtwin audit export`, and what it changes is seen
in the sandbox's ledger and, where a `Wire` lies between, on the way to the directory.
"""

import html
import http.client
import json
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SAM, DOUG, DANA = "sam@contoso.com", "doug@contoso.com", "dana@contoso.com"
PAULA = "paula.stone@contoso.com"
PATIENCE = 60
PASSWORD = "{new password}"


def eventually(what, ask, patience=PATIENCE):
    end = time.monotonic() + patience
    while True:
        answer = ask()
        if answer is not None:
            return answer
        assert time.monotonic() < end, f"{what}: not within {patience} seconds"
        time.sleep(0.03)


class Wire:
    """Plain HTTP on loopback between the twin and Graph: sees each change before the directory.

    `boundary(method, path, body, forward, connection)` may stand in for sending it on; it gives what
    `forward` gave, or None to cut the connection without an answer.
    """

    # What is no change to the directory.
    OWN = re.compile(r"/(chats|subscriptions)(/|$)|/presence/")

    def __init__(self):
        self.boundary = None
        self.target = self.trust = None
        self.seen = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))

                def forward():
                    there = http.client.HTTPSConnection(
                        "localhost", wire.target, context=wire.trust, timeout=PATIENCE
                    )
                    hop = ("connection", "content-length", "transfer-encoding")
                    kept = {k: v for k, v in self.headers.items() if k.lower() not in hop}
                    there.request(self.command, self.path, body or None, kept)
                    answer = there.getresponse()
                    data = answer.read()
                    there.close()
                    return answer, data

                answered = wire.pass_on(self.command, self.path, body, forward, self.connection)
                if answered is None:
                    self.close_connection = True
                    return
                answer, data = answered
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pass_on(self, method, path, body, forward, connection):
        changes = method != "GET" and not self.OWN.search(path)
        if not changes or self.boundary is None:
            return forward()
        return self.boundary(method, path, json.loads(body) if body else None, forward, connection)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Stage:
    """One tenant with a twin at work in it. `wire` lies between the twin and Graph."""

    def __init__(self, program, room, helpdesk=(DOUG, DANA), wire=None, **gate):
        self.program = program
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="stage-", dir=room))
        self.starts, self.twin, self.wire = 0, None, wire
        # How much was said, and which of it was meant as a yes.
        self.inputs, self.yeses = 0, set()
        self.sandbox = subprocess.Popen(
            [program, "sandbox", "--json", "--audit-delay", "0.3", "--ca-dir", self.room / "ca"]
            + ["--write-config", self.room / "made.toml"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open(self.room / "sandbox.err", "w"),
            text=True,
        )
        try:
            self.facts = json.loads(self.sandbox.stdout.readline())
            self.ca = self.room / "ca" / "ca.pem"
            self.config = self.room / "twin.toml"
            self.configure(helpdesk, gate)
            self.run("keys", "new", self.room / "twin.key")
            self.sign_in()
            self.tenant = self.control("tenant")
            self.people = {one["userPrincipalName"]: one for one in self.tenant["people"]}
            self.start()
        except BaseException:
            self.close()
            raise

    def configure(self, helpdesk, gate):
        made = self.room / "made.toml"
        eventually("the configuration", lambda: made.exists() and made.read_text() or None)
        text = made.read_text()
        lists = "helpdesk = " + json.dumps(list(helpdesk))
        text, found = re.subn(r"^helpdesk = \[[^\]]*\]", lists, text, flags=re.M)
        assert found == 1, text
        for name, value in gate.items():
            text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
            assert found == 1, f"no {name} in {text}"
        if self.wire:
            self.wire.trust = ssl.create_default_context(cafile=self.ca)
            self.wire.target = urllib.parse.urlsplit(self.facts["graph"]).port
            graph = f'graph = "http://localhost:{self.wire.port}"'
            text, found = re.subn(r'^graph = ".*"$', graph, text, flags=re.M)
            assert found == 1, text
        self.config.write_text(text)

    # The program.

    def run(self, *words):
        done = subprocess.run(
            [self.program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"subtwin {words}: {done.stderr}"
        return done.stdout

    def sign_in(self):
        log = self.room / "sign-in.err"
        child = subprocess.Popen(
            [self.program, "sign-in", "--no-browser", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(log, "w"),
        )
        for number in range(2):

            def address():
                lines = [line.strip() for line in log.read_text().splitlines()]
                shown = [line for line in lines if line.startswith("https:")]
                return shown[number] if len(shown) > number else None

            url = eventually("an address to sign in at", address)
            self.control("sign-in", {"url": url, "as": SAM, "follow": True})
        assert child.wait(PATIENCE) == 0, log.read_text()

    def start(self):
        self.starts += 1
        log = self.room / f"twin-{self.starts}.err"
        self.twin = subprocess.Popen(
            [self.program, "run", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(log, "w"),
        )
        eventually("the twin listens", lambda: " listens (" in log.read_text() or None)

    def kill(self):
        self.twin.kill()
        self.twin.wait()
        self.twin = None

    def stop(self):
        self.twin.terminate()
        self.twin.wait(PATIENCE)
        self.twin = None

    def close(self):
        for process in (self.twin, self.sandbox):
            if process:
                process.kill()
                process.wait()
        if self.wire:
            self.wire.close()

    # The tenant.

    def control(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.facts["control"] + path, data, kind, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def changes(self):
        """What was changed in the directory, and how often each."""
        effects = self.control("ledger")["effects"]
        return [effect for effect in effects if effect["effect"] != "messagePosted"]

    def changed(self):
        return sum(effect["times"] for effect in self.changes())

    def administrator(self):
        """A token of Dana's, who may change anything: what an insider would use."""
        app = next(app["appId"] for app in self.tenant["apps"] if app["role"] == "sampleCli")
        base = f"{self.facts['login']}/{self.tenant['id']}/oauth2/v2.0/"
        trust = ssl.create_default_context(cafile=self.ca)

        def post(path, **form):
            data = urllib.parse.urlencode({"client_id": app, **form}).encode()
            with urllib.request.urlopen(base + path, data, PATIENCE, context=trust) as answer:
                return json.load(answer)

        flow = post("devicecode", scope="User.ReadWrite.All Group.ReadWrite.All")
        self.control("device", {"user_code": flow["user_code"], "as": "dana"})
        code = "urn:ietf:params:oauth:grant-type:device_code"
        token = post("token", grant_type=code, device_code=flow["device_code"])["access_token"]

        def graph(method, path, body=None):
            request = urllib.request.Request(
                f"{self.facts['graph']}/v1.0{path}",
                None if body is None else json.dumps(body).encode(),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                method=method,
            )
            with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as answer:
                data = answer.read()
                return json.loads(data) if data else None

        return graph

    # The chats.

    def say(self, who, text, **more):
        self.inputs += 1
        said = self.control("say", {"as": who, "to": SAM, "text": text, **more})
        return int(said["message"])

    def heard(self, who, after=0):
        """What the twin wrote to somebody, as (id, text); one line of the text is one line shown."""
        twin = self.people[SAM]["id"]
        heard = []
        for chat in self.control(f"chats?as={urllib.parse.quote(who)}"):
            if len(chat["members"]) != 2:
                continue
            for message in chat["messages"]:
                if (message["from"] or {}).get("id") == twin and int(message["id"]) > after:
                    heard.append((int(message["id"]), plain(message["content"])))
        return sorted(heard)

    def hears(self, who, after, *parts, patience=PATIENCE):
        """The twin's first message that says all of it."""

        def ask():
            heard = self.heard(who, after)
            says = (m for m in heard if all(part.lower() in m[1].lower() for part in parts))
            return next(says, None)

        try:
            return eventually(f"{who} hears {parts}", ask, patience)
        except AssertionError as missing:
            heard = [text for _, text in self.heard(who, after)]
            raise AssertionError(f"{missing}; heard {heard}") from None

    def ask(self, who, text, *parts, **more):
        """Says something and gives the answer that has all of these parts in it."""
        return self.hears(who, self.say(who, text, **more), *parts)

    def agree(self, who, text="yes"):
        """A yes that somebody means; the only messages that may let anything happen."""
        message = self.say(who, text)
        self.yeses.add(message)
        return message

    # The evidence.

    def evidence(self):
        """Everything on record: (time, event)."""
        place = next(self.room.glob("**/evidence"))
        lines = self.run("audit", "export", "--dir", place).splitlines()
        records = [json.loads(line)["record"] for line in lines]
        return [(record["at"], record["event"]) for record in records]

    def intent_for(self, method, path, body, taken=()):
        """The intent on record that holds exactly this request, and which part of it."""
        for _, event in self.evidence():
            if event["kind"] != "intent":
                continue
            for number, part in enumerate(event["plan"]["parts"]):
                step, place = part["step"], (event["request"], number)
                same = step["method"] == method and step["path"] == path
                if same and fits(step["body"], body) and place not in taken:
                    return event, place
        return None, None


def fits(planned, sent):
    """The request as planned; only a new password differs."""
    if planned == PASSWORD:
        return isinstance(sent, str) and sent != PASSWORD
    if isinstance(planned, dict):
        same = isinstance(sent, dict) and planned.keys() == sent.keys()
        return same and all(fits(planned[key], sent[key]) for key in planned)
    return planned == sent


def plain(content):
    """A chat message as it is read: a paragraph or a line break is a new line."""
    text = re.sub(r"</p>\s*<p>|<br ?/?>|</li>|</div>", "\n", content)
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()


class Checks:
    """Runs checks by name, prints a line for each, and remembers whether one failed."""

    def __init__(self):
        self.failed = False

    def run(self, name, check):
        """`check` may give the figures to print after the name."""
        began = time.monotonic()
        try:
            figures = check()
            print("PASS", f"{name}: {figures}" if figures else name, flush=True)
        except Exception as error:
            self.failed = True
            why = f"{type(error).__name__}: {error}".replace("\n", " ")
            print("FAIL", f"{name}: {why[:600]}", flush=True)
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - began:.0f} seconds", file=sys.stderr)
