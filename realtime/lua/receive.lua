-- Pops the first entry that has not expired from the first list that holds one.
-- KEYS: lists   ARGV: expiry s
-- Returns {list, entry}, or {} where all are empty.
local time = redis.call('TIME')
local oldest = time[1] + time[2] / 1000000 - ARGV[1]
for _, list in ipairs(KEYS) do
    local entry = redis.call('LPOP', list)
    while entry do
        -- What is shorter than a stamp was not put there by us.
        if #entry >= 8 and struct.unpack('>d', entry) > oldest then
            return {list, entry}
        end
        entry = redis.call('LPOP', list)
    end
end
return {}
