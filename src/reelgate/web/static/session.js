/** Signing in with an API key, where the gateway has keys. */

import { ApiError, call, gateway } from "./api.js";
import { button, h } from "./dom.js";
import { forgetWork } from "./memory.js";
import { videos } from "./videos.js";

/**
 * Who this page is. `keyed` where the gateway has keys; the key itself lies in a cookie that no
 * script can read.
 */
class Session extends EventTarget {
	keyed = false;
	/** The API key's id, which its videos name; null where there are none. @type {string | null} */
	key = null;
	name = "";
	sandbox = false;
	version = "";
	operator = false;
	signedIn = false;

	async load() {
		const told = await call("/session");
		this.keyed = told.keyed;
		this.signedIn = told.signed_in;
		this.key = told.key;
		this.name = told.name ?? "";
		this.operator = told.operator;
		this.sandbox = told.sandbox;
		this.version = told.version;
		this.dispatchEvent(new Event("change"));
		return this;
	}

	/** @param {string} key */
	async signIn(key) {
		await call("/session", { method: "POST", json: { key } });
		await this.load();
	}

	async signOut() {
		await call("/session", { method: "DELETE" });
		forgetWork();
		videos.clear();
		location.reload();
	}
}

export const session = new Session();

/** Whether a video is this page's own: an operator sees those of others. @param {import("./api.js").Video} video */
export const isOwn = (video) => video.reelgate.key === session.key;

/** @type {Promise<void> | null} */
let asking = null;

/** Ask for a key, over whatever is on the page: nothing typed there is lost. @returns {Promise<void>} */
export function askForKey() {
	asking ??= new Promise((resolve) => {
		const why = h("p", { class: "note bad", id: "key-note", role: "alert" });
		const input = h("input", {
			type: "password",
			id: "key",
			name: "key",
			autocomplete: "current-password",
			placeholder: "rg_…",
			required: true,
			"aria-describedby": "key-note",
		});
		const form = h(
			"form",
			{ method: "dialog" },
			h("h2", { id: "sign-in" }, "Sign in"),
			h(
				"p",
				{},
				"This gateway asks for an API key. Whoever runs it makes one with ",
				h("code", {}, "reelgate keys create NAME"),
				".",
			),
			h("div", { class: "field" }, h("label", { for: "key" }, "API key"), input, why),
			h("footer", {}, h("button", { type: "submit", class: "primary" }, "Sign in")),
		);
		const dialog = h("dialog", { class: "sheet small", "aria-labelledby": "sign-in" }, form);
		dialog.addEventListener("cancel", (event) => event.preventDefault());
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			void (async () => {
				try {
					await session.signIn(input.value.trim());
					dialog.close();
					dialog.remove();
					asking = null;
					resolve();
				} catch (error) {
					why.textContent =
						error instanceof ApiError && error.status === 401
							? "Nobody knows this key. Check that all of it is there."
							: /** @type {Error} */ (error).message;
					input.setAttribute("aria-invalid", "true");
					input.select();
				}
			})();
		});
		document.body.append(dialog);
		dialog.showModal();
	});
	return asking;
}

/** Who is signed in, and the way out. */
export function accountButton() {
	const box = h("span", { class: "account" });
	const draw = () => {
		box.replaceChildren();
		if (session.keyed && session.signedIn) {
			box.append(
				h("span", { class: "who" }, session.name),
				button({ text: "Sign out", class: "link" }, () => void session.signOut()),
			);
		}
	};
	session.addEventListener("change", draw);
	draw();
	return box;
}

gateway.addEventListener("unknown", () => {
	if (session.keyed || session.version === "") void askForKey().then(() => gateway.dispatchEvent(new Event("known")));
});
