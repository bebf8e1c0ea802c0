-- An order and what was said of it. The twin of src/store/memory/orders.rs, which decides the same.
-- KEYS[1]  the order: 's' (settled), 'r' (reversed) or '-' (nothing was said), the instant at which it is forgotten, then the
--          attempt that it was accepted with, which only the gate reads; of a word that waits for one, nothing more
-- ARGV[1]  'accept' or 'conclude'
-- ARGV[2]  now, milliseconds
-- ARGV[3]  when it is forgotten, milliseconds; ARGV[4] its lifetime: of a word that has to wait, if it concludes
-- ARGV[5]  accept: the attempt; conclude: 's' or 'r'
-- Accepting answers with what was said already, or nothing; concluding with the order as it was, or nothing of one that is
-- not known.
local HEAD = 9
local kept = redis.call('GET', KEYS[1])
if kept and struct.unpack('<I8', kept, 2) <= tonumber(ARGV[2]) then kept = false end
local until_when = struct.pack('<I8', tonumber(ARGV[3]))

if ARGV[1] == 'accept' then
  -- Whoever was accepted first keeps the order.
  if kept and #kept > HEAD then return false end
  local early = kept and string.sub(kept, 1, 1) or '-'
  redis.call('SET', KEYS[1], early .. until_when .. ARGV[5], 'PX', ARGV[4])
  return early ~= '-' and early
end
if not kept or #kept == HEAD then
  redis.call('SET', KEYS[1], ARGV[5] .. until_when, 'PX', ARGV[4])
  return false
end
redis.call('SET', KEYS[1], ARGV[5] .. string.sub(kept, 2), 'KEEPTTL')
return kept
