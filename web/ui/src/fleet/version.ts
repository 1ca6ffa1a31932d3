/** Versions as people release them: `0.4.2`, `0.4.3-rc1`. A release is newer than its candidates. */
export function isOlder(version: string, than: string): boolean {
  const read = (text: string): { numbers: number[]; rest: string } => {
    const [head = "", ...rest] = text.split(/[-+]/);
    return { numbers: head.split(".").map((part) => Number.parseInt(part, 10)), rest: rest.join("-") };
  };
  const a = read(version);
  const b = read(than);
  if ([...a.numbers, ...b.numbers].some(Number.isNaN)) return false;
  for (let i = 0; i < Math.max(a.numbers.length, b.numbers.length); i++) {
    const difference = (a.numbers[i] ?? 0) - (b.numbers[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (a.rest === b.rest) return false;
  return a.rest !== "" && (b.rest === "" || a.rest < b.rest);
}
