-- The consumer of an acknowledged message has finished, or failed.
-- KEYS: unacknowledged messages of the channel, claims of the worker, attempts, dead letters
-- ARGV: id, channel, reason ("" where the consumer succeeded), most dead letters that are kept
local entry = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if ARGV[3] ~= '' and entry then
    local time = redis.call('TIME')
    redis.call('LPUSH', KEYS[4], cmsgpack.pack({time[1], ARGV[2], ARGV[3], entry}))
    redis.call('LTRIM', KEYS[4], 0, ARGV[4] - 1)
end
return 1
