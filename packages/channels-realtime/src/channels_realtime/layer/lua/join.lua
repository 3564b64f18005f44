-- Joins sockets of a process to a group, if messages to the group have reached the process since
-- one of its sockets, the witness, has joined.
-- KEYS: group   ARGV: prefix, group name, process, witness, names after the "!"…
-- Returns 1, or 0 where Redis has lost the group, the process or the witness: nothing is stored.
local members = ARGV[1] .. ':members:' .. ARGV[2] .. ':' .. ARGV[3]
if redis.call('ZSCORE', KEYS[1], ARGV[3]) ~= 'inf' or redis.call('SISMEMBER', members, ARGV[4]) == 0 then
    return 0
end
redis.call('SADD', members, unpack(ARGV, 5))
return 1
