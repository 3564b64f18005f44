"""Webhooks: every change of a blog is sent to other servers, signed, until they have it.

A change writes its deliveries in its own transaction (`recording`): none is lost, and none is sent
for a change that was rolled back. The process that pulses sends what is due (`delivery`), in a
thread of its own. A request has one deadline (`client`). What is not answered with 2xx is sent
again after BACKOFF, and then given up (`backlog`). A message may arrive twice, and after a later
one: `webhook-id` identifies it, `revision` orders it.
"""
