-- A process renews its lease, publishes its counters and finds those whose lease has ended.
-- KEYS: processes, metrics
-- ARGV: process, dead after s (0: do not look), prefix, its name in the metrics ("" for no news),
--       its counters
-- Returns {1 where Redis did not hold the process, dead processes, time in s, in µs}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local dead_after = tonumber(ARGV[2])
local before = dead_after > 0 and redis.call('ZSCORE', KEYS[1], ARGV[1])
local added = redis.call('ZADD', KEYS[1], now, ARGV[1])
if added == 1 then
    -- Members that joined since Redis lost the process were stored with an expiry of seconds.
    local groups = ARGV[3] .. ':groups:' .. ARGV[1]
    for _, group in ipairs(redis.call('SMEMBERS', groups)) do
        redis.call('ZADD', ARGV[3] .. ':group:' .. group, 'inf', ARGV[1])
        redis.call('PERSIST', ARGV[3] .. ':group:' .. group)
        redis.call('PERSIST', ARGV[3] .. ':members:' .. group .. ':' .. ARGV[1])
    end
    redis.call('PERSIST', groups)
    redis.call('PERSIST', ARGV[3] .. ARGV[1])
end
if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[2], ARGV[4], time[1] .. ' ' .. ARGV[5])
end
local dead = {}
-- Where the caller's own lease looks old, Redis was away or its clock has been set: the others
-- get the time until the next look to renew their leases.
if before and now - before < dead_after / 2 then
    dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - dead_after)
end
return {added, dead, time[1], time[2]}
