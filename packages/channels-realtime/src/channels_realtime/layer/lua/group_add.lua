-- Adds a channel to a group. A process-local channel is kept under its process, which gets a join
-- entry in its own list, in order with the messages there.
-- KEYS: group, processes
-- ARGV: prefix, group name, channel, process ("" for none), its name after the "!", join entry,
--       group expiry s, message expiry s, 1 where the process keeps its groups itself, dead after s
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local prefix, group, process = ARGV[1], ARGV[2], ARGV[4]
if process == '' then
    redis.call('ZADD', KEYS[1], now, ARGV[3])
else
    local members = prefix .. ':members:' .. group .. ':' .. process
    local groups = prefix .. ':groups:' .. process
    local score = now
    redis.call('SADD', members, ARGV[5])
    redis.call('SADD', groups, group)
    if redis.call('ZSCORE', KEYS[2], process) then
        -- The process vouches for its members by its heartbeat: they need no expiry.
        score = 'inf'
        redis.call('PERSIST', members)
        redis.call('PERSIST', groups)
    else
        redis.call('EXPIRE', members, ARGV[7])
        redis.call('EXPIRE', groups, ARGV[7])
        if ARGV[9] == '1' then
            -- Either dead, or Redis lost its keys and the process will register again at once.
            score = now - ARGV[7] + ARGV[10]
        end
    end
    redis.call('ZADD', KEYS[1], score, process)
    if ARGV[9] == '1' then
        local list = prefix .. process
        redis.call('RPUSH', list, struct.pack('>d', now) .. ARGV[6])
        if score ~= 'inf' then
            redis.call('EXPIRE', list, ARGV[8] + 1)
        end
    end
end
if redis.call('ZCOUNT', KEYS[1], 'inf', 'inf') > 0 then
    redis.call('PERSIST', KEYS[1])
else
    redis.call('EXPIRE', KEYS[1], ARGV[7])
end
