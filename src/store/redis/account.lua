-- Counts an attempt at one name of its account, or turns what it counts as.
-- KEYS[1]  the entry
-- ARGV[1]  'arrive', 'late' (arrived while the store was away) or 'turn'
-- ARGV[2]  instant of the attempt, milliseconds
-- ARGV[3]  change of the counts, four signed bytes
-- ARGV[4]  the network as accounts know it, 8 bytes
-- ARGV[5]  the device likewise
-- ARGV[6]  'p' if the device is told by its cookie (a fingerprint is many people's)
-- ARGV[7]  lifetime, milliseconds; ARGV[8] of an account with known sources, ARGV[10] of one that learned something
-- ARGV[9]  turn: letters: 'l' it was in flight until now, 'r' it is refused, 'f' ends refusals, 'k' the source is known,
--          't' it was lawful and may teach
-- An entry: born, then as src/store/memory/account.rs keeps it. Arriving answers with the entry, turning with nothing.
local TEN_MINUTES, HOLD, NEGLIGIBLE, MOST_SOURCES = 600000, 600000, 1e-7, 16
local HEAD = '<I8I8ddddI4I4I4I4I4'

local mode, at, change = ARGV[1], tonumber(ARGV[2]), change_of(ARGV[3])
local late = mode == 'late'
local network, device, proof = ARGV[4], ARGV[5], ARGV[6] == 'p'

local born, present, all, flight
-- { tag, counts, refusal's instant or nil, what stood }
local recent, known = {}, {}
-- If it was ever busy.
local learned

local kept = redis.call('GET', KEYS[1])
if kept then
  local a1, a2, a3, a4, f1, f2, f3, f4, length, next
  born, present, a1, a2, a3, a4, f1, f2, f3, f4, length, next = struct.unpack(HEAD, kept)
  all, flight = { a1, a2, a3, a4 }, { f1, f2, f3, f4 }
  for i = 1, length do
    local tag, c1, c2, c3, c4, refused
    tag, c1, c2, c3, c4, refused, next = struct.unpack('<c8ddddB', kept, next)
    local source = { tag, { c1, c2, c3, c4 } }
    if refused == 1 then
      local last, s1, s2, s3, s4
      last, s1, s2, s3, s4, next = struct.unpack('<I8dddd', kept, next)
      source[3], source[4] = last, { s1, s2, s3, s4 }
    end
    recent[i] = source
  end
  length, next = struct.unpack('<I4', kept, next)
  for i = 1, length do known[i] = string.sub(kept, next + 8 * (i - 1), next + 8 * i - 1) end
  next = next + 8 * length
  if string.byte(kept, next) == 1 then learned = { struct.unpack('<' .. LEARNED, kept, next + 1) } end
elseif mode == 'turn' then
  return false
else
  born, present, all, flight = at, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }
end

-- A refusal from ahead of the present was before the clock was set back.
local function refused(source)
  local last = source[3]
  if last and present - last <= HOLD and last - present <= SET_BACK then return source[4] end
end

local function activity(source)
  local stood = refused(source)
  return stood and math.max(source[2][1], stood[1]) or source[2][1]
end

-- The place of a source, which takes that of the least active one if there is no other.
local function place_of(tag, make)
  for i, source in ipairs(recent) do
    if source[1] == tag then return i end
  end
  if not make then return nil end
  local still = {}
  for _, source in ipairs(recent) do
    if activity(source) > NEGLIGIBLE then still[#still + 1] = source end
  end
  recent = still
  local place = #recent + 1
  if place > MOST_SOURCES then
    place = 1
    for i = 2, #recent do
      if activity(recent[i]) < activity(recent[place]) then place = i end
    end
  end
  recent[place] = { tag, { 0, 0, 0, 0 } }
  return place
end

local function add_everywhere(make)
  local weight = left(present - at, TEN_MINUTES)
  add(all, change, weight)
  for _, tag in ipairs({ network, device }) do
    local place = place_of(tag, make)
    if place then add(recent[place][2], change, weight) end
  end
end

local function is_here(source)
  return source[1] == network or (proof and source[1] == device)
end

local function know(tag)
  for i, other in ipairs(known) do
    if other == tag then
      table.remove(known, i)
      known[#known + 1] = tag
      return
    end
  end
  if #known >= MOST_SOURCES then table.remove(known, 1) end
  known[#known + 1] = tag
end

if mode == 'turn' then
  -- Made after this attempt arrived: another entry under the same key.
  if born > at then return false end
  local does = ARGV[9]
  if string.find(does, 'r', 1, true) then
    -- Before the attempt is taken off: what stood is what it was judged by.
    for _, source in ipairs(recent) do
      if is_here(source) then
        local stood = refused(source)
        source[3] = stood and math.max(source[3], at) or at
        local counts = source[2]
        source[4] = stood and {
          math.max(counts[1], stood[1]), math.max(counts[2], stood[2]),
          math.max(counts[3], stood[3]), math.max(counts[4], stood[4]),
        } or { counts[1], counts[2], counts[3], counts[4] }
      end
    end
  end
  -- A held success that is released counts again, and its source may have given up its room in between.
  add_everywhere(change[1] > 0)
  if string.find(does, 'l', 1, true) then leave(flight, at) end
  if string.find(does, 't', 1, true) and (learned or all[1] >= BUSY) then
    learned = learned or nothing_learned(present)
    teach(learned, left(present - at, TEN_MINUTES))
  end
  if string.find(does, 'f', 1, true) then
    for _, source in ipairs(recent) do
      if is_here(source) then source[3], source[4] = nil, nil end
    end
  end
  if string.find(does, 'k', 1, true) then
    know(network)
    if proof then know(device) end
  end
else
  local passed
  present, passed = advance(present, at, late)
  local share = left(passed, TEN_MINUTES)
  scale(all, share)
  for _, source in ipairs(recent) do scale(source[2], share) end
  if learned then fade(learned, present, share) end
  add_everywhere(true)
  enter(flight, at, late)
  born = math.min(born, at)
end

local packed = { struct.pack(HEAD, born, present, all[1], all[2], all[3], all[4],
  flight[1], flight[2], flight[3], flight[4], #recent) }
for _, source in ipairs(recent) do
  local counts, stood = source[2], source[4]
  packed[#packed + 1] = struct.pack('<c8ddddB', source[1], counts[1], counts[2], counts[3], counts[4], source[3] and 1 or 0)
  if source[3] then packed[#packed + 1] = struct.pack('<I8dddd', source[3], stood[1], stood[2], stood[3], stood[4]) end
end
packed[#packed + 1] = struct.pack('<I4', #known)
for _, tag in ipairs(known) do packed[#packed + 1] = tag end
if learned then
  local l = learned
  packed[#packed + 1] = '\1' .. struct.pack('<' .. LEARNED, l[1], l[2], l[3], l[4], l[5], l[6])
else
  packed[#packed + 1] = '\0'
end
kept = table.concat(packed)
local lifetime = ARGV[7]
if learned then lifetime = ARGV[10] end
if #known > 0 then lifetime = ARGV[8] end
redis.call('SET', KEYS[1], kept, 'PX', lifetime)
return mode == 'arrive' and kept
