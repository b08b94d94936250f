/** One control for each kind of field. */

import { button, h, icon, show } from "./dom.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Value} Value
 * @typedef {{element: HTMLElement, note: (text: string, bad?: boolean) => void}} Control
 */

/** More values than this are a list to open, not a row of buttons. */
const ROW = 7;
let numbers = 0;

/** @param {Value} value */
const shown = (value) => (value === null ? "default" : String(value));

/**
 * A control for a field.
 * @param {Field} field
 * @param {Value | undefined} value
 * @param {(value: Value) => void} changed
 * @returns {Control}
 */
export function control(field, value, changed) {
	numbers += 1;
	const id = `field-${numbers}`;
	const note = h("p", { class: "note", id: `${id}-note` });
	const now = value === undefined ? field.initial : value;
	let element;
	if (field.type === "boolean") element = toggle(field, id, now, changed);
	else if (field.allowed.length > ROW) element = list(field, id, now, changed);
	else if (field.allowed.length) element = row(field, id, now, changed);
	else element = line(field, id, now, changed);
	element.title = field.help;
	element.append(h("span", { class: "offscreen", id: `${id}-help` }, field.help), note);
	element.dataset.field = field.name;
	return {
		element,
		note(text, bad = false) {
			note.textContent = text;
			note.classList.toggle("bad", bad);
			const input = element.querySelector("input, select");
			if (bad) input?.setAttribute("aria-invalid", "true");
			else input?.removeAttribute("aria-invalid");
		},
	};
}

/** @param {Field} field @param {string} id @param {Value} now @param {(value: Value) => void} changed */
function row(field, id, now, changed) {
	return h(
		"fieldset",
		{ class: "field" },
		h("legend", {}, field.label),
		h(
			"div",
			{ class: "choices" },
			...field.allowed.map((choice) =>
				h(
					"label",
					{},
					h("input", {
						type: "radio",
						name: id,
						value: shown(choice),
						checked: choice === now,
						"aria-describedby": `${id}-help ${id}-note`,
						on: { change: () => changed(choice) },
					}),
					h("span", {}, ratio(choice), shown(choice), field.name === "duration" && typeof choice === "number" && " s"),
				),
			),
		),
	);
}

/** A frame of these proportions, where a value looks like `16:9`. @param {Value} value */
function ratio(value) {
	const found = /^(\d+):(\d+)$/.exec(String(value));
	if (!found) return null;
	const [wide, high] = [Number(found[1]), Number(found[2])];
	const frame = h("i", { class: "ratio", "aria-hidden": "true" });
	const scale = 13 / Math.max(wide, high);
	frame.style.width = `${Math.max(4, wide * scale)}px`;
	frame.style.height = `${Math.max(4, high * scale)}px`;
	return frame;
}

/** @param {Field} field @param {string} id @param {Value} now @param {(value: Value) => void} changed */
function list(field, id, now, changed) {
	const select = h(
		"select",
		{
			id,
			"aria-describedby": `${id}-help ${id}-note`,
			on: { change: () => changed(field.allowed[select.selectedIndex] ?? null) },
		},
		...field.allowed.map((choice) => h("option", { value: shown(choice) }, shown(choice))),
	);
	select.selectedIndex = Math.max(0, field.allowed.indexOf(now));
	return h("div", { class: "field" }, h("label", { for: id }, field.label), select);
}

/** @param {Field} field @param {string} id @param {Value} now @param {(value: Value) => void} changed */
function toggle(field, id, now, changed) {
	const box = h("input", {
		type: "checkbox",
		id,
		role: "switch",
		class: "switch",
		checked: now === true,
		"aria-describedby": `${id}-help ${id}-note`,
		on: { change: () => changed(box.checked) },
	});
	return h("div", { class: "field inline" }, h("label", { for: id }, field.label), box);
}

/** @param {Field} field @param {string} id @param {Value} now @param {(value: Value) => void} changed */
function line(field, id, now, changed) {
	const isNumber = field.type === "integer" || field.type === "number";
	const input = h("input", {
		id,
		type: isNumber ? "number" : "text",
		step: field.type === "number" ? "any" : isNumber ? "1" : null,
		min: field.min,
		max: field.max,
		maxlength: field.maxChars,
		value: now === null ? "" : String(now),
		placeholder: field.initial === null ? "" : String(field.initial),
		autocomplete: "off",
		"aria-describedby": `${id}-help ${id}-note`,
		on: {
			input: () => {
				const text = input.value.trim();
				changed(text === "" ? null : isNumber ? Number(text) : text);
			},
		},
	});
	return h("div", { class: `field ${isNumber ? "inline" : ""}` }, h("label", { for: id }, field.label), input);
}

const PICTURES = "image/png,image/jpeg,image/webp";
const MAX_FILE_BYTES = 20e6;

/**
 * A place for references: dropped, pasted, chosen, or told by their addresses.
 * @param {Field} field
 * @param {(files: File[], addresses: string[]) => void} changed
 */
export function mediaBox(field, changed) {
	const many = field.type === "references";
	/** @type {File[]} */
	let files = [];
	const id = `file-${field.name}`;
	const name = many ? "References" : field.name === "input_reference" ? "Reference picture" : field.label;
	const note = h("p", { class: "note", id: `${id}-note`, role: "status" });
	const previews = h("div", {});
	const chooser = h("input", {
		type: "file",
		id,
		accept: [PICTURES, ...field.kinds.filter((kind) => kind !== "image").map((kind) => `${kind}/*`)].join(),
		multiple: many,
		class: "offscreen",
		"aria-describedby": note.id,
		on: { change: () => void take([...(chooser.files ?? [])]) },
	});
	const address = h("input", {
		type: many ? "text" : "url",
		"aria-label": many ? "Addresses of references" : `Address of a ${name.toLowerCase()}`,
		placeholder: many ? "or their addresses: https://… https://…" : "or its address: https://…",
		on: { input: told },
	});
	const over = (/** @type {boolean} */ is) => drop.classList.toggle("over", is);
	const drop = h(
		"div",
		{
			class: "drop",
			on: {
				dragover: (/** @type {DragEvent} */ event) => {
					event.preventDefault();
					over(true);
				},
				dragleave: () => over(false),
				drop: (/** @type {DragEvent} */ event) => {
					event.preventDefault();
					over(false);
					void take([...(event.dataTransfer?.files ?? [])]);
				},
			},
		},
		previews,
		chooser,
		h("label", { for: id }, icon("image"), `Drop, paste or choose ${many ? "files" : "a picture"}`),
	);
	const element = h("fieldset", { class: "field", title: field.help }, h("legend", {}, name), drop, address, note);

	function told() {
		changed(files, address.value.split(/\s+/).filter(Boolean));
	}

	/** @param {string} text @param {boolean} bad */
	function say(text, bad) {
		note.textContent = text;
		note.classList.toggle("bad", bad);
	}

	/** @param {File[]} chosen */
	async function take(chosen) {
		chooser.value = "";
		for (const file of many ? chosen : chosen.slice(0, 1)) {
			const why = await unusable(file, field.kinds);
			if (why) return say(why, true);
			if (!many) address.value = "";
			files = many ? [...files, file] : [file];
			say(`${file.name} is attached.`, false);
		}
		draw();
	}

	function clear() {
		files = [];
		address.value = "";
		say("", false);
		draw();
	}

	function draw() {
		for (const image of previews.querySelectorAll("img")) URL.revokeObjectURL(image.src);
		const full = !many && files.length > 0;
		drop.classList.toggle("full", full);
		address.hidden = full;
		show(
			previews,
			...files.map((file) =>
				h(
					"div",
					{ class: "preview" },
					/^(video|audio)/.test(file.type)
						? icon("play")
						: h("img", { src: URL.createObjectURL(file), alt: `${name} ${file.name}` }),
					h("span", {}, file.name),
					button({ icon: "close", label: `Remove ${file.name}` }, () => {
						files = files.filter((each) => each !== file);
						say("", false);
						draw();
					}),
				),
			),
		);
		told();
	}
	return { element, take, clear, say };
}

/** Why a file cannot be a reference; a picture's bytes decide, not its name. @param {File} file @param {string[]} kinds */
async function unusable(file, kinds) {
	if (file.size > MAX_FILE_BYTES) return `${file.name} is larger than 20 MB.`;
	const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
	const text = String.fromCharCode(...head);
	const known =
		text.startsWith("\x89PNG") || text.startsWith("\xff\xd8\xff") || (text.startsWith("RIFF") && text.endsWith("WEBP"));
	if (!known && kinds.some((kind) => kind !== "image" && file.type.startsWith(kind))) return "";
	if (!known) return `${file.name} is not a PNG, JPEG or WebP picture.`;
	try {
		(await createImageBitmap(file)).close();
		return "";
	} catch {
		return `${file.name} cannot be read as a picture: it may be damaged.`;
	}
}
