/** Builds elements. Text is always text: nothing that a user wrote is ever read as HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, unknown> & {on?: Record<string, (event: any) => void>}} Props */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its attributes, listeners and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
	const element = document.createElement(tag);
	dress(element, props);
	fill(element, children);
	return element;
}

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, props = {}, ...children) {
	const element = document.createElementNS(SVG, tag);
	dress(element, props);
	fill(element, children);
	return element;
}

/**
 * Replace what an element holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function show(element, ...children) {
	element.replaceChildren();
	fill(element, children);
}

/** @param {Element} element @param {Props} props */
function dress(element, props) {
	for (const [name, value] of Object.entries(props)) {
		if (name === "on") {
			for (const [event, listener] of Object.entries(props.on ?? {})) {
				element.addEventListener(event, listener);
			}
		} else if (name === "value" || name === "checked" || name === "muted") {
			Object.assign(element, { [name]: value });
		} else if (value === true) {
			element.setAttribute(name, "");
		} else if (value !== false && value !== null && value !== undefined) {
			element.setAttribute(name, String(value));
		}
	}
}

/** @param {Element} element @param {Child[]} children */
function fill(element, children) {
	for (const child of children) {
		if (child !== null && child !== undefined && child !== false) {
			element.append(child instanceof Node ? child : String(child));
		}
	}
}

/** @type {Record<string, string>} */
const ICONS = {
	close: "M6 6l12 12M18 6L6 18",
	copy: "M9 9h11v11H9zM5 15H4V4h11v1",
	download: "M12 4v11m-5-4l5 5 5-5M5 20h14",
	remix: "M4 8h11l-3-3m8 11H9l3 3",
	trash: "M5 7h14M10 7V4h4v3m-7 0l1 13h8l1-13",
	retry: "M19 12a7 7 0 1 1-2-5m2-3v4h-4",
	stop: "M7 7h10v10H7z",
	share: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1m2 4a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
	theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
	bell: "M6 16V11a6 6 0 0 1 12 0v5l1 2H5zM10 20h4",
	history: "M12 8v4l3 2M4 12a8 8 0 1 0 3-6L4 8m0-4v4h4",
	play: "M8 5v14l11-7z",
	image: "M4 5h16v14H4zm0 11l5-5 4 4 3-3 4 4M15 9h.01",
	code: "M8 8l-4 4 4 4m8-8l4 4-4 4",
	left: "M14 6l-6 6 6 6",
	right: "M10 6l6 6-6 6",
};

/** A decorative icon: the control that holds it carries the name. @param {string} name */
export function icon(name) {
	return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: ICONS[name] ?? "" }));
}

/**
 * A button with a name that is always there for screen readers.
 * @param {{icon?: string, text?: string, label?: string, class?: string, title?: string}} look
 * @param {(event: MouseEvent) => void} press
 */
export function button(look, press) {
	const bare = !look.text;
	return h(
		"button",
		{
			type: "button",
			class: `${look.class ?? ""}${bare ? " bare" : ""}`.trim() || null,
			"aria-label": look.label ?? (bare ? look.title : null),
			title: look.title ?? (bare ? look.label : null),
			on: { click: press },
		},
		look.icon && icon(look.icon),
		look.text,
	);
}

/** Run at most once a frame. @param {() => void} work */
export function onceAFrame(work) {
	let asked = 0;
	return () => {
		if (!asked) {
			asked = requestAnimationFrame(() => {
				asked = 0;
				work();
			});
		}
	};
}

/**
 * Run once calls have stopped coming.
 * @param {number} afterMs
 * @param {() => void} work
 */
export function settled(afterMs, work) {
	let timer = 0;
	return () => {
		clearTimeout(timer);
		timer = setTimeout(work, afterMs);
	};
}
