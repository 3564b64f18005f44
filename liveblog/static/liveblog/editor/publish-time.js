// The field for the time of publication, in this browser's time zone. The moment that it means is
// in the hidden field `scheduled`: the time alone does not say it in an hour that is repeated, and
// has no seconds. A moment that was given stays as it is until somebody edits the time.

import { momentsOf, offsetAt, toLocal } from "./local-times.js";

/** The moment as it is sent; "" for none. */
export function momentOf({ publish_at: field, scheduled }) {
  return field?.value ? scheduled.value : "";
}

/** Show a moment; "" or undefined for none. */
export function showMoment(form, moment) {
  const { publish_at: field, scheduled } = form.elements;
  field.value = toLocal(moment);
  scheduled.value = field.value && moment;
  explain(form);
}

/** Take the typed time as the moment; of two possible moments, the first one. */
export function takeTyped(form) {
  const { publish_at: field, scheduled } = form.elements;
  scheduled.value = momentsOf(field.value)[0] ?? "";
  explain(form);
}

export function watchMoment(form) {
  const { publish_at: field, scheduled } = form.elements;
  field.addEventListener("input", () => takeTyped(form));
  form.querySelector("[data-which]").addEventListener("change", ({ target }) => {
    scheduled.value = target.value;
  });
}

/** Say what is special about the time: it comes twice, or never. */
function explain(form) {
  const { publish_at: field, scheduled } = form.elements;
  const moments = momentsOf(field.value);
  const skipped = form.querySelector("[data-skipped]");
  skipped.hidden = !field.value || moments.length > 0;
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

function sameMinute(a, b) {
  return Math.floor(Date.parse(a) / 60_000) === Math.floor(Date.parse(b) / 60_000);
}
