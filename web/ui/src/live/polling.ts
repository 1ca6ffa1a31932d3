/**
 * The way to the hub by long polls, for where neither WebSockets nor event streams come through. A shell beside `socket.ts`.
 *
 * The hub keeps an answer until the next question proves that it came, so any failure here only begins a new session.
 */
import { decode } from "../protocol/codec";
import type { Dial } from "./socket";
import { Speaking } from "./speaking";

const WAIT_S = 20;
const ANSWER_WITHIN_MS = 30_000;

interface Answer {
  session: string;
  number: number;
  messages: unknown[];
  ended?: string;
}

export function polling(base: string): Dial {
  return (events) => {
    let over = false;
    let speaking: Speaking | null = null;
    const abort = new AbortController();
    const end = (): void => {
      if (over) return;
      over = true;
      abort.abort();
      events.close();
    };
    const listen = async (): Promise<void> => {
      const url = new URL("api/v1/live/poll", base);
      url.searchParams.set("wait", String(WAIT_S));
      try {
        while (!over) {
          const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
          const answer = await fetch(url, { cache: "no-store", signal });
          if (!answer.ok) throw new Error(`status ${answer.status}`);
          const { session, number, messages, ended } = (await answer.json()) as Answer;
          url.searchParams.set("session", session);
          url.searchParams.set("since", String(number));
          speaking ??= new Speaking(base, session, end);
          for (const message of messages) {
            if (over) return;
            const decoded = decode(message as object);
            if (decoded.message === null) events.unreadable(decoded.problem);
            else events.message(decoded.message);
          }
          if (ended !== undefined) break;
        }
      } catch {
        // Said below, like the end.
      }
      end();
    };
    // After the caller has its wire.
    queueMicrotask(() => void listen());
    return { send: (message) => speaking?.say(message), drop: end };
  };
}
