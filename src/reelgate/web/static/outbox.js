/**
 * Sends requests for videos, each under a key of its own.
 *
 * The key goes with every try, so that one whose answer was lost, by a gateway that stopped or a
 * page that was closed, is asked for again and neither lost nor paid for twice.
 */

import { ApiError, call, gateway } from "./api.js";
import { recall, remember } from "./memory.js";
import { videos } from "./videos.js";

/**
 * @typedef {{key: string, path: string, body: Record<string, any>, files?: [string, File][],
 *   problem?: string}} Order
 */

const AGAIN_MS = 2000;
/** The gateway remembers keys for a day. */
const REMEMBERED_MS = 23 * 3600 * 1000;

/** Events: `change` when the list does. */
class Outbox extends EventTarget {
	/** @type {Order[]} */
	orders = [];

	constructor() {
		super();
		const kept = /** @type {{at: number, order: Order}[]} */ (recall("outbox", []));
		this.orders = kept.filter(({ at }) => Date.now() - at < REMEMBERED_MS).map(({ order }) => order);
		gateway.addEventListener("reachable", () => void this.flush());
	}

	/**
	 * Send an order. A refusal goes to whoever asked; what did not arrive stays here until it does.
	 * @param {Order} order
	 * @returns {Promise<import("./api.js").Video | null>} null while it waits for the gateway
	 */
	async send(order) {
		this.orders.push(order);
		this.changed();
		try {
			return await this.attempt(order);
		} catch (error) {
			if (!(error instanceof ApiError && error.isAway)) throw error;
			order.problem = error.message;
			this.changed();
			setTimeout(() => void this.flush(), AGAIN_MS);
			return null;
		}
	}

	/** Try again what did not arrive. */
	async flush() {
		for (const order of [...this.orders]) {
			if (!order.problem) continue;
			try {
				await this.attempt(order);
			} catch (error) {
				const away = error instanceof ApiError && (error.isAway || error.status === 401);
				if (!away) this.remove(order);
				if (error instanceof ApiError && !away) {
					this.dispatchEvent(new CustomEvent("refused", { detail: { order, error } }));
				} else if (error instanceof ApiError && error.status !== 401) {
					setTimeout(() => void this.flush(), AGAIN_MS * 2);
					return;
				}
			}
		}
	}

	/** After a reload: whatever was on its way goes again. */
	resume() {
		for (const order of this.orders) order.problem ??= "The page was closed while this was sent.";
		void this.flush();
	}

	/** @param {Order} order */
	async attempt(order) {
		try {
			const video = await call(order.path, { method: "POST", ...sent(order) });
			this.remove(order);
			videos.put(video);
			return video;
		} catch (error) {
			if (!(error instanceof ApiError && error.isAway)) this.remove(order);
			throw error;
		}
	}

	/** @param {Order} order */
	remove(order) {
		this.orders = this.orders.filter((each) => each !== order);
		this.changed();
	}

	changed() {
		// A file cannot be kept here: such an order lives as long as its page.
		const kept = this.orders.filter((order) => !order.files?.length);
		remember(
			"outbox",
			kept.map((order) => ({ at: Date.now(), order })),
		);
		this.dispatchEvent(new Event("change"));
	}
}

/** @param {Order} order */
function sent(order) {
	const headers = { "Idempotency-Key": order.key };
	if (!order.files?.length) return { headers, json: order.body };
	return { headers, body: formOf(order.body, order.files) };
}

/** The same request as a form, which may carry files. @param {Record<string, any>} body @param {[string, File][]} files */
function formOf(body, files) {
	const form = new FormData();
	for (const [name, value] of Object.entries(body)) {
		form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
	}
	for (const [name, file] of files) form.append(name, file);
	return form;
}

export const outbox = new Outbox();
