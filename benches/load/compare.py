"""Measures Tollgate beside a bare Pingora: CPU time per request, in interleaved pairs, and the ratio with its interval.

Both proxies run at once, each with one worker thread, on a core that they have for themselves; the load generator and
the application share another. Only one of the two is loaded at a time (A B, B A, A B, ...), so that what changes slowly
on the machine meets both alike, and the ratio is taken within each pair. CPU time is what the kernel charged to the whole
process, its log writer included. The median of the ratios comes with its distribution-free interval: the order
statistics that enclose the median of any continuous distribution with at least 95 % confidence.

A run is void, and says so, if an answer was not the application's own: of the logins every tenth is answered 401 by it,
so any other share means that the gate challenged or refused somebody.

    compare.py RELEASE_FOLDER        (see `run` for the environment)
"""

import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAIRS = int(os.environ.get("PAIRS", "12"))
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
WARM_UP_SECONDS = 2
CONNECTIONS = 32
CONFIDENCE = 0.95
# What is aimed at, as a multiple of the bare proxy's CPU time per request.
AIMS = {"page": 0.95, "login": 1.05}
TITLES = {"page": "GET, unprotected", "login": "POST, protected login"}
# More of the proxies' core than this in other hands, and the figures are not to be trusted.
MOST_FOREIGN = 0.05


def main():
    if PAIRS < 6:
        sys.exit("PAIRS must be at least 6: fewer give no interval of 95 %")
    release = Path(sys.argv[1]).resolve()
    refuse_allocator(release / "examples" / "pass_through")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the load and the application, one for the proxy that is measured")
    load_core, proxy_core = cores[0], cores[1]
    with tempfile.TemporaryDirectory(prefix="tollgate-load-") as folder:
        children = []
        try:
            proxies = start(release, Path(folder), load_core, proxy_core, children)
            result = measure(proxies, Path(folder), load_core, proxy_core)
        finally:
            for child in children:
                child.kill()
                child.wait()
    show(result)
    if os.environ.get("JSON"):
        Path(os.environ["JSON"]).write_text(json.dumps(result, indent=1) + "\n")
    if result["void"]:
        sys.exit(1)


def refuse_allocator(program):
    """The bare proxy stands for Pingora as it comes; with another allocator the comparison would flatter it."""
    if b"mimalloc" in program.read_bytes():
        sys.exit(f"{program} is not bare: it has an allocator of its own")


def start(release, folder, load_core, proxy_core, children):
    origin, bare, gate, admin = free_ports(4)

    def child(core, *command, **environment):
        log = open(folder / f"{Path(command[0]).name}.log", "wb")
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        children.append(process)
        return process

    def ready(process, port):
        for _ in range(200):
            if process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return process
            except OSError:
                time.sleep(0.05)
        log = folder / f"{Path(process.args[0]).name}.log"
        sys.exit(f"{process.args[0]} did not start:\n{log.read_text(errors='replace')}")

    ready(child(load_core, release / "examples" / "origin", f"127.0.0.1:{origin}"), origin)
    pass_through = child(proxy_core, release / "examples" / "pass_through", f"127.0.0.1:{bare}", f"127.0.0.1:{origin}")
    tollgate = child(
        proxy_core,
        release / "tollgate",
        "run",
        "--config",
        HERE / "tollgate.yaml",
        LOAD_DIR=str(folder),
        LOAD_PORT=str(gate),
        LOAD_ORIGIN=str(origin),
        LOAD_ADMIN=str(admin),
    )
    return {
        "bare": {"process": ready(pass_through, bare), "port": bare},
        "tollgate": {"process": ready(tollgate, gate), "port": gate, "admin": admin},
    }


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def measure(proxies, folder, load_core, proxy_core):
    rounds, void = [], []
    first = 0

    def once(load, name, seconds):
        nonlocal first
        proxy = proxies[name]
        # Logins are new people first, then the same ones again: each round goes on where the last one ended.
        environment = {**os.environ, "LOAD": load, "FIRST": str(first)}
        url = f"http://127.0.0.1:{proxy['port']}"
        # A neighbour's compiler can hold an answer up for seconds; that is no failure of the proxy.
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s"]
        command += ["-s", str(HERE / "visitors.lua"), url]
        pid = proxy["process"].pid
        before, core_before = cpu_seconds(pid), core_busy_seconds(proxy_core)
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=seconds + 30,
            preexec_fn=lambda: os.sched_setaffinity(0, {load_core}),
        )
        # What a request left to do afterwards (its record) is part of its price.
        time.sleep(0.1)
        after, core_after = cpu_seconds(pid), core_busy_seconds(proxy_core)
        lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            sys.exit(f"wrk failed:\n{run.stdout}{run.stderr}")
        result = json.loads(lines[0].removeprefix("RESULT "))
        requests, charged = result["requests"], after - before
        if requests == 0:
            sys.exit(f"{name} answered nothing")
        if load == "login":
            first += requests
        shift = result["status_errors"] * 10 - requests if load == "login" else result["status_errors"] * 10
        if abs(shift) > 20 * CONNECTIONS or result["socket_errors"]:
            void.append(f"{name}, {load}: of {requests} answers {result['status_errors']} were errors, "
                        f"and {result['socket_errors']} connections failed")
        busy = max(core_after - core_before, charged, 1e-9)
        truncate(folder / "decisions.jsonl")
        return {
            "cpu_us": charged / requests * 1e6,
            "per_second": requests / result["seconds"],
            "p50_us": result["p50_us"],
            "p99_us": result["p99_us"],
            "utilisation": charged / result["seconds"],
            "foreign": 1 - charged / busy,
        }

    for load in AIMS:
        for name in ("bare", "tollgate"):
            once(load, name, WARM_UP_SECONDS)
    for pair in range(PAIRS):
        order = ("bare", "tollgate") if pair % 2 == 0 else ("tollgate", "bare")
        for load in AIMS:
            taken = {name: once(load, name, SECONDS) for name in order}
            rounds.append({"pair": pair, "load": load, **taken})
            ratio = taken["tollgate"]["cpu_us"] / taken["bare"]["cpu_us"]
            say(f"pair {pair + 1:2}/{PAIRS}  {load:5}  bare {taken['bare']['cpu_us']:6.2f} us  "
                f"tollgate {taken['tollgate']['cpu_us']:6.2f} us  ratio {ratio:.3f}")
    dropped = metric(proxies["tollgate"]["admin"], "tollgate_decision_log_dropped_total")
    if dropped:
        void.append(f"the decision log dropped {dropped:.0f} records")
    rss = {name: resident_mib(proxy["process"].pid) for name, proxy in proxies.items()}
    loads = {load: summary(load, [one for one in rounds if one["load"] == load]) for load in AIMS}
    return {
        "pairs": PAIRS,
        "seconds_each": SECONDS,
        "connections": CONNECTIONS,
        "headers": os.environ.get("HEADERS", "browser"),
        "cores": {"load": load_core, "proxy": proxy_core},
        "loads": loads,
        "resident_mib": rss,
        "log_dropped": dropped,
        "void": sorted(set(void)),
        "rounds": rounds,
    }


def summary(load, rounds):
    ratios = [one["tollgate"]["cpu_us"] / one["bare"]["cpu_us"] for one in rounds]
    low, high, coverage = interval(ratios)
    aim = AIMS[load]
    verdict = "met" if high <= aim else "missed" if low > aim else "undecided"
    medians = {
        name: {key: statistics.median(one[name][key] for one in rounds) for key in rounds[0][name]}
        for name in ("bare", "tollgate")
    }
    foreign = max(one[name]["foreign"] for one in rounds for name in ("bare", "tollgate"))
    return {
        "ratio": statistics.median(ratios),
        "low": low,
        "high": high,
        "coverage": coverage,
        "aim": aim,
        "verdict": verdict,
        "worst_foreign": foreign,
        **medians,
    }


def interval(values):
    """The order statistics around the median that enclose it with at least CONFIDENCE, and their exact coverage."""
    ordered, n = sorted(values), len(values)
    best = (ordered[0], ordered[-1], 1 - 2 / 2**n)
    for drop in range(1, (n - 1) // 2 + 1):
        outside = 2 * sum(math.comb(n, below) for below in range(drop + 1)) / 2**n
        if 1 - outside < CONFIDENCE:
            break
        best = (ordered[drop], ordered[n - 1 - drop], 1 - outside)
    return best


def cpu_seconds(pid):
    """CPU time, user and system, that the kernel has charged to all threads of a process, ended ones too.

    The process's CPU clock counts nanoseconds; utime and stime in /proc say the same in steps of 10 ms. Its id is made as
    clock_getcpuclockid(3) makes it, which Python does not offer.
    """
    return time.clock_gettime((~pid << 3) | 2)


def core_busy_seconds(core):
    """Time that a core was not idle: user, nice, system, interrupts, and stolen by the host."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *times = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, hard, soft, stolen = (int(one) for one in times[:8])
            return (user + nice + system + hard + soft + stolen) / os.sysconf("SC_CLK_TCK")
    return 0.0


def resident_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
    return None


def truncate(path):
    """The log is opened for appending; what a round wrote is not kept."""
    if path.exists():
        os.truncate(path, 0)


def say(line):
    print(line, file=sys.stderr, flush=True)


def show(result):
    print(f"\nCPU time per request, {result['pairs']} interleaved pairs of {result['seconds_each']} s, "
          f"{result['connections']} connections, HTTP/1.1, one thread each\n")
    print("| load | bare Pingora us | Tollgate us | ratio | interval | aim | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for load, one in result["loads"].items():
        print(f"| {TITLES[load]} | {one['bare']['cpu_us']:.1f} | {one['tollgate']['cpu_us']:.1f} | {one['ratio']:.3f} "
              f"| {one['low']:.3f} to {one['high']:.3f} ({one['coverage']:.1%}) | <= {one['aim']:.2f} | {one['verdict']} |")
    print("\n| at saturation | proxy | req/s | p50 ms | p99 ms | core used | MiB resident |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for load, one in result["loads"].items():
        for name in ("bare", "tollgate"):
            row = one[name]
            print(f"| {TITLES[load]} | {name} | {row['per_second']:.0f} | {row['p50_us'] / 1e3:.2f} "
                  f"| {row['p99_us'] / 1e3:.2f} | {row['utilisation']:.2f} | {result['resident_mib'][name]:.0f} |")
    for load, one in result["loads"].items():
        if one["worst_foreign"] > MOST_FOREIGN:
            print(f"\nNot a quiet machine: up to {one['worst_foreign']:.0%} of the proxies' core went to others ({load}). "
                  "Judge by a run without this line.")
    for reason in result["void"]:
        print(f"\nVOID: {reason}")
    print()


if __name__ == "__main__":
    main()
