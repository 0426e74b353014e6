/** Lines and piles of a chart. d3-shape is imported only here. Pure. */
import { area, stack } from 'd3-shape'

/** The path of an area under these heights. */
export function areaPath(points: readonly { x: number; y: number }[], ground: number): string {
  const draw = area<{ x: number; y: number }>()
    .x(({ x }) => x)
    .y0(ground)
    .y1(({ y }) => y)
    .digits(1)
  return draw(points) ?? ''
}

/** Each pile's parts from where to where, one list for each kind. */
export function pile(rows: readonly Record<string, number>[], kinds: readonly string[]): [number, number][][] {
  return stack<Record<string, number>>()
    .keys(kinds)
    .value((row, kind) => row[kind] ?? 0)(rows)
    .map((parts) => parts.map(([from, to]) => [from, to]))
}
