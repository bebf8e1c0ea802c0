"""Plays visitors to the shop behind Tollgate, prints each decision as it falls, and ends with a summary.

Everything happens on loopback. The gate of the demo trusts 127.0.0.1 as a proxy, so that visitors can come from
addresses of their own: those named below are documentation-like stand-ins taken from public allocations and never
contacted.
"""

import collections
import http.cookiejar
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

GATE, LOG = sys.argv[1], pathlib.Path(sys.argv[2])
HOME, ABROAD, HOSTING = "91.0.0.7", "113.160.0.9", "165.22.0.5"  # DE (Deutsche Telekom), VN, DigitalOcean
PASSWORD = "anna-has-a-Long-password"

visitor = "-"  # who is on stage; decisions are attributed to them
seen = []  # (visitor, record)
stop = threading.Event()


def follow():
    """Prints decisions as the gate writes them."""
    place = 0
    while True:
        finished = stop.is_set()
        if LOG.exists():
            with LOG.open() as log:
                log.seek(place)
                for line in iter(log.readline, ""):
                    if not line.endswith("\n"):
                        break
                    place += len(line.encode())
                    show(json.loads(line))
        if finished:
            return
        time.sleep(0.1)


def show(record):
    seen.append((visitor, record))
    if "risk" in record and record.get("status") == "$attempted":
        policy = record["policy"]
        print(
            f"  {record['event']:<9} {record['moment']:<6} {record['device']['ip']:<15} {record['device']['name'][:22]:<22}"
            f" risk {record['risk']:5.1f}  bot {record['bot']:5.1f}  {policy.get('rule') or '-':<10} {record['enforced']:<12}"
            f" {' '.join(record['signals'])}"
        )
    elif record.get("status") not in (None, "$attempted"):
        answered, enforced = record["status"].lstrip("$"), record.get("enforced", "")
        rule = (record.get("policy") or {}).get("rule") or ""
        print(f"  {record['event']:<9} after  the application said {answered}: {enforced} {rule}")


def settle():
    """Waits until the log has stood still for a moment, so that decisions are shown with the visitor who caused them."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 0.6:
        now = LOG.stat().st_size if LOG.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.1)


def act(name, what, scene):
    global visitor
    visitor = name
    print(f"\n{name}: {what}")
    scene()
    settle()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def form_post(path, fields, headers):
    """Fetches the form as a client would, then posts it with the form's CSRF token. Returns the status."""
    jar = http.cookiejar.CookieJar()
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), NoRedirect)
    page = client.open(urllib.request.Request(GATE + path, headers=headers), timeout=20).read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', page).group(1)
    data = urllib.parse.urlencode({"csrf_token": token, **fields}).encode()
    try:
        return client.open(urllib.request.Request(GATE + path, data, headers), timeout=20).status
    except urllib.error.HTTPError as answer:
        return answer.code


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1000,800"):
        options.add_argument(flag)
    # A person's browser does not announce that it is driven.
    options.add_experimental_option("excludeSwitches", ["enable-automation"])
    options.add_argument("--disable-blink-features=AutomationControlled")
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def sign_in(driver, address, email, password):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"X-Forwarded-For": address}})
    driver.get(GATE + "/login")
    driver.find_element(By.ID, "email").send_keys(email)
    driver.find_element(By.ID, "password").send_keys(password)
    driver.find_element(By.ID, "submit").click()
    try:
        WebDriverWait(driver, 60).until(lambda d: d.current_url.rstrip("/") == GATE)
    except Exception:
        print(f"  still at {driver.current_url}")
        return
    driver.get(GATE + "/account")
    print("  signed in:", driver.find_element(By.TAG_NAME, "p").text)


def person(address):
    def scene():
        driver = browser()
        try:
            sign_in(driver, address, "anna@example.com", PASSWORD)
        finally:
            driver.quit()

    return scene


def curl():
    answer = subprocess.run(
        ["curl", "-s", "-H", f"X-Forwarded-For: {HOSTING}", "-d", "email=anna@example.com&password=guess",
         "-w", "\n  curl got %{http_code}\n", GATE + "/login"], capture_output=True, text=True, check=True).stdout
    print(answer.strip()[-300:])


def guessing():
    """Sixty accounts, one password each, from one address, with a browser's headers: a bounded run."""
    headers = {
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
                      "Safari/537.36",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "sec-ch-ua": '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"', "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"', "Origin": GATE,
        "Accept-Language": "de-DE,de;q=0.9", "Accept-Encoding": "identity", "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document", "X-Forwarded-For": "84.128.0.77",
    }
    answers = collections.Counter(
        form_post("/login", {"email": f"user{n}@example.com", "password": "Winter2026!"}, headers) for n in range(60))
    print("  answers by status:", dict(answers))


def sign_up_with_throw_away_address():
    headers = {"User-Agent": "python-requests/2.32.5", "Accept": "*/*", "X-Forwarded-For": HOSTING}
    fields = {"email": "qwx8812@mailinator.com", "password": "Abcd-efgh-123", "password_confirm": "Abcd-efgh-123"}
    print("  answer:", form_post("/register", fields, headers))


def summary():
    table = collections.defaultdict(collections.Counter)
    fired = collections.defaultdict(collections.Counter)
    for who, record in seen:
        if record["status"] == "$attempted":
            table[who][record["enforced"]] += 1
            fired[who].update(record.get("signals", []))
        elif record["enforced"] in ("challenged", "denied", "released"):
            table[who][record["enforced"] + " after success"] += 1
    print(f"\n{'visitor':<26}{'what became of the attempts':<66}signals")
    for who, counts in table.items():
        outcome = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        signals = ", ".join(f"{name} ×{count}" for name, count in fired[who].most_common(4))
        print(f"{who:<26}{outcome:<66}{signals}")
    return table


def main():
    follower = threading.Thread(target=follow)
    follower.start()
    try:
        act("Anna at home", "her own browser, right password, from Germany", person(HOME))
        act("Anna's password, far away", "a browser, right password, from Vietnam: a step-up before she gets her session",
            person(ABROAD))
        act("curl", "a command-line tool at a hosting provider", curl)
        act("A guessing run", "sixty accounts from one address, browser headers", guessing)
        act("A robot signs up", "a library, a throw-away address", sign_up_with_throw_away_address)
    finally:
        stop.set()
        follower.join()
    table = summary()
    expected = {
        "Anna at home": "forwarded", "Anna's password, far away": "released after success", "curl": "challenged",
        "A guessing run": "denied", "A robot signs up": "denied",
    }
    missing = [f"{who}: expected {what}" for who, what in expected.items() if not table[who][what]]
    if missing:
        sys.exit("the demo did not go as it should: " + "; ".join(missing))


main()
