#!/usr/bin/env python3
"""Writes logins of a made-up population in the columns of the RBA data set, for measuring `tollgate evaluate --rba`.

    tests/freeman/population.py [USERS] [LOGINS] [SEED] > population.csv

Users sign in daily to less than monthly, from home, some from work or a phone's network, now and then while travelling;
their browsers are updated. Rows are in time order and are made one at a time, from a heap of the next login of each user.
The numbers are nobody's measurement: what is measured with them is memory, speed, and the shape of the figure.
"""

import heapq
import random
import sys
from datetime import datetime, timedelta, timezone

HEADER = (
    "index,Login Timestamp,User ID,Round-Trip Time [ms],IP Address,Country,Region,City,ASN,User Agent String,"
    "Browser Name and Version,OS Name and Version,Device Type,Login Successful,Is Attack IP,Is Account Takeover"
)
# Days between logins, and how many of the users have that rhythm.
RHYTHMS = [(1, 5), (4, 15), (14, 30), (40, 35), (90, 15)]
SYSTEMS = [("Windows 10", "desktop", 50), ("Mac OS X 10.15", "desktop", 12), ("iOS 13.4", "mobile", 22), ("Android 9", "mobile", 16)]
BROWSERS = [("Chrome", 60), ("Firefox", 12), ("Safari", 20), ("Edge", 8)]
FOREIGN = ["SE", "DK", "DE", "GB", "US", "PL", "ES", "FR"]


def chosen(rng, table):
    return rng.choices(table, weights=[row[-1] for row in table])[0]


class Network:
    """A provider, with its country, number, and the size of its pool of addresses."""

    def __init__(self, rng, number, country):
        self.country, self.asn = country, number
        self.first, self.size = rng.randrange(1, 224) << 24 | rng.randrange(256) << 16, rng.choice([4096, 16384, 65536])

    def address(self, rng):
        ip = self.first + rng.randrange(self.size)
        return ".".join(str(ip >> shift & 255) for shift in (24, 16, 8, 0))


def main():
    users, logins, seed = (int(sys.argv[n]) if len(sys.argv) > n else default for n, default in ((1, 100_000), (2, 1_000_000), (3, 1)))
    rng = random.Random(seed)
    home = [Network(rng, 2000 + n, "NO") for n in range(40)]
    abroad = [Network(rng, 9000 + n, rng.choice(FOREIGN)) for n in range(200)]
    people, heap = [], []
    span = 365.0
    for user in range(users):
        days = chosen(rng, RHYTHMS)[0]
        system, kind, _ = chosen(rng, SYSTEMS)
        network = home[min(int(rng.expovariate(0.15)), len(home) - 1)]
        mobile = rng.choice(home[:6])
        people.append([days, network, network.address(rng), mobile, chosen(rng, BROWSERS)[0], system, kind, rng.randrange(60, 80)])
        heapq.heappush(heap, (rng.random() * span if days > 20 else rng.random() * days, user))
    begin = datetime(2020, 2, 3, tzinfo=timezone.utc)
    out = sys.stdout
    print(HEADER, file=out)
    for index in range(logins):
        at, user = heapq.heappop(heap)
        person = people[user]
        days, network, address, mobile, browser, system, kind, version = person
        heapq.heappush(heap, (at + rng.expovariate(1 / days), user))
        if rng.random() < 0.05:
            address = person[2] = network.address(rng)
        where, ip = network, address
        chance = rng.random()
        if chance < 0.15:
            where, ip = mobile, mobile.address(rng)
        elif chance < 0.18:
            where = rng.choice(abroad)
            ip = where.address(rng)
        if rng.random() < 0.08:
            person[7] = version = version + 1
        agent = f'"Mozilla/5.0 ({system}) {browser}/{version}.0.{user % 7} Tail/{kind}, like Gecko"'
        when = (begin + timedelta(days=at)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        succeeded = rng.random() > 0.1
        print(
            f"{index},{when},{user},,{ip},{where.country},-,-,{where.asn},{agent},{browser} {version}.0,{system},{kind},"
            f"{succeeded},False,False",
            file=out,
        )


if __name__ == "__main__":
    main()
