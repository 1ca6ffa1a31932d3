/**
 * One `requestAnimationFrame` loop for the page.
 *
 * Whoever draws registers once and is called at most once a frame, and only in frames for which someone asked: when
 * data came, a theme changed, a pointer moved. A hidden page gets no frames and catches up when it is seen again.
 */
type Draw = (now: number) => void;

class Frames {
  readonly #draws = new Set<Draw>();
  #asked = false;

  /** Draw in every frame that is asked for, until the answer is called. */
  register(draw: Draw): () => void {
    this.#draws.add(draw);
    this.ask();
    return () => this.#draws.delete(draw);
  }

  /** Something is new: draw in the next frame. */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((now) => {
      this.#asked = false;
      for (const draw of this.#draws) draw(now);
    });
  }
}

export const frames = new Frames();
