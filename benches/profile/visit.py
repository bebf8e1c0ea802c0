"""A gate under load, so that a profile of its work is written when it stops: pages and logins over HTTP/1.1, TLS and HTTP/2,
once on a store in memory and once on Redis.

    visit.py RELEASE_FOLDER          SECONDS_EACH=2; wants wrk, h2load, openssl and redis-server
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "load"))
from compare import CONNECTIONS, HERE, free_ports, metric  # noqa: E402
from stores import STORES  # noqa: E402

SECONDS = int(os.environ.get("SECONDS_EACH", "2"))
LISTEN = 'listen: [{ address: "127.0.0.1:${LOAD_PORT}" }]'
LISTEN_TLS = """listen:
  - { address: "127.0.0.1:${LOAD_PORT}" }
  - { address: "127.0.0.1:${LOAD_TLS_PORT}", tls: { certificate: "${LOAD_DIR}/site.crt", key: "${LOAD_DIR}/site.key" } }
"""


def main():
    release = Path(sys.argv[1]).resolve()
    children = []
    with tempfile.TemporaryDirectory(prefix="tollgate-profile-") as folder:
        try:
            for store in STORES:
                visit(release, Path(folder), store, children)
        finally:
            for child in children:
                child.kill()
                child.wait()


def visit(release, folder, store, children):
    origin, redis, port, tls, admin = free_ports(5)
    place = folder / store
    place.mkdir()

    def child(name, *command, **environment):
        with open(place / f"{name}.log", "wb") as log:
            children.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, cwd=place, env={**os.environ, **environment}))
        return children[-1]

    certificate(place)
    config = place / "tollgate.yaml"
    text = (HERE / "tollgate.yaml").read_text()
    if LISTEN not in text:
        sys.exit(f"{HERE / 'tollgate.yaml'} listens otherwise than this program knows")
    config.write_text(text.replace(LISTEN, LISTEN_TLS) + STORES[store].format(redis=redis))
    child("redis", "redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    child("application", sys.executable, Path(__file__).parent / "application.py", origin)
    gate = child("gate", release / "tollgate", "run", "--config", config, LOAD_DIR=str(place), LOAD_PORT=str(port),
                 LOAD_TLS_PORT=str(tls), LOAD_ORIGIN=str(origin), LOAD_ADMIN=str(admin))
    ready(gate, admin, place / "gate.log")

    first = 0
    for url in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls}"):
        for load in ("page", "login"):
            said = run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", HERE / "visitors.lua", url,
                       LOAD=load, FIRST=str(first))
            if "RESULT " not in said:
                sys.exit(f"wrk failed:\n{said}")
            first += 100_000
    form = place / "form"
    form.write_text("login=visitor000007%40mail.example.com&password=Correct+horse+000007")
    common = ["h2load", "-t1", "-c4", "-m8", f"--duration={SECONDS}", f"https://127.0.0.1:{tls}/"]
    answered(run(*common[:-1], common[-1] + "catalogue"))
    answered(run(*common[:-1], common[-1] + "login", "-d", form,
                 "-H", "content-type: application/x-www-form-urlencoded", "-H", "user-agent: Mozilla/5.0 (X11; Linux x86_64)"))
    gate.terminate()
    if gate.wait(60) != 0:
        sys.exit(f"the gate did not stop in order:\n{(place / 'gate.log').read_text(errors='replace')}")


def certificate(place):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example,IP:127.0.0.1",
        "-keyout", place / "site.key", "-out", place / "site.crt")


def ready(gate, admin, log):
    for _ in range(600):
        if gate.poll() is not None:
            break
        try:
            if metric(admin, "tollgate_ready") == 1:
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"the gate did not start:\n{log.read_text(errors='replace')}")


def run(*command, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout


def answered(said):
    """h2load ends well whatever it was answered."""
    if " 0 succeeded" in said or "succeeded" not in said:
        sys.exit(f"h2load was not answered:\n{said}")


if __name__ == "__main__":
    main()
