// Content of pages from the server. A page of the host, such as its login, is no content.

import { request } from "./lakeflow.js";

export const LOGGED_OUT = "You are no longer logged in. Reload the page.";

/** Return an error, and send the event "lf-loggedout": streams that are open do not notice. */
export function loggedOut() {
  dispatchEvent(new Event("lf-loggedout"));
  return new Error(LOGGED_OUT);
}

/**
 * Return a copy of an element with its current content from the server. If the element has an id, the response is a
 * whole page that contains it.
 * @param {string} url
 * @param {Element} element
 * @param {string} marker  a selector that matches in every such content, but not in a login page of the host
 */
export async function loadContent(url, element, marker) {
  const text = await (await fetchPage(url)).text();
  const page = new DOMParser().parseFromString(`<div>${text}</div>`, "text/html");
  const source = element.id ? page.getElementById(element.id) : page.body.firstElementChild;
  if (!source?.querySelector(marker)) throw loggedOut();
  const copy = element.cloneNode(false);
  copy.append(...source.childNodes);
  return copy;
}

/** Statuses of a host that requires a login. A redirect that is not followed has status 0. */
const LOGIN_STATUSES = [0, 401];

/** Fetch a page of the console. The console never redirects them, so a redirect is the host's, to its login. */
export async function fetchPage(url, headers = {}) {
  try {
    return await request(url, { redirect: "manual", headers });
  } catch (error) {
    throw LOGIN_STATUSES.includes(error.problem?.status) ? loggedOut() : error;
  }
}
