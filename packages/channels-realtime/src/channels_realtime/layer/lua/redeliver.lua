-- Claims what a worker has in hand, and returns the messages of dead workers to their channels.
-- KEYS: claims, suspects, attempts, dead letters, gate
-- ARGV: prefix, claim for s, grace s, s between two looks, attempts per message,
--       most dead letters that are kept, number of ids in hand, these ids…, channels…
-- Returns {messages returned, messages given up}.
--
-- A message is under way when it is unacknowledged and no longer in its list. Its worker is dead
-- when it has not renewed its claim, or has claimed nothing within the grace period.
local prefix, in_hand = ARGV[1], tonumber(ARGV[7])
local time, now

-- Only where it is needed: idle workers run this script all the time.
local function read_clock()
    if not time then
        time = redis.call('TIME')
        now = time[1] + time[2] / 1000000
    end
end

if in_hand > 0 then
    read_clock()
end
for index = 8, 7 + in_hand do
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[index])
end
-- One worker looks for all.
if not redis.call('SET', KEYS[5], 1, 'NX', 'PX', math.floor(900 * ARGV[4])) then
    return {0, 0}
end
local returned, given_up = 0, 0

local function return_message(message, channel)
    local tries = redis.call('HINCRBY', KEYS[3], message.id, 1)
    redis.call('EXPIRE', KEYS[3], 86400)
    redis.call('ZREM', KEYS[1], message.id)
    redis.call('ZREM', KEYS[2], message.id)
    if tries < tonumber(ARGV[5]) then
        -- To the front: it has waited longest.
        redis.call('LPUSH', prefix .. channel, message.entry)
        redis.call('PERSIST', prefix .. channel)
        returned = returned + 1
        return
    end
    redis.call('HDEL', prefix .. ':unacknowledged:' .. channel, message.id)
    redis.call('HDEL', KEYS[3], message.id)
    local reason = 'Its worker died ' .. ARGV[5] .. ' times.'
    redis.call('LPUSH', KEYS[4], cmsgpack.pack({time[1], channel, reason, message.entry}))
    redis.call('LTRIM', KEYS[4], 0, ARGV[6] - 1)
    given_up = given_up + 1
end

local function is_dead(id)
    local claimed_until = redis.call('ZSCORE', KEYS[1], id)
    if claimed_until then
        return tonumber(claimed_until) < now
    end
    local suspected_since = redis.call('ZSCORE', KEYS[2], id)
    if suspected_since then
        return now - suspected_since >= tonumber(ARGV[3])
    end
    redis.call('ZADD', KEYS[2], now, id)
    return false
end

for index = 8 + in_hand, #ARGV do
    local channel = ARGV[index]
    local unacknowledged = prefix .. ':unacknowledged:' .. channel
    if redis.call('HLEN', unacknowledged) > redis.call('LLEN', prefix .. channel) then
        read_clock()
        local head = redis.call('LINDEX', prefix .. channel, 0)
        local oldest = head and struct.unpack('>d', head) or math.huge
        local lost = {}
        local all = redis.call('HGETALL', unacknowledged)
        for position = 1, #all, 2 do
            local id, entry = all[position], all[position + 1]
            -- A list is in the order of its stamps: what is older than its head is not in it.
            local stamp = struct.unpack('>d', entry)
            if stamp < oldest and is_dead(id) then
                lost[#lost + 1] = {id = id, entry = entry, stamp = stamp}
            end
        end
        table.sort(lost, function(a, b) return a.stamp > b.stamp end)
        for _, message in ipairs(lost) do
            return_message(message, channel)
        end
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3600)
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 3600)
    end
end
return {returned, given_up}
