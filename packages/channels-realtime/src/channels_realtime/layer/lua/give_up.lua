-- The consumer of an acknowledged message has failed: it becomes a dead letter.
-- KEYS: unacknowledged messages of the channel, dead letters
-- ARGV: id, channel, reason, most dead letters that are kept
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry then
    redis.call('HDEL', KEYS[1], ARGV[1])
    local time = redis.call('TIME')
    redis.call('LPUSH', KEYS[2], cmsgpack.pack({time[1], ARGV[2], ARGV[3], entry}))
    redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
end
return 1
