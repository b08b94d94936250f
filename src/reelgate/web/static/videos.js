/** The videos that this page knows, kept up to date while they are made. */

import { call, gateway, isReachable, setReachable, videoPath } from "./api.js";

/** @typedef {import("./api.js").Video} Video */

/**
 * Streams at once. A browser has six connections to a host for all of its tabs; whatever has no
 * stream of its own is asked for every few seconds.
 */
const STREAMS = 2;
const POLL_MS = 3000;
const POLL_HIDDEN_MS = 15000;
const AWAY_MS = 1500;

/** Whether a video is over. @param {Video} video */
export const isOver = (video) => video.status === "completed" || video.status === "failed";

/**
 * Events: `change` with the video, `gone` with an id, `over` with a video that ended while this
 * page watched it.
 */
class Videos extends EventTarget {
	/** @type {Map<string, Video>} */
	known = new Map();
	/** When each was last told, by the monotonic clock: what is left of its time counts from there. */
	/** @type {Map<string, number>} */
	toldAt = new Map();
	/** @type {Map<string, EventSource>} */
	streams = new Map();
	timer = 0;

	constructor() {
		super();
		document.addEventListener("visibilitychange", () => this.arrange());
		addEventListener("online", () => this.soon(0));
		addEventListener("pagehide", () => this.closeStreams());
		addEventListener("pageshow", () => this.arrange());
		gateway.addEventListener("reachable", () => this.soon(0));
	}

	/** Note a video as the gateway tells it. @param {Video} video */
	put(video) {
		const before = this.known.get(video.id);
		if (before && isOver(before) && !isOver(video)) return;
		this.known.set(video.id, video);
		this.toldAt.set(video.id, performance.now());
		this.dispatchEvent(new CustomEvent("change", { detail: video }));
		if (before && !isOver(before) && isOver(video)) {
			this.dispatchEvent(new CustomEvent("over", { detail: video }));
		}
		if (!before || isOver(before) !== isOver(video)) this.arrange();
	}

	/** @param {string} id */
	drop(id) {
		if (this.known.delete(id)) {
			this.dispatchEvent(new CustomEvent("gone", { detail: id }));
			this.arrange();
		}
	}

	clear() {
		this.known.clear();
		this.closeStreams();
	}

	/** Those that still go on, newest first. */
	open() {
		return [...this.known.values()]
			.filter((video) => !isOver(video))
			.sort((one, other) => (one.id < other.id ? 1 : -1));
	}

	/** Seconds left, about, as of now. @param {Video} video */
	leftS(video) {
		const told = video.reelgate.eta_s;
		if (told === null || told === undefined || isOver(video)) return null;
		return Math.max(0, told - (performance.now() - (this.toldAt.get(video.id) ?? 0)) / 1000);
	}

	/** Stream what may be streamed, and ask for the rest. */
	arrange() {
		const open = this.open();
		const wanted = document.hidden ? [] : open.slice(0, STREAMS).map((video) => video.id);
		for (const [id, stream] of this.streams) {
			if (!wanted.includes(id)) {
				stream.close();
				this.streams.delete(id);
			}
		}
		if (isReachable()) for (const id of wanted) this.stream(id);
		this.soon(document.hidden ? POLL_HIDDEN_MS : POLL_MS);
	}

	/** @param {string} id */
	stream(id) {
		if (this.streams.has(id)) return;
		const stream = new EventSource(videoPath(id, "/events"));
		this.streams.set(id, stream);
		stream.addEventListener("video", (event) => {
			setReachable(true);
			this.put(JSON.parse(event.data));
		});
		// Whatever ended it, the next round asks for the video, and that tells why.
		stream.addEventListener("error", () => {
			stream.close();
			this.streams.delete(id);
			this.soon(AWAY_MS / 3);
		});
	}

	closeStreams() {
		for (const stream of this.streams.values()) stream.close();
		this.streams.clear();
	}

	/** Ask for what has no stream, after so long. @param {number} afterMs */
	soon(afterMs) {
		clearTimeout(this.timer);
		if (this.open().length || !isReachable()) {
			this.timer = setTimeout(() => void this.round(), afterMs);
		}
	}

	async round() {
		try {
			if (!isReachable()) await call("/health");
			const asked = this.open().filter((video) => !this.streams.has(video.id));
			for (const { id } of asked) await this.refresh(id);
			this.arrange();
		} catch {
			this.soon(isReachable() ? POLL_MS : AWAY_MS);
		}
	}

	/** Ask for one video. @param {string} id @returns {Promise<Video | null>} */
	async refresh(id) {
		try {
			const video = await call(videoPath(id));
			this.put(video);
			return video;
		} catch (error) {
			if (/** @type {import("./api.js").ApiError} */ (error).status === 404) {
				this.drop(id);
				return null;
			}
			throw error;
		}
	}
}

export const videos = new Videos();

/** What a failure means to whoever asked for the video. */
/** @type {Record<string, string>} */
const ADVICE = {
	moderation_blocked: "Change the prompt or the picture: the same one will be refused again.",
	insufficient_credits: "Add credits to the provider's account, then try again.",
	upstream_unauthorized: "Whoever runs this gateway must renew its credentials for the provider.",
	rate_limited: "The provider is busy. Try again in a few minutes.",
	upstream_timeout: "The provider accepted it and may still finish it: look in its gallery first.",
	submission_unknown: "Look in the provider's own gallery first: the video may exist and be paid for.",
	upstream_bad_response: "The provider may have charged for it: look in its gallery first.",
	upstream_failed: "Try again, or another model.",
	storage_failed: "The disk or bucket could not take the file. It has been paid for: free some room.",
	cancelled: "It was stopped on request.",
	model_not_found: "This gateway no longer has the model: choose another.",
	internal_error: "The gateway made a mistake. Its log tells more.",
};

/** What to do about a failed video. @param {Video} video */
export function advice(video) {
	return ADVICE[video.error?.code ?? ""] ?? "Try again, or another model.";
}

const SURELY_FREE = new Set(["moderation_blocked", "insufficient_credits", "upstream_unauthorized", "rate_limited"]);

/**
 * Whether a failed video surely cost nothing, so that another try costs only itself.
 * @param {Video} video
 */
export function wasFree(video) {
	const told = video.reelgate.charge;
	if (told) return told === "free";
	if (video.reelgate.provider_id) return false;
	return video.reelgate.attempts === 0 || SURELY_FREE.has(video.error?.code ?? "");
}
