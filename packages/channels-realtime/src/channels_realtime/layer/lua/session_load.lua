-- KEYS: sessions of the socket's process   ARGV: field
return redis.call('HGET', KEYS[1], ARGV[1])
