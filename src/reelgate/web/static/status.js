/** Know: how the gateway does, for those who run it. */

import { call } from "./api.js";
import { h, s, show } from "./dom.js";
import { brief, count, span } from "./text.js";

/**
 * @typedef {{day: string, model: string, jobs: number, completed: number, failed: number, credits: number, usd: number}} Day
 * @typedef {{jobs: number, p50_s: number | null, p90_s: number | null}} Delay
 * @typedef {{
 *   states: Record<string, number>, days: Day[], kept: Delay, unseen: Delay,
 *   polls: {jobs: number, polls: number},
 *   failures: {code: string, jobs: number, last_at: number}[],
 *   credentials: {provider: string, expires_at: number | null, credits: number | null}[],
 *   keys: {id: string, name: string | null, jobs: number, open: number, credits: number, usd: number}[],
 *   process: {version: string, uptime_s: number},
 * }} Stats
 */

const EVERY_MS = 5000;
const LINE_WIDTH = 420;
const LINE_HEIGHT = 84;

/** @param {HTMLElement} view @param {AbortSignal} signal */
export async function status(view, signal) {
	view.classList.add("wide");
	const page = h("div", { class: "status" });
	show(view, page);
	const draw = async () => {
		const [stats, ready] = await Promise.all([call("/v1/stats", { signal }), readiness(signal)]);
		if (!signal.aborted) show(page, ...panels(stats, ready));
	};
	await draw();
	const timer = setInterval(() => {
		// Whoever reads a part of it with the keyboard is not thrown out of it.
		if (!document.hidden && !page.contains(document.activeElement)) draw().catch(() => {});
	}, EVERY_MS);
	signal.addEventListener("abort", () => clearInterval(timer));
}

/** `/ready` is 503 with the same body. @param {AbortSignal} signal */
async function readiness(signal) {
	const answer = await fetch("/ready", { signal });
	return answer.json();
}

/** @param {Stats} stats @param {{status: string, reasons: {message: string}[], warnings: {message: string}[]}} ready */
function panels(stats, ready) {
	const { states } = stats;
	const open = (states.queued ?? 0) + (states.submitting ?? 0) + (states.rendering ?? 0) + (states.fetching ?? 0);
	return [
		h("h1", { class: "offscreen" }, "Status"),
		h(
			"section",
			{ class: `panel health ${ready.status === "ready" ? "good" : "bad"}`, "aria-label": "Readiness" },
			h("p", { class: "big" }, ready.status === "ready" ? "Ready for work" : "Not ready"),
			...[...ready.reasons, ...ready.warnings].map((each) => h("p", {}, each.message)),
			h("p", { class: "facts" }, `Version ${stats.process.version} · up ${span(stats.process.uptime_s)}`),
		),
		tiles(stats, open),
		panel("Jobs by state", bars(Object.entries(states).map(([name, value]) => ({ name, value, kind: name })))),
		panel(
			"Videos a day",
			dailyChart(stats.days, (day) => day.jobs),
			"in the last 30 days",
		),
		panel(
			"Credits a day",
			dailyChart(stats.days, (day) => day.credits),
			"by the day a video was asked for",
		),
		stats.days.some((day) => day.usd > 0) &&
			panel(
				"Dollars a day",
				dailyChart(stats.days, (day) => day.usd),
				"where the price is known in dollars",
			),
		panel("By model", table(["Model", "Videos", "Ready", "Failed", "Credits", "USD"], byModel(stats.days))),
		panel(
			"Failures",
			stats.failures.length
				? table(
						["Code", "Videos", "Last"],
						stats.failures.map((each) => [each.code, count(each.jobs), brief(each.last_at)]),
					)
				: h("p", { class: "note" }, "None in the last 30 days."),
		),
		panel(
			"Use by API key",
			table(
				["Name", "Videos", "Under way", "Credits", "USD"],
				stats.keys.map((each) => [
					each.name ?? "without a key",
					count(each.jobs),
					count(each.open),
					count(each.credits),
					count(each.usd),
				]),
			),
		),
		stats.credentials.length > 0 &&
			panel(
				"Credentials",
				table(
					["Provider", "Expires", "Credits"],
					stats.credentials.map((each) => [
						each.provider,
						each.expires_at ? `in ${span(each.expires_at - Date.now() / 1000)}` : "not told",
						each.credits === null ? "not told" : count(each.credits),
					]),
				),
			),
	];
}

/** @param {Stats} stats @param {number} open */
function tiles(stats, open) {
	const polls = stats.polls.jobs ? (stats.polls.polls / stats.polls.jobs).toFixed(1) : "–";
	const made = stats.days.reduce((sum, day) => sum + day.jobs, 0);
	const failed = stats.days.reduce((sum, day) => sum + day.failed, 0);
	/** @param {string} label @param {string} value @param {string} [note] */
	const tile = (label, value, note) =>
		h("div", { class: "tile" }, h("dt", {}, label), h("dd", {}, value), note && h("dd", { class: "facts" }, note));
	return h(
		"dl",
		{ class: "tiles" },
		tile("Under way", count(open)),
		tile("Asked for", count(made), "in 30 days"),
		tile("Failed", made ? `${((100 * failed) / made).toFixed(1)} %` : "–", `of ${count(made)} videos`),
		tile("Found after ready", `≤ ${span(stats.unseen.p50_s)}`, `nine of ten within ${span(stats.unseen.p90_s)}`),
		tile("Kept after found", span(stats.kept.p50_s), `nine of ten within ${span(stats.kept.p90_s)}`),
		tile("Polls a job", polls, "since this process began"),
	);
}

/** @param {string} heading @param {Node} content @param {string} [note] */
function panel(heading, content, note) {
	return h(
		"section",
		{ class: "panel", "aria-label": heading },
		h("h2", {}, heading, note && h("small", {}, ` ${note}`)),
		content,
	);
}

/** @param {{name: string, value: number, kind: string}[]} rows */
function bars(rows) {
	const most = Math.max(1, ...rows.map((row) => row.value));
	return h(
		"ul",
		{ class: "bars" },
		...rows.map((row) => {
			const bar = h("i", { class: "bar-fill", "data-kind": row.kind });
			bar.style.width = `${(100 * row.value) / most}%`;
			return h("li", {}, h("span", {}, row.name), h("span", { class: "bar-track" }, bar), h("b", {}, count(row.value)));
		}),
	);
}

/** @param {Day[]} days @param {(day: Day) => number} of */
function dailyChart(days, of) {
	/** @type {Map<string, number>} */
	const sums = new Map();
	const today = new Date();
	for (let back = 29; back >= 0; back -= 1) {
		sums.set(new Date(today.getTime() - back * 86400000).toISOString().slice(0, 10), 0);
	}
	for (const day of days) if (sums.has(day.day)) sums.set(day.day, (sums.get(day.day) ?? 0) + of(day));
	const most = Math.max(1, ...sums.values());
	const step = LINE_WIDTH / sums.size;
	const total = [...sums.values()].reduce((sum, each) => sum + each, 0);
	return s(
		"svg",
		{
			class: "daily",
			viewBox: `0 0 ${LINE_WIDTH} ${LINE_HEIGHT + 16}`,
			role: "img",
			"aria-label": `${count(total)} in 30 days, at most ${count(most)} a day`,
		},
		...[...sums].map(([day, value], index) => {
			const high = (value / most) * LINE_HEIGHT;
			return s(
				"rect",
				{
					x: (index * step + 1.5).toFixed(1),
					y: (LINE_HEIGHT - high).toFixed(1),
					width: (step - 3).toFixed(1),
					height: Math.max(value ? 2 : 0, high).toFixed(1),
					rx: 2,
				},
				s("title", {}, `${day}: ${count(value)}`),
			);
		}),
		s("line", { x1: 0, y1: LINE_HEIGHT + 0.5, x2: LINE_WIDTH, y2: LINE_HEIGHT + 0.5 }),
		s("text", { x: 0, y: LINE_HEIGHT + 13 }, [...sums.keys()][0] ?? ""),
		s("text", { x: LINE_WIDTH, y: LINE_HEIGHT + 13, "text-anchor": "end" }, "today"),
		s("text", { x: 0, y: 10 }, `max ${count(most)}`),
	);
}

/** @param {Day[]} days */
function byModel(days) {
	/** @type {Map<string, number[]>} */
	const rows = new Map();
	for (const day of days) {
		const [jobs = 0, completed = 0, failed = 0, credits = 0, usd = 0] = rows.get(day.model) ?? [];
		const more = [jobs + day.jobs, completed + day.completed, failed + day.failed];
		rows.set(day.model, [...more, credits + day.credits, usd + day.usd]);
	}
	return [...rows]
		.sort((one, other) => (other[1][0] ?? 0) - (one[1][0] ?? 0))
		.map(([model, row]) => [model, ...row.map(count)]);
}

/** @param {string[]} heads @param {string[][]} rows */
function table(heads, rows) {
	return h(
		"table",
		{},
		h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
		h(
			"tbody",
			{},
			...rows.map((row) =>
				h("tr", {}, ...row.map((cell, index) => (index ? h("td", {}, cell) : h("th", { scope: "row" }, cell)))),
			),
		),
	);
}
