/**
 * Whether this browser must sign in before the hub shows it anything.
 *
 * In: the hub's `GET api/v1/session`, asked at the start and whenever a connection was refused. Out: `signin.needed`.
 * The password goes to `POST api/v1/login`; the cookie that comes back is out of this page's reach.
 */

interface Problem {
  detail?: string;
}

class SignIn {
  needed = $state(false);
  #base = "";

  /** Ask the hub; silence changes nothing, since a hub that is away is told elsewhere. */
  async check(base: string): Promise<void> {
    this.#base = base;
    try {
      const answer = await fetch(new URL("api/v1/session", base), { cache: "no-store" });
      if (!answer.ok) return;
      const { signed_in } = (await answer.json()) as { signed_in: boolean };
      this.needed = !signed_in;
    } catch {
      // The freshness tells that the hub is away.
    }
  }

  /** Try a password. The answer is "" when it was right, else what is wrong in words. */
  async signIn(password: string): Promise<string> {
    try {
      const answer = await fetch(new URL("api/v1/login", this.#base), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ password }),
      });
      if (answer.ok) {
        this.needed = false;
        return "";
      }
      const { detail } = (await answer.json()) as Problem;
      return detail ?? `The hub answered ${answer.status}`;
    } catch {
      return "The hub does not answer; try again when it is back";
    }
  }
}

export const signin = new SignIn();
