-- Removes a channel from a group.
-- KEYS: group, processes
-- ARGV: prefix, group name, channel, process ("" for none), its name after the "!", leave entry,
--       message expiry s, 1 where the process keeps its groups itself
local prefix, group, process = ARGV[1], ARGV[2], ARGV[4]
if process == '' then
    return redis.call('ZREM', KEYS[1], ARGV[3])
end
local members = prefix .. ':members:' .. group .. ':' .. process
local removed = redis.call('SREM', members, ARGV[5])
if redis.call('SCARD', members) == 0 then
    redis.call('ZREM', KEYS[1], process)
    redis.call('SREM', prefix .. ':groups:' .. process, group)
end
if ARGV[8] == '1' then
    -- Also where Redis has lost the group: else the process would register the socket again.
    local time = redis.call('TIME')
    local stamp = struct.pack('>d', time[1] + time[2] / 1000000)
    redis.call('RPUSH', prefix .. process, stamp .. ARGV[6])
    if not redis.call('ZSCORE', KEYS[2], process) then
        redis.call('EXPIRE', prefix .. process, ARGV[7] + 1)
    end
end
return removed
