/**
 * Names as filters of hosts.
 *
 * In: a host's own name. Out: a filter that matches it, and little else: what has a meaning in the filter language
 * becomes a star, so that any name can be asked for.
 */
export function filterOf(name: string): string {
  return name.replace(/[()!&|=\s*]+/g, "*") || "*";
}
