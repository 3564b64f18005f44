-- A worker notes that it has taken an acknowledged message.
-- KEYS: claims of the worker   ARGV: id, channel
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
