-- Distinct accounts, as src/store/memory/distinct.rs keeps them: over two windows of an hour, each told apart by a tag
-- until there are many, then six bitmaps.
local WINDOW = 3600000
local SEEN, SEEN_BEFORE, ANSWERED, ANSWERED_BEFORE, FAILED, FAILED_BEFORE = 1, 2, 4, 8, 16, 32
local EXACT, BITS = 64, 1024
local EMPTY = string.rep('\0', BITS / 8)

local window = 0
-- Either a list of members (a tag of 26 bits above six flags) or six bitmaps.
local members, maps = {}, nil

-- Reads them at `next`; returns where they end.
local function read_accounts(kept, next)
  local kind
  window, kind, next = struct.unpack('<I4B', kept, next)
  if kind == 0 then
    local length
    length, next = struct.unpack('<I4', kept, next)
    members = length == 0 and {} or { struct.unpack('<' .. string.rep('I4', length), kept, next) }
    -- The last value is where reading ended.
    members[length + 1] = nil
    return next + 4 * length
  end
  members, maps = nil, {}
  for i = 0, 5 do maps[i + 1] = string.sub(kept, next + i * BITS / 8, next + (i + 1) * BITS / 8 - 1) end
  return next + 6 * BITS / 8
end

local function packed_accounts()
  local head = struct.pack('<I4B', window, members and 0 or 1)
  if not members then return head .. table.concat(maps) end
  local packed = { head, struct.pack('<I4', #members) }
  for i, member in ipairs(members) do packed[i + 2] = struct.pack('<I4', member) end
  return table.concat(packed)
end

local function set(map, tag)
  local place = tag % BITS
  local byte = math.floor(place / 8) + 1
  local old = string.byte(map, byte)
  local new = bit.bor(old, 2 ^ (place % 8))
  if new == old then return map end
  return string.sub(map, 1, byte - 1) .. string.char(new) .. string.sub(map, byte + 1)
end

-- Turns the windows to `at`.
local function turn_windows(at, late)
  local now = math.floor(at / WINDOW)
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
local function age_of_window(at)
  return math.max(0, window - math.floor(at / WINDOW))
end

-- The account's tag, of its first four bytes; nothing of nobody.
local function tag_of(account)
  return account ~= '' and math.floor(struct.unpack('>I4', account) / 64)
end

local function see_account(tag, at, late)
  turn_windows(at, late)
  local age = late and age_of_window(at) or 0
  if tag and age <= 1 then mark(tag, age == 0 and SEEN or SEEN_BEFORE, true) end
end

-- `answer`: 'a' if the application answered, 'f' if with failure, or nothing.
local function answer_account(tag, at, answer)
  local age = age_of_window(at)
  if not tag or answer == '' or age > 1 then return end
  mark(tag, age == 0 and ANSWERED or ANSWERED_BEFORE, false)
  if answer == 'f' then mark(tag, age == 0 and FAILED or FAILED_BEFORE, false) end
end

