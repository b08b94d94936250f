/** How long the next video takes and what it costs, where that is known. */

import { call } from "./api.js";
import { h, s, show } from "./dom.js";
import { money, span } from "./text.js";

/**
 * @typedef {import("./api.js").Model} Model
 * @typedef {import("./fields.js").Value} Value
 * @typedef {{jobs: number, p10_s: number, p50_s: number, p90_s: number, curve: number[]}} Times
 * @typedef {{times: Times | null, typical_s: number[] | null, cost: number | null, cost_unit: string | null}} Estimate
 */

const WIDTH = 120;
const HEIGHT = 26;
/** @type {Estimate} */
const NOTHING = { times: null, typical_s: null, cost: null, cost_unit: null };
const FRESH_MS = 20_000;
/** @type {Map<string, {at: number, told: Promise<Estimate>}>} */
const known = new Map();
let round = 0;

/**
 * Show the estimates for what would be sent.
 * @param {HTMLElement} box
 * @param {{model: Model, values: Record<string, Value>}[]} wanted
 * @param {number} copies
 * @param {AbortSignal} signal
 */
export async function estimate(box, wanted, copies, signal) {
	round += 1;
	const mine = round;
	const told = await Promise.all(wanted.map(({ model, values }) => estimateOf(model, values)));
	if (mine !== round || signal.aborted) return;
	show(box, ...wanted.map(({ model }, index) => row(model, told[index] ?? NOTHING, wanted.length > 1, copies)));
}

/** @param {Model} model @param {Record<string, Value>} values */
function estimateOf(model, values) {
	const query = { model: model.id, duration: text(values.duration), resolution: text(values.resolution) };
	const key = JSON.stringify(query);
	const kept = known.get(key);
	if (kept && performance.now() - kept.at < FRESH_MS) return kept.told;
	const asked = call("/v1/estimate", { query }).catch(() => NOTHING);
	known.set(key, { at: performance.now(), told: asked });
	return asked;
}

/** @param {Value | undefined} value */
const text = (value) => (value === undefined || value === null ? undefined : String(value));

/** @param {Model} model @param {Estimate} told @param {boolean} named @param {number} copies */
function row(model, { times, typical_s, cost, cost_unit }, named, copies) {
	const name = named && h("span", { class: "who" }, model.id);
	const price = h("span", { class: "price" }, cost === null ? "Price unknown" : money(cost * copies, cost_unit));
	if (!times) {
		const [from, to] = typical_s ?? [];
		const told = to ? `Published: ${span(from)} – ${span(to)}` : "Time: nothing learned yet";
		return h("p", { class: "times" }, name, h("span", {}, told), price);
	}
	return h(
		"p",
		{ class: "times", title: `From ${times.jobs} videos like this one` },
		name,
		h(
			"span",
			{},
			"Usually ",
			h("b", {}, `${span(times.p10_s)} – ${span(times.p90_s)}`),
			`, half by ${span(times.p50_s)}`,
		),
		curve(times),
		price,
	);
}

/** A small picture of how the times lie. @param {Times} times */
function curve(times) {
	const most = Math.max(...times.curve, 1e-9);
	const step = WIDTH / Math.max(1, times.curve.length - 1);
	const points = times.curve.map(
		(each, index) => `${(index * step).toFixed(1)},${(HEIGHT - 2 - (each / most) * (HEIGHT - 4)).toFixed(1)}`,
	);
	return s(
		"svg",
		{ class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", preserveAspectRatio: "none" },
		s("path", { class: "curve-area", d: `M0,${HEIGHT}L${points.join("L")}L${WIDTH},${HEIGHT}z` }),
		s("path", { class: "curve-line", d: `M${points.join("L")}` }),
	);
}
