#!/usr/bin/env python3
"""Makes the fixtures of the Freeman model: three histories of logins, and what the authors' public implementation says of
each login (https://github.com/das-group/rba-algorithm, MIT; needs pandas and tqdm).

    git clone https://github.com/das-group/rba-algorithm
    tests/freeman/expected.py rba-algorithm/rba-algorithm.ipynb

The notebook is run, not copied: its cells that define imports, tables and functions are executed, and its
`freeman_rba_score` is asked for every successful login of a user who has earlier ones, against all earlier rows. Its tables
are built anew for each attempt, because the notebook does not refresh those of the sub-features while it walks on.
"""

import csv
import json
import pathlib
import random
import sys

PLACE = pathlib.Path(__file__).parent.parent / "fixtures" / "freeman"
COLUMNS = ["index", "Login Timestamp", "User ID", "Round-Trip Time [ms]", "IP Address", "Country", "Region", "City", "ASN",
           "User Agent String", "Browser Name and Version", "OS Name and Version", "Device Type", "Login Successful",
           "Is Attack IP", "Is Account Takeover"]
NAMES = {"User ID": "userid", "IP Address": "requestXRealIP", "ASN": "ipASN", "Country": "ipCountry",
         "User Agent String": "trackingdatauserAgent", "Browser Name and Version": "browser_name_version",
         "OS Name and Version": "os_name_version", "Device Type": "device_type"}


def notebook(path):
    """The names that the notebook's defining cells bind."""
    names = {}
    for cell in json.loads(pathlib.Path(path).read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or "read_csv" in source or "login_test_single" in source or "groupby_userid =" in source:
            continue
        exec(compile(source, "rba-algorithm.ipynb", "exec"), names)
    return names


# Histories ----------------------------------------------------------------------------------------------------------

AGENTS = [(f"Mozilla/5.0 ({system}) {browser}/{version}", f"{browser} {version}", f"{system}", device)
          for system, device in [("Windows 10", "desktop"), ("macOS 14", "desktop"), ("Android 13", "mobile"), ("iOS 17", "mobile")]
          for browser in ["Chrome", "Firefox"] for version in [118, 119, 120]]
NETWORKS = [(asn, country) for asn, country in [(3320, "DE"), (6805, "DE"), (3215, "FR"), (2119, "NO"), (14061, "US"), (9009, "GB")]]


def address(random, network):
    return f"10.{network}.{random.randrange(3)}.{random.randrange(1, 40)}"


def ordinary(random, rows=240, users=14):
    """People with a home, a phone, and sometimes somewhere else; some type a wrong password first."""
    homes = {user: (random.randrange(6), random.choice(AGENTS)) for user in range(users)}
    fixed = {user: address(random, home) for user, (home, _) in homes.items()}
    for _ in range(rows):
        user = min(int(random.expovariate(0.25)), users - 1)
        home, agent = homes[user]
        ip = fixed[user]
        if random.random() < 0.25:
            home = random.randrange(6)
            ip = address(random, home)
        if random.random() < 0.2:
            agent = random.choice(AGENTS)
        yield user, ip, NETWORKS[home], agent, random.random() < 0.9


def shared(random, rows=200, users=9):
    """Everybody behind a few addresses, addresses that change hands, and agents that are read differently over time."""
    for _ in range(rows):
        network = random.randrange(3)
        ip = f"192.0.2.{random.randrange(4)}"
        agent = random.choice(AGENTS[:6])
        if random.random() < 0.3:
            agent = (agent[0], agent[1], agent[2], random.choice(["mobile", "tablet"]))
        if random.random() < 0.1:
            agent = (agent[0], "Other 1", random.choice(["Windows 10", "Linux"]), agent[3])
        yield random.randrange(users), ip, NETWORKS[network], agent, random.random() < 0.95


def edges(random, rows=120):
    """One user alone, then values that nobody has shown before at some level or at all."""
    for row in range(12):
        yield 1, f"198.51.100.{row % 3}", (64500, "DE"), AGENTS[row % 2], True
    for row in range(rows):
        user = 1 + row % 5
        fresh = random.randrange(6)
        ip = f"203.0.113.{row}" if fresh in (0, 1) else f"198.51.100.{row % 4}"
        asn = 64600 + row if fresh in (1, 2) else 64500
        country = random.choice(["DE", "AT", "CH", "LI"]) if fresh == 2 else "DE"
        agent = AGENTS[row % 4]
        if fresh == 3:
            agent = (f"Strange/{row}", f"Strange {row}", f"System {row}", random.choice(["bot", "desktop"]))
        if fresh == 4:
            agent = (f"Mozilla/5.0 build {row}", agent[1], agent[2], agent[3])
        yield user, ip, (asn, country), agent, row % 11 != 0


def write(name, rows):
    with open(PLACE / f"{name}.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for index, (user, ip, (asn, country), (agent, browser, system, device), succeeded) in enumerate(rows):
            at = f"2020-02-03 12:{index // 60:02}:{index % 60:02}.{index:03}"
            out.writerow([index, at, user, "", ip, country, "-", "-", asn, agent, browser, system, device, succeeded, False, False])


# Expected -----------------------------------------------------------------------------------------------------------

def expect(name, authors):
    import pandas
    logs = pandas.read_csv(PLACE / f"{name}.csv", index_col="Login Timestamp", parse_dates=True,
                           usecols=["index", "Login Timestamp", "Login Successful", *NAMES])
    logs = logs[logs["Login Successful"] == True].rename(columns=NAMES)  # noqa: E712 (as the notebook has it)
    with open(PLACE / f"{name}.expected.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["index", "freeman"])
        for place, attempt in enumerate(logs.itertuples()):
            earlier = logs.iloc[:place]
            own = earlier[earlier["userid"] == attempt.userid]
            if len(own) == 0:
                continue
            row = next(logs.iloc[place:place + 1].itertuples(name="Attempt"))
            tables = authors["OccurenceHashTable"](earlier, earlier.columns)
            score = authors["freeman_rba_score"](row, own, earlier, tables.len_unique("userid"), global_hash_table=tables)
            out.writerow([int(logs.iloc[place]["index"]), repr(float(score))])


def main():
    authors = notebook(sys.argv[1])
    PLACE.mkdir(parents=True, exist_ok=True)
    for name, history in [("ordinary", ordinary), ("shared", shared), ("edges", edges)]:
        write(name, history(random.Random(f"freeman {name}")))
        expect(name, authors)
        print(name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
