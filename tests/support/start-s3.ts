/**
 * A real S3 server for tests: OpenStack Swift with its S3 interface, as Debian packs it, in a folder of its own and on ports of 127.0.0.1. It
 * verifies signatures. One disk, one copy. Where it is not installed the tests that need it say so and are skipped; `npm run s3-tests`
 * installs it where that is possible.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

export interface S3Server {
  /** What a store of a bucket of its own needs to know; the bucket is there. */
  newBucket(): Promise<S3Bucket>
  /** Where everything that the server keeps rests. */
  disks: string
  /** The way a file gets lost or changed behind everybody's back. */
  objectsOf(bucket: string): Promise<string[]>
  /** Puts names into the bucket's list as the server itself does, without objects behind them. */
  fillList(bucket: string, names: readonly string[]): Promise<void>
  /** From then on the bucket takes no more than this many bytes. To be said before anything is in it. */
  limit(bucket: string, bytes: number): Promise<void>
  /** Nobody listens any more, until `comeBack`. */
  goAway(): Promise<void>
  comeBack(): Promise<void>
  /** Takes connections and never answers, until `goOn`. */
  fallSilent(): void
  goOn(): void
  stop(): Promise<void>
}

export interface S3Bucket {
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

/** Why there can be no S3 server here, or undefined when there can. */
export function whyNoS3(): string | undefined {
  const missing = [...Object.values(PROGRAMS), SWIFT_CONF].filter((path) => !isReadable(path))
  if (missing.length === 0) return undefined
  return `Swift is not installed here (${missing[0]}): \`npm run s3-tests\` installs it as root on Debian`
}

export async function startS3(): Promise<S3Server> {
  // Beside the run's template, so that whatever a killed test leaves running is found with the rest.
  const template = process.env['TEST_TEMPLATE']
  const folder = mkdtempSync(join(template ? join(template, '..') : tmpdir(), 's3-'))
  const disks = join(folder, 'disks')
  mkdirSync(join(disks, 'one'), { recursive: true })
  const ports = { proxy: 0, account: 0, container: 0, object: 0, memcached: 0 }
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
  python(MAKE_RINGS, [folder, String(ports.account), String(ports.container), String(ports.object)])
  const running: ChildProcess[] = []
  const begin = (program: string, args: string[]) => {
    const log = openSync(join(folder, 'log'), 'a')
    const child = spawn(program, args, { stdio: ['ignore', log, log], cwd: folder })
    running.push(child)
    return child
  }

  begin(PROGRAMS.memcached, [
    ...['-l', '127.0.0.1', '-p', String(ports.memcached), '-U', '0', '-m', '16', '-u', userInfo().username],
  ])
  for (const kind of ['account', 'container', 'object'] as const)
    begin(PROGRAMS[kind], [settingsFile(folder, kind, storageSettings(folder, disks, kind, ports[kind]))])
  const proxySettings = settingsFile(folder, 'proxy', frontSettings(folder, ports.proxy, ports.memcached))
  let front = begin(PROGRAMS.proxy, [proxySettings])
  const everybodyAnswers = async () => {
    for (const [name, port] of Object.entries(ports)) await until(() => answersOn(port), `Swift's ${name} answers`)
  }
  await everybodyAnswers().catch((error: unknown) => {
    throw new Error(`Swift does not start: ${readFileSync(join(folder, 'log'), 'utf8')}`, { cause: error })
  })

  let buckets = 0
  const endpoint = `http://127.0.0.1:${ports.proxy}`
  return {
    disks,
    async newBucket() {
      const settings = { endpoint, bucket: `letterlock-${++buckets}`, region: 'us-east-1', ...KEYS }
      await makeBucket(settings)
      return settings
    },
    async objectsOf(bucket) {
      return Promise.resolve(
        python(LIST_OBJECTS, [disks])
          .split('\n')
          .filter((line) => line.startsWith(`${bucket}/`) || line.startsWith(`${bucket}+segments/`)),
      )
    },
    async fillList(bucket, names) {
      await Promise.resolve(python(FILL_LIST, [disks, bucket], names.join('\n')))
    },
    async limit(bucket, bytes) {
      python(LIMIT_BUCKET, [disks, bucket, String(bytes)])
      // Swift remembers for a minute what it knew of the bucket.
      const forgets = connect(ports.memcached, '127.0.0.1')
      forgets.end('flush_all\r\nquit\r\n')
      forgets.resume()
      await once(forgets, 'close')
    },
    async goAway() {
      await end(front)
    },
    async comeBack() {
      front = begin(PROGRAMS.proxy, [proxySettings])
      await until(() => answersOn(ports.proxy), 'Swift answers again')
    },
    fallSilent: () => void front.kill('SIGSTOP'),
    goOn: () => void front.kill('SIGCONT'),
    async stop() {
      await Promise.all(running.map(end))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const PROGRAMS = {
  memcached: '/usr/bin/memcached',
  account: '/usr/bin/swift-account-server',
  container: '/usr/bin/swift-container-server',
  object: '/usr/bin/swift-object-server',
  proxy: '/usr/bin/swift-proxy-server',
}
/** Swift looks for its hash's salt here and nowhere else. The package brings one. */
const SWIFT_CONF = '/etc/swift/swift.conf'
const KEYS = { accessKeyId: 'clinic:letterlock', secretAccessKey: 'a-fictitious-secret-of-a-test' }

function isReadable(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

function settingsFile(folder: string, kind: string, text: string): string {
  const path = join(folder, `${kind}-server.conf`)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

function storageSettings(folder: string, disks: string, kind: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
devices = ${disks}
mount_check = false
log_level = ERROR
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`
}

function frontSettings(folder: string, port: number, memcached: number): string {
  const [account, user] = KEYS.accessKeyId.split(':')
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth bulk container_quotas slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_${account}_${user} = ${KEYS.secretAccessKey} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:container_quotas]
use = egg:swift#container_quotas
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
`
}

async function makeBucket({ endpoint, bucket, region, ...credentials }: S3Bucket): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
}

function answersOn(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true))
    socket.on('error', () => done(false))
    socket.on('connect', () => socket.destroy())
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function python(program: string, args: string[], input = ''): string {
  return execFileSync('/usr/bin/python3', ['-c', program, ...args], { input, encoding: 'utf8', maxBuffer: 2 ** 27 })
}

const MAKE_RINGS = `
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(['account', 'container', 'object'], sys.argv[2:]):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(region=1, zone=1, ip='127.0.0.1', port=int(port), replication_ip='127.0.0.1',
                         replication_port=int(port), device='one', weight=1, meta=''))
    builder.rebalance()
    builder.get_ring().save(sys.argv[1] + '/' + kind + '.ring.gz')
`

/** Every object's bucket and name, and where on the disk it rests. */
const LIST_OBJECTS = `
import os, sys
from swift.obj.diskfile import read_metadata
for folder, _, names in os.walk(os.path.join(sys.argv[1], 'one', 'objects')):
    for name in names:
        if name.endswith('.data'):
            path = os.path.join(folder, name)
            try:
                print(read_metadata(path)['name'].split('/', 2)[2] + ' ' + path)
            except Exception:
                pass
`

const FIND_BUCKET = `
import glob, sys
from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker
brokers = [ContainerBroker(path) for path in glob.glob(sys.argv[1] + '/one/containers/*/*/*/*.db')]
[broker] = [broker for broker in brokers if broker.get_info()['container'] == sys.argv[2]]
`

const FILL_LIST = `${FIND_BUCKET}
broker.merge_items([
    dict(name=name, created_at=Timestamp.now().internal, size=0, content_type='application/octet-stream',
         etag='d41d8cd98f00b204e9800998ecf8427e', deleted=0, storage_policy_index=0)
    for name in sys.stdin.read().split()])
`

const LIMIT_BUCKET = `${FIND_BUCKET}
broker.update_metadata({'X-Container-Meta-Quota-Bytes': (sys.argv[3], Timestamp.now().internal)})
`
