-- Tells every interface server that a worker may have lost messages with its connection.
-- KEYS: processes   ARGV: prefix, entry, dead after s, process capacity
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local stamped = struct.pack('>d', now) .. ARGV[2]
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[3], '+inf')) do
    local list = ARGV[1] .. process
    if redis.call('LLEN', list) < tonumber(ARGV[4]) then
        redis.call('RPUSH', list, stamped)
    end
end
return 1
