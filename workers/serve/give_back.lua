-- Give back permissions of rate policies that were taken for a request which was refused for another reason.
-- KEYS: the policies. ARGV: per key how far its state goes back (us). A state in the past is the same as none.
for i = 1, #KEYS do
  local stored = tonumber(redis.call('GET', KEYS[i]) or '')
  if stored then
    redis.call('SET', KEYS[i], string.format('%.3f', stored - tonumber(ARGV[i])), 'KEEPTTL')
  end
end
return 0
