/** Whether a colour can be read, by the published formula, and the nearest one that can. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import {
  brandOf,
  contrast,
  isReadable,
  leastContrast,
  nearestReadable,
  readColour,
  SURFACES,
  type Scheme,
} from '../../server/settings/brand-colour.ts'

test('contrast is that of WCAG 2.2, by pairs that are well known', () => {
  const known: [string, string, number][] = [
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#767676', '#ffffff', 4.54],
    ['#777777', '#ffffff', 4.48],
    ['#ff0000', '#ffffff', 4],
    ['#0000ff', '#ffffff', 8.59],
  ]
  for (const [one, other, ratio] of known) {
    assert.equal(Math.round(contrast(one, other) * 100) / 100, ratio, `${one} on ${other}`)
    assert.equal(contrast(one, other), contrast(other, one))
  }
})

test('the surfaces are those of the stylesheet', () => {
  const css = readFileSync(join(projectRoot, 'static/css/page.css'), 'utf8')
  const [light, dark] = css.split('prefers-color-scheme: dark') as [string, string]
  const colours = (text: string) =>
    ['canvas', 'surface', 'sunken'].map((name) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(text)![1])
  assert.deepEqual(colours(light), SURFACES.light)
  assert.deepEqual(colours(dark), SURFACES.dark)
})

test('a colour is refused exactly when it has less than 4.5 against a surface, its tint or the text on it', () => {
  for (const [colour, scheme, fits] of [
    ['#0b5563', 'light', true],
    ['#5cc3d1', 'dark', true],
    ['#5cc3d1', 'light', false],
    ['#0b5563', 'dark', false],
    ['#767676', 'light', false], // 4.54 on white, and less on what is not quite white
    ['#ffffff', 'light', false],
    ['#000000', 'dark', false],
  ] as [string, Scheme, boolean][])
    assert.equal(isReadable(colour, scheme), fits, `${colour} ${scheme} ${leastContrast(colour, scheme)}`)
})

test('the nearest colour that is offered can be read, has the same hue, and none nearer can', () => {
  const channels = (colour: string) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
  for (let step = 0; step < 216; step++) {
    const part = (n: number) => ((Math.floor(step / n) % 6) * 51).toString(16).padStart(2, '0')
    const colour = `#${part(36)}${part(6)}${part(1)}`
    for (const scheme of ['light', 'dark'] as const) {
      const nearest = nearestReadable(colour, scheme)
      assert.match(nearest, /^#[0-9a-f]{6}$/)
      assert.ok(isReadable(nearest, scheme), `${nearest} for ${colour} ${scheme}`)
      if (isReadable(colour, scheme)) assert.equal(nearest, colour)
      else assert.ok(leastContrast(nearest, scheme) < 5.2, `${nearest} for ${colour} ${scheme}: too far`)
      const order = (of: string) => channels(of).indexOf(Math.max(...channels(of)))
      const [most, least] = [Math.max(...channels(nearest)), Math.min(...channels(nearest))]
      if (most - least > 12 && new Set(channels(colour)).size === 3) assert.equal(order(nearest), order(colour))
    }
  }
})

test('what stands on the colour and beside it can be read too', () => {
  for (const scheme of ['light', 'dark'] as const) {
    const colour = nearestReadable('#c2410c', scheme)
    const { brand, tint, on } = brandOf(colour, scheme)
    assert.ok(contrast(brand, on) >= 4.5 && contrast(brand, tint) >= 4.5)
  }
})

test('a colour is read in the ways in which people write one, and nothing else is one', () => {
  for (const text of ['#0b5563', '0b5563', ' #0B5563 ']) assert.equal(readColour(text), '#0b5563')
  assert.equal(readColour('#abc'), '#aabbcc')
  for (const text of ['', 'teal', '#0b556', '#0b55631', 'rgb(0,0,0)', '#0b5563;}body{display:none', '#0b5563\n']) {
    const read = readColour(text)
    assert.ok(read === undefined || /^#[0-9a-f]{6}$/.test(read), text)
  }
  assert.equal(readColour('#0b5563;}body{display:none'), undefined)
})
