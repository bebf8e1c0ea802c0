"""What every trial needs: it starts an application and Tollgate before it with one file of conf/examples, plays visitors,
and compares each answer and each decision record with what the example promises.

A trial is a script of steps. Every step sends one request and names what it must lead to; the records that it caused
must be those, no more and no fewer, so that a request that a route caught by mistake is found as well as one that it
missed. Nothing sleeps for a fixed time: whatever is waited for is asked for again until it is there, for a minute at most.

All of it happens on loopback. The examples trust a proxy on the same machine, so each visitor brings an address of
their own in X-Forwarded-For: stand-ins from public allocations, which nothing here contacts.
"""

import http.client
import http.cookies
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOLLGATE = pathlib.Path(os.environ.get("TOLLGATE", ROOT / "target/debug/tollgate"))
PATIENCE = 60.0
HOME, OFFICE, GUESSER, STUFFER = "91.0.0.7", "93.192.0.21", "84.128.0.77", "87.128.3.4"
CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
          "Safari/537.36")
BROWSER = {
    "User-Agent": CHROME, "Accept-Language": "de-DE,de;q=0.9", "Accept-Encoding": "gzip, deflate, br",
    "Sec-Fetch-Site": "same-origin", "sec-ch-ua-mobile": "?0", "sec-ch-ua-platform": '"Windows"',
    "sec-ch-ua": '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
}
# A second one: whoever has the same headers as a guesser is, without a cookie, the same device to the gate.
FIREFOX = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Accept-Language": "de,en-US;q=0.7,en;q=0.3", "Accept-Encoding": "gzip, deflate, br, zstd", "Sec-Fetch-Site": "same-origin",
}
PAGE = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
SCRIPT = {"Accept": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


def until(what, probe, patience=PATIENCE):
    """Asks again until the answer is something; `what` says what was waited for in vain."""
    deadline = time.monotonic() + patience
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {patience:.0f} s in vain for {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.headers = response.headers
        self.location = response.headers.get("Location", "")
        self.cookies = {}
        for line in response.headers.get_all("Set-Cookie") or []:
            # One line may hold what `SimpleCookie` does not take; the name and value are all that is asked for.
            name, _, rest = line.partition("=")
            self.cookies[name.strip()] = rest.split(";")[0].strip().strip('"')

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def sets(self, name):
        """Whether a cookie whose name begins so is set, and not deleted."""
        return any(cookie.startswith(name) and value for cookie, value in self.cookies.items())


class Visitor:
    """A browser as far as forms need one: headers, cookies, and no redirect followed."""

    def __init__(self, port, host, address=HOME, headers=BROWSER):
        self.port, self.host, self.address = port, host, address
        self.headers, self.cookies = headers, {}

    def send(self, method, path, body=None, headers=(), kind=PAGE):
        heads = {**self.headers, **kind, "Host": self.host, "X-Forwarded-For": self.address, "X-Forwarded-Proto": "https"}
        if self.cookies:
            heads["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        heads.update(dict(headers))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, heads)
            response = connection.getresponse()
            answer = Answer(response, response.read())
        finally:
            connection.close()
        for name, value in answer.cookies.items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def get(self, path, **rest):
        return self.send("GET", path, **rest)

    def form(self, path, fields, headers=(), kind=PAGE):
        heads = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{self.host}", "Referer": f"https://{self.host}{path}", **dict(headers)}
        return self.send("POST", path, urllib.parse.urlencode(fields), heads, kind)

    def json(self, path, value, headers=(), method="POST"):
        heads = {"Content-Type": "application/json", "Origin": f"https://{self.host}", "Referer": f"https://{self.host}{path}", **dict(headers)}
        return self.send(method, path, json.dumps(value), heads, SCRIPT)


def hidden(page, name):
    """The value of a hidden field of a form."""
    for field in re.findall(r"<input[^>]*>", page):
        if re.search(rf"""name=["']{re.escape(name)}["']""", field):
            value = re.search(r"""value=["']([^"']*)["']""", field)
            return value.group(1) if value else ""
    raise SystemExit(f"the page has no field {name}:\n{page[:2000]}")


class Trial:
    def __init__(self, name, example):
        self.name, self.example = name, ROOT / "conf/examples" / example
        self.place = ROOT / "target/trials/run" / name
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        self.log = self.place / "decisions.jsonl"
        self.processes, self.rows, self.wrong = [], [], []
        self.environment = dict(os.environ)
        self.seen = 0  # records of the log that a step accounted for
        self.gate_port = self.gate = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.processes):
            self.stop(process)
        if kind is not None:
            for log in sorted(self.place.glob("*.log")):
                print(f"--- {log.name}, the end of it:\n{tail(log)}", file=sys.stderr)

    def start(self, name, command, ready=None, env=None, cwd=None):
        """Starts a program that is stopped with the trial; waits until `ready` says yes."""
        log = (self.place / f"{name}.log").open("w")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env={**self.environment, **(env or {})}, cwd=cwd,
                                   start_new_session=True)
        self.processes.append(process)

        def up():
            if process.poll() is not None:
                raise SystemExit(f"{name} ended at once:\n{tail(self.place / f'{name}.log')}")
            return ready()

        if ready:
            until(f"{name} to come up", up)
        return process

    @staticmethod
    def stop(process):
        if process.poll() is None:
            # A session of its own, so that its workers go with it.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def begin(self, hosts):
        """Starts Tollgate with the example. `hosts`: by address as the example has it, the port to use instead.

        Only addresses and paths change, and `mode`: the examples watch, as an operator begins, and a trial wants to see
        attempts stopped.
        """
        self.gate_port, admin = free_port(), free_port()
        text = self.example.read_text()
        changes = {
            "mode: monitor": "mode: enforce",
            "127.0.0.1:8080": f"127.0.0.1:{self.gate_port}",
            "127.0.0.1:9900": f"127.0.0.1:{admin}",
            "/var/lib/tollgate/secret": str(self.place / "secret"),
            "/var/log/tollgate/decisions.jsonl": str(self.log),
            **{there: f"127.0.0.1:{port}" for there, port in hosts.items()},
        }
        for there, here in changes.items():
            lines = [line for line in text.splitlines() if there in line.split("#")[0]]
            if len(lines) != 1:
                raise SystemExit(f"{self.example}: `{there}` should be on one line, and is on {len(lines)}")
            text = text.replace(lines[0], lines[0].replace(there, here))
        config = self.place / "tollgate.yaml"
        config.write_text(text)
        check(config)
        self.gate = self.start("tollgate", [TOLLGATE, "run", "--config", config],
                               lambda: answers(admin, "/readyz") == 200 and accepts(self.gate_port))

    def visitor(self, host, address=HOME, **rest):
        return Visitor(self.gate_port, host, address, **rest)

    def records(self):
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines(True) if line.endswith("\n")]

    def step(self, what, send, status=None, route=None, event=None, outcome=None, rule=None, enforced="forwarded",
             check=None):
        """Sends, then compares the answer and the records that it caused. `route=None`: no route may catch it.

        `outcome` and `rule` are how the answer was read (`succeeded`, `succeeded[0]`); without an outcome the request
        must not have reached the application. `check` says what is wrong with the answer, or nothing.
        """
        answer = send()
        faults = []
        statuses = status if isinstance(status, (tuple, list)) else [status]
        if status is not None and answer.status not in statuses:
            faults.append(f"answered {answer.status}, expected {status}")
        first = second = {}
        if route is not None:
            first = self.next_record(what)
            if outcome is not None and first["enforced"] == "forwarded":
                second = self.next_record(what)
        elif len(self.records()) > self.seen:
            first = self.next_record(what)
        told = {"route": first.get("route"), "event": first.get("event", "").lstrip("$"),
                "outcome": second.get("status", "").lstrip("$"), "rule": (second.get("outcome") or {}).get("rule"),
                "enforced": first.get("enforced")}
        expected = {"route": route}
        if route is not None:
            expected |= {"event": event or route, "enforced": enforced}
        if outcome is not None:
            expected |= {"outcome": outcome}
            if first.get("id") != second.get("id"):
                faults.append("the second record is of another attempt")
        if rule is not None:
            expected |= {"rule": rule}
        faults += [f"{key} is {told[key]}, expected {value}" for key, value in expected.items() if told[key] != value]
        if check:
            fault = check(answer)
            if fault:
                faults.append(fault)
        shown = second.get("enforced") or told["enforced"] or "-"
        self.row(what, answer.status, told["route"], told["event"], told["outcome"], told["rule"], shown, faults)
        if faults:
            excerpt = re.sub(r"\s+", " ", answer.text)[:600]
            print(f"    {first}\n    {second}\n    {dict(answer.headers)} {excerpt}", file=sys.stderr)
        answer.record, answer.second = first, second
        return answer

    def next_record(self, what):
        record = until(f"a record of: {what}", lambda: self.records()[self.seen:self.seen + 1])[0]
        self.seen += 1
        return record

    def guesses(self, what, send, most, route, enforced, failed="failed"):
        """Sends guesses in a row, each of which the application refuses, until the gate stops them; `most` of them at
        most reach the application."""
        reached = 0
        for nth in range(most + 1):
            answer = send(nth)
            first = self.next_record(what)
            if first["enforced"] != "forwarded":
                break
            reached += 1
            second = self.next_record(what)
            if second["status"] not in (f"${failed}", "$unknown"):
                self.row(what, answer.status, first["route"], "", second["status"], "", "",
                         [f"guess {nth + 1} counts as {second['status']}"])
                return None
        faults = []
        if first["enforced"] != enforced:
            faults.append(f"after {reached} guesses still {first['enforced']}, expected {enforced}")
        if first["route"] != route:
            faults.append(f"on route {first['route']}, expected {route}")
        self.row(f"{what}: {reached} reach it, then", answer.status, first["route"], first["event"].lstrip("$"), "",
                 (first.get("policy") or {}).get("rule"), first["enforced"], faults)
        if faults:
            print(f"    {first}", file=sys.stderr)
        return first

    def row(self, what, status, route, event, outcome, rule, enforced, faults):
        if not self.rows:
            print(f"\n{self.name}: {self.example.relative_to(ROOT)}")
            print(f"  {'':<3}{'what was done':<62}{'got':>4}  {'route':<30}{'outcome':<11}{'by rule':<14}enforced")
        self.rows.append(what)
        print(f"  {'✗' if faults else '✓':<3}{what:<62}{status:>4}  {route or '-':<30}{outcome or '-':<11}"
              f"{rule or '-':<14}{enforced or '-'}", flush=True)
        for fault in faults:
            self.wrong.append(f"{what}: {fault}")
            print(f"      {fault}", flush=True)

    def end(self):
        """Stops the gate, so that its log is complete, and says how it went."""
        self.stop(self.gate)
        if self.gate.returncode != 0:
            self.wrong.append(f"the gate ended with {self.gate.returncode}")
        left = self.records()[self.seen:]
        self.wrong += [f"a record that no step accounts for: {record}" for record in left]
        print(f"{self.name}: {len(self.rows)} steps, {len(self.wrong)} not as they should be")
        if self.wrong:
            print("\n".join(f"  {fault}" for fault in self.wrong))
            raise SystemExit(1)


def accepts(port):
    """Whether somebody listens. `/readyz` may speak a moment before the listener for visitors is open."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(port, path, host="127.0.0.1"):
    """The status of a GET, or nothing if nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def check(config):
    """`tollgate check` must say nothing but yes."""
    said = subprocess.run([TOLLGATE, "check", config], capture_output=True, text=True)
    if said.returncode != 0 or "warning" in said.stdout + said.stderr:
        raise SystemExit(f"tollgate check {config}: {said.stdout}{said.stderr}")


def tail(path, lines=30):
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def latest_mail(folder, pattern):
    """What the newest mail under a folder says, by a pattern with one group; waits for it."""

    def look():
        for mail in sorted(folder.glob("*"), key=lambda mail: mail.stat().st_mtime_ns, reverse=True):
            # Long lines are broken by mailers; links hold no such break otherwise.
            found = re.search(pattern, mail.read_text(errors="replace").replace("=\n", ""))
            if found:
                return found.group(1)
        return None

    return until(f"a mail with {pattern}", look)
