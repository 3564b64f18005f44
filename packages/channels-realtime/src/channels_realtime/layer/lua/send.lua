-- Appends one entry to a channel's list, unless the list is full.
-- KEYS: list, processes, channel's message count, global message count, channel's and global full
--       count, writes of the sender, unacknowledged messages of the channel
-- ARGV: entry, slot and number of this write, id of an acknowledged message ("" for another),
--       expiry s, capacity, process ("" for none), process capacity,
--       expiry s of the channel's counters, of the global ones, bytes of the list
-- Returns 1, or 0 where the channel is full. A write that is sent again, because its reply was
-- lost, is not done again.
local done = redis.call('HGET', KEYS[7], ARGV[2])
if done == ARGV[3] then
    return 1
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local registered = ARGV[7] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[7])
local capacity = tonumber(registered and ARGV[8] or ARGV[6])

local function count(channel_key, global_key)
    redis.call('INCR', channel_key)
    redis.call('EXPIRE', channel_key, ARGV[9])
    redis.call('INCR', global_key)
    redis.call('EXPIRE', global_key, ARGV[10])
end

local function is_full(length)
    if length >= capacity then
        return true
    end
    -- MEMORY USAGE visits every node of the list: not for short messages in short lists, which are
    -- within any limit. A list that holds nothing takes one message of any size.
    if length == 0 or (#ARGV[1] < 4096 and length < 1000) then
        return false
    end
    -- A server that does not offer the command bounds the number of messages alone.
    local used = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
    return type(used) == 'number' and used + #ARGV[1] > tonumber(ARGV[11])
end

local length = redis.call('LLEN', KEYS[1])
while is_full(length) do
    -- Expired entries do not count.
    local oldest = redis.call('LINDEX', KEYS[1], 0)
    if ARGV[4] ~= '' or #oldest >= 8 and struct.unpack('>d', oldest) + ARGV[5] > now then
        count(KEYS[5], KEYS[6])
        return 0
    end
    redis.call('LPOP', KEYS[1])
    length = length - 1
end
local entry = struct.pack('>d', now) .. ARGV[1]
redis.call('RPUSH', KEYS[1], entry)
if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[8], ARGV[4], entry)
    redis.call('PERSIST', KEYS[1])
elseif not registered then
    redis.call('EXPIRE', KEYS[1], ARGV[5] + 1)
end
count(KEYS[3], KEYS[4])
if redis.call('HSET', KEYS[7], ARGV[2], ARGV[3]) == 1 or ARGV[2] == '0' then
    redis.call('EXPIRE', KEYS[7], 3600)
end
return 1
