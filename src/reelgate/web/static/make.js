/** Make: a form from what the models take, and the videos of late beside it. */

import { ApiError, call } from "./api.js";
import { button, h, icon, settled, show } from "./dom.js";
import { estimate } from "./estimate.js";
import { Feed } from "./feed.js";
import { fieldsOf, isMedia, maxPromptOf, takes, valuesFor } from "./fields.js";
import { notePrompt, prompts, recall, remember } from "./memory.js";
import { outbox } from "./outbox.js";
import { session } from "./session.js";
import { charsOf, count, cut } from "./text.js";
import { toast } from "./toast.js";
import { control, mediaBox } from "./widgets.js";

/**
 * @typedef {import("./api.js").Model} Model
 * @typedef {import("./api.js").Video} Video
 * @typedef {import("./fields.js").Value} Value
 * @typedef {{prompt: string, model: string, other: string, copies: number,
 *   values: Record<string, Value>, remix: string}} Draft
 */

/** Under this name the gateway keeps which videos were asked for side by side. */
export const GROUP = "playground_group";
const MOST_COPIES = 8;
const SAVE_MS = 150;

/** @type {Draft} */
const EMPTY = { prompt: "", model: "", other: "", copies: 1, values: {}, remix: "" };

/** What the next form begins with, whatever the last one held. */
let handed = /** @type {Draft | null} */ (null);

/** Put a video's request into the form. @param {Video} video @param {boolean} asRemix */
export function reuse(video, asRemix) {
	const { aspect_ratio, resolution } = video.reelgate;
	const seconds = Number(video.seconds);
	/** @type {Record<string, Value>} */
	const values = {
		...(aspect_ratio ? { aspect_ratio } : {}),
		...(resolution ? { resolution } : {}),
		...(video.seconds ? { duration: Number.isNaN(seconds) ? video.seconds : seconds } : {}),
	};
	handed = {
		...EMPTY,
		prompt: video.prompt,
		model: video.model,
		values,
		remix: asRemix ? video.id : "",
	};
	if (location.hash === "#/make") dispatchEvent(new HashChangeEvent("hashchange"));
	else location.hash = "#/make";
}

/** @param {HTMLElement} view @param {AbortSignal} signal */
export async function make(view, signal) {
	const feed = new Feed(signal);
	const form = h("form", { class: "composer", "aria-label": "New video", novalidate: true });
	show(view, h("div", { class: "make" }, h("h1", { class: "offscreen" }, "Make a video"), form, feed.element));
	view.classList.add("wide");
	void feed.start();
	const models = await modelsOf();
	if (signal.aborted) return;
	if (!models.length) return show(form, h("p", { class: "empty" }, "This gateway has no model."));
	new Composer(form, models, signal).start();
}

let asked = /** @type {Promise<{data: Model[]}> | null} */ (null);

/** The models, asked for once. @returns {Promise<Model[]>} */
export async function modelsOf() {
	asked ??= call("/v1/models");
	try {
		return (await asked).data;
	} catch (error) {
		asked = null;
		throw error;
	}
}

/** The name of an address by what its path ends in. @param {string} url */
const urlName = (url) =>
	/\.(mp4|mov|webm)(\?|$)/i.test(url)
		? "video_url"
		: /\.(mp3|wav|m4a|ogg)(\?|$)/i.test(url)
			? "audio_url"
			: "image_url";

class Composer {
	/** @param {HTMLFormElement} form @param {Model[]} models @param {AbortSignal} signal */
	constructor(form, models, signal) {
		this.form = form;
		/** @type {Model[]} */
		this.models = models;
		this.signal = signal;
		/** @type {Draft} */
		this.draft = { ...EMPTY, ...(handed ?? recall("draft", EMPTY)) };
		handed = null;
		if (!this.find(this.draft.model)) this.draft.model = models[0]?.id ?? "";
		if (!this.find(this.draft.other)) this.draft.other = "";
		/** What is sent beside the values, by field.
		 *  @type {Map<string, {box: ReturnType<typeof mediaBox>, files: File[], urls: string[]}>} */
		this.media = new Map();
		/** @type {Map<string, import("./widgets.js").Control>} */
		this.controls = new Map();
		this.save = settled(SAVE_MS, () => remember("draft", this.draft));
		// Whatever comes next, a new view or a closed tab, finds the last letter.
		const keep = () => remember("draft", this.draft);
		signal.addEventListener("abort", keep);
		addEventListener("pagehide", keep, { signal });
	}

	/** @param {string} name */
	find(name) {
		return this.models.find((model) => model.id === name);
	}

	start() {
		const { draft } = this;
		this.prompt = h("textarea", {
			id: "prompt",
			rows: "4",
			value: draft.prompt,
			placeholder: "A cat eating hotdogs in a park, golden hour, handheld camera",
			"aria-describedby": "prompt-note prompt-count",
			on: { input: () => this.promptChanged() },
		});
		this.counter = h("span", { id: "prompt-count", class: "count" });
		this.promptNote = h("p", { id: "prompt-note", class: "note" });
		this.fields = h("div", { class: "fields" });
		this.boxes = h("div", {});
		this.remixing = h("div", { class: "remixing", hidden: true });
		this.told = h("div", { class: "estimate" });
		this.failure = h("div", { class: "problem", role: "alert" });
		this.copies = h("input", {
			type: "number",
			id: "copies",
			min: "1",
			max: String(MOST_COPIES),
			value: String(draft.copies),
			on: {
				input: () => {
					draft.copies = Math.min(MOST_COPIES, Math.max(1, Math.trunc(Number(this.copies?.value)) || 1));
					this.changed();
				},
			},
		});
		this.submit = h("button", { type: "submit", class: "primary go" }, "Make");
		show(
			this.form,
			h(
				"div",
				{ class: "prompt" },
				h("div", { class: "label-row" }, h("label", { for: "prompt" }, "Prompt"), this.counter, this.historyButton()),
				this.prompt,
				this.promptNote,
			),
			this.remixing,
			h("div", { class: "models" }, this.modelSelect("model", "Model"), this.modelSelect("other", "Compare with")),
			this.fields,
			this.boxes,
			h(
				"div",
				{ class: "act" },
				this.told,
				this.failure,
				h(
					"div",
					{ class: "act-row" },
					h("label", { class: "copies", for: "copies" }, "Copies", this.copies),
					button({ icon: "code", text: "Copy as" }, () => void this.copyAs()),
					this.submit,
				),
				h(
					"p",
					{ class: "hint" },
					h("kbd", {}, "Ctrl"),
					" ",
					h("kbd", {}, "Enter"),
					" makes it from anywhere on this page.",
				),
			),
		);
		this.form.addEventListener("submit", (event) => {
			event.preventDefault();
			void this.make();
		});
		document.addEventListener(
			"keydown",
			(event) => {
				if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
					event.preventDefault();
					void this.make();
				}
			},
			{ signal: this.signal },
		);
		document.addEventListener("paste", (event) => this.pasted(event), { signal: this.signal });
		outbox.addEventListener(
			"refused",
			(event) => {
				const { order, error } = /** @type {CustomEvent} */ (event).detail;
				this.explain(error, order.body.model ?? "");
			},
			{ signal: this.signal },
		);
		this.drawFields();
		this.promptChanged();
	}

	/** @param {ClipboardEvent} event */
	pasted(event) {
		const files = [...(event.clipboardData?.files ?? [])];
		const [first] = this.media.values();
		if (!files.length || !first) return;
		event.preventDefault();
		void first.box.take(files);
	}

	historyButton() {
		const list = h("div", {
			class: "menu",
			popover: "auto",
			id: "prompt-history",
			role: "dialog",
			"aria-label": "Earlier prompts",
		});
		list.addEventListener("beforetoggle", (event) => {
			if (/** @type {ToggleEvent} */ (event).newState !== "open") return;
			const earlier = prompts();
			show(
				list,
				...(earlier.length
					? earlier.map((prompt) =>
							button({ text: cut(prompt, 160) }, () => {
								if (this.prompt) this.prompt.value = prompt;
								this.promptChanged();
								list.hidePopover();
								this.prompt?.focus();
							}),
						)
					: [h("p", { class: "empty" }, "Prompts that you send are kept here, in this browser.")]),
			);
		});
		return h(
			"span",
			{ class: "history" },
			h(
				"button",
				{
					type: "button",
					class: "bare",
					"aria-label": "Earlier prompts",
					title: "Earlier prompts",
					popovertarget: "prompt-history",
				},
				icon("history"),
			),
			list,
		);
	}

	/** @param {"model" | "other"} which @param {string} label */
	modelSelect(which, label) {
		const select = h("select", {
			id: `select-${which}`,
			on: {
				change: () => {
					this.draft[which] = select.value;
					this.drawFields();
				},
			},
		});
		const own = this.models.filter((model) => !model.alias_of);
		const aliases = this.models.filter((model) => model.alias_of);
		if (which === "other") select.append(h("option", { value: "" }, "nothing"));
		select.append(...own.map((model) => h("option", { value: model.id }, model.id)));
		if (aliases.length) {
			select.append(
				h(
					"optgroup",
					{ label: "Aliases" },
					...aliases.map((model) => h("option", { value: model.id }, `${model.id} → ${model.alias_of}`)),
				),
			);
		}
		select.value = this.draft[which];
		this.selects = { ...this.selects, [which]: select };
		return h("div", { class: "field" }, h("label", { for: select.id }, label), select);
	}

	/** @returns {Model[]} */
	chosen() {
		const names = this.draft.remix ? [this.draft.model] : [this.draft.model, this.draft.other];
		return names.map((name) => this.find(name)).filter((model) => model !== undefined);
	}

	/** Every field that one of the chosen models takes, the first model's first. */
	drawFields() {
		this.controls.clear();
		const known = new Map();
		for (const model of this.chosen()) {
			for (const field of fieldsOf(model.capabilities)) {
				if (!known.has(field.name)) known.set(field.name, field);
			}
		}
		const rows = [];
		const before = this.media;
		this.media = new Map();
		for (const field of known.values()) {
			if (isMedia(field)) {
				if (!this.draft.remix) this.media.set(field.name, before.get(field.name) ?? this.place(field));
				continue;
			}
			const kept = this.draft.values[field.name];
			const made = control(field, kept !== undefined && takes(field, kept) ? kept : undefined, (value) => {
				this.draft.values[field.name] = value;
				made.note("");
				this.noteDifferences();
				this.changed();
			});
			this.controls.set(field.name, made);
			rows.push(made.element);
		}
		if (this.fields) show(this.fields, ...rows);
		const remix = Boolean(this.draft.remix);
		for (const element of this.form.querySelectorAll(".fields input, .fields select, .models select")) {
			/** @type {HTMLInputElement} */ (element).disabled = remix;
		}
		if (this.boxes) show(this.boxes, ...[...this.media.values()].map((each) => each.box.element));
		this.drawRemix();
		this.noteDifferences();
		this.changed();
	}

	/** A place for a field's references. @param {import("./fields.js").Field} field */
	place(field) {
		const held = {
			box: mediaBox(field, (files, urls) => {
				Object.assign(held, { files, urls });
				this.changed();
			}),
			files: /** @type {File[]} */ ([]),
			urls: /** @type {string[]} */ ([]),
		};
		return held;
	}

	drawRemix() {
		if (!this.remixing) return;
		this.remixing.hidden = !this.draft.remix;
		show(
			this.remixing,
			icon("remix"),
			h("span", {}, "A remix: every setting stays as it was, with this prompt."),
			button({ text: "Change settings", class: "link" }, () => {
				this.draft.remix = "";
				this.drawFields();
			}),
		);
	}

	/** Where two models do not take the same value, say what each gets. */
	noteDifferences() {
		const [one, other] = this.chosen();
		if (!one || !other) return;
		const mine = valuesFor(fieldsOf(one.capabilities), this.draft.values);
		const theirs = valuesFor(fieldsOf(other.capabilities), this.draft.values);
		for (const [name, made] of this.controls) {
			if (mine[name] === theirs[name]) made.note("");
			else if (theirs[name] === undefined) made.note(`${other.id} takes none.`);
			else if (mine[name] === undefined) made.note(`${one.id} takes none.`);
			else made.note(`${other.id}: ${theirs[name]} instead.`);
		}
	}

	promptChanged() {
		const text = this.prompt?.value ?? "";
		this.draft.prompt = text;
		const most = Math.min(...this.chosen().map((model) => maxPromptOf(model.capabilities)));
		const chars = charsOf(text);
		if (this.counter) {
			this.counter.textContent = `${count(chars)} / ${count(most)}`;
			this.counter.classList.toggle("bad", chars > most);
		}
		if (this.promptNote) {
			const over = chars > most ? `${count(chars - most)} characters too many.` : "";
			this.promptNote.textContent = over;
			this.promptNote.classList.toggle("bad", over !== "");
		}
		this.prompt?.removeAttribute("aria-invalid");
		this.changed();
	}

	changed() {
		this.save();
		if (this.failure) show(this.failure);
		const total = this.draft.copies * this.chosen().length;
		if (this.submit) this.submit.textContent = total > 1 ? `Make ${total}` : "Make";
		if (this.told) {
			const shown = this.chosen().map((model) => ({
				model,
				values: valuesFor(fieldsOf(model.capabilities), this.draft.values),
			}));
			void estimate(this.told, shown, this.draft.copies, this.signal);
		}
	}

	/** What is sent for a model. @param {Model} model @param {Record<string, string>} [metadata] */
	request(model, metadata) {
		if (this.draft.remix) {
			return { path: `/v1/videos/${this.draft.remix}/remix`, body: { prompt: this.draft.prompt } };
		}
		const fields = fieldsOf(model.capabilities);
		/** @type {Record<string, any>} */
		const body = { model: model.id, prompt: this.draft.prompt, ...valuesFor(fields, this.draft.values) };
		/** @type {[string, File][]} */
		const files = [];
		for (const field of fields) {
			const held = this.media.get(field.name);
			if (!held) continue;
			files.push(...held.files.map((file) => /** @type {[string, File]} */ ([field.name, file])));
			const told = held.urls.map((url) => ({ [urlName(url)]: url }));
			if (told.length) body[field.name] = field.type === "image" ? told[0] : told;
		}
		if (metadata) body.metadata = metadata;
		return { path: "/v1/videos", body, files };
	}

	async copyAs() {
		const { showSnippets } = await import("./snippets.js");
		const [model] = this.chosen();
		if (model) showSnippets(this.request(model), session.keyed);
	}

	async make() {
		const { draft } = this;
		if (this.failure) show(this.failure);
		if (!draft.prompt.trim()) return this.refusePrompt("Write what the video shows.");
		const chosen = this.chosen();
		const most = Math.min(...chosen.map((model) => maxPromptOf(model.capabilities)));
		if (charsOf(draft.prompt) > most) return this.refusePrompt(`The prompt may hold ${count(most)} characters.`);
		notePrompt(draft.prompt);
		const sent = [];
		for (let copy = 0; copy < draft.copies; copy += 1) {
			const group = crypto.randomUUID?.() ?? String(Math.random());
			for (const [place, model] of chosen.entries()) {
				sent.push(this.send(model, chosen.length > 1 ? { [GROUP]: `${group}/${place}` } : undefined));
			}
		}
		const results = await Promise.all(sent);
		const made = results.filter((result) => result !== false).length;
		if (made) {
			if (draft.remix) {
				draft.remix = "";
				this.drawFields();
			}
			toast(made === 1 ? "On its way" : `${made} videos on their way`, { forMs: 2500 });
		}
	}

	/** @param {Model} model @param {Record<string, string> | undefined} metadata */
	async send(model, metadata) {
		const key = `playground-${crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`}`;
		try {
			return await outbox.send({ key, ...this.request(model, metadata) });
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			this.explain(error, model.id);
			return false;
		}
	}

	/** @param {string} why */
	refusePrompt(why) {
		if (this.promptNote) {
			this.promptNote.textContent = why;
			this.promptNote.classList.add("bad");
		}
		this.prompt?.setAttribute("aria-invalid", "true");
		this.prompt?.focus();
	}

	/** Say what is wrong where it is wrong. @param {ApiError} error @param {string} model */
	explain(error, model) {
		let said = false;
		for (const { param, message } of error.problems) {
			if (param === "prompt") {
				this.refusePrompt(message);
				said = true;
			} else if (this.media.has(param.replace(/\[.*/, ""))) {
				this.media.get(param.replace(/\[.*/, ""))?.box.say(message, true);
				said = true;
			} else {
				const made = this.controls.get(param);
				made?.note(message, true);
				said ||= made !== undefined;
			}
		}
		if (!said && this.failure) {
			show(
				this.failure,
				h("strong", {}, this.chosen().length > 1 && model ? `${model}: ` : ""),
				error.message,
				error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : "",
			);
		}
	}
}
