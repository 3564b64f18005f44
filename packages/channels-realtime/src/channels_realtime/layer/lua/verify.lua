-- Compares the members that a process has in its groups with those that Redis holds.
-- KEYS: none   ARGV: prefix, process, then pairs of group name and number of members
-- Returns {group, members found, 1 where messages to the group reach the process} of those that differ.
local prefix, process = ARGV[1], ARGV[2]
local groups = prefix .. ':groups:' .. process
local differing = {}
for index = 3, #ARGV, 2 do
    local group = ARGV[index]
    local found = redis.call('SCARD', prefix .. ':members:' .. group .. ':' .. process)
    local score = redis.call('ZSCORE', prefix .. ':group:' .. group, process)
    local leads = score == 'inf' and redis.call('SISMEMBER', groups, group) == 1
    if found ~= tonumber(ARGV[index + 1]) or not leads then
        differing[#differing + 1] = {group, found, leads and 1 or 0}
    end
end
return differing
