// Two replicas of a peer in this process, each with writes of its own, meet over TCP.
// Usage: node peers.mjs KIND WRITES WARMUP_MS FOR_MS. It prints the report that the
// benchmarks read.
import { Buffer } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'

const value = 'x'.repeat(100)
const names = ['a', 'b']
const keys = (name, writes) => Array.from({ length: writes }, (_, i) => `${name}/${String(i).padStart(8, '0')}`)

// End is one end of a connection that carries messages of a kind and bytes.
class End {
  #got = Buffer.alloc(0)
  constructor (socket, receive) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#got = this.#got.length ? Buffer.concat([this.#got, chunk]) : chunk
      while (this.#got.length >= 5 && this.#got.length >= 5 + this.#got.readUInt32BE(0)) {
        const end = 5 + this.#got.readUInt32BE(0)
        const message = this.#got.subarray(0, end)
        this.#got = this.#got.subarray(end)
        receive(message[4], new Uint8Array(message.subarray(5)))
      }
    })
    this.socket = socket
  }

  send (kind, bytes) {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(bytes.length, 0)
    head[4] = kind
    this.socket.cork()
    this.socket.write(head)
    this.socket.write(bytes)
    this.socket.uncork()
  }
}

// join connects two replicas. receivers take what arrives at each.
async function join (receivers) {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise((resolve) => server.once('connection', resolve))
  const near = connect(server.address().port, '127.0.0.1')
  await new Promise((resolve, reject) => near.once('connect', resolve).once('error', reject))
  const ends = [near, await accepted].map((socket, i) => new End(socket, receivers[i]))
  return { ends, close: () => { for (const e of ends) e.socket.destroy(); server.close() } }
}

// yjs has two documents tell each other their state vectors, and answer with what is
// beyond, as its providers do.
async function yjs (writes) {
  const Y = await import('yjs')
  return async () => {
    const docs = names.map((name) => {
      const doc = new Y.Doc()
      for (const key of keys(name, writes)) doc.getMap('kv').set(key, value)
      return doc
    })
    let ends, done
    let left = docs.length
    const equal = new Promise((resolve) => { done = resolve })
    const link = await join(docs.map((doc, i) => (kind, bytes) => {
      if (kind === 0) {
        ends[i].send(1, Y.encodeStateAsUpdate(doc, bytes))
      } else {
        Y.applyUpdate(doc, bytes)
        if (--left === 0) done()
      }
    }))
    ends = link.ends
    return {
      meet: async () => {
        docs.forEach((doc, i) => ends[i].send(0, Y.encodeStateVector(doc)))
        await equal
      },
      sizes: () => docs.map((doc) => doc.getMap('kv').size),
      close: link.close
    }
  }
}

// automerge has its sync protocol go on until both documents have the same heads.
async function automerge (writes) {
  const A = await import('@automerge/automerge')
  const whole = names.map((name) => { // each write is a change of its own, as elsewhere
    let doc = A.init()
    for (const key of keys(name, writes)) doc = A.change(doc, { time: 0 }, (d) => { d[key] = value })
    return doc
  })
  return async () => {
    const docs = whole.map((doc) => A.clone(doc))
    const states = docs.map(() => A.initSyncState())
    let ends, done
    const equal = new Promise((resolve) => { done = resolve })
    const say = (i) => {
      const [state, message] = A.generateSyncMessage(docs[i], states[i])
      states[i] = state
      if (message) ends[i].send(0, message)
    }
    const link = await join(docs.map((_, i) => (_, bytes) => {
      [docs[i], states[i]] = A.receiveSyncMessage(docs[i], states[i], bytes)
      const [near, far] = docs.map((doc) => A.getHeads(doc).join())
      if (near === far) done()
      else say(i)
    }))
    ends = link.ends
    return {
      meet: async () => {
        docs.forEach((_, i) => say(i))
        await equal
      },
      sizes: () => docs.map((doc) => Object.keys(doc).length),
      close: link.close
    }
  }
}

// pouchdb replicates both ways between two databases in memory, without a network: that is
// less than what the others do.
async function pouchdb (writes) {
  const { default: PouchDB } = await import('pouchdb-core')
  for (const plugin of ['pouchdb-adapter-memory', 'pouchdb-replication']) PouchDB.plugin((await import(plugin)).default)
  let made = 0
  return async () => {
    made++
    const dbs = names.map((name) => new PouchDB(`${name}-${made}`, { adapter: 'memory' }))
    for (const [i, db] of dbs.entries()) {
      await db.bulkDocs(keys(names[i], writes).map((key) => ({ _id: key, value })))
    }
    const sizes = []
    return {
      meet: async () => {
        await dbs[0].sync(dbs[1])
        for (const db of dbs) sizes.push((await db.info()).doc_count)
      },
      sizes: () => sizes,
      close: async () => { for (const db of dbs) await db.destroy() }
    }
  }
}

const kinds = { yjs, automerge, pouchdb }

// once has two replicas meet, and returns what it took.
async function once (make, writes) {
  const pair = await make()
  globalThis.gc?.()
  const used = process.cpuUsage()
  const began = process.hrtime.bigint()
  await pair.meet()
  const took = Number(process.hrtime.bigint() - began) / 1e3
  const { user, system } = process.cpuUsage(used)
  for (const size of pair.sizes()) {
    if (size !== 2 * writes) throw new Error(`a replica has ${size} keys after the meeting: want ${2 * writes}`)
  }
  await pair.close()
  return { took, cpu: user + system }
}

// versions tells what was measured.
async function versions (kind) {
  const { dependencies } = JSON.parse(await readFile(new URL('./package.json', import.meta.url), 'utf8'))
  const own = Object.entries(dependencies).filter(([name]) => name.includes(kind))
  return [...own.map((pair) => pair.join(' ')), `Node.js ${process.version}`].join(', ')
}

async function main ([kind, writes, warmup, during]) {
  const make = await kinds[kind](Number(writes))
  for (const end = Date.now() + Number(warmup); Date.now() < end;) await once(make, Number(writes))
  const began = Date.now()
  const all = []
  do all.push(await once(make, Number(writes))); while (Date.now() < began + Number(during))
  const sum = (of) => all.reduce((n, x) => n + of(x), 0)
  const sorted = all.map((x) => x.took).sort((a, b) => a - b)
  const at = (i) => sorted[Math.min(Math.floor(i), sorted.length - 1)]
  const ops = 2 * Number(writes) * all.length
  process.stdout.write(JSON.stringify({
    notes: [await versions(kind)],
    ops,
    ops_per_second: ops / sum((x) => x.took) * 1e6,
    p50_us: at(sorted.length / 2),
    p99_us: at(sorted.length * 0.99),
    max_us: at(sorted.length),
    client_cpu_us_per_op: sum((x) => x.cpu) / ops,
    began_unix_ns: began * 1e6,
    ended_unix_ns: Math.max(Date.now(), began + 1) * 1e6
  }) + '\n')
  process.exit(0) // whatever a peer has left running
}

await main(process.argv.slice(2))
