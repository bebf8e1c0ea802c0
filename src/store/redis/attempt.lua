-- Moves an attempt to another standing, if it may go there, and answers with what it was. Whoever is answered is the
-- only one, and moves the counts. Which standing may follow which is told by the gate: the rules are in one place.
-- KEYS[1]  the record: standing, instant, then what only the gate reads
-- ARGV[1]  now, milliseconds
-- ARGV[2]  the next standing, one byte
-- ARGV[3]  those from which it may be reached, a byte each
-- ARGV[4]  'f' if nothing can follow it
-- ARGV[5]  longest wait for an outcome, milliseconds
local record = redis.call('GET', KEYS[1])
if not record or #record < 9 then return false end
if not string.find(ARGV[3], string.sub(record, 1, 1), 1, true) then return false end
if tonumber(ARGV[1]) - struct.unpack('<I8', record, 2) > tonumber(ARGV[5]) then return false end
-- What is settled leaves its standing behind for a while: so it is not counted again by who tells it again.
local rest = ARGV[4] == 'f' and '' or string.sub(record, 2)
redis.call('SET', KEYS[1], ARGV[2] .. rest, 'KEEPTTL')
return record
