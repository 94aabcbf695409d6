-- Take permissions of rate policies ahead of need, out of what is plentiful (GCRA, on Redis's own clock).
-- KEYS: the policies of one route. ARGV: how long the permissions may lie about (us), how many are wanted; then per key
-- its emission interval (us per unit) and burst (units).
-- Answer: how many were taken; per policy: units left, us until it is full again.
-- So that nobody ever passes more than limit + burst, a bucket counts as less full by what refills in that time and by
-- the two hundredths of its burst that all processes together may hold; and the lower half is not taken ahead at all.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local span, taken = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('MGET', unpack(KEYS))
local tat, emission, room = {}, {}, {}
for i = 1, #KEYS do
  emission[i] = tonumber(ARGV[1 + 2 * i])
  room[i] = emission[i] * tonumber(ARGV[2 + 2 * i])
  tat[i] = math.max(tonumber(stored[i] or 0) or 0, now + span + room[i] / 50)
  taken = math.min(taken, math.floor((now + room[i] / 2 - tat[i]) / emission[i]))
end
if taken < 1 then
  return {0}
end
local out = {taken}
for i = 1, #KEYS do
  tat[i] = tat[i] + taken * emission[i]
  redis.call('SET', KEYS[i], string.format('%.3f', tat[i]), 'PX', math.ceil((tat[i] - now) / 1000) + 1)
  out[#out + 1] = math.floor((now + room[i] - tat[i]) / emission[i] + 1e-6)
  out[#out + 1] = math.ceil(tat[i] - now)
end
return out
