// Checks a signed request as CloudAPI does, with its own libraries: http-signature 1.4 and sshpk.
//
// Standard input: {"public": OpenSSH text, "method", "url", "headers": {"date", "authorization"}}.
// Standard output: {"verified", "keyId", "algorithm", "headers", "md5", "sha256"}.
'use strict';

const fs = require('fs');
const path = require('path');

const modules = path.join(process.env.VK_TRITON_NPM, 'node_modules');
const httpSignature = require(path.join(modules, 'http-signature'));
const sshpk = require(path.join(modules, 'sshpk'));

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const key = sshpk.parseKey(request.public, 'ssh');
const parsed = httpSignature.parseRequest({
    method: request.method,
    url: request.url,
    httpVersion: '1.1',
    headers: request.headers
});
console.log(JSON.stringify({
    verified: httpSignature.verifySignature(parsed, key),
    keyId: parsed.keyId,
    algorithm: parsed.algorithm,
    headers: parsed.params.headers,
    md5: key.fingerprint('md5').toString('hex'),
    sha256: key.fingerprint('sha256').toString()
}));
