// Validation errors, next to the fields of the composer.

/** Replace the errors by these, field -> sentences, and focus the first field. */
export function showErrors(form, errors) {
  clear(form);
  let first = null;
  for (const [name, sentences] of Object.entries(errors)) {
    const named = form.elements[name];
    const field = named?.type === "hidden" ? null : named;
    const place = field?.closest?.(".field, .check");
    const list = listOf(sentences);
    if (place) {
      mark(field, place, list);
      first ??= field;
    } else {
      form.querySelector("[data-notes]").append(list);
    }
  }
  first?.focus();
}

/** Remove the errors of a field that is being corrected. Returns whether others are left. */
export function clearError(form, field) {
  const place = field.closest(".field, .check");
  const list = place?.nextElementSibling;
  if (list?.matches(".errorlist")) list.remove();
  place?.classList.remove("has-error");
  field.removeAttribute("aria-invalid");
  return form.querySelector(".errorlist") !== null;
}

function clear(form) {
  for (const list of form.querySelectorAll(".errorlist")) list.remove();
  for (const marked of form.querySelectorAll(".has-error")) marked.classList.remove("has-error");
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

function listOf(sentences) {
  const list = document.createElement("ul");
  list.className = "errorlist";
  for (const sentence of sentences) {
    list.append(Object.assign(document.createElement("li"), { textContent: sentence }));
  }
  return list;
}

function mark(field, place, list) {
  list.id = `${field.id}_error`;
  place.after(list);
  place.classList.add("has-error");
  place.closest("details")?.setAttribute("open", "");
  field.setAttribute("aria-invalid", "true");
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ");
  described.push(list.id);
  field.setAttribute("aria-describedby", [...new Set(described)].join(" ").trim());
}
