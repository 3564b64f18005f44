-- A process writes down who of its sockets is in a group, after Redis has lost it.
-- KEYS: group   ARGV: prefix, group name, process, names after the "!"…
local members = ARGV[1] .. ':members:' .. ARGV[2] .. ':' .. ARGV[3]
local groups = ARGV[1] .. ':groups:' .. ARGV[3]
redis.call('SADD', members, unpack(ARGV, 4))
redis.call('SADD', groups, ARGV[2])
redis.call('ZADD', KEYS[1], 'inf', ARGV[3])
for _, key in ipairs({members, groups, KEYS[1]}) do
    redis.call('PERSIST', key)
end
