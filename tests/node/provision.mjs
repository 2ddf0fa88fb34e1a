// A provisioning client in another language: what a factory would write with
// @grpc/grpc-js from the .proto files alone. It provisions a folder of CSRs on a
// line, breaks the stream half-way, resumes, and checks what it was told.
//
//   node provision.mjs PROTO_DIR ADDRESS SERVER_NAME ROOTS LINE_DIR LINE CSR_DIR
//
// Prints one line `ok <what>` per check; exits 1 at the first that fails.
import {createRequire} from 'node:module';
import {execFileSync} from 'node:child_process';
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {X509Certificate} from 'node:crypto';

const require = createRequire(process.env.NODE_PACKAGES + '/');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const [protoDir, address, serverName, roots, lineDir, line, csrDir] =
    process.argv.slice(2);

const definition = protoLoader.loadSync(
    ['birthmark/provisioning/v1/provisioning_service.proto'],
    {includeDirs: [protoDir], keepCase: true, longs: Number, enums: String,
     oneofs: true});
const {ProvisioningService} =
    grpc.loadPackageDefinition(definition).birthmark.provisioning.v1;

const rpcTypes = new protobuf.Root();
rpcTypes.resolvePath = (_, target) =>
    target.startsWith('/') ? target : `${protoDir}/${target}`;
rpcTypes.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);
const Status = rpcTypes.lookupType('google.rpc.Status');
const ErrorInfo = rpcTypes.lookupType('google.rpc.ErrorInfo');

// The reason in a google.rpc.Status, as any client would dig it out.
function reasonOf(status) {
  for (const detail of status.details) {
    const url = detail.type_url ?? detail.typeUrl;
    if (url.endsWith('/google.rpc.ErrorInfo')) {
      return ErrorInfo.decode(detail.value).reason;
    }
  }
  return '';
}

function reasonOfRpcError(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  return bytes ? reasonOf(Status.decode(bytes)) : '';
}

function check(what, good, found) {
  if (!good) {
    console.error(`not ok ${what}: ${JSON.stringify(found)}`);
    process.exit(1);
  }
  console.log(`ok ${what}`);
}

const client = new ProvisioningService(
    address,
    grpc.credentials.createSsl(
        readFileSync(roots), readFileSync(`${lineDir}/line.key`),
        readFileSync(`${lineDir}/line.pem`)),
    {
      'grpc.ssl_target_name_override': serverName,
      'grpc.default_authority': serverName,
    });

const unary = (method, request) => new Promise((resolve, reject) => {
  client[method](
      request, {deadline: Date.now() + 20000},
      (error, response) => error ? reject(error) : resolve(response));
});

const pemToDer = (pem) => Buffer.from(
    pem.toString().replace(/-----[^-]*-----/g, '').replace(/\s/g, ''),
    'base64');

const items = readdirSync(csrDir).filter((name) => name.endsWith('.csr'))
    .map((name) => ({
      item_id: name.slice(0, -4),
      csr_der: pemToDer(readFileSync(`${csrDir}/${name}`)),
      model: 'gateway-7',
      serial_number: `NODE-${name.slice(0, -4)}`,
    }));

// Sends `wanted` and returns results by item id. Breaks the stream after
// `breakAfter` results, as a cable would.
function issue(batch, wanted, breakAfter = Infinity) {
  return new Promise((resolve, reject) => {
    const results = new Map();
    const stream = client.IssueBatch();
    let maxInFlight = 0;
    let next = 0;
    let ended = false;
    let issuers = [];
    const send = () => {
      while (next < wanted.length && next - results.size < maxInFlight) {
        const room = Math.min(100, maxInFlight - (next - results.size));
        const some = wanted.slice(next, next + room);
        next += some.length;
        stream.write({items: {items: some}});
      }
      if (next >= wanted.length && !ended) {
        ended = true;
        stream.end();
      }
    };
    stream.on('data', (response) => {
      if (response.payload === 'opened') {
        maxInFlight = response.opened.max_in_flight;
        issuers = response.opened.issuer_chain_der;
      } else {
        for (const result of response.results.results) {
          results.set(result.item_id, result);
        }
        if (results.size >= breakAfter) stream.cancel();
      }
      send();
    });
    let over = false;
    stream.on('error', (error) => {
      if (over) return;
      over = true;
      if (error.code === grpc.status.CANCELLED && breakAfter < Infinity) {
        resolve({results, issuers});
      } else {
        reject(error);
      }
    });
    stream.on('end', () => {
      if (over) return;
      over = true;
      resolve({results, issuers});
    });
    stream.write({open: {batch}});
  });
}

const batch = await unary('CreateBatch', {parent: line, batch_id: 'node'});
check('a batch is created', batch.name === `${line}/batches/node`, batch);
const same = await unary('CreateBatch', {parent: line, batch_id: 'node'});
check('creating it again returns it', same.name === batch.name, same);

const first = await issue(batch.name, items, Math.floor(items.length / 3));
check('the stream was broken half-way', first.results.size < items.length ||
    items.length < 3, first.results.size);
const {results, issuers} = await issue(batch.name, items);
check('every item is answered', results.size === items.length, results.size);
const failed = [...results.values()].filter((r) => r.outcome === 'error');
check('no item failed', failed.length === 0, failed[0]);
const changed = [...first.results.values()].filter(
    (r) => !results.get(r.item_id).certificate_der.equals(r.certificate_der));
check('what was answered before is answered the same', changed.length === 0,
      changed[0]);

const issuer = new X509Certificate(issuers[0]);
const bad = [...results.values()].filter((r) => {
  const certificate = new X509Certificate(r.certificate_der);
  return !certificate.verify(issuer.publicKey) ||
      !certificate.subject.includes(`NODE-${r.item_id}`);
});
check('every certificate is signed by the issuer for its board',
      bad.length === 0, bad[0]);

const spoiled = {...items[0], csr_der: Buffer.from(items[1].csr_der)};
const reuse = await issue(batch.name, [spoiled]);
const [outcome] = reuse.results.values();
check('another CSR under a used item id is refused',
      outcome.outcome === 'error' &&
          outcome.error.code === grpc.status.INVALID_ARGUMENT &&
          reasonOf(outcome.error) === 'REQUEST_ID_REUSED',
      outcome);

let error = await issue(`${line}x/batches/node`, []).catch((e) => e);
check('the batch of another line is refused',
      error.code === grpc.status.PERMISSION_DENIED &&
          reasonOfRpcError(error) === 'LINE_NOT_OWNED',
      error);
error = await unary('ListLines', {parent: 'fleets/-'}).catch((e) => e);
check('a method for operators is refused',
      error.code === grpc.status.PERMISSION_DENIED &&
          reasonOfRpcError(error) === 'CALLER_NOT_ALLOWED',
      error);
const listed = await unary('ListBatchResults', {parent: batch.name, page_size: 2});
check('results can be listed page by page',
      listed.results.length === 2 && listed.next_page_token !== '', listed);

const pem = '/tmp/birthmark-node-' + process.pid + '.pem';
writeFileSync(pem, new X509Certificate(
    results.get(items[0].item_id).certificate_der).toString());
execFileSync('openssl', ['verify', '-CAfile', roots, '-untrusted',
    `${roots.replace('root.pem', 'issuers.pem')}`, pem]);
execFileSync('rm', [pem]);
check('openssl verifies a certificate', true);
client.close();
