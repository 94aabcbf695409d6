-- Rate limits of all requests of one event-loop tick, checked and committed in one step (GCRA, on Redis's own clock).
-- KEYS: one per distinct policy. ARGV: per key its emission interval (us per unit) and burst (units); then per group
-- of equal requests: cost (units), count, number of policies, index of each policy's key.
-- Answer, per group: how many of the first requests pass, us until one more would; per policy: units left, us until it
-- is full again, us until one more request fits. A request takes from all of its policies or from none.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stored = redis.call('MGET', unpack(KEYS))
-- Everything is reckoned from now: a double holds microseconds since 1970 only to a quarter, and the half microsecond of
-- tolerance makes up for that quarter, which a limit of one at once would otherwise never let through.
local ahead, emission, room, dirty = {}, {}, {}, {}
for i = 1, #KEYS do
  ahead[i] = math.max((tonumber(stored[i] or 0) or 0) - now, 0)
  emission[i] = tonumber(ARGV[2 * i - 1])
  room[i] = emission[i] * tonumber(ARGV[2 * i])
end
local out, at = {}, 2 * #KEYS + 1
while at <= #ARGV do
  local cost, count, width = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local passing = count
  for j = 1, width do
    local i = tonumber(ARGV[at + 2 + j])
    local fits = math.floor((room[i] - ahead[i] + 0.5) / (cost * emission[i]))
    passing = math.max(0, math.min(passing, fits))
  end
  out[#out + 1] = passing
  out[#out + 1] = 0
  local slot = #out
  for j = 1, width do
    local i = tonumber(ARGV[at + 2 + j])
    if passing > 0 then
      ahead[i] = ahead[i] + passing * cost * emission[i]
      dirty[i] = true
    end
    local wait = math.max(0, math.ceil(ahead[i] + cost * emission[i] - room[i] - 0.5))
    out[slot] = math.max(out[slot], wait)
    out[#out + 1] = math.max(0, math.floor((room[i] - ahead[i] + 0.5) / emission[i]))
    out[#out + 1] = math.ceil(ahead[i])
    out[#out + 1] = wait
  end
  at = at + 3 + width
end
for i in pairs(dirty) do
  -- Fractions of a microsecond are kept: rounding them away would shift limits of very high rates.
  redis.call('SET', KEYS[i], string.format('%.3f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000) + 1)
end
return out
