// Prints what the suite consists of and what is published about other caches, as JSON. Runs in the suite's folder.

import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const load = async file => (await import(pathToFileURL(path.resolve(file)).href)).default

const suites = [...await load('tests/index.mjs'), await load('tests/surrogate-control.mjs')]
const tests = suites.flatMap(suite => suite.tests.map(test => ({
  id: test.id,
  suite: suite.name,
  name: test.name,
  kind: test.kind ?? 'required',
  browser_only: test.browser_only === true
})))
const published = (await load('results/index.mjs')).map(({ file, name, type, version }) => ({
  name,
  type,
  version,
  results: JSON.parse(fs.readFileSync(path.join('results', file), 'utf8'))
}))
console.log(JSON.stringify({ tests, published }))
