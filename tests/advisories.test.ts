/** What is installed: never below the versions in which known holes were closed, always exactly the version that was tried. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../server/lib/root.ts'

interface Lock {
  packages: Record<string, { version?: string; resolved?: string; integrity?: string; link?: boolean }>
}

const read = (path: string) => JSON.parse(readFileSync(join(projectRoot, path), 'utf8')) as never
const floors: Record<string, string> = read('tests/advisory-floors.json')
const lock: Lock = read('package-lock.json')
const project: Record<'dependencies' | 'devDependencies', Record<string, string>> = read('package.json')
const locked = Object.entries(lock.packages).filter(([place]) => place !== '')

test('nothing in the lock file is older than the version in which a known hole was closed', () => {
  const old = locked.flatMap(([place, { version }]) => {
    const floor = floors[nameOf(place)]
    return floor && isBelow(version!, floor) ? [`${place} ${version} is below ${floor}`] : []
  })
  assert.deepEqual(old, [])
})

test('the floors are compared with something: each of them that we depend on is in the lock file', () => {
  const found = new Set(locked.map(([place]) => nameOf(place)))
  assert.deepEqual(
    Object.keys(floors).filter((name) => !found.has(name)),
    ['sanitize-html'], // of a later release; its floor waits here for it
  )
})

test('versions are compared as numbers, and a version before a release is below it', () => {
  assert.ok(isBelow('8.3.9', '8.4.0') && isBelow('9.9.9', '10.0.5') && isBelow('10.0.5-beta.1', '10.0.5'))
  assert.ok(!isBelow('8.10.0', '8.4.0') && !isBelow('10.0.5', '10.0.5') && !isBelow('10.6.0', '10.0.5'))
})

test('the lock file names no host, and every package in it has its digest', () => {
  assert.deepEqual(
    locked.filter(([, { resolved }]) => resolved !== undefined).map(([place]) => place),
    [],
  )
  assert.deepEqual(
    locked.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([place]) => place),
    [],
  )
  assert.doesNotMatch(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'), /https?:\/\/[^"]*registry/)
})

test('every dependency is pinned exactly, and the lock file holds that version', () => {
  for (const [name, wanted] of Object.entries({ ...project.dependencies, ...project.devDependencies })) {
    assert.match(wanted, /^(npm:@[\w.-]+\/[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    assert.equal(lock.packages[`node_modules/${name}`]?.version, wanted.slice(wanted.lastIndexOf('@') + 1), name)
  }
})

function nameOf(place: string) {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function isBelow(version: string, floor: string): boolean {
  const [numbers, floorNumbers] = [version, floor].map((text) => text.split('-')[0]!.split('.').map(Number))
  for (const [place, least] of floorNumbers!.entries()) {
    if (numbers![place] !== least) return numbers![place]! < least
  }
  return version.includes('-') && !floor.includes('-')
}
