/** Short messages at the edge of the page, read out by screen readers. */

import { button, h } from "./dom.js";

/**
 * Show a message; the answer hides it.
 * @param {string} text
 * @param {{action?: string, press?: () => void, forMs?: number, kind?: "bad" | "good"}} [options]
 */
export function toast(text, { action, press, forMs = 6000, kind } = {}) {
	const box = document.getElementById("toasts");
	/** @type {number} */
	let timer = 0;
	const hide = () => {
		clearTimeout(timer);
		item.remove();
		if (!box?.childElementCount) box?.hidePopover();
	};
	const item = h(
		"div",
		{ class: `toast ${kind ?? ""}` },
		h("span", {}, text),
		action &&
			button({ text: action, class: "link" }, () => {
				hide();
				press?.();
			}),
		button({ icon: "close", label: "Dismiss" }, hide),
	);
	box?.append(item);
	const said = document.getElementById("said");
	if (said) said.textContent = text;
	// Over an open dialog, too: a popover that is shown anew is on top of all.
	if (box?.matches(":popover-open")) box.hidePopover();
	box?.showPopover();
	timer = setTimeout(hide, forMs);
	return hide;
}

/** Copy a text, and say so. @param {string} text @param {string} what */
export async function copy(text, what) {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		// Without https the clipboard may be closed: the old way still works.
		const area = h("textarea", { class: "offscreen", value: text });
		(document.querySelector("dialog[open]") ?? document.body).append(area);
		area.select();
		document.execCommand("copy");
		area.remove();
	}
	toast(`${what} copied`, { forMs: 2500 });
}

/** The tab's title and, where it was allowed, a notification. */
const TITLE = "Reelgate";

/** @param {number} open @param {string} [news] */
export function title(open, news) {
	document.title = news ? `${news} · ${TITLE}` : open ? `(${open}) ${TITLE}` : TITLE;
}

export const mayNotify = () => "Notification" in window && Notification.permission === "granted";

/** @param {string} heading @param {string} body @param {() => void} press */
export function notify(heading, body, press) {
	if (!mayNotify() || !document.hidden) return;
	try {
		const note = new Notification(heading, { body, icon: new URL("mark.svg", import.meta.url).href });
		note.addEventListener("click", () => {
			window.focus();
			press();
			note.close();
		});
	} catch {
		// Some browsers allow notifications to service workers only.
	}
}
