-- Counts an attempt at its network or its device, or turns what it counts as.
-- KEYS[1]  the entry
-- ARGV[1]  'arrive', 'late' (arrived while the store was away) or 'turn'
-- ARGV[2]  instant of the attempt, milliseconds
-- ARGV[3]  change of the counts, four signed bytes
-- ARGV[4]  first four bytes of the account, or nothing
-- ARGV[5]  lifetime, milliseconds; ARGV[9] of an entry that learned something
-- ARGV[6]  turn: 'l' if the attempt was in flight until now
-- ARGV[7]  turn: 'a' if the application answered, 'f' if with failure
-- ARGV[8]  turn: 't' if the attempt was lawful and may teach
-- An entry: born, then as src/store/memory/source.rs keeps it. Arriving answers with the entry, turning with nothing.
local MINUTE, HOUR = 60000, 3600000
local HEAD = '<I8I8ddddddddI4I4I4I4'

local mode, at, change = ARGV[1], tonumber(ARGV[2]), change_of(ARGV[3])
local late = mode == 'late'
local tag = tag_of(ARGV[4])

local born, present, minute, hour, flight
-- By the minute and by the hour, if it was ever busy.
local learned

local kept = redis.call('GET', KEYS[1])
if kept then
  local m1, m2, m3, m4, h1, h2, h3, h4, f1, f2, f3, f4, next
  born, present, m1, m2, m3, m4, h1, h2, h3, h4, f1, f2, f3, f4, next = struct.unpack(HEAD, kept)
  minute, hour, flight = { m1, m2, m3, m4 }, { h1, h2, h3, h4 }, { f1, f2, f3, f4 }
  next = read_accounts(kept, next)
  if string.byte(kept, next) == 1 then
    learned = {}
    for i = 0, 1 do learned[i + 1] = { struct.unpack('<' .. LEARNED, kept, next + 1 + 44 * i) } end
  end
elseif mode == 'turn' then
  return false
else
  born, present, minute, hour, flight = at, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }
end

local function add_both()
  add(minute, change, left(present - at, MINUTE))
  add(hour, change, left(present - at, HOUR))
end

if mode == 'turn' then
  -- Made after this attempt arrived: another entry under the same key.
  if born > at then return false end
  add_both()
  if ARGV[6] == 'l' then leave(flight, at) end
  answer_account(tag, at, ARGV[7])
  if ARGV[8] == 't' and (learned or hour[1] >= BUSY) then
    learned = learned or { nothing_learned(present), nothing_learned(present) }
    teach(learned[1], left(present - at, MINUTE))
    teach(learned[2], left(present - at, HOUR))
  end
else
  local passed
  present, passed = advance(present, at, late)
  scale(minute, left(passed, MINUTE))
  scale(hour, left(passed, HOUR))
  if learned then
    fade(learned[1], present, left(passed, MINUTE))
    fade(learned[2], present, left(passed, HOUR))
  end
  add_both()
  enter(flight, at, late)
  see_account(tag, at, late)
  born = math.min(born, at)
end

local packed = {
  struct.pack(HEAD, born, present, minute[1], minute[2], minute[3], minute[4], hour[1], hour[2], hour[3], hour[4],
    flight[1], flight[2], flight[3], flight[4]),
  packed_accounts(),
  learned and '\1' or '\0',
}
for _, l in ipairs(learned or {}) do
  packed[#packed + 1] = struct.pack('<' .. LEARNED, l[1], l[2], l[3], l[4], l[5], l[6])
end
kept = table.concat(packed)
redis.call('SET', KEYS[1], kept, 'PX', learned and ARGV[9] or ARGV[5])
return mode == 'arrive' and kept
