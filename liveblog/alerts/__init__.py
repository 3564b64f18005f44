"""Alerts: readers' browsers show a notification for each key event of a blog (Web Push).

A reader subscribes without an account: a subscription is the address of the browser at its push
service, and keys (`endpoints`). A published key event writes an alert in its own transaction
(`recording`), once, however often it is changed. The process that pulses queues a delivery for each
subscription and sends them (`queue`, `delivery`), encrypted for the browser (`encryption`) and
signed with the site's key (`vapid`). A subscription that the push service no longer has is deleted.
"""
