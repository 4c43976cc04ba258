// Leads a load balancer through its life with Oracle's TypeScript SDK, which signs x-date and sends no Date, unlike the one for Go:
//
//	node life.js CONFIG ENDPOINT BACKEND
//
// CONFIG is what lull's first start wrote, BACKEND is the port of an HTTP server on 127.0.0.1. It prints a line for each step and fails
// at the first that is not as it should be.
"use strict";
const assert = require("node:assert");
const common = require("oci-common");
const { LoadBalancerClient } = require("oci-loadbalancer");

const [config, endpoint, backend] = process.argv.slice(2);
const provider = new common.ConfigFileAuthenticationDetailsProvider(config, "DEFAULT");
const client = new LoadBalancerClient({ authenticationDetailsProvider: provider });
client.endpoint = endpoint;
const compartmentId = provider.getTenantId();
const patience = 10_000; // ms

async function done(name, answer) {
  assert.ok(answer.opcWorkRequestId, `${name}: no work request`);
  for (const end = Date.now() + patience; Date.now() < end; ) {
    const { workRequest } = await client.getWorkRequest({ workRequestId: answer.opcWorkRequestId });
    if (workRequest.lifecycleState === "SUCCEEDED") {
      assert.strictEqual(workRequest.type, name);
      console.log(name);
      return workRequest.loadBalancerId;
    }
    assert.notStrictEqual(workRequest.lifecycleState, "FAILED", `${name}: ${JSON.stringify(workRequest.errorDetails)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${name}: not done after ${patience} ms`);
}

async function refused(name, status, code, call) {
  try {
    await call();
  } catch (e) {
    assert.strictEqual(e.statusCode, status, `${name}: ${e}`);
    assert.strictEqual(e.serviceCode, code, `${name}: ${e}`);
    console.log(`${name}: ${status} ${code}`);
    return;
  }
  throw new Error(`${name}: was not refused`);
}

async function life() {
  const loadBalancerId = await done("CreateLoadBalancer", await client.createLoadBalancer({
    createLoadBalancerDetails: {
      compartmentId, displayName: "typescript", shapeName: "flexible", subnetIds: ["ocid1.subnet.oc1..a"],
      shapeDetails: { minimumBandwidthInMbps: 10, maximumBandwidthInMbps: 100 },
    },
  }));
  await done("CreateBackendSet", await client.createBackendSet({
    loadBalancerId,
    createBackendSetDetails: { name: "bs", policy: "ROUND_ROBIN", healthChecker: { protocol: "HTTP", urlPath: "/", intervalInMillis: 1000 } },
  }));
  await done("CreateBackend", await client.createBackend({
    loadBalancerId, backendSetName: "bs", createBackendDetails: { ipAddress: "127.0.0.1", port: Number(backend) },
  }));
  const read = await client.getBackend({ loadBalancerId, backendSetName: "bs", backendName: `127.0.0.1:${backend}` });
  assert.strictEqual(read.backend.weight, 1);
  const listener = (idleTimeout) => ({ defaultBackendSetName: "bs", port: 18081, protocol: "HTTP", connectionConfiguration: { idleTimeout } });
  await refused("CreateListener", 400, "InvalidParameter", () =>
    client.createListener({ loadBalancerId, createListenerDetails: { name: "web", ...listener(0) } }));
  await done("CreateListener", await client.createListener({ loadBalancerId, createListenerDetails: { name: "web", ...listener(30) } }));
  const before = await client.getLoadBalancer({ loadBalancerId });
  assert.strictEqual(before.loadBalancer.listeners.web.connectionConfiguration.idleTimeout, 30);
  const page = await fetch(`http://${before.loadBalancer.ipAddresses[0].ipAddress}:18081/`);
  assert.strictEqual(page.status, 200, "the listener's own answer");
  console.log("the listener answers");
  await done("UpdateListener", await client.updateListener({
    loadBalancerId, listenerName: "web", updateListenerDetails: listener(1200), ifMatch: before.eTag,
  }));
  await refused("UpdateListener", 412, "NoEtagMatch", () =>
    client.updateListener({ loadBalancerId, listenerName: "web", updateListenerDetails: listener(1201), ifMatch: before.eTag }));
  await refused("GetHostname", 404, "NotFound", () => client.getHostname({ loadBalancerId, name: "none" }));
  const list = await client.listLoadBalancers({ compartmentId });
  assert.strictEqual(list.items.find((one) => one.id === loadBalancerId).listeners.web.connectionConfiguration.idleTimeout, 1200);
  await done("DeleteLoadBalancer", await client.deleteLoadBalancer({ loadBalancerId }));
  await refused("GetLoadBalancer", 404, "NotAuthorizedOrNotFound", () => client.getLoadBalancer({ loadBalancerId }));
}

life().catch((e) => {
  console.error(e);
  process.exitCode = 1;
});
