-- The lists of a fleet: what stands on them, what ends when, and what was changed last.
-- All keys begin with KEYS[1], whose hash tag keeps them in one slot.
local entries, ends, log, count = KEYS[1] .. ':entries', KEYS[1] .. ':ends', KEYS[1] .. ':log', KEYS[1] .. ':count'
local now = tonumber(redis.call('GET', count) or '0')
local mode = ARGV[1]

-- A change: its number, then field and value. Only the last ones are kept: who missed more reads everything.
local function write(field, value, kept)
  if value == '' then
    redis.call('HDEL', entries, field)
    redis.call('ZREM', ends, field)
  else
    redis.call('HSET', entries, field, value)
    if kept == '' then
      redis.call('ZREM', ends, field)
    else
      redis.call('ZADD', ends, kept, field)
    end
  end
  now = now + 1
  redis.call('ZADD', log, now, string.format('%016d', now) .. field .. '\n' .. value)
end

if mode == 'change' or mode == 'restore' then
  for at = 3, #ARGV, 3 do
    if mode == 'change' or redis.call('HEXISTS', entries, ARGV[at]) == 0 then
      write(ARGV[at], ARGV[at + 1], ARGV[at + 2])
    end
  end
  redis.call('SET', count, string.format('%d', now))
  redis.call('ZREMRANGEBYRANK', log, 0, -1 - tonumber(ARGV[2]))
  return { now }
end

if mode == 'follow' then
  local known = tonumber(ARGV[2])
  if known == now then
    return { now }
  end
  local first = redis.call('ZRANGE', log, 0, 0, 'WITHSCORES')[2]
  if known > now or not first or tonumber(first) > known + 1 then
    return { now, 'gap' }
  end
  return { now, redis.call('ZRANGEBYSCORE', log, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3]) }
end

-- tidy: what nobody remembers any more. Gates forget it by themselves, so it is no change.
for _, field in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  redis.call('HDEL', entries, field)
  redis.call('ZREM', ends, field)
end
return { now }
