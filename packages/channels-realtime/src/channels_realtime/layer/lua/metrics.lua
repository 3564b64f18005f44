-- A process publishes its counters.
-- KEYS: metrics   ARGV: process, counters as JSON
redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1] .. ' ' .. ARGV[2])
return 1
