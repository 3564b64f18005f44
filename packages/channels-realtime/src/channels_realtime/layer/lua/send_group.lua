-- Sends one entry to a group: one copy for each process however many members it holds, and one
-- for each member that is an ordinary channel. A full list is passed over and counted.
-- KEYS: group, processes, global message count, global full count, writes of the sender
-- ARGV: prefix, entry, message expiry s, group expiry s, capacity, process capacity, dead after s,
--       1 where ordinary members are left to the caller, prefix of the counters,
--       expiry s of a channel's counters, of the global ones, slot and number of this write,
--       bytes of a process's list and of a channel's
-- Returns {full lists, members left to the caller}. A write that is sent again, because its reply
-- was lost, is not done again.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local stamped = struct.pack('>d', now) .. ARGV[2]
local full, left = {}, {}
local done = redis.call('HGET', KEYS[5], ARGV[12]) == ARGV[13]

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
return {full, left}
