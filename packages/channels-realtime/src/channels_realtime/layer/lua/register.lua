-- Stores which sockets of a process are in a group, after Redis has lost it or holds others.
-- KEYS: group   ARGV: prefix, group name, process, 1 to remove other members, names after the "!"…
local members = ARGV[1] .. ':members:' .. ARGV[2] .. ':' .. ARGV[3]
local groups = ARGV[1] .. ':groups:' .. ARGV[3]
if ARGV[4] == '1' then
    redis.call('DEL', members)
end
redis.call('SADD', members, unpack(ARGV, 5))
redis.call('SADD', groups, ARGV[2])
redis.call('ZADD', KEYS[1], 'inf', ARGV[3])
for _, key in ipairs({members, groups, KEYS[1]}) do
    redis.call('PERSIST', key)
end
