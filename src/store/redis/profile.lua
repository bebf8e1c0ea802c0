-- An account's profile: the logins that are on their way, then the rest, which only the gate reads.
-- KEYS[1]  the profile: how many are on their way (a byte), each behind its length (a byte) and beginning with its id (16
--          bytes) and its instant (8 bytes), then the rest; empty if nothing was learnt yet
-- ARGV[1]  'expect', 'drop' or 'learn'
-- ARGV[2]  the login's id
-- ARGV[3]  lifetime, milliseconds
-- expect: ARGV[4] its instant, milliseconds; ARGV[5] the login as it is kept; ARGV[6] how long one may be on its way;
--         ARGV[7] most that are on their way. Answers with the profile.
-- drop:   nothing more. Answers with nothing.
-- learn:  ARGV[4] the rest as the gate found it, ARGV[5] as it is from now on. Answers with nothing if it was still as it
--         was found, else with the profile: then the gate learns anew.
local kept = redis.call('GET', KEYS[1])
local mode, id = ARGV[1], ARGV[2]
local way, rest = {}, ''
if kept then
  local next = 2
  for i = 1, string.byte(kept, 1) do
    local length = string.byte(kept, next)
    way[i] = string.sub(kept, next + 1, next + length)
    next = next + 1 + length
  end
  rest = string.sub(kept, next)
elseif mode == 'drop' then
  return false
end

local function without(oldest)
  local others = {}
  for _, login in ipairs(way) do
    if string.sub(login, 1, 16) ~= id and (not oldest or struct.unpack('<I8', login, 17) >= oldest) then
      others[#others + 1] = login
    end
  end
  return others
end

local function pack()
  local packed = { string.char(#way) }
  for _, login in ipairs(way) do packed[#packed + 1] = string.char(#login) .. login end
  packed[#packed + 1] = rest
  return table.concat(packed)
end

if mode == 'expect' then
  way = without(tonumber(ARGV[4]) - tonumber(ARGV[6]))
  if #way >= tonumber(ARGV[7]) then table.remove(way, 1) end
  way[#way + 1] = ARGV[5]
elseif mode == 'drop' then
  way = without()
  if #way == 0 and rest == '' then
    redis.call('DEL', KEYS[1])
    return false
  end
else
  if rest ~= ARGV[4] then return kept or string.char(0) end
  way = without()
  rest = ARGV[5]
end
kept = pack()
redis.call('SET', KEYS[1], kept, 'PX', ARGV[3])
return mode == 'expect' and kept
