// "Tell me when it ends": a notification of the browser, while the page of the run is open.

const isSupported = () => "Notification" in window && window.isSecureContext;

/** Announces the end of one run to the user, after a click on its button. */
export class EndNotifier {
  #isOn = false;
  #button;

  /** @param {string} name  of the run, for the notification */
  constructor(name) {
    this.name = name;
  }

  /** Prepare the button in new markup. Where notifications do not exist, it is hidden. */
  adapt(button) {
    if (!button) return;
    button.hidden = !isSupported();
    if (button.hidden) return;
    this.#button = button;
    button.onclick = () => this.#toggle();
    this.#show();
  }

  /** Ask for the permission on a click only: browsers ignore pages that ask unasked. */
  async #toggle() {
    this.#isOn = !this.#isOn && (await Notification.requestPermission()) === "granted";
    this.#show();
  }

  #show() {
    const isBlocked = Notification.permission === "denied";
    this.#button.setAttribute("aria-pressed", String(this.#isOn));
    this.#button.disabled = isBlocked;
    this.#button.textContent = isBlocked ? "Notifications are blocked" : "Tell me when it ends";
    this.#button.title = this.#isOn ? "On while this page is open" : "";
  }

  /** Announce the end of the run to the user, once. */
  announce(outcome) {
    if (!this.#isOn) return;
    this.#isOn = false;
    try {
      const notification = new Notification(`${this.name}: ${outcome.replaceAll("_", " ")}`, { tag: location.pathname });
      notification.onclick = () => {
        window.focus();
        notification.close();
      };
    } catch {
      // Some phones allow notifications from service workers only.
    }
  }
}
