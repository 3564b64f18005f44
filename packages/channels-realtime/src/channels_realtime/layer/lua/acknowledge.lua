-- The consumer of an acknowledged message has finished.
-- KEYS: unacknowledged messages of the channel   ARGV: id
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
