-- A process says that it lives, and hears who does not.
-- KEYS: processes   ARGV: process, dead after s
-- Returns {1 where Redis did not know the process, dead processes}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local added = redis.call('ZADD', KEYS[1], now, ARGV[1])
return {added, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])}
