/**
 * Who may import whom, and why. `npm run check` enforces it; test/architecture/import-rule.test.ts shows that each rule fires.
 * Folders are described in docs/architecture.md. Tests, benchmarks and scripts may import anything that a rule does not
 * name for everybody, so the folder rules speak of production code only.
 */

const testFiles = '\\.test\\.ts$';
/** The composition root, the command line and the demo: the only files that choose implementations. */
const top = ['^server/src/(app|main|demo)\\.ts$', '^server/src/demo/'];
const folders = '^server/src/(platform|config|database|jobs|cluster|whatsapp|outbox|domain|http|demo)/';
/** What the engine and the devices slice know of WhatsApp and of the other nodes. */
const ports = '^server/src/(whatsapp/client|cluster/(lease|bus))\\.ts$';
const platform = '^server/src/platform/';
const database = '^server/src/database/';
const sliceFaces = '^server/src/domain/[^/]+/index\\.ts$';
const outboxFace = '^server/src/outbox/index\\.ts$';
const jobsFace = '^server/src/jobs/index\\.ts$';

/** Imports of `http` and those between slices have rules of their own, so that one wrong line gets one reason. */
const ruledElsewhere = '^server/src/http/';

/**
 * A rule for one folder of server/src: besides its own files it may import what `allowed` lists and nothing else of ours.
 *
 * @param {{ name: string, folder: string, allowed: string[], comment: string }} rule
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
function folderRule({ name, folder, allowed, comment }) {
  return {
    name,
    severity: 'error',
    comment,
    from: { path: `^server/src/${folder}/`, pathNot: testFiles },
    to: { path: '^server/src/', pathNot: [`^server/src/${folder}/`, ...allowed, ruledElsewhere] },
  };
}

const folderRules = [
  folderRule({
    name: 'platform-imports-nothing-of-ours',
    folder: 'platform',
    allowed: [],
    comment: 'Clock, chance, errors and the like are the ground; ground that knows the house moves with it.',
  }),
  folderRule({
    name: 'config-imports-platform',
    folder: 'config',
    allowed: [platform],
    comment: 'Settings are read before anything else exists, so they cannot depend on it.',
  }),
  folderRule({
    name: 'database-imports-platform',
    folder: 'database',
    allowed: [platform],
    comment: 'The database serves every slice and must know none of them.',
  }),
  folderRule({
    name: 'jobs-import-platform-and-database',
    folder: 'jobs',
    allowed: [platform, database],
    comment: 'A job is a shell: app.ts hands it the verb to call, so the queue never learns the domain.',
  }),
  folderRule({
    name: 'cluster-imports-platform-and-database',
    folder: 'cluster',
    allowed: [platform, database],
    comment: 'Who owns a device is decided without knowing what the owner does with it.',
  }),
  folderRule({
    name: 'whatsapp-imports-platform-and-database',
    folder: 'whatsapp',
    allowed: [platform, database],
    comment: 'An adapter speaks the protocol and keeps its keys; campaigns and pacing are not its business.',
  }),
  folderRule({
    name: 'outbox-imports-the-ports',
    folder: 'outbox',
    allowed: [platform, database, jobsFace, ports],
    comment:
      'The sending engine works with any client library and any kind of lease, so it sees the ports only.',
  }),
  folderRule({
    name: 'http-imports-slices',
    folder: 'http',
    allowed: [platform, sliceFaces],
    comment:
      'A route translates a request into one verb of a slice; SQL and sockets in a route would be a second domain.',
  }),
];

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const sliceRules = [
  {
    name: 'slice-imports-what-it-stands-on',
    severity: 'error',
    comment: 'A slice tells the outbox what to send; only the devices slice holds sockets and leases.',
    from: { path: '^server/src/domain/', pathNot: [testFiles, '^server/src/domain/devices/'] },
    to: {
      path: '^server/src/',
      pathNot: ['^server/src/domain/', platform, database, outboxFace, jobsFace, ruledElsewhere],
    },
  },
  {
    name: 'devices-slice-imports-the-ports',
    severity: 'error',
    comment: 'The devices slice reconciles sockets with rows; through the ports it works with every adapter.',
    from: { path: '^server/src/domain/devices/', pathNot: testFiles },
    to: {
      path: '^server/src/',
      pathNot: ['^server/src/domain/', platform, database, outboxFace, jobsFace, ports, ruledElsewhere],
    },
  },
  {
    name: 'slices-meet-through-their-index',
    severity: 'error',
    comment: 'What a slice does not export is free to change.',
    from: { path: '^server/src/domain/([^/]+)/', pathNot: testFiles },
    to: { path: '^server/src/domain/', pathNot: ['^server/src/domain/$1/', sliceFaces] },
  },
];

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const serverRules = [
  {
    name: 'nothing-imports-http',
    severity: 'error',
    comment:
      'HTTP is one way in. Code that imports it cannot be called from a job, a test or the command line.',
    from: { path: '^server/src/', pathNot: [testFiles, ...top, ruledElsewhere] },
    to: { path: '^server/src/http/' },
  },
  {
    name: 'ports-know-no-adapter',
    severity: 'error',
    comment: 'A port that imports one of its implementations is that implementation.',
    from: { path: ports },
    to: { path: '^server/src/(whatsapp/baileys|cluster/(leases|buses))/' },
  },
  {
    name: 'every-folder-has-a-rule',
    severity: 'error',
    comment: 'A new folder in server/src needs its line in this file before it can import anything.',
    from: { path: '^server/src/', pathNot: [testFiles, folders, ...top] },
    to: { path: '.' },
  },
  {
    name: 'server-runs-without-the-simulator',
    severity: 'error',
    comment: 'Nothing in the product knows about tests; the demo starts the simulator as a child process.',
    from: { path: '^server/', pathNot: testFiles },
    to: { path: '^simulator/|@sambad/simulator' },
  },
  {
    name: 'simulator-never-imports-server',
    severity: 'error',
    comment:
      'The simulator is a package of its own, and a network that shares code with its client shares its errors.',
    from: { path: '^simulator/' },
    to: { path: '^server/|@sambad/server' },
  },
  {
    name: 'production-imports-no-test-code',
    severity: 'error',
    comment: 'Test code in a production file ships with it.',
    from: { path: '^(server|simulator)/', pathNot: [testFiles, '^simulator/test/'] },
    to: { path: `^(test|bench|scripts)/|^simulator/test/|${testFiles}|(^|/)(vitest|fast-check)(/|$)` },
  },
];

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const packageRules = [
  {
    name: 'baileys-only-in-its-adapter',
    severity: 'error',
    comment:
      'One folder speaks Baileys, so its next version is one folder of work. The simulator uses its codecs.',
    from: { pathNot: '^(server/src/whatsapp/baileys|simulator)/' },
    to: { path: '(^|/)baileys(/|$)', pathNot: '^(server|simulator)/' },
  },
  {
    name: 'libsignal-only-in-the-adapter-and-the-simulator',
    severity: 'error',
    comment: 'libsignal is GPL-3.0 and prints keys to the console: both are dealt with where it is used.',
    from: { pathNot: '^(server/src/whatsapp/baileys|simulator)/' },
    to: { path: '(^|/)libsignal(/|$)', pathNot: '^(server|simulator)/' },
  },
  {
    name: 'no-cycles',
    severity: 'error',
    comment: 'Two files that import each other are one file that cannot be read alone. Type imports count.',
    from: {},
    to: { circular: true },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [...folderRules, ...sliceRules, ...serverRules, ...packageRules],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    moduleSystems: ['es6'],
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
