// Buttons that copy a text.

/** Add a button to each text that can be copied. */
export function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const box of root.querySelectorAll(".lf-copyable:not(:has(button))")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "lf-button lf-copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = box.querySelector("pre");
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text); // the reader copies it with the keyboard
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    box.append(button);
  }
}
