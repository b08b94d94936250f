/** One video in full: it plays, and everything that is known of it stands beside it. */

import { cancel, downloadLink, remove, retry, standing, trying } from "./actions.js";
import { ApiError, call, videoPath } from "./api.js";
import { button, h, s, show } from "./dom.js";
import { player } from "./feed.js";
import { GROUP, reuse } from "./make.js";
import { isOwn, session } from "./session.js";
import { moment, money, span } from "./text.js";
import { copy } from "./toast.js";
import { advice, isOver, videos } from "./videos.js";

/** @typedef {import("./api.js").Video} Video */
/** @typedef {{next: (from: string, step: number) => string | null, closed: (last: string) => void}} Around */

const STEP_S = 1;
const SHARE_HOURS = [
	["1", "1 hour"],
	["24", "1 day"],
	["168", "1 week"],
	["720", "30 days"],
];

/**
 * @param {string} id
 * @param {Around} around
 * @param {AbortSignal} signal
 */
export function openPlayer(id, around, signal) {
	let shown = id;
	const stage = h("div", { class: "player-stage" });
	const side = h("div", { class: "player-side" });
	const stop = new AbortController();
	const dialog = h(
		"dialog",
		{ class: "player", "aria-label": "Video" },
		h(
			"header",
			{},
			button({ icon: "left", label: "Previous video" }, () => go(-1)),
			button({ icon: "right", label: "Next video" }, () => go(1)),
			h("span", { class: "spring" }),
			button({ icon: "close", label: "Close" }, () => dialog.close()),
		),
		stage,
		side,
	);
	/** @param {number} step */
	const go = (step) => {
		const next = around.next(shown, step);
		if (next) void load(next);
	};
	let [drawn, drawnBeside] = ["", ""];

	/** @param {string} wanted */
	async function load(wanted) {
		shown = wanted;
		[drawn, drawnBeside] = ["", ""];
		if (location.hash !== `#/library/${wanted}`) history.replaceState(null, "", `#/library/${wanted}`);
		const known = videos.known.get(wanted);
		if (known) draw(known);
		try {
			const video = await videos.refresh(wanted);
			if (shown !== wanted) return;
			if (video) draw(video);
			else show(stage, h("p", { class: "empty" }, "This video does not exist, or it is another key's."));
		} catch (error) {
			if (shown === wanted && !known) show(stage, h("p", { class: "empty" }, /** @type {Error} */ (error).message));
		}
	}

	/** @param {Video} video */
	function draw(video) {
		const now = `${video.id} ${video.status}`;
		// A list does not tell the polls: they come when the video itself is asked for.
		const told = `${now} ${video.reelgate.timeline.polls?.count}`;
		const bar = stage.querySelector("progress");
		if (now === drawn && bar) bar.value = video.progress;
		if (now !== drawn) show(stage, ...stageOf(video));
		if (told !== drawnBeside) show(side, ...sideOf(video, () => dialog.close()));
		[drawn, drawnBeside] = [now, told];
	}

	videos.addEventListener(
		"change",
		(event) => {
			const video = /** @type {CustomEvent<Video>} */ (event).detail;
			if (video.id === shown) draw(video);
		},
		{ signal: stop.signal },
	);
	dialog.addEventListener("keydown", (event) => keys(event, stage, go));
	dialog.addEventListener("click", (event) => {
		if (event.target === dialog) dialog.close();
	});
	dialog.addEventListener("close", () => {
		stop.abort();
		// A film that stays attached goes on loading.
		show(stage);
		dialog.remove();
		if (!signal.aborted) around.closed(shown);
	});
	signal.addEventListener("abort", () => dialog.close());
	document.body.append(dialog);
	dialog.showModal();
	void load(id);
	return dialog;
}

/** @param {KeyboardEvent} event @param {HTMLElement} stage @param {(step: number) => void} go */
function keys(event, stage, go) {
	const target = /** @type {HTMLElement} */ (event.target);
	if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea")) return;
	const film = stage.querySelector("video");
	if (event.key === "PageDown" || event.key === "j") go(1);
	else if (event.key === "PageUp" || event.key === "k") go(-1);
	else if (!film || target === film) return;
	else if (event.key === " " && !target.closest("button, a, summary")) void (film.paused ? film.play() : film.pause());
	else if (event.key === "ArrowRight") film.currentTime += STEP_S;
	else if (event.key === "ArrowLeft") film.currentTime -= STEP_S;
	else if (event.key === "m") film.muted = !film.muted;
	else if (event.key === "f") void film.requestFullscreen?.();
	else return;
	event.preventDefault();
}

/** @param {Video} video */
function stageOf(video) {
	if (video.status === "completed") {
		const film = player(video);
		// Also where the browser forbids it to start by itself: a file that is gone must be noticed.
		film.preload = "metadata";
		film.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
		return [film];
	}
	if (video.status === "failed") {
		return [
			h(
				"div",
				{ class: "no-picture" },
				h("p", { class: "bad" }, video.error?.message ?? "Failed"),
				h("p", {}, video.error?.code === "cancelled" ? "" : advice(video)),
			),
		];
	}
	return [
		h(
			"div",
			{ class: "no-picture working" },
			h("p", {}, standing(video)),
			h("progress", { max: "100", value: String(video.progress), "aria-label": "Progress" }),
		),
	];
}

/** @param {Video} video @param {() => void} close */
function sideOf(video, close) {
	const more = h("div", { class: "webhooks" });
	const log = h("details", {}, h("summary", {}, "Webhook log"), more);
	log.addEventListener("toggle", () => {
		if (log.open) void trying(async () => show(more, ...webhooksOf(await call(videoPath(video.id, "/webhooks")))));
	});
	return [
		h("p", { class: "player-prompt" }, video.prompt),
		h("div", { class: "run-buttons" }, ...buttonsOf(video, close)),
		h("h3", {}, "Timeline"),
		timelineOf(video),
		h("h3", {}, "Details"),
		detailsOf(video),
		log,
	];
}

/** @param {Video} video @param {() => void} close */
function buttonsOf(video, close) {
	/** @param {boolean} remix */
	const take = (remix) => {
		close();
		reuse(video, remix);
	};
	const bin = button({ icon: "trash", text: "Delete" }, () => {
		close();
		remove(video);
	});
	const edit = button({ text: "Use as a start" }, () => take(false));
	if (!isOwn(video)) return video.status === "completed" ? [downloadLink(video), edit] : [edit];
	if (!isOver(video)) return [button({ icon: "stop", text: "Cancel" }, () => void cancel(video))];
	if (video.status === "failed") return [button({ icon: "retry", text: "Retry" }, () => void retry(video)), edit, bin];
	return [
		downloadLink(video),
		button({ icon: "remix", text: "Remix" }, () => take(true)),
		edit,
		button({ icon: "share", text: "Share" }, () => share(video)),
		bin,
	];
}

/** Every stage with how long it took, and the polls in between. @param {Video} video */
function timelineOf(video) {
	const times = video.reelgate.timeline;
	/** @type {[Exclude<keyof typeof times, "polls">, string][]} */
	const stages = [
		["created_at", "Asked for"],
		["submitting_at", "Sent"],
		["submitted_at", "Accepted by the provider"],
		["ready_at", "Ready at the provider"],
		["completed_at", video.status === "failed" ? standing(video) : "Kept here"],
	];
	let before = /** @type {number | null} */ (null);
	const rows = [];
	for (const [name, label] of stages) {
		const at = times[name];
		if (at === null) continue;
		rows.push(
			h(
				"li",
				{},
				h("span", {}, label),
				h(
					"time",
					{ datetime: new Date(at * 1000).toISOString(), title: moment(at) },
					before === null ? moment(at) : `+${tenths(at - before)}`,
				),
			),
		);
		if (name === "submitted_at" && times.polls) {
			rows.push(pollsOf(times.polls, at, times.ready_at ?? times.completed_at ?? at));
		}
		before = at;
	}
	return h("ol", { class: "timeline" }, ...rows);
}

/** @param {number} seconds */
const tenths = (seconds) => span(Math.round(seconds * 10) / 10);

/** A tick for each poll, and on demand when it was, what it showed and how long after the last.
 *  @param {import("./api.js").Polls} polls @param {number} from @param {number} until */
function pollsOf({ count, data }, from, until) {
	const whole = Math.max(until, data.at(-1)?.at ?? 0) - from || 1;
	const gaps = data.map(({ at }, index) => at - (data[index - 1]?.at ?? from));
	const rows = data.map(({ at, outcome }, index) =>
		h(
			"tr",
			{},
			h("th", { scope: "row" }, tenths(at - from)),
			h("td", {}, outcome.replaceAll("_", " ")),
			h("td", {}, `+${tenths(gaps[index] ?? 0)}`),
		),
	);
	const left = count - data.length;
	if (left > 0) rows.splice(data.length / 2, 0, h("tr", {}, h("td", { colspan: 3 }, `${left} more`)));
	const ticks = data.map(({ at }) => {
		const x = (100 * Math.max(0, at - from)) / whole;
		return s("path", { d: `M${x.toFixed(2)} 0v8` });
	});
	return h(
		"li",
		{ class: "polls" },
		s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, ...ticks),
		h(
			"details",
			{},
			h("summary", {}, `${count} ${count === 1 ? "poll" : "polls"}`),
			h(
				"table",
				{},
				h("thead", {}, h("tr", {}, ...["After", "Showed", "Gap"].map((head) => h("th", { scope: "col" }, head)))),
				h("tbody", {}, ...rows),
			),
		),
	);
}

/** @param {Video} video */
function detailsOf(video) {
	const { reelgate } = video;
	/** @type {[string, unknown][]} */
	const facts = [
		["Model", video.model],
		["Length", video.seconds && `${video.seconds} s`],
		["Frame", [reelgate.aspect_ratio, reelgate.resolution].filter(Boolean).join(", ")],
		["Seed", reelgate.seed],
		["Cost", money(reelgate.cost, reelgate.cost_unit)],
		["Submits", reelgate.attempts],
		["Provider", reelgate.provider],
		["Id there", reelgate.provider_id],
		["Remix of", video.remixed_from_video_id],
		["Kept until", video.expires_at && moment(video.expires_at)],
		["Id", video.id],
		["Key id", session.operator && video.reelgate.key],
		...Object.entries(video.metadata ?? {}).filter(([name]) => name !== GROUP),
	];
	return h(
		"dl",
		{ class: "details" },
		...facts
			.filter(([, value]) => value || value === 0)
			.flatMap(([name, value]) => {
				const text = String(value);
				const isId = /\bid\b|Remix/i.test(name) && text.length > 12;
				return [
					h("dt", {}, name),
					h("dd", {}, isId ? button({ text, class: "link mono", title: "Copy" }, () => void copy(text, name)) : text),
				];
			}),
	);
}

/** @param {{data: Record<string, any>[]}} log */
function webhooksOf(log) {
	if (!log.data.length) return [h("p", { class: "note" }, "Nobody was to be told of this video.")];
	return log.data.map((each) =>
		h(
			"p",
			{ class: "note" },
			`${each.event} → ${each.url}: ${each.state}, ${each.attempts} tries${each.status ? `, last answer ${each.status}` : ""}${each.error ? `, ${each.error}` : ""}`,
		),
	);
}

/** @param {Video} video */
function share(video) {
	const link = h("input", {
		type: "text",
		readonly: true,
		id: "share-link",
		"aria-label": "Link",
		on: { focus: () => link.select() },
	});
	const note = h("p", { class: "note", role: "status" });
	const hours = h(
		"select",
		{ id: "share-hours", on: { change: () => void makeLink() } },
		...SHARE_HOURS.map(([value, text]) => h("option", { value }, text)),
	);
	hours.value = "24";
	const dialog = h(
		"dialog",
		{ class: "sheet small", "aria-labelledby": "share-title" },
		h(
			"header",
			{},
			h("h2", { id: "share-title" }, "Share this video"),
			button({ icon: "close", label: "Close" }, () => dialog.close()),
		),
		h("p", {}, "Whoever has the link can watch this one video, and nothing else, until it expires."),
		h("div", { class: "field" }, h("label", { for: "share-hours" }, "Expires after"), hours),
		link,
		note,
		h(
			"footer",
			{},
			button({ icon: "copy", text: "Copy", class: "primary" }, () => void copy(link.value, "Link")),
		),
	);
	async function makeLink() {
		try {
			const told = await call(videoPath(video.id, "/share"), {
				method: "POST",
				json: { expires_in_s: Number(hours.value) * 3600 },
			});
			link.value = told.url;
			note.textContent = `It works until ${moment(told.expires_at)}.`;
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			note.textContent = error.message;
			note.classList.add("bad");
		}
	}
	dialog.addEventListener("close", () => dialog.remove());
	document.body.append(dialog);
	dialog.showModal();
	void makeLink();
}
