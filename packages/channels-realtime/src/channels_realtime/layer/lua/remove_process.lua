-- Removes what a dead process left: its memberships and its list. Its sockets' sessions stay for
-- the consumers of their disconnects.
-- KEYS: processes   ARGV: prefix, process, dead after s (0: in any case), session expiry s
-- Returns 1, or 0 where its lease has been renewed.
local time = redis.call('TIME')
local prefix, process = ARGV[1], ARGV[2]
local beat = redis.call('ZSCORE', KEYS[1], process)
if beat and ARGV[3] ~= '0' and time[1] + time[2] / 1000000 - beat < tonumber(ARGV[3]) then
    return 0
end
local groups = prefix .. ':groups:' .. process
for _, group in ipairs(redis.call('SMEMBERS', groups)) do
    redis.call('DEL', prefix .. ':members:' .. group .. ':' .. process)
    redis.call('ZREM', prefix .. ':group:' .. group, process)
end
redis.call('DEL', groups, prefix .. process)
redis.call('EXPIRE', prefix .. ':sessions:' .. process, ARGV[4])
redis.call('ZREM', KEYS[1], process)
return 1
