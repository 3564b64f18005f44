-- A worker renews its lease and returns the messages of dead workers to their channels.
-- KEYS: workers, attempts, dead letters
-- ARGV: worker, dead after s, prefix, attempts per message, most dead letters that are kept,
--       1 to look for orphans, acknowledged channels…
-- Orphans are messages that are neither in their list nor claimed by a worker: its process died, or
-- its connection, between taking and claiming. They must be found by two looks, since what a look
-- finds may just be on its way.
-- Returns {messages returned, messages given up}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local prefix, dead_after = ARGV[3], tonumber(ARGV[2])
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
local returned, given_up = 0, 0

local function return_message(id, channel)
    local unacknowledged = prefix .. ':unacknowledged:' .. channel
    local entry = redis.call('HGET', unacknowledged, id)
    if not entry then
        return
    end
    if redis.call('HINCRBY', KEYS[2], id, 1) < tonumber(ARGV[4]) then
        -- To the front: it has waited longest.
        redis.call('LPUSH', prefix .. channel, entry)
        returned = returned + 1
        return
    end
    redis.call('HDEL', unacknowledged, id)
    redis.call('HDEL', KEYS[2], id)
    local reason = 'Its worker died ' .. ARGV[4] .. ' times.'
    redis.call('LPUSH', KEYS[3], cmsgpack.pack({time[1], channel, reason, entry}))
    redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
    given_up = given_up + 1
end

-- Where the caller's own lease looks old, Redis was away or its clock has been set: the others get
-- the time until the next look to renew theirs.
if not before or now - before >= dead_after / 2 then
    return {0, 0}
end
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - dead_after)) do
    local claims = prefix .. ':claims:' .. worker
    local pairs_ = redis.call('HGETALL', claims)
    for index = 1, #pairs_, 2 do
        return_message(pairs_[index], pairs_[index + 1])
    end
    redis.call('DEL', claims)
    redis.call('ZREM', KEYS[1], worker)
end
if ARGV[6] == '1' then
    local claimed = {}
    for _, worker in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        for _, id in ipairs(redis.call('HKEYS', prefix .. ':claims:' .. worker)) do
            claimed[id] = true
        end
    end
    for index = 7, #ARGV do
        local channel = ARGV[index]
        local suspects = prefix .. ':orphans:' .. channel
        local found = {}
        if redis.call('LLEN', prefix .. channel) == 0 then
            for _, id in ipairs(redis.call('HKEYS', prefix .. ':unacknowledged:' .. channel)) do
                if not claimed[id] then
                    if redis.call('SISMEMBER', suspects, id) == 1 then
                        return_message(id, channel)
                    else
                        found[#found + 1] = id
                    end
                end
            end
        end
        redis.call('DEL', suspects)
        for start = 1, #found, 1000 do
            redis.call('SADD', suspects, unpack(found, start, math.min(start + 999, #found)))
        end
        redis.call('EXPIRE', suspects, 60)
    end
end
return {returned, given_up}
