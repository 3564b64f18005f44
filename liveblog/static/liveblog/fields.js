// The composer's fields as they are sent: texts, flags as "on" or "", times with their offset.

import { withOffset } from "./editor-state.js";

const TEXTS = ["headline", "body", "author"];
const FLAGS = ["key_event", "pinned"];

export function fieldsNow({ elements }, action = "publish") {
  const fields = { action };
  for (const name of TEXTS) fields[name] = elements[name].value;
  for (const name of FLAGS) fields[name] = elements[name].checked ? "on" : "";
  fields.publish_at = withOwnOffset(elements.publish_at?.value);
  return fields;
}

/** The same, as the server rendered them. */
export function rendered({ elements, dataset }) {
  const fields = { action: "publish" };
  for (const name of TEXTS) fields[name] = elements[name].defaultValue;
  for (const name of FLAGS) fields[name] = elements[name].defaultChecked ? "on" : "";
  fields.publish_at = withOwnOffset(toLocal(dataset.publishAt));
  // With a text from the history in the form, that counts as typed.
  return Object.assign(fields, JSON.parse(dataset.stored ?? "{}"));
}

export function fill(form, fields) {
  const { elements } = form;
  for (const name of TEXTS) elements[name].value = fields[name] ?? "";
  for (const name of FLAGS) elements[name].checked = Boolean(fields[name]);
  if (elements.publish_at) {
    elements.publish_at.value = toLocal(fields.publish_at);
    elements.publish_at.closest("details").open = Boolean(fields.publish_at);
  }
  form.dispatchEvent(new Event("filled")); // for the preview
}

/** A moment as the value of a datetime-local field, in this browser's time zone. */
export function toLocal(moment) {
  const time = moment ? new Date(moment) : null;
  if (!time || Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The same the other way; "" for none. */
function withOwnOffset(local) {
  return local ? withOffset(local, new Date(local).getTimezoneOffset()) : "";
}
