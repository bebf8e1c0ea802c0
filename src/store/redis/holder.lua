-- What is remembered of a device by its cookie. The twin of src/store/memory/holder.rs, which reads what is written here.
-- KEYS[1]  the entry
-- ARGV[1]  'present' (the cookie came with an attempt) or 'succeed' (which alone makes an entry)
-- ARGV[2]  instant of the attempt, milliseconds
-- ARGV[3]  lifetime, milliseconds
-- ARGV[4]  present: the cookie's generation; succeed: the account's tag, four bytes
-- ARGV[5]  present: when it was given out, milliseconds; succeed: 'l' if they logged in, and did not only register
-- Presenting answers with the entry, succeeding with nothing.
local GRACE, DAY, MOST, MOST_ACCOUNTS, REMEMBERED = 600000, 86400000, 4294967295, 16, 90
local HEAD, MEMBER = '<I8I8I4I4I4I8BBI4', '<c4I4B'

local mode, at = ARGV[1], tonumber(ARGV[2])
local first, last, successes, days, generation, renewed, copied, logged_in = 0, 0, 0, 0, 0, 0, 0, 0
-- { tag, day, whether they logged in }
local accounts = {}

local kept = redis.call('GET', KEYS[1])
if kept then
  local length, next
  first, last, successes, days, generation, renewed, copied, logged_in, length, next = struct.unpack(HEAD, kept)
  for i = 1, length do
    local tag, day, proof
    tag, day, proof, next = struct.unpack(MEMBER, kept, next)
    accounts[i] = { tag, day, proof }
  end
elseif mode == 'present' then
  return false
end

if mode == 'present' then
  local its_generation, its_renewed = tonumber(ARGV[4]), tonumber(ARGV[5])
  local settled = renewed + GRACE
  if its_renewed + GRACE < renewed then
    if at > settled then copied = 1 end
  else
    if its_renewed > settled and its_generation <= generation and renewed > 0 then copied = 1 end
    generation = math.max(generation, its_generation)
    renewed = math.max(renewed, its_renewed)
  end
else
  local day, tag = math.min(math.floor(at / DAY), MOST), ARGV[4]
  if successes == 0 then
    first, last, days = at, at, 1
  elseif day > math.floor(last / DAY) then
    days = math.min(days + 1, MOST)
  end
  successes = math.min(successes + 1, MOST)
  first, last = math.min(first, at), math.max(last, at)
  local proof = ARGV[5] == 'l' and 1 or 0
  logged_in = math.max(logged_in, proof)
  local still = {}
  for _, member in ipairs(accounts) do
    if day - member[2] <= REMEMBERED then still[#still + 1] = member end
  end
  accounts = still
  local known, oldest
  for _, member in ipairs(accounts) do
    if member[1] == tag then known = member end
    if not oldest or member[2] < oldest[2] then oldest = member end
  end
  if known then
    known[2], known[3] = math.max(known[2], day), math.max(known[3], proof)
  elseif #accounts < MOST_ACCOUNTS then
    accounts[#accounts + 1] = { tag, day, proof }
  elseif oldest[2] <= day then
    oldest[1], oldest[2], oldest[3] = tag, day, proof
  end
end

local packed = { struct.pack(HEAD, first, last, successes, days, generation, renewed, copied, logged_in, #accounts) }
for _, member in ipairs(accounts) do packed[#packed + 1] = struct.pack(MEMBER, member[1], member[2], member[3]) end
kept = table.concat(packed)
redis.call('SET', KEYS[1], kept, 'PX', ARGV[3])
return mode == 'present' and kept
