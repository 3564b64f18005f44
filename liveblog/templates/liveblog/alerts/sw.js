// Shows alerts. It has no fetch handler and no cache: pages are loaded as without it.

self.addEventListener("push", (event) => event.waitUntil(show(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, leave } = event.notification.data;
  event.waitUntil(event.action === "leave" ? stop(leave) : open(url));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

function show(data) {
  const { title, body, tag, url, leave, leave_text } = data.json();
  return self.registration.showNotification(title, {
    body,
    tag, // an alert that arrives twice is shown once
    dir: "auto",
    data: { url, leave },
    actions: [{ action: "leave", title: leave_text }],
  });
}

async function open(url) {
  const { href } = new URL(url, location);
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((each) => each.url === href);
  return page ? page.focus() : clients.openWindow(href);
}

// The page says that the alerts are off, or has a button where the request failed.
async function stop(leave) {
  await fetch(leave, { method: "POST" }).catch(() => {});
  return clients.openWindow(leave);
}

async function renew({ oldSubscription, newSubscription }) {
  if (!oldSubscription) return; // then the page says that alerts are off
  const { endpoint, options } = oldSubscription;
  const fresh = newSubscription ?? (await self.registration.pushManager.subscribe(options));
  await fetch("/alerts/renew/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ old: endpoint, ...fresh.toJSON() }),
  });
}
