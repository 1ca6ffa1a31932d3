/**
 * The lines that join agents, as the hub lists them, and the one that this page has made.
 *
 * A line is made when it is first looked at, and anew when what it shall say changes; the one before is taken back then,
 * unless somebody has copied it. Its secret is in `offer` as long as the page lives and nowhere else.
 */
import { ask, send } from "../live/ask";
import { hub } from "../live/hub.svelte";
import type { Wish } from "./newcomer";

export interface Enrolment {
  id: string;
  labels: Record<string, string>;
  state: "open" | "used" | "expired";
  created_ms: number | null;
  expires_ms: number;
  used_ms: number | null;
  used_by: { agent_id: string; name: string | null } | null;
}

export interface Offer extends Enrolment {
  line: string;
  install: string;
}

interface Listed {
  enrolments: Enrolment[];
  endpoint: string;
  note: string;
  refused: string | null;
  turned_away: { count: number; last: TurnedAway | null };
}

/** An agent that knocked and was not let in. */
export interface TurnedAway {
  time_ms: number;
  address: string;
  why: string;
}

/** The hub may also hear from commands and other pages, so it is asked again so often. */
const EVERY_MS = 4_000;
const SOON_MS = 250;

const told = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Enrolling {
  /** What is typed in the dialog; kept when it closes. */
  labels = $state("");
  follow = $state("");
  ttl = $state("1h");

  /** Whether the dialog stands open; it belongs to no page, since the first machine changes the page below it. */
  open = $state(false);

  /** False until the hub has answered once. */
  known = $state(false);
  lines: Enrolment[] = $state.raw([]);
  /** Where an agent will look for the hub, and why it may not find it there. */
  endpoint = $state("");
  note = $state("");
  /** Why this page may not change the fleet. */
  refused: string | null = $state(null);
  /** How many agents were not let in since the hub's start, and the last of them. */
  turned = $state(0);
  lastTurned: TurnedAway | null = $state.raw(null);
  offer: Offer | null = $state.raw(null);
  busy = $state(false);
  /** What the hub says against the last thing that was asked of it. */
  problem = $state("");

  #asked = "";
  #next: Wish | null = null;
  #running = false;
  #copied = new Set<string>();
  #soon: ReturnType<typeof setTimeout> | undefined;

  /** What became of the offer; it ends by the hub's clock, also while nothing is asked. */
  get state(): Enrolment["state"] | "revoked" | "none" {
    const { offer } = this;
    if (!offer) return "none";
    const entry = this.lines.find((line) => line.id === offer.id);
    if (entry?.state === "used") return "used";
    if (!entry) return "revoked";
    return hub.clock_ms >= offer.expires_ms ? "expired" : "open";
  }

  /** Who has joined with the offer. */
  get guest(): Enrolment["used_by"] {
    return this.lines.find((line) => line.id === this.offer?.id)?.used_by ?? null;
  }

  /** Keep the list fresh until the answer is called. */
  watch(): () => void {
    void this.refresh();
    const timer = setInterval(() => void this.refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }

  /** Something has happened in the fleet: somebody may have joined. */
  soon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.refresh();
    }, SOON_MS);
  }

  async refresh(): Promise<void> {
    try {
      const found = await ask<Listed>("enrolments", {});
      this.lines = found.enrolments;
      this.endpoint = found.endpoint;
      this.note = found.note;
      this.refused = found.refused;
      this.turned = found.turned_away.count;
      this.lastTurned = found.turned_away.last;
      this.known = true;
    } catch (error) {
      if (!this.known) this.problem = told(error);
    }
  }

  /** Have a line that says this. */
  async want(wish: Wish): Promise<void> {
    this.#next = wish;
    if (this.#running) return;
    this.#running = true;
    while (this.#next) {
      const next: Wish = this.#next;
      this.#next = null;
      await this.#make(next);
    }
    this.#running = false;
  }

  /** Another line that says the same: the last one is used, over, or already in somebody's hands. */
  async another(wish: Wish): Promise<void> {
    this.#asked = "";
    this.copied();
    await this.want(wish);
  }

  /** The offer is in somebody's hands now: another one no longer takes it back. */
  copied(): void {
    if (this.offer) this.#copied.add(this.offer.id);
  }

  async revoke(id: string): Promise<void> {
    try {
      await send("DELETE", `enrolments/${encodeURIComponent(id)}`);
      this.problem = "";
    } catch (error) {
      this.problem = told(error);
    }
    await this.refresh();
  }

  async #make(wish: Wish): Promise<void> {
    if (!this.known) await this.refresh();
    const asked = JSON.stringify(wish);
    if (!this.known || this.refused !== null || (asked === this.#asked && this.state === "open")) return;
    this.busy = true;
    try {
      const before = this.state === "open" ? this.offer : null;
      const offer = await send<Offer>("POST", "enrolments", wish);
      if (before && !this.#copied.has(before.id)) await this.revoke(before.id);
      else await this.refresh();
      this.offer = offer;
      this.#asked = asked;
      this.problem = "";
    } catch (error) {
      this.problem = told(error);
    }
    this.busy = false;
  }
}

export const enrolling = new Enrolling();
