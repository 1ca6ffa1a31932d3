/**
 * What the page says to the hub where no WebSocket carries it: one request at a time, so that the order holds.
 *
 * In: messages, from the moment the session's name is known. Out: `POST api/v1/live/say`; `failed` when one was refused.
 */
import { encode } from "../protocol/codec";
import type { ClientMessage } from "../protocol/messages";

// A request that hangs must not hold the next ones for ever; the session is then begun anew.
const SAY_WITHIN_MS = 10_000;

export class Speaking {
  readonly #url: URL;
  readonly #failed: () => void;
  #waiting: ClientMessage[] = [];
  #busy = false;

  constructor(base: string, session: string, failed: () => void) {
    this.#url = new URL("api/v1/live/say", base);
    this.#url.searchParams.set("session", session);
    this.#failed = failed;
  }

  say(message: ClientMessage): void {
    this.#waiting.push(message);
    // All of one turn go together.
    if (!this.#busy) queueMicrotask(() => void this.#send());
  }

  async #send(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#waiting.length > 0) {
        const body = this.#waiting.map((message) => encode(message, true)).join("\n");
        this.#waiting = [];
        const signal = AbortSignal.timeout(SAY_WITHIN_MS);
        const answer = await fetch(this.#url, { method: "POST", body, signal });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
      }
    } catch {
      this.#waiting = [];
      this.#failed();
    }
    this.#busy = false;
  }
}
