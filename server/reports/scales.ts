/** From values to places on a chart. d3-scale is imported only here. Pure. */
import { scaleBand, scaleLinear, scaleQuantize, scaleUtc } from 'd3-scale'

type Range = [number, number]

/** Counts from 0 up to a round number; its marks are whole. */
export function countScale(most: number, range: Range) {
  const scale = scaleLinear()
    .domain([0, Math.max(most, 1)])
    .range(range)
    .nice(4)
  return { at: scale, ticks: scale.ticks(4).filter((tick) => Number.isInteger(tick)) }
}

/** A place of the same width for each. */
export function bandScale(count: number, range: Range, padding = 0.15) {
  const names = Array.from({ length: count }, (_, at) => String(at))
  const scale = scaleBand().domain(names).range(range).padding(padding)
  return { at: (index: number) => scale(String(index))!, width: scale.bandwidth() }
}

export function timeScale(from: Date, to: Date, range: Range) {
  const scale = scaleUtc().domain([from, to]).range(range)
  return { at: scale, ticks: scale.ticks(6) }
}

/** From 0 (nothing) to 5 (the most there is), in equal steps. */
export function tintScale(most: number): (value: number) => number {
  const scale = scaleQuantize()
    .domain([0, Math.max(most, 1)])
    .range([1, 2, 3, 4, 5])
  return (value) => (value === 0 ? 0 : scale(value))
}
