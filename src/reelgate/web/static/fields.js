/** What a model's request may hold, read from its capabilities: no model is known by name here. */

import { labelOf } from "./text.js";

/**
 * @typedef {string | number | boolean | null} Value
 * @typedef {{
 *   name: string, label: string,
 *   type: "string" | "integer" | "number" | "boolean" | "image" | "video" | "references",
 *   allowed: Value[], min: number | null, max: number | null, maxChars: number | null,
 *   initial: Value, help: string, kinds: string[],
 * }} Field
 */

/** Asked for in places of their own, or by programs only. */
const ELSEWHERE = new Set(["prompt", "model", "metadata", "webhook_url", "seconds", "size", "allow_unpriced"]);

/**
 * Every field of a model but its prompt, in the gateway's order.
 * @param {Record<string, any>} capabilities
 * @returns {Field[]}
 */
export function fieldsOf(capabilities) {
	return rowsOf(capabilities)
		.filter((row) => !ELSEWHERE.has(row.name) && row.type !== "video")
		.map(fieldOf);
}

/** How many characters a prompt may hold. @param {Record<string, any>} capabilities @returns {number} */
export function maxPromptOf(capabilities) {
	return rowsOf(capabilities).find((row) => row.name === "prompt")?.max_chars ?? Infinity;
}

/** @param {Record<string, any>} capabilities @returns {Record<string, any>[]} */
const rowsOf = (capabilities) => capabilities.fields ?? [];

/**
 * A field as its row in the capabilities describes it.
 * @param {Record<string, any>} row
 * @returns {Field}
 */
function fieldOf(row) {
	return {
		name: row.name,
		label: labelOf(row.name),
		type: row.type,
		allowed: row.allowed ?? [],
		min: row.min ?? null,
		max: row.max ?? null,
		maxChars: row.max_chars ?? null,
		initial: row.default ?? null,
		help: row.help ?? "",
		kinds: (row.media ?? []).map((/** @type {{kind: string}} */ each) => each.kind),
	};
}

/** Whether a field holds files or their addresses. @param {Field} field */
export const isMedia = (field) => field.type === "image" || field.type === "references";

/**
 * The values to ask a model for: what was chosen where the model takes it, else its default.
 * @param {Field[]} fields
 * @param {Record<string, Value>} chosen
 * @returns {Record<string, Value>}
 */
export function valuesFor(fields, chosen) {
	/** @type {Record<string, Value>} */
	const values = {};
	for (const field of fields) {
		if (isMedia(field)) continue;
		const wanted = chosen[field.name];
		const value = wanted !== undefined && takes(field, wanted) ? wanted : field.initial;
		if (value !== null && value !== "") values[field.name] = value;
	}
	return values;
}

/** Whether a field may hold a value. @param {Field} field @param {Value} value */
export function takes(field, value) {
	if (value === null) return true;
	if (field.allowed.length) return field.allowed.includes(value);
	return field.type === "boolean" ? typeof value === "boolean" : true;
}
