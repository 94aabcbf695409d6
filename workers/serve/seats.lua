-- Seats of requests under way, counted over all processes: a sorted set per key, request -> when it is forgotten (us).
-- KEYS: the sets. ARGV: name of the request, how long it may take (us); then per key how many there may be.
-- Answer: 0 when a seat was taken in every set; else the number of the first set that is full, and nothing was taken.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[2 + i]) then
    return i
  end
end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', KEYS[i], math.ceil(ARGV[2] / 1000) + 1000)
end
return 0
