-- Sends one entry to a group: one copy for each process however many members it holds, and one
-- for each member that is an ordinary channel. A full list is passed over and counted.
-- KEYS: group, processes, global message count, global full count
-- ARGV: prefix, entry, message expiry s, group expiry s, capacity, process capacity, dead after s,
--       1 where ordinary members are left to the caller, prefix of the counters,
--       expiry s of a channel's counters, of the global ones
-- Returns {full lists, members left to the caller}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local stamped = struct.pack('>d', now) .. ARGV[2]
local full, left = {}, {}

local function count(channel, name, global_key)
    local key = ARGV[9] .. channel .. ':' .. name
    redis.call('INCR', key)
    redis.call('EXPIRE', key, ARGV[10])
    redis.call('INCR', global_key)
    redis.call('EXPIRE', global_key, ARGV[11])
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local process = string.sub(member, -1) == '!'
    local beat = process and redis.call('ZSCORE', KEYS[2], member)
    if beat and now - beat >= tonumber(ARGV[7]) then
        -- Dead: the next heartbeat of another process buries it.
    elseif not process and ARGV[8] == '1' then
        left[#left + 1] = member
    else
        local list = ARGV[1] .. member
        if redis.call('LLEN', list) >= tonumber(beat and ARGV[6] or ARGV[5]) then
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
return {full, left}
