/**
 * Questions to the hub's HTTP contract: an answer, or an error in the hub's own words.
 *
 * In: a path below `api/` and its query, or what to change. Out: the decoded answer. The hub says what to change in a problem's `detail`;
 * that sentence is what a reader sees.
 */
import { Decoder } from "@msgpack/msgpack";

const decoder = new Decoder();

export class AskError extends Error {}

type Query = Record<string, string | number | null | undefined>;

/** The address of a question, for links and downloads. */
export function askUrl(path: string, query: Query): string {
  const url = new URL(`api/v1/${path}`, new URL(".", document.baseURI));
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(key, String(value));
  }
  return url.href;
}

export async function ask<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(askUrl(path, query), {
      headers: { Accept: "application/msgpack, application/json;q=0.9" },
      cache: "no-store",
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AskError("the hub does not answer");
  }
  if (!answer.ok) throw new AskError(await problem(answer));
  if (/msgpack/.test(answer.headers.get("content-type") ?? "")) {
    return decoder.decode(new Uint8Array(await answer.arrayBuffer())) as T;
  }
  return (await answer.json()) as T;
}

/** Change something. The answer is the hub's, undefined where it has none. */
export async function send<T = undefined>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(askUrl(path, {}), {
      method,
      cache: "no-store",
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new AskError("the hub does not answer");
  }
  if (!answer.ok) throw new AskError(await problem(answer));
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

async function problem(answer: Response): Promise<string> {
  try {
    const body = (await answer.json()) as { detail?: unknown };
    if (typeof body.detail === "string" && body.detail) return body.detail;
  } catch {
    // Whoever answered, a proxy perhaps, speaks no JSON.
  }
  return `the hub answers ${answer.status} ${answer.statusText}`;
}
