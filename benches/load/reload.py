"""Steady visitors while the configuration changes: failed requests and lost connections are counted, latencies told.

Each connection sends at the times of a fixed schedule, whatever the answers before took, and a latency runs from the time
that the request was due: a gate that stood still for a second would be seen with every request of that second. Half of
the requests are logins. Every reload changes a rule and adds or removes a route, beside 10,000 routes and a list of a
million entries that stay; one in ten also touches that list, so that it is read again. First the same load runs without
reloads.

A connection that is closed by the gate, an answer that is not the application's, and no answer at all are failures.

    reload.py RELEASE_FOLDER        (see `reload` for the environment)
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from compare import HERE, free_ports

RATE = float(os.environ.get("RATE", "2000"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
SECONDS = float(os.environ.get("SECONDS_EACH", "20"))
ROUTES = int(os.environ.get("ROUTES", "10000"))
ENTRIES = int(os.environ.get("ENTRIES", "1000000"))
EVERY = float(os.environ.get("EVERY", "0.5"))
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: text/html\r\n"
    "Accept-Language: en\r\nAccept-Encoding: gzip\r\n"
)


def main():
    release = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="tollgate-reload-") as folder:
        folder = Path(folder)
        origin, gate, admin = free_ports(3)
        environment = {"LOAD_DIR": str(folder), "LOAD_PORT": str(gate), "LOAD_ORIGIN": str(origin), "LOAD_ADMIN": str(admin)}
        write_list(folder)
        write_configuration(folder, 0)
        children = []
        try:
            children.append(subprocess.Popen([release / "examples" / "origin", f"127.0.0.1:{origin}"]))
            log = open(folder / "tollgate.log", "wb")
            command = [release / "tollgate", "run", "--config", folder / "tollgate.yaml"]
            children.append(subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log))
            wait_until_ready(children[-1], admin, folder)
            without = asyncio.run(run(gate, None))
            reloads = Reloads(folder, admin)
            during = asyncio.run(run(gate, reloads))
            memory = resident_mib(children[-1].pid)
        finally:
            for child in children:
                child.kill()
                child.wait()
    show(without, during, reloads, memory)
    if any(one.failed or one.lost for one in (without, during)) or reloads.refused:
        sys.exit(1)


def write_list(folder):
    with open(folder / "known.txt", "w") as file:
        file.writelines(f"account-{number}@mail.example\n" for number in range(ENTRIES))


def write_configuration(folder, round):
    text = (HERE / "tollgate.yaml").read_text()
    text = text.replace('LOAD_ADMIN}"', 'LOAD_ADMIN}", token_file: "${LOAD_DIR}/token"')
    text = text.replace("192.0.2.66", f"192.0.2.{round % 250}")
    many = "".join(
        f"  - {{ name: tenant-{number}, event: login, match: {{ method: POST, path: /tenant/{number}/login }}, "
        f"fields: {{ account: form:login }}, outcome: {{ succeeded: [{{ status: 302 }}], failed: [{{ status: 401 }}] }}, "
        f"policy: login }}\n"
        for number in range(ROUTES + round % 2)
    )
    lists = f"lists: {{ known: {{ effect: note, of: account, file: \"{folder}/known.txt\" }} }}\n"
    text = text.replace("routes:\n", lists + "reload: { watch: false }\nroutes:\n" + many)
    (folder / "new.yaml").write_text(text)
    (folder / "new.yaml").rename(folder / "tollgate.yaml")


def wait_until_ready(gate, admin, folder):
    for _ in range(600):
        if gate.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the gate did not start:\n{(folder / 'tollgate.log').read_text(errors='replace')}")


class Reloads:
    """Changes the configuration and asks for it to be loaded, at a steady pace, on a thread of its own."""

    def __init__(self, folder, admin):
        self.folder, self.admin = folder, admin
        self.took, self.took_list, self.refused = [], [], 0

    def once(self, round):
        write_configuration(self.folder, round)
        touched = round % 10 == 9
        if touched:
            os.utime(self.folder / "known.txt")
        token = (self.folder / "token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin}/api/v1/config/reload", method="POST", data=b"",
            headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                took = json.load(answer)["milliseconds"]
        except OSError as error:
            print(f"reload {round}: {error}", file=sys.stderr)
            self.refused += 1
            return
        (self.took_list if touched else self.took).append(took)

    async def keep(self, until):
        round = 1
        while time.monotonic() < until:
            began = time.monotonic()
            await asyncio.to_thread(self.once, round)
            round += 1
            await asyncio.sleep(max(0, began + EVERY - time.monotonic()))


class Taken:
    def __init__(self):
        self.latencies, self.failed, self.lost = [], 0, 0


async def run(port, reloads):
    taken = Taken()
    start = time.monotonic() + 0.5
    end = start + SECONDS
    visitors = [visitor(port, number, start, end, taken) for number in range(CONNECTIONS)]
    await asyncio.gather(*visitors, *([reloads.keep(end)] if reloads else []))
    return taken


async def visitor(port, number, start, end, taken):
    period = CONNECTIONS / RATE
    due = start + period * number / CONNECTIONS
    reader = None
    count = 0
    while due < end:
        await asyncio.sleep(max(0, due - time.monotonic()))
        if reader is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        login = count % 2 == 0
        # A new person each time, from another address: nobody tries twice.
        person = number * 100_000 + count
        writer.write(login_of(person) if login else page_of(person))
        try:
            status = await asyncio.wait_for(answer(reader), 30)
        except (OSError, EOFError, asyncio.TimeoutError):
            taken.lost += 1
            reader = None
        else:
            taken.latencies.append(time.monotonic() - due)
            if status not in ((302, 401) if login else (200,)):
                taken.failed += 1
        count += 1
        due += period
    if reader is not None:
        writer.close()


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split()[1])


def address_of(person):
    return f"X-Forwarded-For: {81 + person // 2**24 % 7}.{person // 65536 % 256}.{person // 256 % 256}.{person % 256}\r\n"


def page_of(person):
    return f"GET /page HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}{address_of(person)}\r\n".encode()


def login_of(person):
    body = f"login=visitor{person}%40mail.example.com&password=Correct+horse+{person}"
    return (
        f"POST /login HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}{address_of(person)}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def resident_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def show(without, during, reloads, memory):
    print(f"\n{RATE:.0f} requests a second on {CONNECTIONS} connections for {SECONDS:.0f} s, half of them logins; "
          f"{ROUTES} routes, {ENTRIES} entries\n")
    print("| | requests | failed | connections lost | p50 ms | p99 ms | p99.9 ms | worst ms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, one in (("without reloads", without), (f"a reload every {EVERY} s", during)):
        figures = [quantile(one.latencies, share) * 1e3 for share in (0.5, 0.99, 0.999, 1)]
        print(f"| {name} | {len(one.latencies)} | {one.failed} | {one.lost} | "
              + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    for what, took in (("configuration changed", reloads.took), ("list changed as well", reloads.took_list)):
        print(f"\n{what}: {len(took)} reloads, median {quantile(took, 0.5):.0f} ms, worst {quantile(took, 1):.0f} ms")
    print(f"\n{reloads.refused} reloads refused; {memory:.0f} MiB resident at the end\n")


if __name__ == "__main__":
    main()
