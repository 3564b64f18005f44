-- What a stream holds, or what came after a position.
-- KEYS: history   ARGV: age s, epoch if a new one begins, epoch ("" for all) and offset
-- Returns {epoch, offset of the last message, 1 where nothing after the position is missing, offset
-- of the first entry, entries}; the epoch is "" where the stream does not exist.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'first', 'run')
local epoch, offset, first = head[1], tonumber(head[2]), tonumber(head[3])
if not epoch then
    return {'', 0, 0, 1, {}}
end
-- As in send_group.lua.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
if head[4] ~= run then
    epoch = ARGV[2]
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run)
end
while first <= offset do
    local oldest = redis.call('HGET', KEYS[1], first)
    if oldest and struct.unpack('>d', oldest) + ARGV[1] > now then
        break
    end
    first = first + 1
end
local since, recovered = tonumber(ARGV[4]), 0
if ARGV[3] == epoch and since <= offset and since >= first - 1 then
    recovered = 1
    first = since + 1
end
local entries = {}
for place = first, offset do
    entries[#entries + 1] = redis.call('HGET', KEYS[1], place) or ''
end
return {epoch, offset, recovered, first, entries}
