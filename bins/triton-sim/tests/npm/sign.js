// Signs a request as the triton CLI does: with smartdc-auth, from the private key's text.
//
// Standard input: {"private": text, "passphrase"?, "method", "target", "date", "account", "user"?}.
// Standard output: the Authorization header.
'use strict';

const fs = require('fs');
const path = require('path');

const modules = path.join(process.env.VK_TRITON_NPM, 'node_modules');
const KeyPair = require(path.join(modules, 'smartdc-auth/lib/keypair')).KeyPair;
const sshpk = require(path.join(modules, 'sshpk'));

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const key = sshpk.parsePrivateKey(request.private, 'auto', {passphrase: request.passphrase});
const pair = KeyPair.fromPrivateKey(key);
const signer = pair.createRequestSigner({user: request.account, subuser: request.user});
signer.writeTarget(request.method, request.target);
signer.writeHeader('date', request.date);
signer.sign(function (error, authorization) {
    if (error) {
        throw error;
    }
    console.log(authorization);
});
