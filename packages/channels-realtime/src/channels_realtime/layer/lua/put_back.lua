-- Returns an entry to the front of the list that it was taken from: it has waited longest.
-- KEYS: list   ARGV: entry, expiry s (0: the list stays)
redis.call('LPUSH', KEYS[1], ARGV[1])
if ARGV[2] == '0' then
    redis.call('PERSIST', KEYS[1])
else
    redis.call('EXPIRE', KEYS[1], ARGV[2] + 1)
end
return 1
