// Fields for a point in time, `data-local-time`: the server renders and reads UTC, people see and
// type the time of this browser's time zone. Without this script they type UTC, as the help says.

import { momentsOf, toLocal } from "./local-times.js";

for (const field of document.querySelectorAll("[data-local-time]")) {
  const { form, id, name } = field;
  if (field.value) field.value = toLocal(`${field.value}Z`);
  const help = document.getElementById(`${id}_helptext`);
  if (help) help.textContent = help.textContent.replace(/^[^.。]*[.。]/, form.dataset.zone);
  form.addEventListener("formdata", ({ formData }) => {
    // What is no local time is sent as it is, and the server refuses it with a sentence.
    formData.set(name, momentsOf(field.value)[0] ?? field.value);
  });
}
