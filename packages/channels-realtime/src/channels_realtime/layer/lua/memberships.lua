-- Returns which sockets of one process are in which group.
-- KEYS: groups of the process   ARGV: prefix, process
-- Returns {group, {names after the "!"}} pairs.
local found = {}
for _, group in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    local members = ARGV[1] .. ':members:' .. group .. ':' .. ARGV[2]
    found[#found + 1] = {group, redis.call('SMEMBERS', members)}
end
return found
