-- What a group holds, without members of dead processes and expired ones.
-- KEYS: group, processes
-- ARGV: prefix, group name, group expiry s, dead after s, 1 to count only
-- Returns the names of the channels, or each process with its number of channels ('' for those
-- without a process).
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
local names, sizes, alone = {}, {}, 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(member, -1) ~= '!' then
        alone = alone + 1
        names[#names + 1] = member
    else
        local beat = redis.call('ZSCORE', KEYS[2], member)
        if not beat or now - beat < tonumber(ARGV[4]) then
            local members = ARGV[1] .. ':members:' .. ARGV[2] .. ':' .. member
            if ARGV[5] == '1' then
                sizes[#sizes + 1] = member
                sizes[#sizes + 1] = redis.call('SCARD', members)
            else
                for _, name in ipairs(redis.call('SMEMBERS', members)) do
                    names[#names + 1] = member .. name
                end
            end
        end
    end
end
if ARGV[5] ~= '1' then
    return names
end
if alone > 0 then
    sizes[#sizes + 1] = ''
    sizes[#sizes + 1] = alone
end
return sizes
