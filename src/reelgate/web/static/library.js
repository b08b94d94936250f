/** Find: every video, in a grid that holds only what can be seen. */

import { isLeaving, remove, standing } from "./actions.js";
import { call, contentUrl } from "./api.js";
import { h, icon, onceAFrame, settled, show } from "./dom.js";
import { modelsOf, reuse } from "./make.js";
import { openPlayer } from "./player.js";
import { isOwn, session } from "./session.js";
import { brief, cut } from "./text.js";
import { videos } from "./videos.js";

/** @typedef {import("./api.js").Video} Video */

const PAGE = 100;
const GAP = 12;
const TEXT_HEIGHT = 66;
const NARROWEST = 220;
const NARROWEST_PHONE = 150;
/** Rows kept beyond both edges. */
const BEYOND = 2;
/** Rows before the end at which more is asked for. */
const AHEAD = 8;
const SETTLED_MS = 250;
const HOVER_MS = 180;
const DAY_S = 86400;
const YEAR_MS = 366 * DAY_S * 1000;
const EVERYBODY = "all";
/** The choice of those made without a key, whose own name is empty as that of no choice is. */
const KEYLESS = "none";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {HTMLElement} view @param {AbortSignal} signal @param {string} rest */
export function library(view, signal, rest) {
	const found = new Library(signal);
	view.classList.add("wide");
	show(view, found.element);
	found.start(rest);
}

class Library {
	/** @param {AbortSignal} signal */
	constructor(signal) {
		this.signal = signal;
		/** @type {Video[]} */
		this.items = [];
		this.known = new Set();
		this.more = true;
		this.loading = false;
		this.asked = 0;
		/** @type {Map<string, HTMLElement>} */
		this.cards = new Map();
		/** Those of others, by id. @type {Map<string | null, string>} */
		this.names = new Map();
		this.columns = 1;
		this.grid = h("ul", { class: "grid", "aria-label": "Videos" });
		this.said = h("p", { class: "found", role: "status" });
		this.element = h(
			"div",
			{ class: "library" },
			h("h1", { class: "offscreen" }, "Library"),
			this.filters(),
			this.grid,
			this.said,
		);
		this.paint = onceAFrame(() => this.draw());
		addEventListener("scroll", this.paint, { signal, passive: true });
		new ResizeObserver(() => this.paint()).observe(this.grid);
		this.grid.addEventListener("keydown", (event) => this.key(event));
		videos.addEventListener("change", (event) => this.changed(/** @type {CustomEvent} */ (event).detail), { signal });
		videos.addEventListener("gone", (event) => this.forget(/** @type {CustomEvent} */ (event).detail), { signal });
		videos.addEventListener("back", (event) => this.insert(/** @type {CustomEvent} */ (event).detail), { signal });
		addEventListener("subroute", (event) => this.open(/** @type {CustomEvent} */ (event).detail), { signal });
		document.addEventListener(
			"keydown",
			(event) => {
				if ((event.ctrlKey || event.metaKey) && event.key === "k") {
					event.preventDefault();
					this.search?.focus();
					this.search?.select();
				}
			},
			{ signal },
		);
	}

	/** @param {string} rest */
	start(rest) {
		void this.load();
		if (rest) this.open(rest);
	}

	filters() {
		const again = settled(SETTLED_MS, () => this.again());
		this.search = h("input", {
			type: "search",
			id: "search",
			placeholder: "Search prompts",
			"aria-label": "Search prompts",
			"aria-keyshortcuts": "Control+K",
			on: { input: again },
		});
		this.model = h(
			"select",
			{ "aria-label": "Model", on: { change: () => this.again() } },
			h("option", { value: "" }, "Every model"),
		);
		this.state = h(
			"select",
			{ "aria-label": "State", on: { change: () => this.again() } },
			...[
				["", "Every state"],
				["completed", "Ready"],
				["in_progress", "Rendering"],
				["queued", "Queued"],
				["failed", "Failed"],
			].map(([value, text]) => h("option", { value }, text)),
		);
		this.day = h("input", { type: "date", "aria-label": "Day", on: { change: () => this.again() } });
		this.maker = h("select", { "aria-label": "API key", hidden: true, on: { change: () => this.again() } });
		if (session.operator) void this.offerKeys().catch(() => {});
		void modelsOf()
			.then((models) => {
				this.model?.append(
					...models.filter((model) => !model.alias_of).map((model) => h("option", { value: model.id }, model.id)),
				);
			})
			.catch(() => {});
		return h(
			"form",
			{ class: "filters", role: "search", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
			this.search,
			this.model,
			this.state,
			this.day,
			this.maker,
		);
	}

	/** Let an operator choose among the keys that made something within a year, if there are others. */
	async offerKeys() {
		const since = new Date(Date.now() - YEAR_MS).toISOString().slice(0, 10);
		const query = { by: "key", since };
		/** @type {{data: {key: string, key_name: string | null}[]}} */
		const used = await call("/v1/usage", { query, signal: this.signal });
		const others = used.data.filter(({ key }) => key !== (session.key ?? ""));
		for (const { key, key_name } of others) this.names.set(key || null, key ? (key_name ?? cut(key, 12)) : "no key");
		this.maker?.append(
			h("option", { value: "" }, session.keyed ? "My videos" : "Made without a key"),
			h("option", { value: EVERYBODY }, "Every key"),
			...[...this.names].map(([key, name]) =>
				h("option", { value: key ?? KEYLESS }, key ? name : "Made without a key"),
			),
		);
		if (this.maker) this.maker.hidden = !others.length;
	}

	get isFiltered() {
		return [this.search, this.model, this.state, this.day, this.maker].some((each) => each?.value);
	}

	query() {
		const day = this.day?.value ? new Date(`${this.day.value}T00:00`).getTime() / 1000 : null;
		return {
			limit: PAGE,
			after: this.items.at(-1)?.id,
			q: this.search?.value.trim() || undefined,
			model: this.model?.value || undefined,
			status: this.state?.value || undefined,
			key: this.maker?.value === KEYLESS ? "" : this.maker?.value || undefined,
			created_after: day === null ? undefined : day,
			created_before: day === null ? undefined : day + DAY_S,
		};
	}

	again() {
		this.items = [];
		this.known.clear();
		this.more = true;
		this.loading = false;
		this.asked += 1;
		for (const card of this.cards.values()) card.remove();
		this.cards.clear();
		scrollTo(0, 0);
		void this.load();
	}

	async load() {
		if (this.loading || !this.more) return;
		this.loading = true;
		const mine = this.asked;
		try {
			const page = await call("/v1/videos", { query: this.query(), signal: this.signal });
			if (mine !== this.asked) return;
			for (const video of page.data) {
				if (!this.known.has(video.id)) {
					this.known.add(video.id);
					this.items.push(video);
				}
			}
			this.more = page.has_more;
			// Those under way are followed; ten thousand that are over need not be.
			for (const video of page.data) if (video.status !== "completed" && video.status !== "failed") videos.put(video);
			this.say("");
		} catch (error) {
			if (this.signal.aborted || mine !== this.asked) return;
			this.more = false;
			this.say(/** @type {Error} */ (error).message);
		} finally {
			if (mine === this.asked) this.loading = false;
		}
		this.draw();
	}

	/** @param {string} problem */
	say(problem) {
		const none = this.isFiltered ? "No video fits. Try fewer words or another day." : "No videos yet. Make one first.";
		this.said.textContent = problem || (this.shown().length ? "" : none);
		this.said.classList.toggle("empty", this.said.textContent !== "");
	}

	shown() {
		return this.items.some((video) => isLeaving(video.id))
			? this.items.filter((video) => !isLeaving(video.id))
			: this.items;
	}

	/** Show the cards that can be seen, and only those. */
	draw() {
		if (this.signal.aborted) return;
		const items = this.shown();
		const width = this.grid.clientWidth;
		if (!width) return;
		const narrowest = width < 520 ? NARROWEST_PHONE : NARROWEST;
		this.columns = Math.max(1, Math.floor((width + GAP) / (narrowest + GAP)));
		const wide = (width - GAP * (this.columns - 1)) / this.columns;
		const high = Math.round((wide * 9) / 16) + TEXT_HEIGHT + GAP;
		const rows = Math.ceil(items.length / this.columns);
		this.grid.style.height = `${Math.max(0, rows * high - GAP)}px`;
		const top = -this.grid.getBoundingClientRect().top;
		const first = Math.max(0, Math.floor(top / high) - BEYOND);
		const last = Math.min(rows, Math.ceil((top + innerHeight) / high) + BEYOND);
		const wanted = items.slice(first * this.columns, last * this.columns);
		this.place(wanted, first * this.columns, wide, high);
		if (this.more && last >= rows - AHEAD) void this.load();
	}

	/** @param {Video[]} wanted @param {number} from @param {number} wide @param {number} high */
	place(wanted, from, wide, high) {
		const kept = new Set(wanted.map((video) => video.id));
		for (const [id, card] of this.cards) {
			// The card with the focus stays, or the keyboard would fall back to the page's start.
			if (!kept.has(id) && !card.contains(document.activeElement)) {
				card.remove();
				this.cards.delete(id);
			}
		}
		wanted.forEach((video, index) => {
			let card = this.cards.get(video.id);
			if (!card) {
				card = this.card(video);
				this.cards.set(video.id, card);
				this.grid.append(card);
			}
			const place = from + index;
			card.dataset.place = String(place);
			card.setAttribute("aria-posinset", String(place + 1));
			card.setAttribute("aria-setsize", this.more ? "-1" : String(this.items.length));
			card.style.width = `${wide}px`;
			card.style.height = `${high - GAP}px`;
			card.style.transform = `translate(${(place % this.columns) * (wide + GAP)}px, ${Math.floor(place / this.columns) * high}px)`;
		});
	}

	/** @param {Video} video */
	card(video) {
		const frame = h("div", { class: "frame" });
		const link = h(
			"a",
			{ class: "card-link", href: `#/library/${video.id}` },
			frame,
			h("span", { class: "card-prompt" }, cut(video.prompt, 140)),
			h(
				"span",
				{ class: "facts" },
				h("span", { class: "dot", "data-status": video.status }),
				h("span", { class: "offscreen" }, `${standing(video)}. `),
				[
					!isOwn(video) && this.names.get(video.reelgate.key),
					video.model,
					video.seconds && `${video.seconds} s`,
					brief(video.created_at),
				]
					.filter(Boolean)
					.join(" · "),
			),
		);
		fillFrame(frame, video);
		const card = h("li", { class: "card" }, link);
		if (video.status === "completed") preview(link, frame, video);
		return card;
	}

	/** @param {Video} video */
	changed(video) {
		const index = this.items.findIndex((each) => each.id === video.id);
		if (index < 0) return this.insert(video);
		const before = this.items[index];
		this.items[index] = video;
		if (before?.status !== video.status) {
			const card = this.cards.get(video.id);
			const hadFocus = card?.contains(document.activeElement);
			card?.remove();
			this.cards.delete(video.id);
			this.draw();
			if (hadFocus) this.cards.get(video.id)?.querySelector("a")?.focus();
		} else {
			const bar = this.cards.get(video.id)?.querySelector("progress");
			if (bar) bar.value = video.progress;
		}
	}

	/** A video that is new, or was taken back. @param {Video} video */
	insert(video) {
		if (this.known.has(video.id)) return this.paint();
		if (this.isFiltered || this.loading || !this.items.length) return;
		if (video.id < (this.items[0]?.id ?? "")) return;
		this.known.add(video.id);
		this.items.unshift(video);
		this.paint();
	}

	/** @param {string} id */
	forget(id) {
		const card = this.cards.get(id);
		const place = Number(card?.dataset.place);
		const hadFocus = card?.contains(document.activeElement);
		card?.remove();
		this.cards.delete(id);
		if (!isLeaving(id)) {
			this.items = this.items.filter((video) => video.id !== id);
			this.known.delete(id);
		}
		this.draw();
		this.say("");
		if (hadFocus) this.focus(Math.min(place, this.shown().length - 1));
	}

	/** @param {number} place */
	focus(place) {
		const video = this.shown()[place];
		if (!video) return;
		const high = this.cards.values().next().value?.offsetHeight ?? 200;
		const top = Math.floor(place / this.columns) * (high + GAP);
		const grid = this.grid.getBoundingClientRect().top + scrollY;
		const bar = 60;
		if (grid + top < scrollY + bar) scrollTo(0, grid + top - bar);
		else if (grid + top + high > scrollY + innerHeight - bar) scrollTo(0, grid + top + high - innerHeight + bar);
		this.draw();
		this.cards.get(video.id)?.querySelector("a")?.focus({ preventScroll: true });
	}

	/** @param {KeyboardEvent} event */
	key(event) {
		const card = /** @type {HTMLElement} */ (event.target).closest("li");
		if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
		const place = Number(card.dataset.place);
		/** @type {Record<string, number>} */
		const steps = {
			ArrowRight: 1,
			ArrowLeft: -1,
			ArrowDown: this.columns,
			ArrowUp: -this.columns,
			Home: -place,
			End: this.shown().length - 1 - place,
		};
		const step = steps[event.key];
		const video = this.shown()[place];
		if (step !== undefined) {
			event.preventDefault();
			this.focus(Math.max(0, Math.min(this.shown().length - 1, place + step)));
		} else if (event.key === "Delete" && video && isOwn(video)) {
			event.preventDefault();
			remove(video);
		} else if (event.key === "r" && video) {
			reuse(video, video.status === "completed" && isOwn(video));
		}
	}

	/** Open a video over the grid, or close the one that is open. @param {string} id */
	open(id) {
		if (!id) return this.dialog?.close();
		this.dialog?.remove();
		this.dialog = openPlayer(
			id,
			{
				next: (from, step) => {
					const items = this.shown();
					const index = items.findIndex((video) => video.id === from);
					return index < 0 ? null : (items[index + step]?.id ?? null);
				},
				closed: (last) => {
					history.replaceState(null, "", "#/library");
					const place = this.shown().findIndex((video) => video.id === last);
					if (place >= 0) this.focus(place);
				},
			},
			this.signal,
		);
	}
}

/** @param {HTMLElement} frame @param {Video} video */
function fillFrame(frame, video) {
	if (video.status === "completed") {
		const picture = h("img", { alt: "", loading: "lazy", decoding: "async", src: contentUrl(video.id, "thumbnail") });
		picture.addEventListener("error", () => show(frame, h("span", { class: "no-picture" }, "No picture is kept")));
		return show(frame, picture);
	}
	if (video.status === "failed")
		return show(
			frame,
			h("span", { class: "no-picture" }, icon("close"), (video.error?.code ?? "failed").replaceAll("_", " ")),
		);
	show(
		frame,
		h("span", { class: "no-picture working" }, standing(video)),
		h("progress", { max: "100", value: String(video.progress), "aria-label": "Progress" }),
	);
}

/** Play a video in its frame while the pointer or the focus rests there. @param {HTMLElement} link @param {HTMLElement} frame @param {Video} video */
function preview(link, frame, video) {
	let timer = 0;
	/** @type {HTMLVideoElement | null} */
	let film = null;
	const stop = () => {
		clearTimeout(timer);
		if (!film) return;
		film.removeAttribute("src");
		film.load();
		film.remove();
		film = null;
	};
	const begin = () => {
		if (calm.matches || film) return;
		clearTimeout(timer);
		timer = setTimeout(() => {
			film = h("video", {
				muted: true,
				loop: true,
				playsinline: true,
				src: contentUrl(video.id),
				"aria-hidden": "true",
				tabindex: "-1",
			});
			film.addEventListener("error", stop);
			frame.append(film);
			film.play().catch(stop);
		}, HOVER_MS);
	};
	link.addEventListener("pointerenter", begin);
	link.addEventListener("focus", begin);
	link.addEventListener("pointerleave", stop);
	link.addEventListener("blur", stop);
}
