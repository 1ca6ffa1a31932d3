/** A host keeps its colour by its name, on every page and every day: one of the eight of `tokens.css`. */
export function hostColour(name: string): string {
  let hash = 2_166_136_261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16_777_619);
  return `var(--k${((hash >>> 0) % 8) + 1})`;
}
