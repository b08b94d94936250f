/** Numbers and times as people read them. */

const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });

/** A span of time. @param {number | null | undefined} seconds */
export function span(seconds) {
	if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
	if (seconds < 0) return "0 s";
	if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
	const whole = Math.round(seconds);
	if (whole < 60) return `${whole} s`;
	const minutes = Math.floor(whole / 60);
	if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 48) return `${hours} h ${minutes % 60} min`;
	return `${Math.round(hours / 24)} days`;
}

/** A moment, in full. @param {number | null | undefined} unixS */
export function moment(unixS) {
	return unixS === null || unixS === undefined ? "–" : WHEN.format(unixS * 1000);
}

/** A moment as short as it may be. @param {number} unixS */
export function brief(unixS) {
	const then = new Date(unixS * 1000);
	const today = new Date().toDateString() === then.toDateString();
	return today ? CLOCK.format(then) : `${DAY.format(then)}, ${CLOCK.format(then)}`;
}

/** @param {number} value */
export function count(value) {
	return new Intl.NumberFormat("en").format(value);
}

/** A cost; null where there is none. @param {number | null | undefined} amount @param {string | null} [unit] */
export function money(amount, unit) {
	if (amount === null || amount === undefined) return null;
	return unit === "usd" ? `$${amount.toFixed(amount < 1 ? 3 : 2)}` : `${count(amount)} credits`;
}

/** A field's name as a label: `aspect_ratio` is "Aspect ratio". @param {string} name */
export function labelOf(name) {
	const words = name.replace(/^is_/, "").replaceAll("_", " ");
	return words.charAt(0).toUpperCase() + words.slice(1);
}

/** As much of a text as fits. @param {string} text @param {number} chars */
export function cut(text, chars) {
	const all = [...text];
	return all.length <= chars ? text : `${all.slice(0, chars - 1).join("")}…`;
}

/** How many characters the gateway counts: code points, not UTF-16 units. @param {string} text */
export function charsOf(text) {
	let chars = 0;
	for (const _ of text) chars += 1;
	return chars;
}
