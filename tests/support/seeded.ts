/** Random numbers that are the same again for the same seed (xorshift32): for what must be random and repeatable. */
export interface Seeded {
  /** From 0 up to, but without, `end`. */
  below(end: number): number
  pick<T>(from: readonly T[]): T
  bytes(length: number): Buffer
}

export function seeded(seed: number): Seeded {
  // Zero would stay zero for ever, and small seeds begin alike.
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 10; round++) next()
  const below = (end: number) => Math.floor(next() * end)
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  }
}
