-- KEYS: sessions of the socket's process   ARGV: field
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
