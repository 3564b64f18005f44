// The fields of the composer as they are sent: texts, flags as "on" or "", times in UTC.

import { momentOf, showMoment } from "./publish-time.js";

const TEXTS = ["headline", "body", "author", "correction"];
const FLAGS = ["key_event", "pinned"];

export function fieldsNow({ elements }, action = "publish") {
  const fields = { action };
  for (const name of TEXTS) fields[name] = elements[name].value;
  for (const name of FLAGS) fields[name] = elements[name].checked ? "on" : "";
  fields.publish_at = momentOf(elements);
  return fields;
}

/** The fields as the server rendered them. */
export function rendered({ elements, dataset }) {
  const fields = { action: "publish" };
  for (const name of TEXTS) fields[name] = elements[name].defaultValue;
  for (const name of FLAGS) fields[name] = elements[name].defaultChecked ? "on" : "";
  fields.publish_at = elements.publish_at ? dataset.publishAt : "";
  // A restored version in the form counts as typed.
  return Object.assign(fields, JSON.parse(dataset.stored ?? "{}"));
}

/** Whether an update has these fields, except for its flags: the texts, and when it is published. */
export function isAsIn(fields, update) {
  const [due, planned] = [fields.publish_at, update.publish_at].map((at) => Date.parse(at) || 0);
  return hasTexts(fields, update) && due === planned;
}

export function hasTexts(fields, update) {
  return TEXTS.every((name) => fields[name] === update[name].replace(/\r\n?/g, "\n"));
}

/** Take over the flags that were changed elsewhere; `fields` are those that the form began with. */
export function takeFlags({ elements }, fields, update) {
  for (const name of FLAGS) {
    const flag = update[name] ? "on" : "";
    if (flag !== fields[name]) elements[name].checked = Boolean(flag);
    fields[name] = flag;
  }
}

export function fill(form, fields) {
  const { elements } = form;
  for (const name of TEXTS) elements[name].value = fields[name] ?? "";
  for (const name of FLAGS) elements[name].checked = Boolean(fields[name]);
  elements.correction.closest("details").open = Boolean(fields.correction);
  if (elements.publish_at) {
    showMoment(form, fields.publish_at);
    elements.publish_at.closest("details").open = false; // its summary shows the time
  }
  form.dispatchEvent(new Event("filled")); // for the preview
}
