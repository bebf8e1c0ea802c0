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
local SEEN, SEEN_BEFORE, ANSWERED, ANSWERED_BEFORE, FAILED, FAILED_BEFORE = 1, 2, 4, 8, 16, 32
local EXACT, BITS = 64, 1024
local EMPTY = string.rep('\0', BITS / 8)
local HEAD = '<I8I8ddddddddI4I4I4I4I4B'

local mode, at, change = ARGV[1], tonumber(ARGV[2]), change_of(ARGV[3])
local late = mode == 'late'

local born, present, minute, hour, flight, window
-- Either a list of members (a tag of 26 bits above six flags) or six bitmaps.
local members, maps
-- By the minute and by the hour, if it was ever busy.
local learned

local kept = redis.call('GET', KEYS[1])
if kept then
  local m1, m2, m3, m4, h1, h2, h3, h4, f1, f2, f3, f4, kind, next
  born, present, m1, m2, m3, m4, h1, h2, h3, h4, f1, f2, f3, f4, window, kind, next = struct.unpack(HEAD, kept)
  minute, hour, flight = { m1, m2, m3, m4 }, { h1, h2, h3, h4 }, { f1, f2, f3, f4 }
  if kind == 0 then
    local length = struct.unpack('<I4', kept, next)
    members = length == 0 and {} or { struct.unpack('<' .. string.rep('I4', length), kept, next + 4) }
    -- The last value is where reading ended.
    members[length + 1] = nil
    next = next + 4 + 4 * length
  else
    maps = {}
    for i = 0, 5 do maps[i + 1] = string.sub(kept, next + i * BITS / 8, next + (i + 1) * BITS / 8 - 1) end
    next = next + 6 * BITS / 8
  end
  if string.byte(kept, next) == 1 then
    learned = {}
    for i = 0, 1 do learned[i + 1] = { struct.unpack('<' .. LEARNED, kept, next + 1 + 44 * i) } end
  end
elseif mode == 'turn' then
  return false
else
  born, present, minute, hour, flight, window = at, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, 0
  members = {}
end

local function set(map, tag)
  local place = tag % BITS
  local byte = math.floor(place / 8) + 1
  local old = string.byte(map, byte)
  local new = bit.bor(old, 2 ^ (place % 8))
  if new == old then return map end
  return string.sub(map, 1, byte - 1) .. string.char(new) .. string.sub(map, byte + 1)
end

-- Turns the windows of distinct accounts to `at`.
local function turn_windows()
  local now = math.floor(at / HOUR)
  if not late and now < window - 1 then window = now end
  local passed = math.min(now - window, 2)
  if passed <= 0 then return end
  window = now
  for _ = 1, passed do
    if maps and maps[1] == EMPTY then
      members, maps = {}, nil
    elseif maps then
      maps = { EMPTY, maps[1], EMPTY, maps[3], EMPTY, maps[5] }
    else
      local still = {}
      for _, member in ipairs(members) do
        local flags = member % 64
        if flags % 2 == 1 then still[#still + 1] = member - flags + 2 * bit.band(flags, SEEN + ANSWERED + FAILED) end
      end
      members = still
    end
  end
end

-- Marks an account; whoever is not among the members becomes one only by being seen.
local function mark(tag, flag, joins)
  if members then
    for i, member in ipairs(members) do
      local flags = member % 64
      if member - flags == tag * 64 then
        members[i] = member - flags + bit.bor(flags, flag)
        return
      end
    end
    if not joins then return end
    if #members < EXACT then
      members[#members + 1] = tag * 64 + flag
      return
    end
    maps = { EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY }
    for _, member in ipairs(members) do
      for i = 1, 6 do
        if bit.band(member % 64, 2 ^ (i - 1)) ~= 0 then maps[i] = set(maps[i], math.floor(member / 64)) end
      end
    end
    members = nil
  end
  for i = 1, 6 do
    if flag == 2 ^ (i - 1) then maps[i] = set(maps[i], tag) end
  end
end

-- The window that an instant falls into: 0 the running one, 1 the one before, more: gone. One that is ahead was counted
-- in the running one.
local function age_of_window()
  return math.max(0, window - math.floor(at / HOUR))
end

local function add_both()
  add(minute, change, left(present - at, MINUTE))
  add(hour, change, left(present - at, HOUR))
end

local tag = ARGV[4] ~= '' and math.floor(struct.unpack('>I4', ARGV[4]) / 64)

if mode == 'turn' then
  -- Made after this attempt arrived: another entry under the same key.
  if born > at then return false end
  add_both()
  if ARGV[6] == 'l' then leave(flight, at) end
  local age = age_of_window()
  if tag and ARGV[7] ~= '' and age <= 1 then
    mark(tag, age == 0 and ANSWERED or ANSWERED_BEFORE, false)
    if ARGV[7] == 'f' then mark(tag, age == 0 and FAILED or FAILED_BEFORE, false) end
  end
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
  turn_windows()
  if tag then
    local age = late and age_of_window() or 0
    if age <= 1 then mark(tag, age == 0 and SEEN or SEEN_BEFORE, true) end
  end
  born = math.min(born, at)
end

local rest
if members then
  local packed = { struct.pack('<I4', #members) }
  for i, member in ipairs(members) do packed[i + 1] = struct.pack('<I4', member) end
  rest = table.concat(packed)
else
  rest = table.concat(maps)
end
kept = struct.pack(HEAD, born, present, minute[1], minute[2], minute[3], minute[4], hour[1], hour[2], hour[3], hour[4],
  flight[1], flight[2], flight[3], flight[4], window, members and 0 or 1) .. rest
if learned then
  kept = kept .. '\1'
  for i = 1, 2 do
    local l = learned[i]
    kept = kept .. struct.pack('<' .. LEARNED, l[1], l[2], l[3], l[4], l[5], l[6])
  end
else
  kept = kept .. '\0'
end
redis.call('SET', KEYS[1], kept, 'PX', learned and ARGV[9] or ARGV[5])
return mode == 'arrive' and kept
