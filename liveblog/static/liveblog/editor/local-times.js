// Local times, as a datetime-local field has them, and the moments that they are in this browser's
// time zone. Pure; moments are ISO 8601 or ms.

const MINUTE = 60_000; // ms
const DAY = 24 * 60 * MINUTE;

/** A moment as the value of a datetime-local field; "" for none. */
export function toLocal(moment) {
  const time = new Date(moment || Number.NaN);
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/**
 * The moments that the clocks show this time, the earliest first: one as a rule, two in the hour
 * that is repeated where the clocks go back, none in the one that is skipped.
 */
export function momentsOf(local) {
  const time = Date.parse(`${local}Z`);
  if (Number.isNaN(time)) return [];
  // The clocks change once in these two days at most: before and after it, these are the offsets.
  const moments = [-DAY, DAY].map(
    (away) => time + new Date(time + away).getTimezoneOffset() * MINUTE,
  );
  const shown = moments.filter((moment) => toLocal(moment) === local.slice(0, 16));
  return [...new Set(shown)].sort((a, b) => a - b).map((ms) => new Date(ms).toISOString());
}

/** The offset from UTC at a moment, such as +05:30. */
export function offsetAt(moment) {
  const west = new Date(moment).getTimezoneOffset();
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.abs(west);
  return `${west > 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
