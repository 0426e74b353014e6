/**
 * Charts as what views/partials/chart.hbs draws: places, classes and words, all from the same rows as the table that stands behind each chart. No colours,
 * no styles: those are in static/css/console.css, so that a strict policy, dark mode and print hold. Pure.
 */
import { bandScale, countScale, tintScale } from './scales.ts'
import { areaPath, pile } from './shapes.ts'

export interface Chart {
  id: string
  /** What it is, in a few words. */
  title: string
  /** What it shows, in a sentence that was computed from the same rows. */
  caption: string
  /** Which kind wears which class; empty where there is one kind only. */
  legend: { tone: string; label: string }[]
  width: number
  height: number
  rects: { x: number; y: number; width: number; height: number; tone: string; tip: string }[]
  lines: { x1: number; y1: number; x2: number; y2: number }[]
  dots: { x: number; y: number; tone: string; tip: string }[]
  texts: { x: number; y: number; anchor: 'start' | 'middle' | 'end'; text: string }[]
  /** The same numbers for whoever does not see the chart. */
  table: { head: string[]; rows: string[][] }
  /** Nothing to draw: what is said instead. */
  empty: string
}

type Words = Pick<Chart, 'id' | 'title' | 'caption' | 'empty'>

export interface ColumnsChart extends Words {
  /** What a column stands for. */
  of: string
  kinds: readonly { label: string; tone: string }[]
  /** `mark` stands under the column where it is not empty. */
  columns: readonly { name: string; mark: string; counts: readonly number[] }[]
}

const WIDTH = 640
const START = 44

/** Standing columns, one a time or a class; several kinds are piled. */
export function columnsChart({ columns, kinds, of, ...words }: ColumnsChart): Chart {
  const [top, ground, height] = [8, 160, 188]
  const keys = kinds.map((_, at) => String(at))
  const parts = pile(
    columns.map(({ counts }) => Object.fromEntries(counts.map((count, at) => [at, count]))),
    keys,
  )
  const across = bandScale(columns.length, [START, WIDTH - 4])
  const up = countScale(Math.max(0, ...columns.map(({ counts }) => sum(counts))), [ground, top])
  return {
    ...words,
    legend: kinds.length > 1 ? [...kinds] : [],
    width: WIDTH,
    height,
    rects: parts.flatMap((piled, kind) =>
      piled.flatMap(([from, to], at) =>
        to === from
          ? []
          : {
              x: round(across.at(at)),
              y: round(up.at(to)),
              width: round(across.width),
              height: round(up.at(from) - up.at(to)),
              tone: kinds[kind]!.tone,
              tip: `${columns[at]!.name}: ${to - from}${kinds.length > 1 ? ` ${kinds[kind]!.label}` : ''}`,
            },
      ),
    ),
    lines: up.ticks.map((tick) => ({ x1: START, x2: WIDTH, y1: round(up.at(tick)), y2: round(up.at(tick)) })),
    dots: [],
    texts: [
      ...up.ticks.map((tick) => ({
        x: START - 6,
        y: round(up.at(tick) + 5),
        anchor: 'end' as const,
        text: short(tick),
      })),
      ...columns.flatMap(({ mark }, at) =>
        mark
          ? { x: round(across.at(at) + across.width / 2), y: height - 8, anchor: 'middle' as const, text: mark }
          : [],
      ),
    ],
    table: {
      head: [of, ...kinds.map(({ label }) => label)],
      rows: columns.map(({ name, counts }) => [name, ...counts.map(String)]),
    },
  }
}

export interface BarsChart extends Words {
  of: string
  kind: string
  bars: readonly { name: string; count: number; note: string }[]
}

/** Lying bars, each with its name before it and its number behind it. */
export function barsChart({ bars, of, kind, ...words }: BarsChart): Chart {
  const height = bars.length * 36 + 8
  const down = bandScale(bars.length, [4, height - 4], 0.3)
  const along = countScale(Math.max(0, ...bars.map(({ count }) => count)), [220, WIDTH - 120])
  const middle = (at: number) => round(down.at(at) + down.width / 2 + 5)
  return {
    ...words,
    legend: [],
    width: WIDTH,
    height,
    rects: bars.map(({ name, count }, at) => ({
      x: 220,
      y: round(down.at(at)),
      width: round(Math.max(along.at(count) - 220, 1)),
      height: round(down.width),
      tone: 'first',
      tip: `${name}: ${count}`,
    })),
    lines: [],
    dots: [],
    texts: bars.flatMap(({ name, count, note }, at) => [
      { x: 210, y: middle(at), anchor: 'end' as const, text: name },
      {
        x: round(Math.max(along.at(count), 221) + 8),
        y: middle(at),
        anchor: 'start' as const,
        text: `${count} ${note}`.trim(),
      },
    ]),
    table: { head: [of, kind], rows: bars.map(({ name, count, note }) => [name, `${count} ${note}`.trim()]) },
  }
}

export interface HeatChart extends Words {
  of: string
  rows: readonly { name: string; counts: readonly number[] }[]
  columns: readonly { name: string; mark: string }[]
}

/** A field of squares in five tints; the numbers are in its table. */
export function heatChart({ rows, columns, of, ...words }: HeatChart): Chart {
  const height = rows.length * 24 + 28
  const across = bandScale(columns.length, [START, WIDTH], 0.08)
  const down = bandScale(rows.length, [0, rows.length * 24], 0.08)
  const tint = tintScale(Math.max(0, ...rows.flatMap(({ counts }) => counts)))
  return {
    ...words,
    legend: [],
    width: WIDTH,
    height,
    rects: rows.flatMap(({ name, counts }, row) =>
      counts.map((count, column) => ({
        x: round(across.at(column)),
        y: round(down.at(row)),
        width: round(across.width),
        height: round(down.width),
        tone: `heat${tint(count)}`,
        tip: `${name} ${columns[column]!.name}: ${count}`,
      })),
    ),
    lines: [],
    dots: [],
    texts: [
      ...rows.map(({ name }, row) => ({
        x: START - 6,
        y: round(down.at(row) + 16),
        anchor: 'end' as const,
        text: name,
      })),
      ...columns.flatMap(({ mark }, at) =>
        mark
          ? { x: round(across.at(at) + across.width / 2), y: height - 8, anchor: 'middle' as const, text: mark }
          : [],
      ),
    ],
    table: {
      head: [of, ...columns.map(({ name }) => name)],
      rows: rows.map(({ name, counts }) => [name, ...counts.map(String)]),
    },
  }
}

/** A tile's little picture of how it went: 120 by 28. */
export function sparkline(counts: readonly number[]): string {
  const up = countScale(Math.max(0, ...counts), [27, 1])
  const step = 120 / Math.max(counts.length - 1, 1)
  return areaPath(
    counts.map((count, at) => ({ x: at * step, y: up.at(count) })),
    28,
  )
}

/** To a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0)
}

function short(count: number): string {
  return count >= 10_000 ? `${count / 1000}k` : String(count)
}
