/** The gateway's HTTP API, as this page uses it. */

/**
 * @typedef {{code: string, message: string}} VideoError
 * @typedef {{created_at: number, submitting_at: number | null, submitted_at: number | null,
 *   ready_at: number | null, completed_at: number | null, polls: Polls | null}} Timeline
 * @typedef {{count: number, data: {at: number, outcome: string}[]}} Polls
 * @typedef {{
 *   key: string | null, provider: string, provider_id: string | null, batch_id: string | null, video_url: string,
 *   aspect_ratio: string | null, resolution: string | null, cost: number | null, cost_unit: string | null,
 *   attempts: number, eta_s: number | null, timeline: Timeline,
 *   charge?: string, seed?: number | null, [more: string]: unknown,
 * }} Additions
 * @typedef {{
 *   id: string, model: string, status: "queued" | "in_progress" | "completed" | "failed",
 *   progress: number, created_at: number, completed_at: number | null, expires_at: number | null,
 *   prompt: string, seconds: string, size: string, remixed_from_video_id: string | null,
 *   error: VideoError | null, metadata: Record<string, string>, reelgate: Additions,
 * }} Video
 * @typedef {{id: string, alias_of: string | null, owned_by: string,
 *   capabilities: Record<string, any>, [more: string]: unknown}} Model
 * @typedef {{param: string, message: string}} FieldProblem
 * @typedef {Record<string, string | number | undefined>} Query
 */

/** What is told of the gateway itself: whether it can be reached, and whether it knows us. */
export const gateway = new EventTarget();

/** An answer that is not a success; status 0 where there was none. */
export class ApiError extends Error {
	/**
	 * @param {number} status
	 * @param {string} code
	 * @param {string} message
	 * @param {FieldProblem[]} problems
	 * @param {number | null} retryAfterS
	 */
	constructor(status, code, message, problems = [], retryAfterS = null) {
		super(message);
		this.status = status;
		this.code = code;
		this.problems = problems;
		this.retryAfterS = retryAfterS;
	}

	/** Whether the same request may be sent again with its key and cost nothing more. */
	get isAway() {
		return this.status === 0 || this.status === 503 || this.status === 507;
	}
}

let reachable = true;

/** @param {boolean} now */
export function setReachable(now) {
	if (reachable !== now) {
		reachable = now;
		gateway.dispatchEvent(new CustomEvent("reachable", { detail: now }));
	}
}

export const isReachable = () => reachable;

/**
 * @param {string} path
 * @param {RequestInit & {query?: Query, json?: unknown}} [options]
 * @returns {Promise<any>}
 */
export async function call(path, { query, json, ...init } = {}) {
	const headers = new Headers(init.headers);
	if (json !== undefined) {
		headers.set("Content-Type", "application/json");
		init.body = JSON.stringify(json);
	}
	let response;
	try {
		response = await fetch(path + textOf(query), { ...init, headers, credentials: "same-origin" });
	} catch (error) {
		if (init.signal?.aborted) throw error;
		setReachable(false);
		throw new ApiError(0, "unreachable", "The gateway cannot be reached.");
	}
	setReachable(true);
	if (response.ok) return response.status === 204 ? null : response.json();
	throw await errorOf(response);
}

/** @param {Response} response */
async function errorOf(response) {
	const body = await response.json().catch(() => ({}));
	const error = body.error ?? {};
	const after = Number(response.headers.get("Retry-After")) || null;
	const code = error.code ?? `http_${response.status}`;
	if (code === "invalid_api_key") gateway.dispatchEvent(new Event("unknown"));
	return new ApiError(
		response.status,
		code,
		error.message ?? body.detail ?? `The gateway answered ${response.status}.`,
		body.errors ?? (error.param ? [{ param: error.param, message: error.message }] : []),
		after,
	);
}

/** @param {Query | undefined} query */
function textOf(query) {
	const told = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
	return told.length ? `?${new URLSearchParams(told.map(([name, value]) => [name, String(value)]))}` : "";
}

/** Where a video's bytes are. @param {string} id @param {"thumbnail"} [variant] */
export function contentUrl(id, variant) {
	return `/v1/videos/${encodeURIComponent(id)}/content${variant ? `?variant=${variant}` : ""}`;
}

/** A video's own address. @param {string} id @param {string} [rest] */
export function videoPath(id, rest = "") {
	return `/v1/videos/${encodeURIComponent(id)}${rest}`;
}
