-- Removes a socket of a process from its groups.
-- KEYS: none   ARGV: prefix, process, name after the "!", group names…
local prefix, process = ARGV[1], ARGV[2]
for index = 4, #ARGV do
    local group = ARGV[index]
    local members = prefix .. ':members:' .. group .. ':' .. process
    redis.call('SREM', members, ARGV[3])
    if redis.call('SCARD', members) == 0 then
        redis.call('ZREM', prefix .. ':group:' .. group, process)
        redis.call('SREM', prefix .. ':groups:' .. process, group)
    end
end
