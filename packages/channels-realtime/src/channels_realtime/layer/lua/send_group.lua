-- Sends one entry to a group: one copy for each process however many members it holds, and one
-- for each member that is an ordinary channel. A full list is passed over and counted.
-- KEYS: group, processes, global message count, global full count, writes of the sender
-- ARGV: prefix, entry, message expiry s, group expiry s, capacity, process capacity, dead after s,
--       1 where ordinary members are left to the caller, prefix of the counters,
--       expiry s of a channel's counters, of the global ones, slot and number of this write,
--       bytes of a process's list and of a channel's
-- For a stream also KEYS: history, streams by their end, bytes of each stream and '' for the sum
-- and ARGV: messages that the history holds, for s, epoch if a new one begins, bytes of all
--       streams, epoch ("" for none) and offset of a message to remove
-- Returns {full lists, members left to the caller, position in the stream, streams that were
-- dropped for want of room}. A write that is sent again, because its reply was lost, is not done
-- again.
local STREAM, MESSAGE = 512, 96 -- bytes that Redis needs for a stream, and beside each message
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local stamped = struct.pack('>d', now) .. ARGV[2]
local full, left = {}, {}
local done = redis.call('HGET', KEYS[5], ARGV[12]) == ARGV[13]
local position, dropped = '', 0

-- The history is a hash: epoch, offset of the last message, first offset that is held, the run of
-- Redis that has written it, and entries by offset. A removed one is its time stamp alone.
local function append()
    local history, size, age, limit = KEYS[6], tonumber(ARGV[16]), tonumber(ARGV[17]), ARGV[19]
    local info = redis.pcall('INFO', 'server')
    local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
    local head = redis.call('HMGET', history, 'epoch', 'offset', 'first', 'run')
    local epoch, offset = head[1], (tonumber(head[2]) or 0) + 1
    local first, bytes = tonumber(head[3]) or offset, 0
    local before = tonumber(redis.call('HGET', KEYS[8], history)) or 0
    if not epoch then
        bytes = STREAM - before -- what is counted for an earlier history that has expired
    end
    -- A Redis that was restarted, or promoted, may hold an older state than its clients have seen.
    if head[4] ~= run then
        epoch = ARGV[18]
    end

    if ARGV[20] ~= '' then
        local old = redis.call('HGET', history, ARGV[21])
        local place = '\193' .. ARGV[20] .. struct.pack('>I8', tonumber(ARGV[21]))
        if old and string.sub(old, 9, 29) == place then
            redis.call('HSET', history, ARGV[21], string.sub(old, 1, 8))
            bytes = bytes + 8 - #old
        end
    end
    while first < offset do
        local oldest = redis.call('HGET', history, first)
        local fits = offset - first < size and before + bytes + #ARGV[2] < tonumber(limit)
        if oldest and fits and struct.unpack('>d', oldest) + age > now then
            break
        end
        bytes = bytes - (oldest and #oldest + MESSAGE or 0)
        redis.call('HDEL', history, first)
        first = first + 1
    end

    stamped = struct.pack('>d', now) .. '\193' .. epoch .. struct.pack('>I8', offset) .. ARGV[2]
    if size > 0 then
        redis.call('HSET', history, offset, stamped)
        bytes = bytes + #stamped + MESSAGE
    else
        first = offset + 1
    end
    redis.call('HSET', history, 'epoch', epoch, 'offset', offset, 'first', first, 'run', run)
    redis.call('EXPIRE', history, age)

    redis.call('HINCRBY', KEYS[8], history, bytes)
    local sum = redis.call('HINCRBY', KEYS[8], '', bytes)
    redis.call('ZADD', KEYS[7], now + age, history)
    if redis.call('TTL', KEYS[7]) < age then
        redis.call('EXPIRE', KEYS[7], age + 1)
        redis.call('EXPIRE', KEYS[8], age + 1)
    end
    -- Forget streams that have expired; where there is no room, drop those that end first.
    for _ = 1, 100 do
        local next = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')
        local expired = tonumber(next[2]) <= now
        if next[1] == history or not expired and sum <= tonumber(limit) then
            break
        end
        dropped = dropped + (expired and 0 or 1)
        local held = tonumber(redis.call('HGET', KEYS[8], next[1])) or 0
        sum = redis.call('HINCRBY', KEYS[8], '', -held)
        redis.call('HDEL', KEYS[8], next[1])
        redis.call('ZREM', KEYS[7], next[1])
        redis.call('DEL', next[1])
    end
    position = string.format('%s-%d', epoch, offset)
    redis.call('HSET', KEYS[5], 'at:' .. ARGV[12], position)
end

if KEYS[6] and done then
    position = redis.call('HGET', KEYS[5], 'at:' .. ARGV[12])
elseif KEYS[6] then
    append()
end

local function count(channel, name, global_key)
    local key = ARGV[9] .. channel .. ':' .. name
    redis.call('INCR', key)
    redis.call('EXPIRE', key, ARGV[10])
    redis.call('INCR', global_key)
    redis.call('EXPIRE', global_key, ARGV[11])
end

local function is_full(list, capacity, limit)
    local length = redis.call('LLEN', list)
    if length >= capacity then
        return true
    end
    -- As in send.lua.
    if length == 0 or (#stamped < 4096 and length < 1000) then
        return false
    end
    local used = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 0)
    return type(used) == 'number' and used + #stamped > limit
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local process = string.sub(member, -1) == '!'
    local beat = process and redis.call('ZSCORE', KEYS[2], member)
    if beat and now - beat >= tonumber(ARGV[7]) then
        -- Dead: the next heartbeat of another process removes it.
    elseif not process and ARGV[8] == '1' then
        left[#left + 1] = member
    elseif not done then
        local list = ARGV[1] .. member
        local capacity = tonumber(beat and ARGV[6] or ARGV[5])
        if is_full(list, capacity, tonumber(beat and ARGV[14] or ARGV[15])) then
            full[#full + 1] = member
            count(member, 'channel_full_count', KEYS[4])
        else
            redis.call('RPUSH', list, stamped)
            if not beat then
                redis.call('EXPIRE', list, ARGV[3] + 1)
            end
            count(member, 'messages_count', KEYS[3])
        end
    end
end
if redis.call('HSET', KEYS[5], ARGV[12], ARGV[13]) == 1 or ARGV[12] == '0' then
    redis.call('EXPIRE', KEYS[5], 3600)
end
return {full, left, position, dropped}
