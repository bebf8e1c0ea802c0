-- What wrk sends: a browser's requests, for an unprotected page or for the login form, each login by another person from
-- an address of their own. LOAD is `page` or `login`; HEADERS is `browser` (default) or `few`.

local load = os.getenv("LOAD") or "page"
local few = os.getenv("HEADERS") == "few"

-- People: each has one address and one account. Enough of them that nobody looks like an attacker for coming again, and
-- few enough that the store, which starts empty, is full of them after the first rounds.
local PEOPLE = 262144

local browsers = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
}

local function headers(browser)
  if few then return "" end
  return "User-Agent: " .. browser .. "\r\n"
    .. "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    .. "Accept-Language: en-GB,en;q=0.5\r\n"
    .. "Accept-Encoding: gzip, deflate, br\r\n"
    .. "Referer: https://shop.example/login\r\n"
    .. "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n"
    .. "Cookie: basket=7f3a9c51; consent=1\r\n"
end

local logins, pages = {}, {}
for at, browser in ipairs(browsers) do
  pages[at] = "GET /catalogue/shoes?page=2 HTTP/1.1\r\nHost: shop.example\r\n" .. headers(browser)
    .. "X-Forwarded-For: 203.0.113.7\r\n\r\n"
  logins[at] = "POST /login HTTP/1.1\r\nHost: shop.example\r\n" .. headers(browser)
    .. "Origin: https://shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"
end

local count = tonumber(os.getenv("FIRST") or "0")

function request()
  count = count + 1
  if load == "page" then return pages[count % #pages + 1] end
  -- A step that has no factor in common with the number of people visits them all, in an order that looks random.
  local person = (count * 92821) % PEOPLE
  local address = string.format("%d.%d.%d.%d", 81 + person % 7, math.floor(person / 16384) % 256,
    math.floor(person / 64) % 256, person % 64 + 1)
  local body = string.format("login=visitor%06d%%40mail.example.com&password=Correct+horse+%06d", person, person)
  return logins[person % #logins + 1] .. "X-Forwarded-For: " .. address
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"socket_errors":%d,"status_errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(99)))
end
