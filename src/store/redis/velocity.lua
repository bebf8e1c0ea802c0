-- Counts an attempt at something else that it has (a wider network, software, a card's prefix, ...), or turns what it
-- counts as.
-- KEYS[1]  the entry
-- ARGV[1]  'arrive', 'late' (arrived while the store was away) or 'turn'
-- ARGV[2]  instant of the attempt, milliseconds
-- ARGV[3]  change of the counts, four signed bytes
-- ARGV[4]  first four bytes of the account, or nothing
-- ARGV[5]  lifetime, milliseconds
-- ARGV[6]  turn: 'a' if the application answered, 'f' if with failure
-- An entry: born, then as src/store/memory/velocity.rs keeps it. Arriving answers with the entry, turning with nothing.
local HOUR, DAY_LONG = 3600000, 86400000
local HEAD = '<I8I8ffffff'

local mode, at, change = ARGV[1], tonumber(ARGV[2]), change_of(ARGV[3])
local late = mode == 'late'
local tag = tag_of(ARGV[4])

local born, present, short, long

local kept = redis.call('GET', KEYS[1])
if kept then
  local s1, s2, s3, l1, l2, l3, next
  born, present, s1, s2, s3, l1, l2, l3, next = struct.unpack(HEAD, kept)
  short, long = { s1, s2, s3 }, { l1, l2, l3 }
  read_accounts(kept, next)
elseif mode == 'turn' then
  return false
else
  born, present, short, long = at, 0, { 0, 0, 0 }, { 0, 0, 0 }
end

local function count(counts, passed, half_life)
  local share, weight = left(passed, half_life), left(present - at, half_life)
  for i = 1, 3 do counts[i] = math.max(0, counts[i] * share + change[i] * weight) end
end

if mode == 'turn' then
  -- Made after this attempt arrived: another entry under the same key.
  if born > at then return false end
  count(short, 0, HOUR)
  count(long, 0, DAY_LONG)
  answer_account(tag, at, ARGV[6])
else
  local passed
  present, passed = advance(present, at, late)
  count(short, passed, HOUR)
  count(long, passed, DAY_LONG)
  see_account(tag, at, late)
  born = math.min(born, at)
end

kept = struct.pack(HEAD, born, present, short[1], short[2], short[3], long[1], long[2], long[3]) .. packed_accounts()
redis.call('SET', KEYS[1], kept, 'PX', ARGV[5])
return mode == 'arrive' and kept
