/** What a page that looks at the past says of its steps: "step 10 s, max". Set by the page, shown beside the clock. */
class HistoryStep {
  text = $state("");

  set(step_ms: number, joined: "" | "max" | "avg"): void {
    const seconds = step_ms / 1_000;
    const size =
      seconds < 60
        ? `${seconds} s`
        : seconds < 3_600
          ? `${Math.round(seconds / 6) / 10} m`
          : `${Math.round(seconds / 360) / 10} h`;
    this.text = step_ms === 0 ? "" : `step ${size}${joined === "" ? "" : `, ${joined}`}`;
  }
}

export const historyStep = new HistoryStep();
