/** What can be done with one video, wherever it is shown. */

import { ApiError, call, contentUrl, videoPath } from "./api.js";
import { button, h } from "./dom.js";
import { outbox } from "./outbox.js";
import { cut } from "./text.js";
import { toast } from "./toast.js";
import { advice, isOver, videos, wasFree } from "./videos.js";

/** @typedef {import("./api.js").Video} Video */

const UNDO_MS = 6000;

/** Videos that are shown no more, but not yet deleted. @type {Map<string, number>} */
const leaving = new Map();

/** @param {string} id */
export const isLeaving = (id) => leaving.has(id);

/** Stop a video. @param {Video} video */
export async function cancel(video) {
	const paid = video.status === "in_progress";
	if (
		paid &&
		!(await confirmed("Stop this video?", "The provider is at work on it already and may charge for it.", "Stop it"))
	)
		return;
	await trying(async () => videos.put(await call(videoPath(video.id, "/cancel"), { method: "POST" })));
}

/** Ask for the same again; where the first try may have been charged, only after a warning. @param {Video} video */
export async function retry(video) {
	if (
		!wasFree(video) &&
		!(await confirmed("Make it again?", `The first try may have been charged for. ${advice(video)}`, "Make it again"))
	)
		return;
	await trying(async () => {
		const key = `playground-retry-${crypto.randomUUID?.() ?? Date.now()}`;
		await outbox.send({ key, path: videoPath(video.id, "/remix"), body: { prompt: video.prompt } });
		toast("On its way again", { forMs: 2500 });
	});
}

/** Delete a video, unless it is taken back at once. @param {Video} video */
export function remove(video) {
	if (leaving.has(video.id)) return;
	const { id } = video;
	const timer = setTimeout(() => void commit(id), UNDO_MS);
	leaving.set(id, timer);
	videos.dispatchEvent(new CustomEvent("gone", { detail: id }));
	const said = isOver(video) ? "Deleted" : "Stopped and deleted";
	toast(`${said}: ${cut(video.prompt, 60)}`, {
		forMs: UNDO_MS,
		action: "Undo",
		press: () => {
			clearTimeout(timer);
			leaving.delete(id);
			videos.dispatchEvent(new CustomEvent("back", { detail: video }));
		},
	});
}

/** @param {string} id @param {boolean} [closing] */
async function commit(id, closing = false) {
	try {
		await call(videoPath(id), { method: "DELETE", keepalive: closing });
	} catch (error) {
		if (error instanceof ApiError && error.status !== 404) toast(`Not deleted: ${error.message}`, { kind: "bad" });
	}
	leaving.delete(id);
	videos.drop(id);
}

addEventListener("pagehide", () => {
	for (const [id, timer] of leaving) {
		clearTimeout(timer);
		void commit(id, true);
	}
});

/** Run something and say why it failed. @param {() => Promise<unknown>} work */
export async function trying(work) {
	try {
		await work();
	} catch (error) {
		if (!(error instanceof ApiError)) throw error;
		toast(error.message, { kind: "bad" });
	}
}

/** Ask a person. @param {string} question @param {string} detail @param {string} yes @returns {Promise<boolean>} */
export function confirmed(question, detail, yes) {
	return new Promise((resolve) => {
		const dialog = h(
			"dialog",
			{ class: "sheet small", "aria-labelledby": "question", "aria-describedby": "question-detail" },
			h("h2", { id: "question" }, question),
			h("p", { id: "question-detail" }, detail),
			h(
				"footer",
				{},
				button({ text: "Leave it" }, () => dialog.close("no")),
				button({ text: yes, class: "primary" }, () => dialog.close("yes")),
			),
		);
		dialog.addEventListener("close", () => {
			dialog.remove();
			resolve(dialog.returnValue === "yes");
		});
		document.body.append(dialog);
		dialog.showModal();
	});
}

/** A link that saves the file. @param {Video} video @param {string} [words] */
export function downloadLink(video, words) {
	const link = h(
		"a",
		{ class: "button", href: contentUrl(video.id), download: `${video.id}.mp4` },
		words ?? "Download",
	);
	return link;
}

/** How a video stands, in a word. @param {Video} video */
export function standing(video) {
	if (video.status === "failed") return video.error?.code === "cancelled" ? "Cancelled" : "Failed";
	if (video.status === "completed") return "Ready";
	if (video.status === "queued") return "Queued";
	return video.progress >= 99 ? "Saving" : "Rendering";
}
