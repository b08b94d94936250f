/** The request as programs would send it. */

import { button, h, show } from "./dom.js";
import { copy } from "./toast.js";

/** @typedef {{path: string, body: Record<string, any>, files?: [string, File][]}} Sent */
/** @typedef {{name: string, text: (sent: Sent, origin: string, keyed: boolean) => string}} Kind */

const KEY = "$REELGATE_API_KEY";

/** Text in single quotes for a shell. @param {string} text */
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A value as Python writes it. @param {unknown} value @returns {string} */
function python(value) {
	if (value === true) return "True";
	if (value === false) return "False";
	if (value === null || value === undefined) return "None";
	if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
	if (typeof value === "object") {
		return `{${Object.entries(value)
			.map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`)
			.join(", ")}}`;
	}
	// JSON's escapes are Python's, too, but for pairs of surrogates: leave characters as they are.
	return JSON.stringify(value);
}

/** @param {Record<string, any>} body @param {string} indent */
const arguments_ = (body, indent) =>
	Object.entries(body)
		.map(([name, value]) => `${indent}${name}=${python(value)},\n`)
		.join("");

/** @type {Kind[]} */
const KINDS = [
	{
		name: "curl",
		text: ({ path, body, files = [] }, origin, keyed) => {
			const lines = [`curl ${shell(origin + path)}`];
			if (keyed) lines.push(`-H "Authorization: Bearer ${KEY}"`);
			if (files.length) {
				for (const [name, value] of Object.entries(body)) {
					lines.push(`--form-string ${shell(`${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)}`);
				}
				for (const [name, file] of files) lines.push(`-F ${shell(`${name}=@${file.name}`)}`);
			} else {
				lines.push(`-H 'Content-Type: application/json'`, `-d ${shell(JSON.stringify(body))}`);
			}
			return lines.join(" \\\n  ");
		},
	},
	{
		name: "Python",
		text: ({ path, body, files = [] }, origin, keyed) => {
			const rows = Object.entries(body).map(
				([name, value]) =>
					`        ${JSON.stringify(name)}: ${python(files.length && typeof value !== "string" ? JSON.stringify(value) : value)},\n`,
			);
			return [
				keyed ? "import os\n" : "",
				"import requests\n\n",
				"answer = requests.post(\n",
				`    ${JSON.stringify(origin + path)},\n`,
				keyed ? `    headers={"Authorization": f"Bearer {os.environ['REELGATE_API_KEY']}"},\n` : "",
				`    ${files.length ? "data" : "json"}={\n`,
				...rows,
				"    },\n",
				files.length
					? `    files=[${files.map(([name, file]) => `(${JSON.stringify(name)}, open(${JSON.stringify(file.name)}, "rb"))`).join(", ")}],\n`
					: "",
				"    timeout=60,\n)\n",
				'print(answer.json()["id"])',
			].join("");
		},
	},
	{
		name: "JavaScript",
		text: ({ path, body, files = [] }, origin, keyed) => {
			const auth = keyed ? "Authorization: `Bearer ${process.env.REELGATE_API_KEY}`" : "";
			const json = JSON.stringify(body, null, 2).replaceAll("\n", "\n  ");
			if (!files.length) {
				const headers = ['"Content-Type": "application/json"', auth].filter(Boolean).join(", ");
				return `const answer = await fetch(${JSON.stringify(origin + path)}, {\n  method: "POST",\n  headers: { ${headers} },\n  body: JSON.stringify(${json}),\n});\nconsole.log((await answer.json()).id);`;
			}
			const rows = Object.entries(body).map(
				([name, value]) =>
					`form.append(${JSON.stringify(name)}, ${JSON.stringify(typeof value === "object" ? JSON.stringify(value) : String(value))});\n`,
			);
			return `import { openAsBlob } from "node:fs";\n\nconst form = new FormData();\n${rows.join("")}${files.map(([name, file]) => `form.append(${JSON.stringify(name)}, await openAsBlob(${JSON.stringify(file.name)}), ${JSON.stringify(file.name)});\n`).join("")}const answer = await fetch(${JSON.stringify(origin + path)}, {\n  method: "POST",\n${auth ? `  headers: { ${auth} },\n` : ""}  body: form,\n});\nconsole.log((await answer.json()).id);`;
		},
	},
	{
		name: "OpenAI SDK",
		text: ({ path, body, files = [] }, origin, keyed) => {
			const { prompt, model, duration, ...extra } = body;
			// The SDK sends no other file.
			const first = files.find(([name]) => name === "input_reference");
			const remixed = /videos\/(.+)\/remix$/.exec(path);
			const head = `${keyed ? "import os\n\n" : ""}from openai import OpenAI\n\nclient = OpenAI(base_url=${JSON.stringify(`${origin}/v1`)}, api_key=${keyed ? 'os.environ["REELGATE_API_KEY"]' : '"none"'})\n`;
			if (remixed)
				return `${head}video = client.videos.remix(${JSON.stringify(remixed[1])}, prompt=${python(prompt)})\nprint(video.id)`;
			const known = { model, prompt, ...(duration === undefined ? {} : { seconds: String(duration) }) };
			return `${head}video = client.videos.create(\n${arguments_(known, "    ")}${first ? `    input_reference=open(${JSON.stringify(first[1].name)}, "rb"),\n` : ""}${Object.keys(extra).length ? `    extra_body=${python(extra)},\n` : ""})\nprint(video.id)`;
		},
	},
];

/** @param {Sent} sent @param {boolean} keyed */
export function showSnippets(sent, keyed) {
	let chosen = 0;
	const code = h("pre", { class: "code", tabindex: "0", "aria-label": "The request" });
	const text = () => KINDS[chosen]?.text(sent, location.origin, keyed) ?? "";
	const draw = () => {
		show(code, text());
		for (const [index, tab] of tabs.entries()) tab.setAttribute("aria-pressed", String(index === chosen));
	};
	const tabs = KINDS.map((kind, index) =>
		button({ text: kind.name, class: "tab" }, () => {
			chosen = index;
			draw();
		}),
	);
	const dialog = h(
		"dialog",
		{ class: "sheet", "aria-label": "This request in code" },
		h(
			"header",
			{},
			h("h2", {}, "This request in code"),
			button({ icon: "close", label: "Close" }, () => dialog.close()),
		),
		h("div", { class: "tabs", role: "group", "aria-label": "Language" }, ...tabs),
		code,
		h(
			"footer",
			{},
			button({ icon: "copy", text: "Copy", class: "primary" }, () => void copy(text(), KINDS[chosen]?.name ?? "")),
		),
	);
	dialog.addEventListener("close", () => dialog.remove());
	draw();
	document.body.append(dialog);
	dialog.showModal();
}
