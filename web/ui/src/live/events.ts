/**
 * The way to the hub by server-sent events, for where WebSockets are blocked. A shell beside `socket.ts`.
 *
 * The stream ends with the first error and is opened by the session again: it knows the cursors.
 */
import { decode } from "../protocol/codec";
import type { Dial } from "./socket";
import { Speaking } from "./speaking";

// A proxy that keeps the answer to itself until it ends: polling goes through it.
const FIRST_WITHIN_MS = 4_000;

export function serverEvents(base: string): Dial {
  return (events) => {
    let over = false;
    let speaking: Speaking | null = null;
    let source: EventSource | null = null;
    const end = (): void => {
      if (over) return;
      over = true;
      clearTimeout(patience);
      source?.close();
      events.close();
    };
    const patience = setTimeout(end, FIRST_WITHIN_MS);
    try {
      source = new EventSource(new URL("api/v1/stream/live", base));
      source.onerror = end;
      source.addEventListener("end", end);
      source.addEventListener("session", ({ data }: MessageEvent<string>) => {
        clearTimeout(patience);
        speaking = new Speaking(base, (JSON.parse(data) as { session: string }).session, end);
      });
      source.onmessage = ({ data }: MessageEvent<string>) => {
        if (over) return;
        const decoded = decode(data);
        if (decoded.message === null) events.unreadable(decoded.problem);
        else events.message(decoded.message);
      };
    } catch {
      // A browser without it, or one that may not: told like any other failure, after the caller has its wire.
      queueMicrotask(end);
    }
    return { send: (message) => speaking?.say(message), drop: end };
  };
}
