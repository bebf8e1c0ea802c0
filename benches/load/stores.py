"""The gate on a store in memory beside the gate on Redis: requests per second, CPU time and waiting, in interleaved pairs.

Both gates run at once with one worker thread each on one core; Redis, the application and the load generator share the
other. Only one gate is loaded at a time. What the shared store did not answer in time is counted and shown: a gate that
goes on without its store would look faster than it is. Redis gets a deadline of a second here, so that what is measured
is Redis, and not how often a busy machine is late.

    stores.py RELEASE_FOLDER         PAIRS=6 SECONDS_EACH=3; wants redis-server and wrk (tests/setup redis load)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import compare
from compare import HERE, cpu_seconds, free_ports, metric

PAIRS = int(os.environ.get("PAIRS", "6"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
STORES = {"memory": "", "redis": '\nstore: {{ kind: redis, url: "redis://127.0.0.1:{redis}", deadline: 1s }}\n'}


def main():
    release = Path(sys.argv[1]).resolve()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the load, the application and Redis, one for the gate")
    load_core, gate_core = cores[0], cores[1]
    children = []
    with tempfile.TemporaryDirectory(prefix="tollgate-stores-") as folder:
        try:
            show(measure(start(release, Path(folder), load_core, gate_core, children), Path(folder), load_core))
        finally:
            for child in children:
                child.kill()
                child.wait()


def start(release, folder, load_core, gate_core, children):
    origin, redis = free_ports(2)

    def child(core, name, *command, **environment):
        log = open(folder / f"{name}.log", "wb")
        children.append(subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env={**os.environ, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, {core})))
        return children[-1]

    child(load_core, "origin", release / "examples" / "origin", f"127.0.0.1:{origin}")
    child(load_core, "redis", "redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    gates = {}
    for name, store in STORES.items():
        place = folder / name
        place.mkdir()
        port, admin = free_ports(2)
        config = place / "tollgate.yaml"
        config.write_text((HERE / "tollgate.yaml").read_text() + store.format(redis=redis))
        process = child(gate_core, name, release / "tollgate", "run", "--config", config, LOAD_DIR=str(place),
                        LOAD_PORT=str(port), LOAD_ORIGIN=str(origin), LOAD_ADMIN=str(admin))
        gates[name] = {"process": process, "port": port, "admin": admin, "log": place / "decisions.jsonl"}
    for name, gate in gates.items():
        for _ in range(200):
            try:
                if metric(gate["admin"], "tollgate_ready") == 1:
                    break
            except OSError:
                time.sleep(0.05)
        else:
            sys.exit(f"the gate on {name} did not start:\n{(folder / f'{name}.log').read_text(errors='replace')}")
    return {"gates": gates, "redis": children[1].pid}


def measure(running, folder, load_core):
    gates, first, rounds = running["gates"], 0, []

    def once(name, seconds):
        nonlocal first
        gate = gates[name]
        pid = gate["process"].pid
        before, redis = cpu_seconds(pid), cpu_seconds(running["redis"])
        run = subprocess.run(
            ["wrk", "-t1", f"-c{compare.CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", HERE / "visitors.lua",
             f"http://127.0.0.1:{gate['port']}"],
            capture_output=True, text=True, env={**os.environ, "LOAD": "login", "FIRST": str(first)},
            preexec_fn=lambda: os.sched_setaffinity(0, {load_core}))
        time.sleep(0.1)
        lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            sys.exit(f"wrk failed:\n{run.stdout}{run.stderr}")
        result = json.loads(lines[0].removeprefix("RESULT "))
        first += result["requests"]
        compare.truncate(gate["log"])
        if result["socket_errors"]:
            sys.exit(f"{name}: {result['socket_errors']} connections failed")
        return {
            "per_second": result["requests"] / result["seconds"],
            "cpu_us": (cpu_seconds(pid) - before) / result["requests"] * 1e6,
            "redis_us": (cpu_seconds(running["redis"]) - redis) / result["requests"] * 1e6,
            "p50_us": result["p50_us"],
            "p99_us": result["p99_us"],
        }

    for name in gates:
        once(name, 2)
    for pair in range(PAIRS):
        order = list(gates) if pair % 2 == 0 else list(gates)[::-1]
        rounds.append({name: once(name, SECONDS) for name in order})
    alone = total(gates["redis"]["admin"], "tollgate_store_failures_total")
    return {"rounds": rounds, "not_answered": alone}


def total(port, name):
    """Of a counter, over its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith(name + "{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def show(result):
    median = lambda name, key: statistics.median(one[name][key] for one in result["rounds"])
    print(f"protected logins, {compare.CONNECTIONS} connections, one worker thread, {PAIRS} pairs of {SECONDS} s")
    for name in STORES:
        print(f"  {name:7} {median(name, 'per_second'):8.0f} requests/s   {median(name, 'cpu_us'):6.1f} us CPU of the gate"
              f"   {median(name, 'redis_us'):6.1f} us of Redis   p50 {median(name, 'p50_us') / 1000:.2f} ms"
              f"   p99 {median(name, 'p99_us') / 1000:.2f} ms")
    ratios = [one["redis"]["per_second"] / one["memory"]["per_second"] for one in result["rounds"]]
    print(f"  redis against memory, requests/s: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f});"
          f" commands that were not answered in time: {result['not_answered']:.0f}")


if __name__ == "__main__":
    main()
