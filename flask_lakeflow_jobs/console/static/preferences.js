// The reader's preferences: theme, density, shortcuts. They are kept in this browser. This is no module, so that it runs
// before the first paint: a page must not flash in another theme.

(() => {
  /** A stored `lf-theme` becomes the attribute `data-lf-theme` of the page. */
  const PREFIX = "lf-";
  const root = document.documentElement;

  /** The storage of the browser; nothing is kept if the reader forbids it. */
  function storage() {
    try {
      return window.localStorage;
    } catch {
      return {};
    }
  }

  function apply() {
    for (const name of root.getAttributeNames()) if (name.startsWith(`data-${PREFIX}`)) root.removeAttribute(name);
    // Other entries are the host's, and their names may be no names of attributes.
    for (const [name, value] of Object.entries(storage())) if (/^lf-[a-z]+$/.test(name)) root.setAttribute(`data-${name}`, value);
  }

  /** Store a choice. The default, which is the first choice, needs no entry. */
  function keep({ name, value, defaultChecked }) {
    if (defaultChecked) storage().removeItem?.(PREFIX + name);
    else storage().setItem?.(PREFIX + name, value);
    root.toggleAttribute(`data-${PREFIX}${name}`, !defaultChecked);
    if (!defaultChecked) root.setAttribute(`data-${PREFIX}${name}`, value);
  }

  /** Check the choices of the form that are in use. */
  function showIn(form) {
    form.reset();
    for (const input of form.elements) if (root.getAttribute(`data-${PREFIX}${input.name}`) === input.value) input.checked = true;
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("lf-display");
    if (!form) return;
    showIn(form);
    form.addEventListener("change", ({ target }) => keep(target));
    document.querySelector("[popovertarget=lf-display]").hidden = false;
    addEventListener("storage", () => {
      apply();
      showIn(form);
    });
  });
})();
