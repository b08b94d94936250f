/** Starts the page: which view is shown, and what stands around it. */

import { gateway, isReachable, setReachable } from "./api.js";
import { button, h, show } from "./dom.js";
import { make } from "./make.js";
import { recall, remember } from "./memory.js";
import { outbox } from "./outbox.js";
import { accountButton, askForKey, isOwn, session } from "./session.js";
import { cut } from "./text.js";
import { notify, title, toast } from "./toast.js";
import { videos } from "./videos.js";

/** @typedef {(view: HTMLElement, signal: AbortSignal, rest: string) => Promise<unknown> | void} View */

/** Each view but the first is loaded when it is first shown. @type {Record<string, () => Promise<View>>} */
const VIEWS = {
	make: async () => make,
	library: async () => (await import("./library.js")).library,
	status: async () => (await import("./status.js")).status,
	shared: async () => (await import("./shared.js")).shared,
};

const THEMES = ["auto", "light", "dark"];
const view = /** @type {HTMLElement} */ (document.getElementById("view"));
let leave = new AbortController();
let current = "";

async function route() {
	const [, name = "make", rest = ""] = /^#\/(\w+)\/?(.*)$/.exec(location.hash) ?? [];
	const known = VIEWS[name] ? name : "make";
	// A video that opens over the library leaves the library as it is.
	if (known === current && known === "library") return dispatchEvent(new CustomEvent("subroute", { detail: rest }));
	current = known;
	leave.abort();
	leave = new AbortController();
	const { signal } = leave;
	for (const link of document.querySelectorAll("nav a")) {
		if (link.getAttribute("href") === `#/${known}`) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
	document.body.dataset.view = known;
	try {
		const open = await VIEWS[known]?.();
		if (signal.aborted) return;
		view.className = "";
		show(view);
		await open?.(view, signal, rest);
	} catch (error) {
		if (signal.aborted) return;
		const message = error instanceof Error ? error.message : String(error);
		show(
			view,
			h("div", { class: "empty" }, h("p", {}, message), button({ text: "Try again", class: "primary" }, again)),
		);
	}
}

function again() {
	current = "";
	void route();
}

function themeButton() {
	const apply = () => {
		const theme = recall("theme", "auto");
		document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
		made.setAttribute("aria-label", `Theme: ${theme}`);
		made.title = `Theme: ${theme}`;
	};
	const made = button({ icon: "theme", label: "Theme" }, () => {
		const next = THEMES[(THEMES.indexOf(recall("theme", "auto")) + 1) % THEMES.length];
		remember("theme", next);
		apply();
	});
	apply();
	return made;
}

function drawBar() {
	const end = document.getElementById("bar-end");
	if (!end) return;
	const badge = h(
		"span",
		{ class: "badge", hidden: true, title: "Videos are test pictures made on this machine. They cost nothing." },
		"Sandbox",
	);
	session.addEventListener("change", () => {
		badge.hidden = !session.sandbox;
	});
	show(end, badge, accountButton(), h("a", { class: "docs", href: "/docs" }, "API"), themeButton());
}

function watchConnection() {
	const notice = document.getElementById("notice");
	let wasAway = false;
	gateway.addEventListener("reachable", () => {
		if (!notice) return;
		if (isReachable()) {
			show(notice);
			if (wasAway) toast("The gateway is back", { forMs: 3000, kind: "good" });
		} else {
			show(
				notice,
				h(
					"p",
					{ class: "notice" },
					"The gateway cannot be reached. Videos that were asked for go on; this page tries again by itself.",
				),
			);
		}
		wasAway = !isReachable();
	});
	addEventListener("offline", () => setReachable(false));
}

function watchVideos() {
	const count = () => videos.open().filter(isOwn).length;
	let news = "";
	const retitle = () => title(count(), news);
	videos.addEventListener("change", retitle);
	videos.addEventListener("over", (event) => {
		const video = /** @type {CustomEvent<import("./api.js").Video>} */ (event).detail;
		if (video.error?.code === "cancelled" || !isOwn(video)) return;
		const said = video.status === "completed" ? "Ready" : "Failed";
		toast(`${said}: ${cut(video.prompt, 60)}`, { kind: video.status === "completed" ? "good" : "bad" });
		notify(`${said}: ${cut(video.prompt, 60)}`, video.error?.message ?? video.model, () => {
			location.hash = `#/library/${video.id}`;
		});
		if (document.hidden) news = video.status === "completed" ? "✓ Ready" : "✗ Failed";
		retitle();
	});
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden) news = "";
		retitle();
	});
}

async function start() {
	drawBar();
	watchConnection();
	watchVideos();
	addEventListener("hashchange", () => {
		if (/^#\/make/.test(location.hash) || location.hash === "") current = "";
		void route();
	});
	// Signed in again: what was typed stays, and the feed asks anew by itself.
	gateway.addEventListener("known", () => {
		if (current && !document.getElementById("prompt")) again();
	});
	if (location.hash.startsWith("#/shared/")) return route();
	try {
		await session.load();
		if (session.keyed && !session.signedIn) await askForKey();
	} catch {
		// The views say what is wrong, and the page tries again.
	}
	await route();
	outbox.resume();
}

void start();
