-- Spends a token: 1 if it was not spent, or under this very mark, by who was not answered in time and asks again.
-- Read first: a server that is full still knows what is spent.
-- KEYS[1]  the token
-- ARGV[1]  the mark
-- ARGV[2]  lifetime, milliseconds
local mark = redis.call('GET', KEYS[1])
if mark then return mark == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
