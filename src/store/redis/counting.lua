-- What every counting script begins with. The gate that reads what is written here is the memory store's own code, so
-- every rule in this file has its twin in src/store/memory: decay.rs, in_flight.rs, distinct.rs, account.rs, source.rs.
-- Numbers are doubles, as there; an instant in milliseconds is exact in one for the next 285,000 years.
--
-- Nothing asks the server's clock: a script that is repeated, replicated or run by a test counts the same.

-- An instant further back than this is no late arrival: the clock was set back.
local SET_BACK = 60000
local MOST = 4294967295

-- The share that is left of a count.
local function left(passed, half_life)
  if passed <= 0 then return 1 end
  return 2 ^ (-passed / half_life)
end

-- Moves an entry's present to `at`; returns it and the time that passed. What is merged in late (after the store was
-- away) never moves a present back: it is old, not the clock.
local function advance(present, at, late)
  if at >= present then return at, at - present end
  if not late and present - at > SET_BACK then return at, 0 end
  return present, 0
end

local function scale(counts, factor)
  for i = 1, 4 do counts[i] = counts[i] * factor end
end

-- Rounding must not leave a count below nothing.
local function add(counts, change, weight)
  for i = 1, 4 do counts[i] = math.max(0, counts[i] + change[i] * weight) end
end

-- In flight by minute of arrival: the running minute, then how many arrived in it and in each of the two before.
local function enter(flight, at, late)
  local minute = math.floor(at / 60000)
  local passed = minute - flight[1]
  if passed > 0 then
    if passed == 1 then
      flight[2], flight[3], flight[4] = 0, flight[2], flight[3]
    elseif passed == 2 then
      flight[2], flight[3], flight[4] = 0, 0, flight[2]
    else
      flight[2], flight[3], flight[4] = 0, 0, 0
    end
    flight[1] = minute
  elseif passed < -2 then
    if late then return end
    flight[1] = minute
  end
  local slot = 2 + flight[1] - minute
  if flight[slot] < MOST then flight[slot] = flight[slot] + 1 end
end

local function leave(flight, at)
  local age = flight[1] - math.floor(at / 60000)
  if age >= 0 and age <= 2 and flight[2 + age] > 0 then flight[2 + age] = flight[2 + age] - 1 end
end

-- What is usual, as src/store/memory/learned.rs keeps it: { day, level, peak, days, mean, variance }.
local BUSY, HALF_OF_LEARNED, DAY = 4, 7, 86400000
local LEARNED = 'I4ddddd'

local function nothing_learned(present)
  return { math.floor(present / DAY), 0, 0, 0, 0, 0 }
end

local function fade(learned, present, share)
  learned[2] = learned[2] * share
  local today = math.floor(present / DAY)
  if today > learned[1] then
    if learned[3] > 0 then
      local days = learned[4] + 1
      local off = learned[3] - learned[5]
      learned[5] = learned[5] + off / days
      learned[6] = (learned[4] * learned[6] + off * (learned[3] - learned[5])) / days
      learned[4] = days
    end
    learned[4] = learned[4] * left(today - learned[1], HALF_OF_LEARNED)
    learned[3] = 0
  end
  learned[1] = today
end

local function teach(learned, weight)
  learned[2] = learned[2] + weight
  learned[3] = math.max(learned[3], learned[2])
end

-- Four signed numbers: attempts, failed, succeeded, open.
local function change_of(packed)
  return { struct.unpack('bbbb', packed) }
end
