/**
 * Which lines belong to the line before them: the body of a stack trace.
 *
 * In: lines of one file in their order. Out: for each, whether it goes on with the one before. Indented lines do;
 * so do "Caused by:", "... 12 more", goroutine frames, and the last line of a Python traceback, which stands at the
 * margin again and says what happened. Only lines read at nearly the same moment are folded: `tail` sees to that.
 */

const INDENTED = /^[ \t]+\S/;
const JOINS = /^(?:Caused by: |Suppressed: |\.\.\. \d+ more|at \S+\(|goroutine \d+ \[|\S+\.go:\d+ \+0x|created by )/;
const TRACEBACK = /Traceback \(most recent call last\):?\s*$/;
const CHAINED = /^(?:During handling of the above exception|The above exception was the direct cause)/;

/** Remembers what the last line of one file was. */
export class StackFolder {
  private inTraceback = false;
  private hasHead = false;

  /** True if this line continues the one before. */
  continues(text: string): boolean {
    if (this.hasHead && INDENTED.test(text)) return true;
    if (this.inTraceback) {
      if (text === "" || CHAINED.test(text) || TRACEBACK.test(text)) return true;
      // The exception itself: part of the trace, and its end.
      this.inTraceback = false;
      return true;
    }
    if (this.hasHead && (JOINS.test(text) || CHAINED.test(text))) {
      if (CHAINED.test(text)) this.inTraceback = true;
      return true;
    }
    this.hasHead = text !== "";
    this.inTraceback = TRACEBACK.test(text);
    return false;
  }

  /** Forget the line before: something is missing in between, or much time has passed. */
  reset(): void {
    this.inTraceback = this.hasHead = false;
  }
}
