// Logs of tasks: new lines, following, search, and links to lines.

import { fetchPage, loggedOut } from "./content.js";
import { setText } from "./times.js";

/** While the workspace has new lines at once, and otherwise, also after a failure. */
const LIVE_INTERVAL_MS = 1_000;
const INTERVAL_MS = 10_000;

/** In characters or bytes. After a part of this size, the next one follows at once. */
const LARGE_PART = 128 * 1024;

/** The first lines leave the page when there are more. */
const MAX_LINES = 5_000;

/** A reader who is this close to the end follows it. */
const NEAR_END_PX = 40;

class Log {
  #root;
  #box;
  #state;
  #next;
  #isFollowing;
  #followButton;
  #search;
  #matches = [];
  #current = -1;

  constructor(root) {
    this.#root = root;
    this.#box = root.querySelector(".lf-log");
    this.#state = root.querySelector("[data-log-state]");
    this.#next = this.#lines.dataset.next;
    const chosen = root.querySelector(".lf-chosen, .lf-log-line:target");
    this.#isFollowing = !chosen;
    chosen?.classList.add("lf-chosen");
    this.#addTools();
    if (chosen) chosen.scrollIntoView({ block: "center" });
    else this.#scrollToEnd();
    this.#box.addEventListener("scroll", () => this.#handleScroll());
    root.addEventListener("click", (event) => this.#choose(event));
    if (!this.#isFinal) this.#poll();
  }

  get #lines() {
    return this.#box.querySelector(".lf-lines");
  }

  get #isFinal() {
    return "final" in this.#lines.dataset || this.#next === undefined;
  }

  #addTools() {
    const tools = this.#root.querySelector("[data-log-tools]");
    this.#search = document.createElement("input");
    Object.assign(this.#search, { type: "search", placeholder: "Search the lines" });
    this.#search.setAttribute("aria-label", "Search the lines of the log; Enter goes to the next match");
    this.#search.addEventListener("input", () => this.#find());
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#goTo(this.#current + (event.shiftKey ? -1 : 1));
    });
    this.#followButton = document.createElement("button");
    Object.assign(this.#followButton, { type: "button", className: "lf-button", textContent: "Follow" });
    this.#followButton.title = "Keep the newest lines in view";
    this.#followButton.addEventListener("click", () => this.#follow(!this.#isFollowing));
    tools.prepend(this.#search, this.#followButton);
    this.#follow(this.#isFollowing);
  }

  #follow(isOn) {
    this.#isFollowing = isOn;
    this.#followButton.setAttribute("aria-pressed", String(isOn));
    this.#followButton.hidden = this.#isFinal;
    if (isOn) this.#scrollToEnd();
  }

  #scrollToEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Scrolling up ends the following, and scrolling to the end resumes it. */
  #handleScroll() {
    const isAtEnd = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < NEAR_END_PX;
    if (isAtEnd !== this.#isFollowing) {
      this.#isFollowing = isAtEnd;
      this.#followButton.setAttribute("aria-pressed", String(isAtEnd));
    }
  }

  async #poll() {
    if (!this.#root.isConnected) return;
    let isMore = false;
    let hasFailed = false;
    if (!document.hidden) {
      try {
        isMore = await this.#load();
        this.#showMatches();
      } catch (error) {
        setText(this.#state, error.message); // the next load may succeed
        hasFailed = true;
      }
    }
    if (this.#isFinal) return;
    const interval = "live" in this.#lines.dataset && !hasFailed ? LIVE_INTERVAL_MS : INTERVAL_MS;
    setTimeout(() => this.#poll(), isMore ? 0 : interval);
  }

  /** Load the next lines; return whether more follow at once. */
  async #load() {
    const url = new URL(this.#root.dataset.log, location.href);
    url.searchParams.set("offset", this.#next);
    const text = await (await fetchPage(url)).text();
    const added = new DOMParser().parseFromString(text, "text/html").querySelector(".lf-lines");
    if (!added) throw loggedOut();
    const lines = this.#lines;
    const isContinued = added.dataset.offset === this.#next;
    lines.querySelector(".lf-log-rest")?.remove();
    if (!isContinued) lines.replaceChildren(); // the log has been cut or redacted
    for (const name of ["final", "live"]) if (name in added.dataset) lines.dataset[name] = "";
    this.#next = added.dataset.next ?? this.#next;
    lines.append(...added.children);
    this.#dropFirstLines();
    this.#follow(this.#isFollowing);
    if (this.#search.value) this.#find();
    return Number(added.dataset.next) - Number(added.dataset.offset) >= LARGE_PART;
  }

  /** Drop the first lines of a long log. What is in view stays where it is. */
  #dropFirstLines() {
    const [lines, height] = [this.#lines, this.#lines.offsetHeight];
    while (lines.children.length > MAX_LINES) lines.firstElementChild.remove();
    this.#box.scrollTop -= height - lines.offsetHeight;
  }

  /** Mark a line whose number is clicked. The keyboard comes to a line by the search. */
  #choose(event) {
    const link = event.target.closest(".lf-log-line > a:first-child");
    const line = link?.parentElement;
    if (!line?.id || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#mark(line);
  }

  /** Mark a line, and put it into the address if the page is that of the log. */
  #mark(line) {
    const link = line.id && line.querySelector("a");
    if (!link) return;
    history.replaceState(null, "", link.href);
    for (const each of this.#box.querySelectorAll(".lf-chosen")) each.classList.remove("lf-chosen");
    line.classList.add("lf-chosen");
  }

  #find() {
    const text = this.#search.value.toLowerCase();
    const current = this.#matches[this.#current];
    this.#matches = [];
    for (const line of this.#lines.children) {
      const isMatch = text !== "" && line.lastElementChild.textContent.toLowerCase().includes(text);
      line.classList.toggle("lf-match", isMatch);
      line.classList.toggle("lf-current", isMatch && line === current);
      if (isMatch) this.#matches.push(line);
    }
    this.#current = this.#matches.indexOf(current);
    this.#showMatches();
  }

  #showMatches() {
    const count = this.#matches.length;
    const where = this.#current < 0 ? "" : `${this.#current + 1} of `;
    setText(this.#state, this.#search.value ? `${where}${count} ${count === 1 ? "match" : "matches"}` : "");
  }

  #goTo(index) {
    const count = this.#matches.length;
    if (!count) return;
    this.#matches[this.#current]?.classList.remove("lf-current");
    this.#current = (index + count) % count;
    const line = this.#matches[this.#current];
    line.classList.add("lf-current");
    this.#follow(false);
    this.#mark(line);
    line.scrollIntoView({ block: "center" });
    this.#showMatches();
  }
}

const known = new WeakSet();

/** Make the logs in an element live. */
export function activateLogs(root) {
  for (const each of root.querySelectorAll("[data-log]")) {
    if (known.has(each)) continue;
    known.add(each);
    new Log(each);
  }
}
