/** What this browser remembers: drafts, earlier prompts, requests on their way. */

const PREFIX = "reelgate.";
const PROMPTS_KEPT = 60;

/**
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @returns {T}
 */
export function recall(name, fallback) {
	try {
		const text = localStorage.getItem(PREFIX + name);
		return text === null ? fallback : JSON.parse(text);
	} catch {
		return fallback;
	}
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
	if (forgotten) return;
	try {
		localStorage.setItem(PREFIX + name, JSON.stringify(value));
	} catch {
		// A full or forbidden store: the page works without.
	}
}

let forgotten = false;

/** Forget all but looks, until the page is loaded anew: somebody else may sit here next. */
export function forgetWork() {
	forgotten = true;
	for (const name of ["draft", "prompts", "outbox"]) localStorage.removeItem(PREFIX + name);
}

/** Earlier prompts, the newest first. @returns {string[]} */
export const prompts = () => recall("prompts", []);

/** @param {string} prompt */
export function notePrompt(prompt) {
	remember("prompts", [prompt, ...prompts().filter((each) => each !== prompt)].slice(0, PROMPTS_KEPT));
}
