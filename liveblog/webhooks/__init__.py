"""Webhooks: sends every change of a blog to other servers, signed, at least once.

A change writes its deliveries in its own transaction (`recording`), so none is lost, and none is
sent for a change that was rolled back. The process that pulses sends what is due (`delivery`), in a
thread of its own. A request has one deadline (`client`). A delivery that is not answered with 2xx
is retried after BACKOFF, and finally given up (`backlog`). A message may arrive twice, and after a
later one: `webhook-id` identifies it, `revision` orders it.
"""
