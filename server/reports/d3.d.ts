/** As much of d3-scale and d3-shape as the charts use; the packages bring no types. */
declare module 'd3-scale' {
  interface Linear {
    (value: number): number
    domain(domain: [number, number]): Linear
    range(range: [number, number]): Linear
    nice(count?: number): Linear
    ticks(count?: number): number[]
  }
  interface Band {
    (name: string): number | undefined
    domain(names: readonly string[]): Band
    range(range: [number, number]): Band
    padding(share: number): Band
    bandwidth(): number
  }
  interface Utc {
    (at: Date): number
    domain(domain: [Date, Date]): Utc
    range(range: [number, number]): Utc
    ticks(count?: number): Date[]
  }
  interface Quantize {
    (value: number): number
    domain(domain: [number, number]): Quantize
    range(range: readonly number[]): Quantize
  }
  export function scaleLinear(): Linear
  export function scaleBand(): Band
  export function scaleUtc(): Utc
  export function scaleQuantize(): Quantize
}

declare module 'd3-shape' {
  interface Area<Point> {
    (points: readonly Point[]): string | null
    x(of: (point: Point, at: number) => number): Area<Point>
    y0(of: number): Area<Point>
    y1(of: (point: Point) => number): Area<Point>
    digits(count: number): Area<Point>
  }
  interface Stack<Row> {
    (rows: readonly Row[]): (([number, number] & { data: Row })[] & { key: string })[]
    keys(keys: readonly string[]): Stack<Row>
    value(of: (row: Row, key: string) => number): Stack<Row>
  }
  export function area<Point>(): Area<Point>
  export function stack<Row>(): Stack<Row>
}
