// Keeps a page as things are now. When the host tells that something happened, the page is
// fetched again, and its parts that are marked `data-live` take the place of those shown.
"use strict";

const REFRESH_EVERY_MS = 1000;
const UNAUTHENTICATED = 401;
const SILENT = "Not live: the host does not answer";
const ANOTHER = "Not live: the host was started again. Open the new link that it printed";

const state = document.getElementById("live");
let source = null;
let isDue = false;
let isBusy = false;

function tell(isOn, words) {
  state.classList.toggle("on", isOn);
  // Said once: a screen reader would repeat it with each change.
  if (state.textContent !== words) state.textContent = words;
}

/** Tells whether somebody reads, selects or presses something in a part of the page. */
function isInUse(part) {
  const selection = document.getSelection();
  return part.contains(document.activeElement)
    || (!selection.isCollapsed && selection.containsNode(part, true));
}

function keepOpen(from, to) {
  for (const details of from.querySelectorAll("details[open][id]")) {
    to.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  }
}

function replaceParts(page) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || isInUse(part)) continue;
    keepOpen(part, fresh);
    if (!part.isEqualNode(fresh)) part.replaceWith(document.adoptNode(fresh));
  }
}

async function refresh() {
  if (isBusy) {
    isDue = true;
    return;
  }
  [isBusy, isDue] = [true, false];
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
    if (answer.status === UNAUTHENTICATED) end();
    else if (!answer.ok) throw new Error(`status ${answer.status}`);
    else replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    tell(false, SILENT);
  }
  setTimeout(() => {
    isBusy = false;
    if (isDue) refresh();
  }, REFRESH_EVERY_MS);
}

/** A host that was started again knows no link and no cookie of before. */
function end() {
  source?.close();
  source = null;
  tell(false, ANOTHER);
}

/** The browser connects again by itself, but does not tell why it was refused. */
function fail() {
  if (state.textContent !== ANOTHER) tell(false, SILENT);
  refresh();
}

/** A page that nobody sees listens to nothing: a browser has six connections for all pages. */
function listen() {
  source?.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource("/api/events");
  source.addEventListener("open", () => tell(true, "Live"));
  source.addEventListener("error", fail);
  source.addEventListener("activity", refresh);
  source.addEventListener("numbers", refresh);
  refresh();
}

document.addEventListener("visibilitychange", listen);
// Its owner may have opened the new link beside this page.
window.addEventListener("focus", () => {
  if (source?.readyState !== EventSource.OPEN) listen();
});
listen();
