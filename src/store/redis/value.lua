-- Everybody's logins that show one value, or all of them: sums of weights that grow with the day, so that there is nothing
-- to read before adding, and nothing to decay. The gate's twin is freeman::live.
-- KEYS[1]  the value, or the sums
-- ARGV[1]  'value' or 'sums'
-- ARGV[2]  lifetime, milliseconds
-- ARGV[3]  value: the weight; sums: four numbers. Doubles.
-- value: ARGV[4] the day, 2 bytes; ARGV[5] the values below, 4 bytes each; ARGV[6] most that are told apart
-- A value: the sum, the day it was last shown, what was first shown below (3 values, 0 where there are fewer levels), then
-- what else, a byte for the level and 4 for the value.
local kept = redis.call('GET', KEYS[1])
if ARGV[1] == 'sums' then
  local a, b, c, d = struct.unpack('<dddd', ARGV[3])
  if kept then
    local e, f, g, h = struct.unpack('<dddd', kept)
    a, b, c, d = a + e, b + f, c + g, d + h
  end
  redis.call('SET', KEYS[1], struct.pack('<dddd', a, b, c, d), 'PX', ARGV[2])
  return false
end

local weight, day = struct.unpack('<d', ARGV[3]), struct.unpack('<I2', ARGV[4])
local below, most = ARGV[5], tonumber(ARGV[6])
local count, last, first, others = 0, 0, below .. string.rep('\0', 12 - #below), ''
if kept then
  count, last = struct.unpack('<dI2', kept)
  first, others = string.sub(kept, 11, 22), string.sub(kept, 23)
end
for place = 0, #below / 4 - 1 do
  local value = string.sub(below, 4 * place + 1, 4 * place + 4)
  if string.sub(first, 4 * place + 1, 4 * place + 4) ~= value then
    local chunk, known = string.char(place) .. value, false
    for at = 1, #others, 5 do known = known or string.sub(others, at, at + 4) == chunk end
    if not known and #others < 5 * most then others = others .. chunk end
  end
end
redis.call('SET', KEYS[1], struct.pack('<dI2', count + weight, math.max(last, day)) .. first .. others, 'PX', ARGV[2])
return false
