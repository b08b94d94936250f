/** What a model's request may hold, read from its capabilities: no model is known by name here. */

import { labelOf } from "./text.js";

/**
 * @typedef {string | number | boolean | null} Value
 * @typedef {{
 *   name: string, label: string, type: "string" | "integer" | "number" | "boolean" | "image",
 *   allowed: Value[], min: number | null, max: number | null, maxChars: number | null,
 *   initial: Value, help: string,
 * }} Field
 */

/** Asked for in places of their own, or by programs only. */
const ELSEWHERE = new Set(["prompt", "model", "metadata", "webhook_url", "seconds", "size"]);
const IMAGE = "input_reference";

/**
 * Every field of a model but its prompt, in the gateway's order.
 * @param {Record<string, any>} capabilities
 * @returns {Field[]}
 */
export function fieldsOf(capabilities) {
  const declared = capabilities.fields;
  if (Array.isArray(declared)) return declared.map((each) => fieldOf(each.name, each)).filter(shown);
  if (declared && typeof declared === "object") {
    return Object.entries(declared)
      .map(([name, each]) => fieldOf(name, /** @type {any} */ (each)))
      .filter(shown);
  }
  return derived(capabilities).filter(shown);
}

/** How many characters a prompt may hold. @param {Record<string, any>} capabilities */
export function maxPromptOf(capabilities) {
  const fields = capabilities.fields;
  const prompt = Array.isArray(fields) ? fields.find((each) => each.name === "prompt") : fields?.prompt;
  return prompt ? (fieldOf("prompt", prompt).maxChars ?? Infinity) : (capabilities.max_prompt_chars ?? 2000);
}

/** @param {Field} field */
function shown(field) {
  return !ELSEWHERE.has(field.name);
}

/**
 * A field as its row in the capabilities describes it.
 * @param {string} name
 * @param {Record<string, any>} row
 * @returns {Field}
 */
function fieldOf(name, row) {
  const allowed = row.allowed ?? row.enum ?? row.values ?? row.choices ?? [];
  const initial = row.default ?? null;
  return {
    name,
    label: row.label ?? row.title ?? labelOf(name),
    type: typeOf(name, row.type, allowed[0] ?? initial),
    allowed,
    min: row.min ?? row.minimum ?? null,
    max: row.max ?? row.maximum ?? null,
    maxChars: row.max_chars ?? row.max_length ?? row.maxLength ?? null,
    initial,
    help: row.help ?? row.description ?? "",
  };
}

/**
 * The same from capabilities that only list values: `durations`, `defaults`, `input_reference`.
 * @param {Record<string, any>} capabilities
 */
function derived(capabilities) {
  /** @type {Field[]} */
  const found = [];
  for (const [name, initial] of Object.entries(capabilities.defaults ?? {})) {
    const allowed = capabilities[`${name}s`];
    if (Array.isArray(allowed) ? allowed.length > 0 : capabilities[name] === true) {
      found.push(fieldOf(name, { allowed: Array.isArray(allowed) ? allowed : [], default: initial }));
    }
  }
  if (capabilities[IMAGE] === true) found.push(fieldOf(IMAGE, { type: "image" }));
  return found;
}

/**
 * @param {string} name
 * @param {unknown} told
 * @param {unknown} example
 * @returns {Field["type"]}
 */
function typeOf(name, told, example) {
  if (name === IMAGE || told === "image" || told === "file" || told === "picture") return "image";
  const word = told === "bool" ? "boolean" : told === "int" ? "integer" : told === "float" ? "number" : told;
  if (word === "boolean" || word === "integer" || word === "number" || word === "string") return word;
  if (typeof example === "boolean") return "boolean";
  if (typeof example === "number") return Number.isInteger(example) ? "integer" : "number";
  return "string";
}

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
    if (field.type === "image") continue;
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
