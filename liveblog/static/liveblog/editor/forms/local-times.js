// Converts between the local times of a datetime-local field and points in time (ISO 8601 or ms),
// in the time zone of this browser. Pure.

const MINUTE = 60_000; // ms
const DAY = 24 * 60 * MINUTE;

/** The value of a datetime-local field for a point in time; "" for none. */
export function toLocal(moment) {
  const time = new Date(moment || Number.NaN);
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/**
 * The points in time with this local time, the earliest first: usually one, two in the hour that is
 * repeated when the clocks go back, none in the hour that is skipped.
 */
export function momentsOf(local) {
  const time = Date.parse(`${local}Z`);
  if (Number.isNaN(time)) return [];
  // The clocks change at most once in these two days, so these are the offsets before and after.
  const moments = [-DAY, DAY].map(
    (away) => time + new Date(time + away).getTimezoneOffset() * MINUTE,
  );
  const shown = moments.filter((moment) => toLocal(moment) === local.slice(0, 16));
  return [...new Set(shown)].sort((a, b) => a - b).map((ms) => new Date(ms).toISOString());
}

/** The offset from UTC at a point in time, such as +05:30. */
export function offsetAt(moment) {
  const west = new Date(moment).getTimezoneOffset();
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.abs(west);
  return `${west > 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
