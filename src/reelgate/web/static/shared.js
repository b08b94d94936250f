/** One video that somebody shared: it plays, and that is all. */

import { call } from "./api.js";
import { h, show } from "./dom.js";
import { moment } from "./text.js";

/** @param {HTMLElement} view @param {AbortSignal} signal @param {string} token */
export async function shared(view, signal, token) {
	const at = `/shared/${encodeURIComponent(token)}`;
	/** @type {{prompt: string, model: string, expires_at: number}} */
	const told = await call(at);
	if (signal.aborted) return;
	const film = h("video", {
		controls: true,
		playsinline: true,
		loop: true,
		preload: "metadata",
		src: `${at}/content`,
		poster: `${at}/content?variant=thumbnail`,
		"aria-label": "The shared video",
	});
	film.addEventListener("error", () => film.replaceWith(h("p", { class: "empty" }, "The file is no longer kept.")));
	show(
		view,
		h(
			"article",
			{ class: "shared" },
			film,
			h("p", { class: "player-prompt" }, told.prompt),
			h("p", { class: "facts" }, `${told.model} · this link works until ${moment(told.expires_at)}`),
		),
	);
}
