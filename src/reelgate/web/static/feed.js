/** The videos of late, live, beside the form. */

import { cancel, downloadLink, isLeaving, remove, retry, standing } from "./actions.js";
import { ApiError, call, contentUrl, gateway } from "./api.js";
import { button, h, icon, onceAFrame, show } from "./dom.js";
import { GROUP, reuse } from "./make.js";
import { outbox } from "./outbox.js";
import { isOwn } from "./session.js";
import { brief, cut, money, span } from "./text.js";
import { advice, isOver, videos } from "./videos.js";

/** @typedef {import("./api.js").Video} Video */

const SHOWN = 24;

export class Feed {
	/** @param {AbortSignal} signal */
	constructor(signal) {
		this.signal = signal;
		/** @type {Map<string, Run>} */
		this.runs = new Map();
		/** @type {Map<string, HTMLElement>} */
		this.groups = new Map();
		this.list = h("div", { class: "runs" });
		this.waiting = h("div", { class: "waiting" });
		this.tools = h("div", { class: "feed-tools" });
		this.element = h(
			"section",
			{ class: "feed", "aria-label": "Latest videos" },
			h("div", { class: "feed-head" }, h("h2", {}, "Latest"), this.tools, h("a", { href: "#/library" }, "All videos")),
			this.waiting,
			this.list,
		);
		this.draw = onceAFrame(() => this.arrange());
		for (const event of ["change", "back"]) {
			videos.addEventListener(event, () => this.draw(), { signal });
		}
		videos.addEventListener("gone", () => this.draw(), { signal });
		outbox.addEventListener("change", () => this.drawWaiting(), { signal });
		gateway.addEventListener("known", () => void this.start(), { signal });
		const ticking = setInterval(() => this.tick(), 1000);
		signal.addEventListener("abort", () => clearInterval(ticking));
	}

	async start() {
		this.drawWaiting();
		this.drawTools();
		this.arrange();
		try {
			const page = await call("/v1/videos", { query: { limit: SHOWN } });
			for (const video of page.data) videos.put(video);
			this.loaded = true;
			this.arrange();
		} catch (error) {
			if (error instanceof ApiError && !this.runs.size) {
				show(this.list, h("p", { class: "empty" }, error.message));
			}
		}
	}

	drawTools() {
		if (!("Notification" in window) || Notification.permission !== "default") return show(this.tools);
		show(
			this.tools,
			button({ icon: "bell", label: "Tell me when a video is ready", title: "Tell me when a video is ready" }, () => {
				void Notification.requestPermission().then(() => this.drawTools());
			}),
		);
	}

	drawWaiting() {
		const stuck = outbox.orders.filter((order) => order.problem);
		show(
			this.waiting,
			...stuck.map((order) =>
				h(
					"p",
					{ class: "notice" },
					h("b", {}, "Not sent yet: "),
					cut(order.body.prompt ?? "", 80),
					` – ${order.problem} It goes once the gateway answers, and is made once.`,
				),
			),
		);
	}

	arrange() {
		const latest = [...videos.known.values()]
			.filter((video) => isOwn(video) && !isLeaving(video.id))
			.sort((one, other) => (one.id < other.id ? 1 : -1))
			.slice(0, SHOWN);
		const shown = new Set(latest.map((video) => video.id));
		for (const [id, run] of this.runs) {
			if (!shown.has(id)) {
				run.element.remove();
				this.runs.delete(id);
			}
		}
		if (!latest.length && this.loaded) {
			show(
				this.list,
				h(
					"div",
					{ class: "empty" },
					h("p", {}, "Nothing here yet."),
					h("p", {}, "Write a prompt and press Make: the video appears here."),
				),
			);
			return;
		}
		this.list.querySelector(".empty")?.remove();
		const blocks = this.blocks(latest);
		blocks.forEach((block, index) => {
			if (this.list.children[index] !== block) this.list.insertBefore(block, this.list.children[index] ?? null);
		});
		while (this.list.children.length > blocks.length) this.list.lastElementChild?.remove();
	}

	/** One element for each run, or for those that were asked for side by side. @param {Video[]} latest */
	blocks(latest) {
		/** @type {HTMLElement[]} */
		const blocks = [];
		const seen = new Map();
		for (const video of latest) {
			const run = this.runs.get(video.id) ?? new Run(video);
			this.runs.set(video.id, run);
			run.update(video);
			const [group, place] = (video.metadata?.[GROUP] ?? "").split("/");
			if (!group) {
				blocks.push(run.element);
				continue;
			}
			let pair = seen.get(group);
			if (!pair) {
				pair = this.groups.get(group) ?? pairOf();
				this.groups.set(group, pair);
				seen.set(group, pair);
				blocks.push(pair);
			}
			const side = pair.querySelector(".pair-runs");
			run.element.style.order = place ?? "";
			if (side && run.element.parentElement !== side) side.append(run.element);
		}
		return blocks;
	}

	tick() {
		for (const run of this.runs.values()) run.tick();
	}
}

function pairOf() {
	const runs = h("div", { class: "pair-runs" });
	const play = button({ icon: "play", text: "Play both" }, () => {
		for (const player of pair.querySelectorAll("video")) {
			player.currentTime = 0;
			void player.play();
		}
	});
	const pair = h(
		"div",
		{ class: "pair", role: "group", "aria-label": "Side by side" },
		h("div", { class: "pair-head" }, h("span", {}, "Side by side"), play),
		runs,
	);
	return pair;
}

class Run {
	/** @param {Video} video */
	constructor(video) {
		this.video = video;
		this.stage = h("div", { class: "stage" });
		this.words = h("p", { class: "standing" });
		this.bar = h("progress", { max: "100", "aria-label": "Progress" });
		this.body = h("div", { class: "run-text" });
		this.buttons = h("div", { class: "run-buttons" });
		this.element = h(
			"article",
			{ class: "run", "data-video": video.id, "aria-label": cut(video.prompt, 80) },
			this.stage,
			h("div", { class: "run-body" }, this.body, this.words, this.bar, this.buttons),
		);
		this.drawn = "";
	}

	/** @param {Video} video */
	update(video) {
		this.video = video;
		const drawn = `${video.status}${video.progress >= 99}`;
		if (drawn !== this.drawn) {
			this.drawn = drawn;
			this.draw();
		}
		this.tick();
	}

	draw() {
		const { video } = this;
		this.element.dataset.status = video.status;
		show(
			this.body,
			h("a", { class: "run-prompt", href: `#/library/${video.id}` }, cut(video.prompt, 220)),
			h("p", { class: "facts" }, factsOf(video)),
		);
		this.bar.hidden = isOver(video);
		show(this.stage, ...stageOf(video));
		if (isOver(video)) show(this.words, ...outcome(video));
		show(this.buttons, ...buttonsOf(video));
	}

	tick() {
		const { video } = this;
		if (isOver(video)) return;
		this.bar.value = video.progress;
		const left = videos.leftS(video);
		const ago = Date.now() / 1000 - video.created_at;
		const text =
			left === null
				? `${standing(video)}, for ${span(ago)}`
				: left < 1
					? `${standing(video)}, any moment now`
					: `${standing(video)}, about ${span(Math.ceil(left))} left`;
		if (this.words.textContent !== text) this.words.textContent = text;
	}
}

/** @param {Video} video */
function factsOf(video) {
	return [
		video.model,
		video.seconds && `${video.seconds} s`,
		video.reelgate.aspect_ratio,
		video.reelgate.resolution,
		brief(video.created_at),
	]
		.filter(Boolean)
		.join(" · ");
}

/** @param {Video} video */
function stageOf(video) {
	if (video.status === "completed") return [quietPlayer(video)];
	if (video.status === "failed") return [h("div", { class: "no-picture" }, icon("close"))];
	return [h("div", { class: "no-picture working" }, h("span", { class: "shimmer" }))];
}

/** A film that shows its controls to whoever points at it or reaches it. @param {Video} video */
function quietPlayer(video) {
	const film = player(video);
	if (matchMedia("(hover: none)").matches) return film;
	film.controls = false;
	film.tabIndex = 0;
	const wake = () => {
		film.controls = true;
	};
	for (const event of ["pointerenter", "focus", "play"]) film.addEventListener(event, wake);
	film.addEventListener("pointerleave", () => {
		film.controls = !film.paused || document.activeElement === film;
	});
	return film;
}

/** @param {Video} video */
export function player(video) {
	const element = h("video", {
		controls: true,
		playsinline: true,
		preload: "none",
		loop: true,
		poster: contentUrl(video.id, "thumbnail"),
		src: contentUrl(video.id),
		"aria-label": cut(video.prompt, 80),
	});
	element.addEventListener("error", () => {
		if (element.error?.code === MediaError.MEDIA_ERR_ABORTED) return;
		void whyNot(video).then((why) => element.replaceWith(h("div", { class: "no-picture" }, h("p", {}, why))));
	});
	return element;
}

/** Why a finished video does not play. @param {Video} video */
async function whyNot(video) {
	try {
		const answer = await fetch(contentUrl(video.id), { headers: { Range: "bytes=0-0" } });
		if (answer.ok) return "This browser cannot play the file. Download it instead.";
		if (answer.status === 410) return "The file is no longer kept here.";
		const body = await answer.json().catch(() => ({}));
		return body.error?.message ?? "The file is gone.";
	} catch {
		return "The gateway cannot be reached.";
	}
}

/** @param {Video} video */
function outcome(video) {
	if (video.status === "completed") {
		const took = (video.completed_at ?? 0) - video.created_at;
		const cost = money(video.reelgate.cost, video.reelgate.cost_unit);
		return [`Ready after ${span(took)}`, cost && ` · ${cost}`];
	}
	if (video.error?.code === "cancelled") return ["Cancelled"];
	return [
		h("span", { class: "bad" }, video.error?.message ?? "Failed"),
		" ",
		h("span", { class: "advice" }, advice(video)),
	];
}

/** @param {Video} video */
function buttonsOf(video) {
	const remixIt = button({ icon: "remix", text: "Remix" }, () => reuse(video, true));
	const bin = button({ icon: "trash", label: "Delete" }, () => remove(video));
	if (!isOver(video)) return [button({ icon: "stop", text: "Cancel" }, () => void cancel(video))];
	if (video.status === "failed") {
		return [
			button({ icon: "retry", text: "Retry" }, () => void retry(video)),
			button({ icon: "remix", text: "Edit" }, () => reuse(video, false)),
			bin,
		];
	}
	return [remixIt, downloadLink(video), bin];
}
