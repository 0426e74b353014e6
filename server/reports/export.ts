/** What can be exported, and as what. */
export const KINDS = ['events', 'accesses', 'disclosures', 'activity', 'coverage', 'touched'] as const
export type ExportKind = (typeof KINDS)[number]

export const FORMATS = ['csv', 'ndjson', 'pdf'] as const
export type Format = (typeof FORMATS)[number]

/** The acts by which somebody saw a message or a file. */
export const OPENINGS = ['message.opened', 'attachment.previewed', 'attachment.downloaded'] as const

/** Which lines. Everything that is absent asks for nothing. */
export interface ExportFilter {
  /** Whoever acted: an account's id. */
  actorId?: string
  /** The role in which they acted. */
  actorRole?: string
  act?: string
  outcome?: string
  /** Whose messages and files it was done with, or who it was done to: an account's id. */
  patientId?: string
  /** Only what showed somebody a message or a file. */
  openings?: boolean
  /** A network address. */
  address?: string
  /** The mark of a session, as the log has it in an event's details. */
  session?: string
  from?: Date
  /** Without this moment. */
  to?: Date
  /** Of the report on sign-in: whether people are named. */
  named?: boolean
}

/** Lines of cells under a line of headings: what a CSV file and a PDF are made from. */
export interface Sheet {
  title: string
  /** What it says and does not say, for the title page. */
  about: string
  /** What was asked for, in words. */
  facts: readonly Fact[]
  columns: readonly Column[]
  /** How many lines there will be; absent when only reading them tells. */
  count(): Promise<number | undefined>
  /** Some lines at a time, each with a cell for each column. Reading them again gives the same lines. */
  rows(): AsyncIterable<readonly (readonly string[])[]>
}

export interface Fact {
  name: string
  value: string
}

export interface Column {
  label: string
  /** Its share of a printed line; 0: a file has it, a printed page does not. */
  width: number
}

/** The file's name says nothing of whom it is about. */
export function fileNameOf({ kind, askedAt, format }: { kind: ExportKind; askedAt: Date; format: Format }): string {
  return `${kind}-${askedAt.toISOString().slice(0, 16).replace(/[-:]/g, '')}.${format}`
}

export const TYPES: Record<Format, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  pdf: 'application/pdf',
}

/** What an export's sealed file is tied to. */
export function bindingOf(exportId: string, fileId: string): string {
  return `export/${exportId}/${fileId}`
}
