-- Pops the first entry that has not expired from the first list that holds one.
-- KEYS: lists   ARGV: expiry s
-- Returns {number of expired entries that were removed, list, entry}, or only the number.
local time = redis.call('TIME')
local oldest = time[1] + time[2] / 1000000 - ARGV[1]
local expired = 0
for _, list in ipairs(KEYS) do
    local entry = redis.call('LPOP', list)
    while entry do
        -- What is shorter than a stamp was not put there by us.
        if #entry >= 8 and struct.unpack('>d', entry) > oldest then
            return {expired, list, entry}
        end
        expired = expired + 1
        entry = redis.call('LPOP', list)
    end
end
return {expired}
