// The field for the publication time, in the time zone of this browser. The exact point in time is
// in the hidden field `scheduled`, because a local time has no seconds and is ambiguous when the
// clocks go back. It is kept until the field is edited.

import { momentsOf, offsetAt, toLocal } from "../forms/local-times.js";

/** The point in time to send; "" for none. */
export function momentOf({ publish_at: field, scheduled }) {
  return field?.value ? scheduled.value : "";
}

/** Show a point in time; "" or undefined for none. */
export function showMoment(form, moment) {
  const { publish_at: field, scheduled } = form.elements;
  field.value = toLocal(moment);
  scheduled.value = field.value && moment;
  explain(form);
}

/** Set the point in time from the field; if it is ambiguous, the first one. */
export function takeTyped(form) {
  const { publish_at: field, scheduled } = form.elements;
  scheduled.value = momentsOf(field.value)[0] ?? "";
  explain(form);
  refusePast(form);
}

export function watchMoment(form) {
  const { publish_at: field, scheduled } = form.elements;
  field.addEventListener("input", () => takeTyped(form));
  form.querySelector("[data-which]").addEventListener("change", ({ target }) => {
    scheduled.value = target.value;
    refusePast(form);
  });
}

/** Explain local times that occur twice or not at all. */
function explain(form) {
  const { publish_at: field, scheduled } = form.elements;
  const moments = momentsOf(field.value);
  const skipped = form.querySelector("[data-skipped]");
  skipped.hidden = !field.value || moments.length > 0;
  form.querySelector("[data-past]").hidden = true;
  field.setCustomValidity(skipped.hidden ? "" : skipped.textContent);
  form.querySelector("[data-twice]").hidden = moments.length < 2;
  const which = form.querySelector("[data-which]");
  [...which.options].forEach((option, index) => {
    const moment = moments[index] ?? "";
    option.value = moment;
    option.textContent = option.dataset.text.replace("{offset}", moment && offsetAt(moment));
    option.selected = toLocal(moment) !== "" && sameMinute(moment, scheduled.value);
  });
}

/** Refuse a time that has passed: the update would be published at once. */
function refusePast(form) {
  const { publish_at: field, scheduled } = form.elements;
  const past = form.querySelector("[data-past]");
  past.hidden = !scheduled.value || Date.parse(scheduled.value) > Date.now();
  if (scheduled.value) field.setCustomValidity(past.hidden ? "" : past.textContent);
}

function sameMinute(a, b) {
  return Math.floor(Date.parse(a) / 60_000) === Math.floor(Date.parse(b) / 60_000);
}
