"use strict";
// Searches the processors of data.js, which the page has loaded: no server is asked.

const STEP = 50; // results shown at a time
const VALUES = 8; // values of a facet shown at first
const STOP = new Set("a an and as by for from in into is it of on or the to with".split(" "));
const FACETS = { kind: "Kind", formats: "Format", schemes: "Scheme", distribution: "Distribution", installed: "Installed" };
const ORDER = new Intl.Collator("en");

const { processors, synonyms } = window.CATALOGUE;
const box = document.querySelector("#words");
const list = document.querySelector("#results");
const status = document.querySelector("#status");
const facetsPlace = document.querySelector("#facets");
const clear = document.querySelector("#clear");
const moreResults = document.querySelector("#more");
const chosen = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Set()]));
const opened = new Set(); // facets of which all values are shown
let shown = STEP;

function words(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
}

for (const entry of processors) {
  entry.lower = entry.name.toLowerCase();
  entry.parts = entry.lower.split(/[_\W]+/);
  entry.text = words(`${entry.summary} ${entry.keywords.join(" ")}`);
  entry.handles = [...entry.formats, ...entry.schemes].map((word) => word.toLowerCase());
  entry.takes = entry.parameters.map((name) => name.toLowerCase());
}

/** Edits between two words, at most `limit` + 1: letters put in, left out, replaced or swapped. */
function distance(a, b, limit) {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** A word without its ending, so that `duplicates` begins `duplicate`. */
function stem(word) {
  const rest = word.replace(/(ies|ing|ions?|ed|es|e|s|y)$/, "");
  return rest.length > 3 ? rest : word.replace(/s$/, "");
}

function matches(entry, word) {
  if (entry.lower === word || entry.aliases.includes(word)) return 100;
  if (entry.lower.startsWith(word)) return 60;
  if (entry.parts.includes(word)) return 55;
  if (entry.handles.includes(word)) return 50;
  if (entry.parts.some((part) => part.startsWith(word))) return 40;
  if (word.length > 2 && entry.lower.includes(word)) return 25;
  if (entry.text.some((other) => other.startsWith(word))) return 10;
  if (entry.distribution.includes(word)) return 8;
  if (entry.takes.some((name) => name.startsWith(word))) return 4;
  return 0;
}

function resembles(entry, word) {
  const limit = word.length >= 8 ? 2 : word.length >= 4 ? 1 : 0;
  if (!limit) return 0;
  const close = (others) => others.some((other) => distance(word, other, limit) <= limit);
  return close([entry.lower, ...entry.parts]) ? 20 : close([...entry.handles, ...entry.text]) ? 3 : 0;
}

function scoreOfWord(entry, word) {
  const root = stem(word);
  const meanings = [word, root, `${root}e`, `${root}y`].filter((form) => Object.hasOwn(synonyms, form)).flatMap((form) => synonyms[form]);
  const others = meanings.map((other) => matches(entry, other) * 0.6);
  return Math.max(matches(entry, word), matches(entry, root) * 0.9, ...others) || resembles(entry, word);
}

/** [entries, best first; whether each has all words]. */
function search(query) {
  const asName = words(query).join("_");
  const wanted = words(query).filter((word, _, all) => all.length === 1 || !STOP.has(word));
  if (!wanted.length) return [processors, true];
  const found = processors.map((entry) => {
    const scores = wanted.map((word) => scoreOfWord(entry, word));
    const exact = entry.lower === asName || entry.qualified_name.toLowerCase() === query.trim().toLowerCase();
    const total = scores.reduce((sum, score) => sum + score, exact ? 1000 : 0);
    return { entry, total, whole: exact || scores.every(Boolean) };
  });
  const whole = found.filter((item) => item.whole);
  const kept = whole.length ? whole : found.filter((item) => item.total > 0);
  kept.sort((a, b) => b.total - a.total || Boolean(a.entry.deprecated) - Boolean(b.entry.deprecated) || ORDER.compare(a.entry.name, b.entry.name));
  return [kept.map((item) => item.entry), whole.length > 0 || !kept.length];
}

function valuesOf(entry, facet) {
  const value = entry[facet];
  if (facet === "installed") return [value ? "yes" : "no"];
  return Array.isArray(value) ? value : [value];
}

function passes(entry, except) {
  return Object.entries(chosen).every(
    ([facet, wanted]) => facet === except || !wanted.size || valuesOf(entry, facet).some((value) => wanted.has(value)),
  );
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function badge(text, kind = "") {
  return element("li", { class: `badge ${kind}` }, text);
}

/** What stands between backquotes is code. */
function withCode(text) {
  return text.split(/`+([^`]+)`+/).map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

function result(entry) {
  const badges = element("ul", { class: "badges", "aria-label": "Properties" });
  if (entry.kind !== "unknown") badges.append(badge(entry.kind, entry.kind));
  if (entry.deprecated) badges.append(badge("deprecated", "warning"));
  if (entry.installed) badges.append(badge("installed"));
  for (const name of [...new Set([...entry.formats, ...entry.schemes])].slice(0, 8)) badges.append(badge(name));
  const from = element("span", { class: "from" }, element("a", { href: entry.distribution_page }, entry.distribution), ` ${entry.version}`);
  return element(
    "li", {},
    element("h2", {}, element("a", { href: entry.page }, entry.name)),
    element("p", {}, ...withCode(entry.summary)),
    element("div", { class: "meta" }, badges, from),
  );
}

function facet(name, found) {
  const counts = new Map();
  for (const entry of processors) for (const value of valuesOf(entry, name)) counts.set(value, 0);
  if (counts.size < 2) return [];
  for (const entry of found) if (passes(entry, name)) for (const value of new Set(valuesOf(entry, name))) counts.set(value, counts.get(value) + 1);
  const values = [...counts.keys()].sort(
    (a, b) => chosen[name].has(b) - chosen[name].has(a) || counts.get(b) - counts.get(a) || ORDER.compare(a, b),
  );
  const fieldset = element("fieldset", {}, element("legend", {}, FACETS[name]));
  for (const value of opened.has(name) ? values : values.slice(0, VALUES)) {
    const input = element("input", { type: "checkbox", name, value });
    input.checked = chosen[name].has(value);
    const label = element("label", counts.get(value) ? {} : { class: "none" }, input, element("span", {}, value === "unknown" ? "not declared" : value), element("span", { class: "count" }, String(counts.get(value))));
    fieldset.append(label);
  }
  if (values.length > VALUES) {
    const text = opened.has(name) ? "Show fewer" : `Show all ${values.length}`;
    const button = element("button", { type: "button", class: "more", "data-facet": name, "aria-label": `${text}: ${FACETS[name]}` }, text);
    fieldset.append(button);
  }
  return [fieldset];
}

function plural(count) {
  return count === 1 ? "1 processor" : `${count} processors`;
}

function show() {
  const [found, whole] = search(box.value);
  const kept = found.filter((entry) => passes(entry));
  list.replaceChildren(...kept.slice(0, shown).map(result));
  moreResults.hidden = kept.length <= shown;
  moreResults.textContent = `Show more (${kept.length - shown} left)`;
  const filtered = Object.values(chosen).some((values) => values.size);
  clear.hidden = !filtered && !box.value;
  status.textContent = kept.length
    ? whole ? plural(kept.length) : `None has all these words; ${plural(kept.length)} with some of them`
    : "No processor found. Try fewer words, or fewer filters.";
  const active = document.activeElement;
  const [group, value] = [active?.name ?? active?.dataset?.facet, active?.value];
  facetsPlace.replaceChildren(...Object.keys(FACETS).flatMap((name) => facet(name, found)));
  if (!active?.isConnected && group) {
    const again = [...facetsPlace.querySelectorAll("input, button")].find((other) => (other.name || other.dataset.facet) === group && other.value === value);
    again?.focus();
  }
}

/** The search is part of the address, so that it can be kept, sent, and gone back to. */
function write() {
  const state = new URLSearchParams();
  if (box.value) state.set("q", box.value);
  for (const [name, values] of Object.entries(chosen)) for (const value of values) state.append(name, value);
  const hash = state.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

function read() {
  const state = new URLSearchParams(location.hash.slice(1));
  box.value = state.get("q") ?? "";
  for (const name of Object.keys(FACETS)) chosen[name] = new Set(state.getAll(name));
  shown = STEP;
  show();
}

function changed() {
  shown = STEP;
  write();
  show();
}

function move(event) {
  const links = [...list.querySelectorAll("h2 a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "/" && !["INPUT", "TEXTAREA"].includes(document.activeElement.tagName)) {
    box.focus();
    box.select();
  } else if (event.key === "ArrowDown" && (document.activeElement === box || at >= 0)) {
    links[Math.min(at + 1, links.length - 1)]?.focus();
  } else if (event.key === "ArrowUp" && at >= 0) {
    (links[at - 1] ?? box).focus();
  } else if (event.key === "Escape" && document.activeElement === box && box.value) {
    box.value = "";
    changed();
  } else {
    return;
  }
  event.preventDefault();
}

box.addEventListener("input", changed);
box.form.addEventListener("submit", (event) => {
  event.preventDefault();
  const first = list.querySelector("h2 a");
  if (first && box.value) first.click();
});
facetsPlace.addEventListener("change", ({ target }) => {
  chosen[target.name][target.checked ? "add" : "delete"](target.value);
  changed();
});
facetsPlace.addEventListener("click", ({ target }) => {
  const name = target.dataset?.facet;
  if (!name) return;
  opened[opened.has(name) ? "delete" : "add"](name);
  show();
});
clear.addEventListener("click", () => {
  box.value = "";
  for (const values of Object.values(chosen)) values.clear();
  changed();
  box.focus();
});
moreResults.addEventListener("click", () => {
  const next = shown;
  shown += STEP;
  show();
  list.querySelectorAll("h2 a")[next]?.focus();
});
addEventListener("hashchange", read);
addEventListener("keydown", move);
const wide = matchMedia("(min-width: 52rem)");
const fold = () => { document.querySelector("#filters").open = wide.matches; };
wide.addEventListener("change", fold);
fold();
document.querySelector("#search").hidden = false;
read();
