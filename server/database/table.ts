/**
 * How a store declares its table. Rows are plain objects with camelCase names; Sequelize writes the SQL. Questions that need more than
 * one table are asked with `ask` from connection.ts. Every declaration is kept, so that a test can hold it against the migrated schema.
 */
import { DataTypes, type ModelStatic, type Model, type WhereOptions } from 'sequelize'
import { database, within, type Transaction } from './connection.ts'

const TYPES = {
  uuid: DataTypes.UUID,
  text: DataTypes.TEXT,
  bytea: DataTypes.BLOB,
  timestamptz: DataTypes.DATE,
  boolean: DataTypes.BOOLEAN,
  integer: DataTypes.INTEGER,
  bigint: DataTypes.BIGINT,
} as const

export type ColumnType = keyof typeof TYPES
type Columns<Row> = { [Name in keyof Row]: ColumnType | `${ColumnType} key` }

export interface Table<Row extends object> {
  insert(row: Row, transaction?: Transaction): Promise<void>
  insertAll(rows: readonly Row[], transaction?: Transaction): Promise<void>
  find(where: Partial<Row>, transaction?: Transaction): Promise<Row | undefined>
  list(where: Partial<Row> | { [Name in keyof Row]?: readonly Row[Name][] }, transaction?: Transaction): Promise<Row[]>
  /** Changes the rows that match and says how many they were: the guard of a one-way step stands in `where`. */
  update(values: Partial<Row>, where: Partial<Row>, transaction?: Transaction): Promise<number>
  remove(where: Partial<Row>, transaction?: Transaction): Promise<number>
}

/** What the stores say of their tables: table → column → type. For the test that compares it with the database. */
export const declaredTables = new Map<string, Map<string, ColumnType>>()

/** Declares table `name`; the columns of its primary key are marked with ` key`. */
export function table<Row extends object>(name: string, columns: Columns<Row>): Table<Row> {
  const declared = Object.entries(columns as Record<string, string>).map(([column, text]) => {
    const [type, key] = text.split(' ') as [ColumnType, string?]
    return { column, type, key: key === 'key' }
  })
  declaredTables.set(name, new Map(declared.map(({ column, type }) => [snakeCase(column), type])))
  const attributes = Object.fromEntries(
    declared.map(({ column, type, key }) => [column, { type: TYPES[type], primaryKey: key }]),
  )
  const model = database.define(name, attributes) as ModelStatic<Model>
  // The marked columns only; Sequelize would otherwise add an `id` of its own to a table without one.
  if (!declared.some(({ key }) => key)) model.removeAttribute('id')

  return {
    async insert(row, transaction) {
      await model.create({ ...row } as Record<string, unknown>, { ...within(transaction), returning: false })
    },
    async insertAll(rows, transaction) {
      if (rows.length > 0)
        await model.bulkCreate(
          rows.map((row) => ({ ...row }) as Record<string, unknown>),
          { ...within(transaction), returning: false },
        )
    },
    async find(where, transaction) {
      const row: unknown = await model.findOne({ where: where as WhereOptions, raw: true, ...within(transaction) })
      return (row as Row | null) ?? undefined
    },
    async list(where, transaction) {
      const rows: unknown = await model.findAll({ where: where as WhereOptions, raw: true, ...within(transaction) })
      return rows as Row[]
    },
    async update(values, where, transaction) {
      const [count] = await model.update({ ...values }, { where: where as WhereOptions, ...within(transaction) })
      return count
    },
    async remove(where, transaction) {
      return model.destroy({ where: where as WhereOptions, ...within(transaction) })
    },
  }
}

function snakeCase(name: string) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
