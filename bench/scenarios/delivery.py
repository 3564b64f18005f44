"""What all broadcast scenarios compute: deliveries, and what each cost."""

from bench.scenarios.base import Metric

METRICS = (
    Metric("delivered", "delivered", "%", 2),
    Metric("server_cpu", "server CPU a delivery", "µs", 2),
    Metric("stack_cpu", "CPU a delivery, whole stack", "µs", 2),
    Metric("client_cpu", "the load client's own CPU a delivery", "µs", 2),
    Metric("duplicates", "deliveries made twice", ""),
    Metric("lost_sockets", "sockets lost", ""),
)


def figures(accounts, used):
    """The METRICS of a list of the load client's accounts and the Used of all of them."""
    delivered = sum(account["delivered"] for account in accounts)
    wanted = sum(account["wanted"] for account in accounts)
    each = 1e6 / max(1, delivered)
    return {
        "delivered": 100 * delivered / wanted,
        "server_cpu": used.server * each,
        "stack_cpu": used.stack * each,
        "client_cpu": used.client * each,
        "duplicates": sum(account["duplicates"] for account in accounts),
        "lost_sockets": accounts[-1]["lost_sockets"],
    }
