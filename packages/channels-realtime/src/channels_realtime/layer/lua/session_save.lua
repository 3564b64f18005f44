-- Saves the session of one socket.
-- KEYS: sessions of the socket's process, processes   ARGV: field, process, expiry s, session
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then
    -- They end with their sockets, or with the process.
    redis.call('PERSIST', KEYS[1])
else
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
