"""Django's database backends with deadlines: nothing waits for a database without a bound."""
