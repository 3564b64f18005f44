-- A process says that it lives and what it counts, and hears who does not.
-- KEYS: processes, metrics
-- ARGV: process, dead after s (0: do not look), prefix, its name in the metrics ("" for no news),
--       its counters
-- Returns {1 where Redis did not know the process, dead processes}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local added = redis.call('ZADD', KEYS[1], now, ARGV[1])
if added == 1 then
    -- Who joined since Redis lost the process was written down for a few seconds only.
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
if ARGV[2] ~= '0' then
    dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
end
return {added, dead}
