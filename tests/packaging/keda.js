// Checks a manifest that is read from standard input by KEDA's own schema.
const { ScaledObject } = require("@kubernetes-models/keda/keda.sh/v1alpha1");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const manifest = JSON.parse(Buffer.concat(chunks).toString());
  new ScaledObject(manifest).validate();
});
